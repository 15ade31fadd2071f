//! The command line: what every command shares, and the list of commands.

use crate::commands;
use crate::config::{self, Config};
use crate::exit::{Outcome, TABLE};
use crate::folder;
use crate::output::Output;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Runs trading strategies of many people, each in its own sandbox: in backtests, and live on paper accounts.
///
/// A strategy is a WebAssembly component. `stockade strategy new` writes a project for one, `stockade backtest` runs it
/// over stored ticks, `stockade serve` is the host that runs it for an account.
#[derive(Parser)]
#[command(version, propagate_version = true, after_help = TABLE, max_term_width = 120, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Args)]
pub struct Global {
    /// Configuration file; unless given, stockade.toml in this folder, where there is one.
    #[arg(long, value_name = "FILE", env = "STOCKADE_CONFIG", global = true, help_heading = "Options of every command")]
    pub config: Option<PathBuf>,
    /// Folder for ticks, database, compiled strategies and the operator's token; goes before the configuration's. Unless given:
    /// .stockade in this folder or in the nearest one above that has it.
    #[arg(long, value_name = "FOLDER", global = true, help_heading = "Options of every command")]
    pub data_dir: Option<PathBuf>,
    /// Print one JSON document, for scripts.
    #[arg(long, global = true, help_heading = "Options of every command")]
    pub json: bool,
    /// Say on stderr how a running host is reached.
    #[arg(long, short, global = true, help_heading = "Options of every command")]
    pub verbose: bool,
}

impl Global {
    /// Says something that only people with --verbose want to know.
    pub fn tell(&self, what: std::fmt::Arguments<'_>) {
        if self.verbose {
            crate::telemetry::say(format_args!("stockade: {what}"));
        }
    }

    /// The configuration: file, then `STOCKADE_` variables, then the command line.
    ///
    /// # Errors
    /// Names the file, the line and the key.
    pub fn config(&self) -> Outcome<Config> {
        let mut config = Config::load(self.config.as_deref(), config::variables()?)?;
        match &self.data_dir {
            Some(data_dir) => config.data_dir.clone_from(data_dir),
            None => config.data_dir = folder::nearest(config.data_dir),
        }
        Ok(config)
    }

    /// For whom to print.
    pub fn output(&self) -> Output {
        if self.json { Output::Json } else { Output::Text }
    }
}

#[derive(Subcommand)]
pub enum Command {
    /// Write, build, check and upload strategies.
    #[command(subcommand)]
    Strategy(commands::strategy::Command),
    /// Bring another system's ticks or bars into the tick store.
    Import(commands::import::Arguments),
    /// What the tick store holds.
    #[command(subcommand)]
    Data(commands::data::Command),
    /// Run a strategy over stored ticks and print what it would have earned.
    Backtest(Box<commands::backtest::Arguments>),
    /// Run a strategy over stored ticks with many sets of parameters and find the best.
    #[command(alias = "optimize")]
    Optimise(Box<commands::optimise::Arguments>),
    /// Run the host: feed, engines, paper broker, database and API.
    Serve(commands::serve::Arguments),
    /// Repeat what an engine did on this host, and check that it decides the same.
    Replay(commands::replay::Arguments),
    /// Bring the database's schema up to date, after a copy of it has been kept.
    Migrate(commands::migrate::Arguments),
    /// Users of a running host.
    #[command(subcommand)]
    User(commands::user::Command),
    /// Trading accounts on a running host.
    #[command(subcommand)]
    Account(commands::account::Command),
    /// Engines of a running host: one strategy version running for one account.
    #[command(subcommand)]
    Engine(commands::engine::Command),
    /// The kill switch: let the host, an account or an engine open nothing more, at once.
    Halt(commands::halt::Halt),
    /// Let them open again.
    Resume(commands::halt::Resume),
    /// Compare accounts of a running host with what their brokers say; exit code 8 when something differs.
    Reconcile(commands::reconcile::Arguments),
    /// Limits of the risk gate on a running host.
    #[command(subcommand)]
    Limits(commands::limits::Command),
    /// Who did what on a running host, of what, when and why.
    Audit(commands::audit::Arguments),
    /// Whether a running host is well, part by part.
    Health(commands::health::Arguments),
    /// What this machine lacks, and the line that mends it.
    Doctor(commands::doctor::Arguments),
    /// Every setting, its meaning and its value.
    #[command(subcommand)]
    Config(commands::config::Command),
    /// Print what a shell needs to complete commands and options.
    Completions(commands::manual::Completions),
    /// Write manual pages, one for each command.
    Man(commands::manual::Man),
}
