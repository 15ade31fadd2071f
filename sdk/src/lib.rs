//! What an author of a Stockade strategy programs against: one trait, one handle, and the tools of the trade.
//!
//! A strategy is a type that implements [`Strategy`]. The same type runs natively in a test ([`testing`]) and, made a
//! component by [`export!`], in a host's sandbox: in a backtest, on paper and live. It sees its market and acts through
//! the [`Context`] that every callback gets, and through nothing else: no files, no network, no clock, no threads.
//!
//! **Units** are those of the contract (`sdk/wit/strategy.wit`): times in microseconds since 1970 UTC, prices in the
//! symbol's quote currency, volumes in lots, money in the account's currency.
//!
//! This crate refuses to know how orders reach a market, what a host looks like, and what time it is.

// The derives name this crate by its name, also within it.
extern crate self as stockade_sdk;

pub mod bars;
#[doc(hidden)]
pub mod bindings;
pub mod context;
pub mod export;
pub mod host;
pub mod indicators;
pub mod orders;
pub mod params;
pub mod runner;
pub mod session;
pub mod state;
pub mod strategy;
pub mod testing;
pub mod types;

pub use context::Context;
pub use host::Host;
pub use params::{Choice, Params};
pub use runner::{Columns, Runner};
pub use strategy::{Manifest, Need, Start, Strategy};
pub use types::*;

/// What a strategy's file usually names.
pub mod prelude {
    pub use crate::types::*;
    pub use crate::{Choice, Context, Manifest, Need, Params, Start, Strategy};
}

/// The strategy in the project's front page compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct FrontPage;
