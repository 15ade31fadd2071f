//! The subcommands, a file each.

pub mod account;
pub mod audit;
pub mod backtest;
mod beware;
mod book;
pub mod compare;
pub mod conditions;
pub mod config;
mod conversions;
pub mod data;
pub mod doctor;
pub mod engine;
mod forget;
pub mod halt;
pub mod health;
pub mod import;
pub mod limits;
pub mod manual;
pub mod migrate;
mod named;
pub mod optimise;
pub mod reconcile;
pub mod replay;
pub mod report_files;
pub mod serve;
mod shown;
pub mod spec;
mod standing;
pub mod strategy;
pub mod user;

use crate::cli::{Cli, Command};
use crate::exit::Outcome;

/// Runs what the command line asks for.
///
/// # Errors
/// The command's own.
pub fn run(arguments: Cli) -> Outcome {
    let global = &arguments.global;
    // Before anything is made: these write into the data folder.
    if matches!(arguments.command, Command::Import(_) | Command::Serve(_) | Command::Migrate(_)) {
        crate::folder::make_private();
    }
    match &arguments.command {
        Command::Strategy(command) => strategy::run(command, global),
        Command::Import(arguments) => import::run(arguments, global),
        Command::Data(command) => data::run(command, global),
        Command::Backtest(arguments) => backtest::run(arguments, global),
        Command::Replay(arguments) => replay::run(arguments, global),
        Command::Optimise(arguments) => optimise::run(arguments, global),
        Command::Serve(arguments) => serve::run(arguments, global),
        Command::Migrate(arguments) => migrate::run(arguments, global),
        Command::User(command) => user::run(command, global),
        Command::Account(command) => account::run(command, global),
        Command::Engine(command) => engine::run(command, global),
        Command::Halt(arguments) => halt::halt(arguments, global),
        Command::Resume(arguments) => halt::resume(arguments, global),
        Command::Reconcile(arguments) => reconcile::run(arguments, global),
        Command::Limits(command) => limits::run(command, global),
        Command::Audit(arguments) => audit::run(arguments, global),
        Command::Health(arguments) => health::run(arguments, global),
        Command::Completions(arguments) => manual::completions(arguments),
        Command::Man(arguments) => manual::man(arguments, global),
        Command::Doctor(arguments) => doctor::run(arguments, global),
        Command::Config(command) => config::run(command, global),
    }
}
