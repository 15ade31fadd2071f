//! The database server of the tests: one for all test programs, started before them and stopped after.

use crate::cargo::{say, workspace};
use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// What test programs look for; `host/testkit/src/postgres.rs` reads it.
pub const VARIABLE: &str = "TEST_POSTGRES";

/// A running server. Its script stops it when its standard input ends: when this is dropped, or this process is gone.
pub struct Server {
    script: Child,
    /// Where it is, for [`VARIABLE`].
    pub place: String,
}

impl Server {
    /// Starts PostgreSQL, installing it first where it is missing.
    ///
    /// # Errors
    /// It can't be installed or started; the script has said why.
    pub fn start() -> Result<Self> {
        say("starting PostgreSQL for the tests, in a folder of its own");
        let path = workspace().join("host/testkit/servers/postgres.sh");
        let script = Command::new("sh").arg(&path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut script = script.with_context(|| format!("cannot run {}", path.display()))?;
        let stdout = BufReader::new(script.stdout.take().expect("it was asked for above"));
        let mut server = Self { script, place: String::new() };
        let mut facts = Vec::new();
        for line in stdout.lines() {
            let line = line.context("cannot read what the server's script says")?;
            match line.split_once(' ') {
                Some((_, value)) => facts.push(value.to_owned()),
                None if line == "ready" => {
                    // Socket, port, certificate, programs: in the script's order.
                    server.place = facts.join(" ");
                    return Ok(server);
                }
                None => {}
            }
        }
        bail!("PostgreSQL did not start; the lines of postgres.sh above say why")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        // It stops the server and removes its folder; what it says then goes to the terminal.
        _ = self.script.wait();
    }
}
