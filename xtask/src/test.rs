//! `cargo xtask test`: the samples first, because tests run real components, and a database server; then every test, with a count at the end.

use crate::cargo::{cargo, say, words};
use crate::server::{self, Server};
use crate::{setup, strategies};
use anyhow::{Context as _, Result, bail};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Instant;

/// What to test.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only this package, such as `stockade-paper`; all unless given.
    #[arg(long, short)]
    package: Option<String>,
    /// Handed to the test programs, such as a part of a test's name.
    #[arg(last = true)]
    rest: Vec<String>,
}

/// What test programs said at their ends.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    programs: u32,
    passed: u32,
    failed: u32,
    ignored: u32,
    /// Tests that had no real files to work on.
    without_data: u32,
}

/// Builds the samples and runs the tests.
///
/// # Errors
/// Something does not build, or a test fails.
pub fn run(arguments: &Arguments) -> Result<()> {
    let begun = Instant::now();
    setup::ensure_ready()?;
    let samples = strategies::build_all()?.len();
    let built = begun.elapsed();

    let server = Server::start()?;
    let mut command = cargo();
    command.env(server::VARIABLE, &server.place);
    command.args(["test", "--no-fail-fast"]).stdout(Stdio::piped());
    match &arguments.package {
        Some(package) => command.args(["--package", package]),
        None => command.arg("--workspace"),
    };
    if !arguments.rest.is_empty() {
        command.arg("--").args(&arguments.rest);
    }
    say(&words(&command));
    let mut child = command.spawn().context("cannot run cargo")?;
    let stdout = child.stdout.take().expect("it was asked for above");
    let mut tally = Tally::default();
    for line in BufReader::new(stdout).lines() {
        let line = line.context("cannot read what cargo says")?;
        tally.add(&line);
        println!("{line}");
    }
    let status = child.wait().context("cannot wait for cargo")?;
    say(&format!(
        "{samples} sample strategies built in {:.0} s; {} tests passed, {} failed, {} ignored, in {} test programs; {:.0} s in all{}",
        built.as_secs_f64(),
        tally.passed,
        tally.failed,
        tally.ignored,
        tally.programs,
        begun.elapsed().as_secs_f64(),
        tally.lack(),
    ));
    if !status.success() {
        bail!("the tests failed; the lines that begin with `test ` and end with FAILED say which");
    }
    if arguments.package.is_none() && arguments.rest.is_empty() {
        crate::attack::run_short()?;
    }
    Ok(())
}

/// What a test says that finds no real files.
const NO_DATA: &str = "no data: ";

impl Tally {
    /// What was not tested for want of files.
    fn lack(&self) -> String {
        match self.without_data {
            0 => String::new(),
            1 => "; 1 test had no data: set TEST_DATA to the folder of real files".to_owned(),
            many => format!("; {many} tests had no data: set TEST_DATA to the folder of real files"),
        }
    }

    /// Counts a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s`.
    fn add(&mut self, line: &str) {
        self.without_data += u32::from(line.contains(NO_DATA));
        let Some(result) = line.strip_prefix("test result: ") else { return };
        self.programs += 1;
        for part in result.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(Ok(count)), Some(what)) = (words.next().map(str::parse::<u32>), words.next()) else { continue };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_test_programs_add_up() {
        let mut tally = Tally::default();
        tally.add("running 3 tests");
        tally.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.10s");
        tally.add("test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 12.34s");
        assert_eq!(tally, Tally { programs: 2, passed: 7, failed: 2, ignored: 1, without_data: 0 });
        assert_eq!(tally.lack(), "");
        // Two test threads may write into one line.
        tally.add("test import::tests::of_old ... no data: /srv/ticks is not there");
        tally.add("no data: /srv/bars is not there");
        assert_eq!(tally.lack(), "; 2 tests had no data: set TEST_DATA to the folder of real files");
    }
}
