//! `stockade config`: what can be set, and what is.

use crate::cli::Global;
use crate::config::{Config, EXAMPLE};
use crate::exit::Outcome;
use crate::output::{Output, print};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Every setting with its meaning and default, as a file to start from.
    Example,
    /// The settings that a command here would use, without the operator's token.
    Show,
}

/// Prints the example or the settings in force.
pub fn run(command: &Command, global: &Global) -> Outcome {
    match command {
        Command::Example => print(EXAMPLE),
        Command::Show => show(&global.config()?, global.output()),
    }
    Ok(())
}

fn show(config: &Config, output: Output) {
    output.show(config, |config| toml::to_string(config).expect("settings are numbers, texts and lists"));
}
