//! What the program says while it works: to stderr, in words on a terminal and as JSON lines otherwise.

use crate::exit::{Exit, Failure, Outcome};
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// Starts logging.
///
/// # Errors
/// The filter makes no sense.
pub fn start(filter: &str) -> Outcome {
    let parsed = EnvFilter::try_new(filter).map_err(|error| {
        Failure::new(Exit::Usage, format_args!("log: {filter:?} is no filter ({error}); write info, or info,stockade_engine=debug"))
    })?;
    let logger = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    let started =
        if std::io::stderr().is_terminal() { logger.with_target(false).try_init() } else { logger.json().flatten_event(true).try_init() };
    started.map_err(Failure::of(Exit::Failed))
}
