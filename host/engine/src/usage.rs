//! What engines use, by engine and by user, and where a user's [`Quotas`](domain::limits::Quotas) end it.

use domain::desk::Remark;
use domain::limits::Quotas;
use domain::memory::SharedMemory;
use domain::time::{SECOND_US, Steady};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// A sum that begins anew with every period. Two threads that meet at the turn of one may lose what one of them has added,
/// which is a call's worth.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    period: AtomicI64,
    now: AtomicU64,
    before: AtomicU64,
}

impl Sum {
    /// Adds to the sum of a period, and gives it.
    pub(crate) fn add(&self, period: i64, more: u64) -> u64 {
        // What is told late counts as told now: no period comes back.
        let known = self.period.load(Relaxed);
        if known < period {
            let ended = self.now.swap(0, Relaxed);
            self.before.store(if known + 1 == period { ended } else { 0 }, Relaxed);
            self.period.store(period, Relaxed);
        }
        self.now.fetch_add(more, Relaxed) + more
    }

    /// The sum of this period so far.
    pub(crate) fn of(&self, period: i64) -> u64 {
        if self.period.load(Relaxed) == period { self.now.load(Relaxed) } else { 0 }
    }

    /// The sum of the period before this one.
    pub(crate) fn before(&self, period: i64) -> u64 {
        match period - self.period.load(Relaxed) {
            0 => self.before.load(Relaxed),
            1 => self.now.load(Relaxed),
            _ => 0,
        }
    }
}

/// What all engines of one user use.
#[derive(Debug)]
pub(crate) struct Usage {
    /// By the second of the steady clock.
    pub(crate) fuel: Sum,
    /// By the UTC day of the host's clock, as all days here.
    pub(crate) fuel_of_day: Sum,
    pub(crate) log_bytes_of_day: Sum,
    /// Ticks that were not handed over because too much fuel was used.
    pub(crate) throttled: AtomicU64,
    /// Each guest has its share of it, also one that takes over from another or runs in its shadow.
    pub(crate) memory: Arc<SharedMemory>,
}

/// What one user's engines use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserUsage {
    /// Engines that the host has.
    pub engines: usize,
    /// Engines with a guest.
    pub engines_running: usize,
    /// Versions that engines run or will run again by themselves, those in a shadow included.
    pub versions_running: usize,
    /// Fuel in the last full second.
    pub fuel_per_second: u64,
    /// Fuel since midnight UTC, or since the host's start.
    pub fuel_today: u64,
    /// Ticks that were not handed over because the fuel of their second was used up, since the host's start.
    pub ticks_throttled: u64,
    /// Linear memory of all guests, those that take over or run in a shadow included, bytes.
    pub memory_bytes: u64,
    /// Log lines, signals and plots since midnight UTC, or since the host's start, bytes.
    pub log_bytes_today: u64,
}

/// The number of the second that a reading of the steady clock lies in.
pub(crate) fn second(steady: Steady) -> i64 {
    steady.0.div_euclid(SECOND_US)
}

impl Usage {
    pub(crate) fn new(quotas: &Quotas) -> Self {
        Self {
            fuel: Sum::default(),
            fuel_of_day: Sum::default(),
            log_bytes_of_day: Sum::default(),
            throttled: AtomicU64::new(0),
            memory: Arc::new(SharedMemory::new(quotas.memory_bytes_max)),
        }
    }

    /// Whether the fuel of a second is used up.
    pub(crate) fn is_out_of_fuel(&self, second: i64, quotas: &Quotas) -> bool {
        quotas.fuel_per_second_max > 0 && self.fuel.of(second) >= quotas.fuel_per_second_max
    }

    /// Takes remarks that fit into what a user's engines may say in a day; says how many had to go.
    pub(crate) fn admit(&self, remarks: &mut Vec<Remark>, day: i64, quotas: &Quotas) -> (u64, usize) {
        let bytes = remarks.iter().map(bytes_of).sum::<u64>();
        let max = quotas.log_bytes_per_day_max;
        let said = self.log_bytes_of_day.add(day, bytes);
        if max == 0 || said <= max {
            return (bytes, 0);
        }
        let (before, dropped, at) = (said - bytes, remarks.len(), remarks.first().map(Remark::at));
        remarks.clear();
        if let Some(at) = at.filter(|_| before <= max) {
            let text = format!(
                "its owner's engines have said {said} bytes today and may say {max} (quotas.log_bytes_per_day_max): what they say is \
                 dropped until 00:00 UTC"
            );
            remarks.push(Remark::Log { at, level: domain::contract::LogLevel::Warn, text });
        }
        (0, dropped)
    }
}

/// As the desk counts them: a remark costs something even when it is empty.
fn bytes_of(remark: &Remark) -> u64 {
    let text = match remark {
        Remark::Log { text, .. } => text,
        Remark::Signal { reason, .. } => reason,
        Remark::Plot { series, .. } => series,
    };
    text.len() as u64 + 16
}

#[cfg(test)]
mod tests {
    use super::Sum;

    #[test]
    fn a_sum_begins_anew_with_each_period_and_remembers_the_one_before() {
        let sum = Sum::default();
        assert_eq!((sum.add(7, 2), sum.add(7, 3), sum.of(7), sum.before(7)), (2, 5, 5, 0));
        assert_eq!((sum.of(8), sum.before(8)), (0, 5));
        assert_eq!((sum.add(8, 1), sum.of(8), sum.before(8)), (1, 1, 5));
        assert_eq!((sum.add(10, 1), sum.before(10)), (1, 0), "nothing was used in the one before");
        assert_eq!((sum.add(9, 1), sum.of(10)), (2, 2), "late");
    }
}
