//! What a strategy did, as tests read it.

use crate::types::*;

/// Something a strategy asked for or said, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Time of the event being handled, in microseconds since 1970 UTC.
    pub time: Time,
    /// What it was.
    pub decision: Decision,
}

/// Something a strategy asked for or said. Requests that were denied carry the reason.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// An order, and the id it got.
    Submit(OrderRequest, Result<OrderId, DenyCode>),
    /// Price, stop loss and take profit of a pending order.
    ModifyOrder(OrderId, [Option<f64>; 3], Result<(), DenyCode>),
    /// Stop loss and take profit of a position.
    ModifyPosition(PositionId, [Option<f64>; 2], Result<(), DenyCode>),
    /// A pending order was taken back.
    Cancel(OrderId, Result<(), DenyCode>),
    /// A position was closed, or some lots of it.
    Close(PositionId, Option<f64>, Result<OrderId, DenyCode>),
    /// A timer: id, time, period in microseconds.
    SetTimer(u32, Time, Option<u64>),
    /// A timer was forgotten.
    ClearTimer(u32),
    /// A line in the log.
    Log(Level, String),
    /// A signal: symbol, side, confidence, reason.
    Signal(Symbol, Option<Side>, f64, String),
    /// A point of a series.
    Plot(String, f64),
}
