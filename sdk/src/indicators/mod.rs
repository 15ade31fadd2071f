//! Indicators, each fed value by value in constant time, each saying whether it is ready.
//!
//! They are our own: the crates there are (`ta`, `yata`) have no notion of not being ready, take their first value as a
//! past that never was, and one of them has not been released since 2021. These use additions, products, divisions and
//! square roots only, which give the same bits in a sandbox and natively; window sums are summed anew at every full
//! turn of the window, so that rounding errors do not pile up over millions of values.
//!
//! `update` takes the next value and returns the indicator's; [`Ema::value`] and its likes look without updating.
//! A value is `None` until enough has been seen: as much as MetaTrader's indicator of that name needs.

mod average;
mod channel;
mod momentum;
mod range;
mod swing;
mod window;

pub use average::{Ema, Sma};
pub use channel::{Bands, Bollinger, Highest, Lowest};
pub use momentum::{Macd, MacdValue, Rsi};
pub use range::Atr;
pub use swing::{Swing, SwingPoints};
pub use window::Window;
