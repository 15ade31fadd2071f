//! `cargo xtask simulate`: the order path under faults, longer than the usual tests have time for.

use crate::cargo::{cargo, say, words};
use crate::{setup, strategies};
use anyhow::{Context as _, Result, bail};

/// How much.
#[derive(clap::Args)]
pub struct Arguments {
    /// Seeds of the simulation.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first of them; a run that failed says which it was.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Kills of a running host.
    #[arg(long, default_value_t = 100)]
    kills: u64,
}

/// Runs both.
///
/// # Errors
/// An invariant broke; the seed that shows it is named.
pub fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure_ready()?;
    strategies::build_all()?;
    let mut command = cargo();
    // Only the two that loop.
    command.args(["test", "--workspace", "--test", "it", "--", "--nocapture", "no_order_is_lost", "kills_at_random_moments"]);
    command.env("SIMULATE_SEEDS", arguments.seeds.to_string());
    command.env("SIMULATE_FROM", arguments.from.to_string());
    command.env("SIMULATE_KILLS", arguments.kills.to_string());
    say(&words(&command));
    if !command.status().context("cannot run cargo")?.success() {
        bail!("an invariant broke; the lines above name the seed: cargo xtask simulate --from SEED --seeds 1 repeats it");
    }
    Ok(())
}
