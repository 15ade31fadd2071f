//! The machine's clocks, looked at nowhere else.

use domain::time::{Clock, Steady, Time};
use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The machine's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time(since.as_micros() as i64)
    }

    fn steady(&self) -> Steady {
        static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
        Steady(BEGINNING.elapsed().as_micros() as i64)
    }
}
