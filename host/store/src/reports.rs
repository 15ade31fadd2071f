//! Signals and log lines of engines: kept to be read, up to a bound.

use domain::contract::{DenyCode, LogLevel, Side};
use domain::ids::{DealId, EngineId, OrderId};
use domain::order::OrderState;
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
    /// The order that was asked for with it, or why that was denied.
    pub led_to: Option<Result<OrderId, DenyCode>>,
}

/// A signal.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalRecord {
    /// Counts the engine's signals from 1.
    pub number: i64,
    /// The signal.
    pub signal: NewSignal,
    /// Where its order stands; `None` without one, or while it has not been recorded.
    pub order: Option<OrderState>,
    /// The first deal of its order.
    pub deal: Option<DealId>,
}

/// Which clock a time is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogClock {
    /// The market's, of what a strategy says.
    #[default]
    Market,
    /// The host's, of what the host says of it.
    Host,
}

impl LogClock {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Market, Self::Host];

    /// The stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Host => "host",
        }
    }

    /// The value with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|clock| clock.word() == word)
    }
}

/// A log line to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLog {
    /// Whose.
    pub engine: EngineId,
    /// When, by that clock.
    pub at: Time,
    /// Which clock.
    pub clock: LogClock,
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
