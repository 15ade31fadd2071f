//! The port through which a strategy reaches its host: the imports of the contract as one object-safe trait.
//!
//! In a component the trait is implemented over the imports ([`crate::export!`]); in tests by
//! [`crate::testing::Harness`]; a host that runs a strategy natively implements it itself. All methods take `&self`,
//! so that a strategy can ask while it decides; implementors keep their state in cells.

use crate::types::*;

/// Everything a strategy can ask of its host. Units, costs and errors are those of `sdk/wit/strategy.wit`.
///
/// Strategies use [`crate::Context`], which adds helpers and keeps batches honest; only hosts implement this.
pub trait Host {
    /// Places an order. Answers at once; the outcome arrives as an event.
    ///
    /// # Errors
    /// The reason why the host denied it.
    fn submit(&self, request: &OrderRequest) -> Result<OrderId, DenyCode>;
    /// Replaces price and stops of a pending order; none removes a stop and keeps the price.
    ///
    /// # Errors
    /// The reason why the host denied it.
    fn modify_order(&self, id: OrderId, price: Option<f64>, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode>;
    /// Replaces the stops of an open position; none removes one.
    ///
    /// # Errors
    /// The reason why the host denied it.
    fn modify_position(&self, id: PositionId, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode>;
    /// Cancels a pending order.
    ///
    /// # Errors
    /// The reason why the host denied it.
    fn cancel(&self, id: OrderId) -> Result<(), DenyCode>;
    /// Closes a position at the market, or `volume` lots of it.
    ///
    /// # Errors
    /// The reason why the host denied it.
    fn close(&self, id: PositionId, volume: Option<f64>) -> Result<OrderId, DenyCode>;
    /// This engine's working orders, oldest first. At most 256.
    fn orders(&self) -> Vec<Order>;
    /// This engine's open positions, oldest first. At most 256.
    fn positions(&self) -> Vec<Position>;
    /// The account as a whole.
    fn account(&self) -> AccountState;

    /// What the symbol is made of.
    fn spec(&self, symbol: Symbol) -> SymbolSpec;
    /// The last `count` closed bars, oldest first. At most 1,024.
    fn bars(&self, symbol: Symbol, timeframe: Timeframe, count: u32) -> Vec<Bar>;
    /// The last `count` ticks up to the one being handled, oldest first. At most 1,024.
    fn ticks(&self, symbol: Symbol, count: u32) -> Vec<Tick>;
    /// The last gap in what the strategy was handed of this symbol.
    fn last_gap(&self, symbol: Symbol) -> Option<Gap>;
    /// Time of the event being handled, in microseconds since 1970 UTC.
    fn now(&self) -> Time;
    /// Says which row of a batch is being handled. Rows are named in order.
    fn at(&self, row: u32);
    /// A number of the host's seeded random source.
    fn random(&self) -> u64;

    /// One line in the engine's log, at most 1,024 bytes.
    fn log(&self, level: Level, text: &str);
    /// A trading idea: side (none: stay out), confidence from 0 to 100, reason of at most 256 bytes.
    fn signal(&self, symbol: Symbol, side: Option<Side>, confidence: f64, reason: &str);
    /// A point of a named series. At most 16 series.
    fn plot(&self, series: &str, value: f64);

    /// Calls `on_timer(id)` at `at`, then every `every` microseconds if given (at least one second).
    fn set_timer(&self, id: u32, at: Time, every: Option<u64>);
    /// Forgets a timer.
    fn clear_timer(&self, id: u32);
    /// Hands over only ticks of this symbol for which `wake` holds, from the next one on.
    fn set_wake(&self, symbol: Symbol, wake: Wake);

    /// What the call being handled, the memory, the minute's orders and log may still spend.
    fn remaining(&self) -> Budget;
}
