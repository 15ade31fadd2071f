//! The demo's `stockade serve`, as a process and as an API.

use super::shown;
use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use ureq::Agent;

/// A host as an API, for any thread.
#[derive(Clone)]
pub struct View {
    agent: Agent,
    token: String,
    url: String,
}

/// A running host. Killed when it is dropped without having been stopped.
pub struct DemoHost {
    child: Child,
    agent: Agent,
    token: String,
    /// Where it listens.
    pub url: String,
    /// What it says.
    pub log: PathBuf,
}

/// How long a host may take to stop: it saves its engines.
const STOP_WITHIN: Duration = Duration::from_secs(30);

impl DemoHost {
    /// Starts a host with its data in `folder`, on a port that is free.
    ///
    /// # Errors
    /// It does not start; its last words are in the message.
    pub fn start(folder: &Path, speed: f64) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let log = folder.join("stockade.log");
        let words = OpenOptions::new().create(true).append(true).open(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(beside_us("stockade")?);
        command
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder)
            // A Monday morning, when London and then New York trade; later runs go on where the market stopped.
            .env("STOCKADE_FEED_FROM", "2024-01-08 08:00")
            .env("STOCKADE_FEED_SPEED", speed.to_string())
            .current_dir(folder)
            // Ctrl-C is for us: we stop it in order.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(words);
        let mut child = command.spawn().context("cannot start stockade")?;
        let stdout = child.stdout.take().expect("it was asked for above");
        let started = serde_json::Deserializer::from_reader(stdout).into_iter::<Value>().next();
        let agent: Agent =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(60))).proxy(None).build().into();
        let mut host = Self { child, agent, token: String::new(), url: String::new(), log: shown(&log) };
        let Some(Ok(started)) = started else {
            let status = host.child.wait().context("cannot wait for stockade")?;
            bail!("the host did not start ({status}): {}", last_words(&log));
        };
        host.url = started["url"].as_str().context("the host did not say where it listens")?.to_owned();
        let token = std::fs::read_to_string(folder.join("operator.token")).context("the host made no token")?;
        token.trim().clone_into(&mut host.token);
        Ok(host)
    }

    /// What is at a path of the API.
    ///
    /// # Errors
    /// The host refuses, in its words.
    pub fn get(&self, path: &str) -> Result<Value> {
        let request = self.agent.get(self.address(path)).header("authorization", self.authorization());
        answer(path, request.call())
    }

    /// Posts a document.
    ///
    /// # Errors
    /// The host refuses, in its words.
    pub fn post(&self, path: &str, document: &Value) -> Result<Value> {
        let request = self.agent.post(self.address(path)).header("authorization", self.authorization());
        answer(path, request.send_json(document))
    }

    /// Posts a component.
    ///
    /// # Errors
    /// The host refuses, in its words.
    pub fn upload(&self, path: &str, component: &[u8]) -> Result<Value> {
        let request = self.agent.post(self.address(path)).header("authorization", self.authorization());
        answer(path, request.header("content-type", "application/wasm").send(component))
    }

    fn address(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.url)
    }

    /// What every request must have as its header of that name.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// The same host for another thread.
    pub fn view(&self) -> View {
        View { agent: self.agent.clone(), token: self.token.clone(), url: self.url.clone() }
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Posts a component and gives the status of the answer, whatever it is.
    ///
    /// # Errors
    /// There is no answer.
    pub fn upload_status(&self, path: &str, component: &[u8]) -> Result<u16> {
        let request = self.agent.post(self.address(path)).header("authorization", self.authorization());
        let answer = request.header("content-type", "application/wasm").send(component);
        Ok(answer.with_context(|| format!("the host does not answer {path}"))?.status().as_u16())
    }

    /// Checks that it has not ended by itself.
    ///
    /// # Errors
    /// It has; its last words are in the message.
    pub fn require_alive(&mut self) -> Result<()> {
        match self.child.try_wait().context("cannot look after stockade")? {
            None => Ok(()),
            Some(status) => bail!("the host ended by itself ({status}): {}", last_words(&self.log)),
        }
    }

    /// Stops it as a supervisor would, and says what it left.
    ///
    /// # Errors
    /// It does not stop in time, or says that it failed.
    pub fn stop(mut self) -> Result<String> {
        let orders = self.get("/health").map_or(Value::Null, |health| health["database"].clone());
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).context("cannot stop stockade")?;
        let begun = Instant::now();
        while begun.elapsed() < STOP_WITHIN {
            if let Some(status) = self.child.try_wait().context("cannot look after stockade")? {
                ensure!(status.success(), "the host failed while it stopped ({status}): {}", last_words(&self.log));
                return Ok(format!(
                    "stopped cleanly in {:.1} s, with {} orders and {} deals recorded",
                    begun.elapsed().as_secs_f64(),
                    orders["orders"],
                    orders["deals"]
                ));
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        bail!("the host did not stop within {} s; its log is {}", STOP_WITHIN.as_secs(), self.log.display())
    }
}

impl View {
    /// What is at a path of the API.
    ///
    /// # Errors
    /// The host refuses, in its words, or does not answer.
    pub fn get(&self, path: &str) -> Result<Value> {
        answer(path, self.call(&format!("/api/v1{path}")))
    }

    /// The host's counts, as text for Prometheus.
    ///
    /// # Errors
    /// The host refuses or does not answer.
    pub fn metrics(&self) -> Result<String> {
        let mut response = self.call("/metrics").context("the host does not answer /metrics")?;
        ensure!(response.status().is_success(), "the host answers /metrics with {}", response.status());
        response.body_mut().read_to_string().context("the answer to /metrics can't be read")
    }

    fn call(&self, path: &str) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let request = self.agent.get(format!("{}{path}", self.url));
        request.header("authorization", format!("Bearer {}", self.token)).call()
    }
}

impl Drop for DemoHost {
    fn drop(&mut self) {
        // Stopped already in the usual case; then there is nothing to kill.
        if matches!(self.child.try_wait(), Ok(None)) {
            _ = self.child.kill();
            _ = self.child.wait();
        }
    }
}

/// The program that was built with this one.
fn beside_us(name: &str) -> Result<PathBuf> {
    let us = std::env::current_exe().context("cannot find this program")?;
    let program = us.with_file_name(name);
    ensure!(program.is_file(), "there is no {}; it should have been built by now", program.display());
    Ok(program)
}

fn answer(path: &str, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value> {
    let mut response = answer.with_context(|| format!("the host does not answer {path}"))?;
    let status = response.status();
    let document: Value = response.body_mut().read_json().with_context(|| format!("the answer to {path} can't be read"))?;
    ensure!(status.is_success(), "{path}: {}", document["detail"].as_str().unwrap_or("refused without a reason"));
    Ok(document)
}

/// The end of a log.
fn last_words(log: &Path) -> String {
    let text = File::open(log).and_then(std::io::read_to_string).unwrap_or_default();
    let last: Vec<&str> = text.lines().rev().take(3).collect();
    last.into_iter().rev().collect::<Vec<_>>().join("\n")
}
