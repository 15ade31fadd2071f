//! Instants that cost little to compare: a tick's way is measured at every engine.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Nanoseconds of the machine's steady clock since this process first looked at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    pub(crate) fn now() -> Self {
        static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
        // Five hundred years fit.
        Self(BEGINNING.elapsed().as_nanos() as u64)
    }

    /// The moment this much later.
    pub(crate) fn after(self, more: Duration) -> Self {
        Self(self.0.saturating_add(more.as_nanos() as u64))
    }

    /// Since an earlier one; nothing since a later one.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}
