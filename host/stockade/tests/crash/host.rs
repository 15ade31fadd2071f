//! One life of the real program.

use crate::program::Guarded;
use crate::site::Site;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Longer than a start takes, on a busy machine too.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// Longer than a stop may take: what takes longer is ended, and told.
const ENDS_WITHIN: Duration = Duration::from_secs(60);
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks at something that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A host that was started and has not said that it is ready.
pub struct Starting {
    process: Guarded,
    stdout: BufReader<std::process::ChildStdout>,
    token: PathBuf,
    log: PathBuf,
}

/// A host that answers.
pub struct Host {
    process: Guarded,
    url: String,
    token: PathBuf,
    agent: ureq::Agent,
}

/// What stands in the environment of a host beside its settings.
#[derive(Default)]
pub struct Odd {
    /// Its log goes into a pipe whose reader goes away as soon as it is ready.
    pub log_is_cut: bool,
    pub environment: Vec<(String, String)>,
    /// Another folder than the place's.
    pub data: Option<PathBuf>,
}

impl Starting {
    pub fn begin(site: &Site, odd: &Odd) -> Self {
        let data = odd.data.clone().unwrap_or_else(|| site.data());
        let log = if odd.data.is_some() { site.place.path("other.log") } else { site.log() };
        let mut command = site.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("STOCKADE_DATA_DIR", &data).envs(odd.environment.iter().map(|(name, value)| (name, value)));
        command.stdout(Stdio::piped());
        match odd.log_is_cut {
            true => command.stderr(Stdio::piped()),
            false => command.stderr(File::options().create(true).append(true).open(&log).expect("a log")),
        };
        let mut process = Guarded(command.spawn().expect("it starts"));
        let stdout = BufReader::new(process.0.stdout.take().expect("asked for"));
        Self { process, stdout, token: data.join("operator.token"), log }
    }

    /// Waits until it answers.
    ///
    /// # Errors
    /// It ended: with what, and what it said last.
    pub fn ready(self) -> Result<Host, (Option<ExitStatus>, String)> {
        let Self { mut process, mut stdout, token, log } = self;
        let (say, said) = channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            _ = stdout.read_line(&mut line);
            // Nobody waits any longer when this fails.
            _ = say.send(line);
        });
        let begun = Instant::now();
        let line = loop {
            match said.recv_timeout(LOOK_EVERY) {
                Ok(line) => break line,
                Err(RecvTimeoutError::Timeout) if begun.elapsed() < READY_WITHIN => go_on(),
                Err(_) => return Err((None, format!("it was not ready within {} s", READY_WITHIN.as_secs()))),
            }
        };
        let url = line.split_whitespace().find_map(|word| word.strip_suffix(',').filter(|word| word.starts_with("http://")));
        let Some(url) = url.map(ToOwned::to_owned) else {
            return Err((waited(&mut process, ENDS_WITHIN), last_line(&log)));
        };
        // The reader of its log, if there is one, goes now.
        drop(process.0.stderr.take());
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWERS_WITHIN)).proxy(None).build();
        Ok(Host { process, url, token, agent: agent.into() })
    }

    pub fn signal(&self, signal: Signal) {
        send(&self.process, signal);
    }

    /// Waits for its end; none when it went on.
    pub fn ended(mut self) -> Option<ExitStatus> {
        waited(&mut self.process, ENDS_WITHIN)
    }
}

impl Host {
    pub fn signal(&self, signal: Signal) {
        send(&self.process, signal);
    }

    /// Ends it at once.
    pub fn kill(mut self) {
        _ = self.process.0.kill();
        _ = self.process.0.wait();
    }

    /// Asks it to stop. Gives how it ended, none when it had to be killed, and how long that took.
    pub fn stop(mut self) -> (Option<ExitStatus>, Duration) {
        let begun = Instant::now();
        self.signal(Signal::TERM);
        (waited(&mut self.process, ENDS_WITHIN), begun.elapsed())
    }

    /// How it ended, when it has.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.process.0.try_wait().expect("it can be waited for")
    }

    pub fn get(&self, path: &str) -> Answer {
        let request = self.agent.get(self.address(path)).header("authorization", self.authorization());
        answer(request.call())
    }

    pub fn post(&self, path: &str, document: &Value) -> Answer {
        let request = self.agent.post(self.address(path)).header("authorization", self.authorization());
        answer(request.send_json(document))
    }

    pub fn patch(&self, path: &str, document: &Value) -> Answer {
        let request = self.agent.patch(self.address(path)).header("authorization", self.authorization());
        answer(request.send_json(document))
    }

    pub fn upload(&self, path: &str, component: &[u8]) -> Answer {
        let request = self.agent.post(self.address(path)).header("authorization", self.authorization());
        answer(request.header("content-type", "application/wasm").send(component))
    }

    fn address(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.url)
    }

    fn authorization(&self) -> String {
        format!("Bearer {}", std::fs::read_to_string(&self.token).unwrap_or_default().trim())
    }
}

/// The status and the document of an answer, or why there was none.
pub type Answer = Result<(u16, Value), String>;

fn answer(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut answer = answer.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let text = answer.body_mut().read_to_string().map_err(|error| error.to_string())?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

fn send(process: &Guarded, signal: Signal) {
    let pid = Pid::from_child(&process.0);
    // It has ended already in the worst case, and whoever waits for it sees that.
    _ = kill_process(pid, signal);
}

/// Waits for its end and kills what goes on for longer, which gives none.
fn waited(process: &mut Guarded, longest: Duration) -> Option<ExitStatus> {
    let mut status = None;
    wait_for(longest, || {
        status = process.0.try_wait().expect("it can be waited for");
        status.is_some()
    });
    if status.is_none() {
        _ = process.0.kill();
        _ = process.0.wait();
    }
    status
}

/// Looks again and again until it holds, or until it took too long.
pub fn wait_for(longest: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + longest;
    loop {
        if holds() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        go_on();
        std::thread::park_timeout(LOOK_EVERY);
    }
}

/// Lets the host live for so long.
pub fn let_live(time: Duration) {
    wait_for(time, || false);
}

/// Ends this test where somebody asked for that: its hosts are killed, its folders removed.
fn go_on() {
    static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let interrupted = INTERRUPTED.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&flag)).expect("signals can be caught");
        }
        flag
    });
    assert!(!interrupted.load(Ordering::Relaxed), "interrupted");
}

/// The last line of a log that says something.
pub fn last_line(log: &std::path::Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned()
}
