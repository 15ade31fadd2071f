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
use std::process::ExitCode;

/// Keeps what all engines touch at every tick close together and on large pages; how is said in `.cargo/config.toml`.
#[global_allocator]
static HEAP: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    telemetry::tell_panics();
    // Before anything else of this program runs: a child that compiles must not read settings or open files.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == workshop::COMPILE) {
        return sandbox::compile_for_parent();
    }
    // A bad command line ends here, with clap's own words and exit code 2.
    let arguments = cli::Cli::parse();
    if matches!(arguments.command, cli::Command::Serve(_)) {
        serve::notice_signals();
    }
    let ended = match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            telemetry::say(format_args!("stockade: {failure}"));
            ExitCode::from(failure.exit as u8)
        }
    };
    telemetry::flush();
    ended
}
