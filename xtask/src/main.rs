//! The tasks of a developer: tests, sample strategies, the demo. Each sets up what it needs and says what it installs.
//!
//! Refuses to know how the host works: it calls cargo, the builder of strategies and the `stockade` binary, and talks to
//! a running host over HTTP like any client.

mod attack;
mod bench;
mod cargo;
mod crash;
mod demo;
mod server;
mod setup;
mod simulate;
mod strategies;
mod test;
mod tidy;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Tasks of the Stockade workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what building needs (compilation targets for strategies) and say what is missing.
    Setup,
    /// Build the sample strategies and run every test of the workspace.
    Test(test::Arguments),
    /// Run a host with three users, five engines and a hostile one on a simulated market, and watch.
    Demo(demo::Arguments),
    /// Measure, and write target/bench.json and the table of docs/benchmarks.md.
    Bench(bench::Arguments),
    /// Run the order path with 10,000 seeds of faults and crashes, and kill a running host 100 times.
    Simulate(simulate::Arguments),
    /// Kill, stop and starve a running host for as long as you like, and audit it after each fault.
    Crash(crash::Arguments),
    /// Attack a host that trades meanwhile: crafted and mutated components, idle connections, slow uploads, hostile engines.
    Attack(attack::Arguments),
    /// Count what a reader stumbles over: long lines, odd phrases, circles between files, long subjects.
    Tidy(tidy::Arguments),
    /// Build the sample strategies, the hostile ones included, into components.
    Strategies,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Setup => setup::ensure_ready(),
        Task::Test(arguments) => test::run(&arguments),
        Task::Demo(arguments) => demo::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Simulate(arguments) => simulate::run(&arguments),
        Task::Crash(arguments) => crash::run(&arguments),
        Task::Attack(arguments) => attack::run(&arguments),
        Task::Tidy(arguments) => tidy::run(&arguments),
        Task::Strategies => setup::ensure_ready().and_then(|()| strategies::build_all()).map(drop),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
