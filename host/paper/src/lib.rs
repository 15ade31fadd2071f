//! The paper broker: takes recorded commands and ticks, gives reports, as a MetaTrader 5 server would. It is the default
//! broker and the backtester's, the same code, so that backtest and paper differ only in where the ticks come from.
//!
//! Refuses to know: files, clocks, threads, guests, gates. Money, prices and volumes are whole numbers throughout; floats
//! appear only as images of prices on the tick path, and as a coarse filter before the exact count of equity.
//!
//! **How orders fill.** Buys at the ask, sells at the bid. Stops and stop losses: at the first tick at or beyond their
//! trigger, at that tick's price, gaps included. Limits and take profits: once the market reaches their price, at that
//! price ([`LimitFills::Conservative`]) or at the tick's ([`LimitFills::Mt5`]). Market orders: at once, at the symbol's
//! current quote, in full. Paper has no book, so every filling mode fills in full, and since a market order carries no
//! price seen, there is nothing a deviation could be measured from: it is not used.
//!
//! **What happens at one tick**, for each account in order of its id: the tick's quote holds from the start; then
//! 1. orders that expire, by id;
//! 2. stop-out: while the margin level is at or below the limit, the most unprofitable position is closed;
//! 3. stop losses, then take profits, those reached first first, then by position;
//! 4. pending orders: buy limits, buy stops, sell stops, sell limits, in each the one reached first first, then by id. A
//!    stop-limit that becomes a limit and is reached already fills in the same step.
//!
//! What opens at a tick has its stops looked at from the next tick on. Swap is not charged yet: it will be a deal of volume
//! 0 booked at the rollover, before step 1.

mod account;
mod checks;
mod costs;
mod curve;
mod dealing;
mod exits;
mod margin;
mod matching;
pub mod track;
mod triggers;
mod venue;

#[cfg(test)]
mod tests;

pub use costs::{Commission, Commissions};
pub use margin::{MarginState, Standing};
pub use track::{Drawdown, EquityTrack};
pub use venue::{LimitFills, Venue, VenueOptions};
