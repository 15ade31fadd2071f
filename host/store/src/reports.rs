//! Signals and log lines of engines: kept to be read, up to a bound.

use domain::contract::{LogLevel, Side};
use domain::ids::EngineId;
use domain::time::Time;

/// Log lines kept of an engine: a few hours of a talkative one; at 1 KiB a line at most, 10 MiB.
pub const LOG_LINES_KEPT: i64 = 10_000;
/// Signals kept of an engine: months of a strategy that gives some ten a day.
pub const SIGNALS_KEPT: i64 = 10_000;

/// A signal to keep.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSignal {
    /// Whose.
    pub engine: EngineId,
    /// Market time.
    pub at: Time,
    /// About what.
    pub symbol: String,
    /// Which way; `None` when it says to do nothing.
    pub side: Option<Side>,
    /// How sure it is.
    pub confidence: f64,
    /// Why.
    pub reason: String,
}

/// A signal.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalRecord {
    /// Counts the engine's signals from 1.
    pub number: i64,
    /// The signal.
    pub signal: NewSignal,
}

/// A log line to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLog {
    /// Whose.
    pub engine: EngineId,
    /// Market time.
    pub at: Time,
    /// How loud.
    pub level: LogLevel,
    /// What it says.
    pub text: String,
}

/// A log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Counts the engine's lines from 1.
    pub number: i64,
    /// The line.
    pub line: NewLog,
}
