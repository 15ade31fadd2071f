//! `stockade strategy`: from an idea to a version on a host.

pub mod build;
pub mod check;
pub mod describe;
pub mod new;
pub mod sdk;
pub mod upload;
pub mod versions;

use crate::cli::Global;
use crate::exit::Outcome;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Write a project that builds, passes its tests and can be backtested at once.
    New(new::Arguments),
    /// Give a project the SDK of this program, in the place of the one it has.
    Sdk(sdk::Arguments),
    /// Build a strategy's project into the component that a host takes.
    Build(build::Arguments),
    /// Look at a component as a host does at upload, and measure it on made-up ticks.
    Check(check::Arguments),
    /// What a component says of itself: parameters, symbols, callbacks.
    Describe(describe::Arguments),
    /// Give a component to a running host, as a user's strategy.
    Upload(upload::Arguments),
    /// Strategies of a running host, each with its latest version.
    List(versions::List),
    /// The versions of a strategy on a running host.
    Versions(versions::Versions),
}

/// Runs the command.
pub fn run(command: &Command, global: &Global) -> Outcome {
    match command {
        Command::New(arguments) => new::run(arguments, global),
        Command::Sdk(arguments) => sdk::run(arguments, global),
        Command::Build(arguments) => build::run(arguments, global),
        Command::Check(arguments) => check::run(arguments, global),
        Command::Describe(arguments) => describe::run(arguments, global),
        Command::Upload(arguments) => upload::run(arguments, global),
        Command::List(arguments) => versions::list(arguments, global),
        Command::Versions(arguments) => versions::versions(arguments, global),
    }
}
