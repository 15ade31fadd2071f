//! Two runs side by side: a backtest beside another, or beside what an engine did live.

pub mod decisions;
pub mod diff;
pub mod documents;

pub use diff::{DecisionsDiff, FirstDifference};
pub use documents::DocumentsDiff;
