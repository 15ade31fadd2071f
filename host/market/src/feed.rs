//! Ticks one by one, in order of time, from a simulated market or from the store.
//!
//! A [`Feed`] runs in market time and never waits: whoever pulls it decides when. [`Paced`] says when that should be, from a
//! clock that is passed in.

mod pacing;
mod random;
mod replayed;
mod simulated;

pub use domain::sessions::Sessions;
pub use pacing::{Due, NotAPacing, POLL_EVERY_US_MAX, Paced, Pacer, Pacing};
pub use replayed::ReplayedFeed;
pub use simulated::{SimulatedFeed, SimulatedSymbol, generate};

use crate::store::StoreError;
use domain::tick::Tick;

/// Ticks of one or several symbols. Times never go back; each symbol's [`Tick::sequence`] counts from 1 without a gap.
pub trait Feed: Send {
    /// The next tick, or `None` when there will be no more. After an error the feed goes on behind what is broken.
    fn next(&mut self) -> Option<Result<Tick, FeedError>>;
}

impl<F: Feed + ?Sized> Feed for Box<F> {
    fn next(&mut self) -> Option<Result<Tick, FeedError>> {
        (**self).next()
    }
}

/// Why a feed can't begin, or has a hole.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The store can't give the ticks.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Ticks are stored on a finer grid than the host prices the symbol on.
    #[error("{symbol} is stored with {stored} digits and priced with {priced}: use the stored spec")]
    OtherDigits {
        /// The symbol.
        symbol: String,
        /// Digits in the store.
        stored: u8,
        /// Digits of the host's table.
        priced: u8,
    },
    /// A simulated market that can't be.
    #[error("simulated {symbol}: {why}")]
    BadMarket {
        /// The symbol.
        symbol: String,
        /// What is wrong with it.
        why: String,
    },
}
