//! The paper broker: takes recorded commands and ticks, gives reports, as a MetaTrader 5 server would. It is the default
//! broker and the backtester's, the same code, so that backtest and paper differ only in where the ticks come from.
//!
//! Refuses to know: files, clocks, threads, guests, gates. Money, prices and volumes are whole numbers throughout; floats
//! appear only as images of prices on the tick path, and as a coarse filter before the exact count of equity.
//!
//! **How orders fill.** Buys at the ask, sells at the bid. Stops and stop losses: at the first tick at or beyond their
//! trigger, at that tick's price, gaps included. Limits and take profits: once the market reaches their price, at that
//! price ([`LimitFills::Conservative`]) or at the tick's ([`LimitFills::Mt5`]); a take profit that its position was opened
//! beyond, at the tick's in any case. Market orders: when they arrive ([`Delay`]), at
//! the symbol's quote at that moment, in full; where the price has moved further than their deviation since they were sent,
//! they are refused ([`Execution::Instant`]). Paper has no book, so every filling mode fills in full.
//!
//! **When nothing fills.** Outside of a symbol's sessions commands are refused, and what waits for a price goes on waiting:
//! the first tick of the next session executes what it has reached, at its price, however far the weekend has carried it.
//! Pending orders of symbols that keep them for a day only expire at the server's midnight.
//!
//! **What happens at one tick**, for each account in order of its id: first what
//! was due before it, at the quotes of before: positions are charged for each midnight of the server that has passed, and
//! delayed commands arrive. Then the tick's quote holds, and
//! 1. orders that expire, by id;
//! 2. stop-out: while the margin level is at or below the limit, the most unprofitable position is closed;
//! 3. stop losses, then take profits, those reached first first, then by position;
//! 4. pending orders: buy limits, buy stops, sell stops, sell limits, in each the one reached first first, then by id. A
//!    stop-limit that becomes a limit and is reached already fills in the same step;
//! 5. stop-out once more, if these deals and what they cost have left too little.
//!
//! Commands and midnights that leave too little end in a stop-out as well. Only positions whose symbols are traded are closed.
//!
//! What opens at a tick has its stops looked at from the next tick on. Swap counts as floating profit until the deals that
//! close a position book it. (MT5 closes and reopens positions for the two "reopen" modes; here the same money is charged.)

mod account;
mod checks;
mod costs;
mod curve;
mod dealing;
mod delay;
mod exits;
mod margin;
mod matching;
mod nights;
pub mod track;
mod triggers;
mod venue;

#[cfg(test)]
mod tests;

pub use costs::{Charge, Commission, Commissions, Sides};
pub use delay::Delay;
pub use margin::{Level, MarginState, Standing};
pub use track::{Drawdown, EquityTrack};
pub use venue::{Execution, LimitFills, Venue, VenueOptions};
