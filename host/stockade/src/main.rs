//! The binary `stockade`: command line, configuration, wiring of the crates into a host, its life from start to stop.
//!
//! Refuses to know how anything is done: strategies are run by `sandbox`, ticks kept by `market`, orders filled by
//! `paper`, rows kept by `store`, requests answered by `api`. Each subcommand is a file in `commands`.

#![deny(clippy::print_stdout, clippy::print_stderr, reason = "they panic when nobody reads: `output` and `telemetry` do not")]

mod cli;
mod client;
mod commands;
mod config;
mod control;
mod exit;
mod folder;
mod moment;
mod open_files;
mod output;
mod probe;
mod serve;
mod telemetry;
mod workshop;

use clap::Parser as _;
use exit::{Exit, Failure};
use std::process::ExitCode;

/// Keeps what all engines touch at every tick close together and on large pages; how is said in `.cargo/config.toml`.
#[global_allocator]
static HEAP: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // First of all: a host that is told to stop before it has read its command line ends as one that has.
    let may_serve = std::env::args_os().any(|word| word == "serve");
    if may_serve {
        serve::notice_signals();
    }
    telemetry::tell_panics();
    // Before anything else of this program runs: a child that compiles must not read settings or open files.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == workshop::COMPILE) {
        return sandbox::compile_for_parent();
    }
    let json = asks_for_json();
    if let Err(failure) = config::check_texts() {
        return ended(&failure, json);
    }
    let arguments = match cli::Cli::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if json && error.use_stderr() => return ended(&bad_command_line(&error), json),
        // With clap's own words: help on stdout, a bad command line on stderr with exit code 2.
        Err(error) => error.exit(),
    };
    if may_serve && !matches!(arguments.command, cli::Command::Serve(_)) {
        serve::leave_signals_alone();
    }
    let done = commands::run(arguments).map_or_else(|failure| ended(&failure, json), |()| ExitCode::SUCCESS);
    telemetry::flush();
    done
}

/// Says why a command failed, to scripts as a document of one line.
fn ended(failure: &Failure, json: bool) -> ExitCode {
    if json {
        telemetry::say(failure.document());
    } else {
        telemetry::say(format_args!("stockade: {failure}"));
    }
    ExitCode::from(failure.exit as u8)
}

/// Whether scripts read what is said, even where the command line is wrong.
fn asks_for_json() -> bool {
    std::env::args_os().skip(1).take_while(|word| word != "--").any(|word| word == "--json")
}

/// What is wrong with the command line, without the usage below it.
fn bad_command_line(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let said = text.split("\n\nUsage:").next().unwrap_or(&text);
    Failure::new(Exit::Usage, said.strip_prefix("error: ").unwrap_or(said))
}
