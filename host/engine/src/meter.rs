//! What is counted, by engine and for the host: written by the thread that does the work, read by whoever looks.

use crate::setup::Saved;
use domain::contract::TradingState;
use domain::guest::Used;
use domain::life::EngineState;
use domain::number::Money;
use domain::time::Time;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One engine's counts. Each has one writer, so that counting is a load and a store.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) ticks: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) calls: AtomicU64,
    pub(crate) orders: AtomicU64,
    pub(crate) denied: AtomicU64,
    pub(crate) deals: AtomicU64,
    pub(crate) faults: AtomicU64,
    pub(crate) remarks_dropped: AtomicU64,
    pub(crate) fuel_total: AtomicU64,
    pub(crate) fuel_last: AtomicU64,
    pub(crate) memory_bytes: AtomicU64,
    pub(crate) realised: AtomicI64,
    pub(crate) latency: Histogram,
    /// Guests that were started after a fault.
    pub(crate) restarts: AtomicU64,
    /// When its state was saved last, by the host's clock, and how large it was; 0: never.
    pub(crate) saved_at: AtomicI64,
    pub(crate) saved_bytes: AtomicU64,
    /// Whether a version is on trial.
    pub(crate) on_trial: AtomicBool,
    since: AtomicI64,
    state: AtomicU8,
    trading: AtomicU8,
    reason: Mutex<String>,
}

/// Adds to a count that only the calling thread writes.
pub(crate) fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Relaxed) + more, Relaxed);
}

impl Meter {
    pub(crate) fn set_state(&self, state: EngineState, reason: &str, at: Time) {
        self.state.store(state as u8, Relaxed);
        self.since.store(at.0, Relaxed);
        let mut last = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        last.clear();
        last.push_str(reason);
    }

    pub(crate) fn state(&self) -> EngineState {
        EngineState::ALL[usize::from(self.state.load(Relaxed))]
    }

    /// Its state was saved.
    pub(crate) fn set_saved(&self, saved: &Saved) {
        self.saved_at.store(saved.at.0, Relaxed);
        self.saved_bytes.store(saved.state.bytes.len() as u64, Relaxed);
    }

    /// Since when it is in its state, by the host's clock.
    pub(crate) fn since(&self) -> Time {
        Time(self.since.load(Relaxed))
    }

    pub(crate) fn reason(&self) -> String {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_trading(&self, state: TradingState) {
        self.trading.store(state as u8, Relaxed);
    }

    pub(crate) fn trading(&self) -> TradingState {
        TradingState::ALL[usize::from(self.trading.load(Relaxed))]
    }

    /// What the guest has used; `before` is the fuel of the guests this engine had before.
    pub(crate) fn set_used(&self, used: Used, before: u64) {
        self.fuel_total.store(before + used.fuel_total, Relaxed);
        self.fuel_last.store(used.fuel_last_call, Relaxed);
        self.memory_bytes.store(used.memory_bytes, Relaxed);
    }

    pub(crate) fn realised(&self) -> Money {
        Money(self.realised.load(Relaxed))
    }

    pub(crate) fn earn(&self, net: Money) {
        self.realised.store(self.realised.load(Relaxed) + net.0, Relaxed);
    }
}

/// Buckets a quarter of an octave wide, from 256 ns to 16 s: good to a fifth, which is enough to see who is slow.
const BUCKETS: usize = 104;
const SMALLEST_NS: u64 = 256;

/// How long things took.
#[derive(Debug)]
pub(crate) struct Histogram([AtomicU32; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self([const { AtomicU32::new(0) }; BUCKETS])
    }
}

/// The octave above [`SMALLEST_NS`], and within it the two bits that follow the highest.
fn bucket(ns: u64) -> usize {
    let ns = ns.max(SMALLEST_NS);
    let octave = u64::from(ns.ilog2() - SMALLEST_NS.ilog2());
    let quarter = (ns >> (ns.ilog2() - 2)) & 3;
    ((octave * 4 + quarter) as usize).min(BUCKETS - 1)
}

/// The end of a bucket.
fn bucket_end_ns(bucket: usize) -> u64 {
    let (octave, quarter) = (bucket / 4, bucket as u64 % 4);
    (SMALLEST_NS << octave) / 4 * (5 + quarter)
}

impl Histogram {
    pub(crate) fn add(&self, took: Duration) {
        let count = &self.0[bucket(took.as_nanos().min(u128::from(u64::MAX)) as u64)];
        count.store(count.load(Relaxed).saturating_add(1), Relaxed);
    }

    pub(crate) fn sum_into(&self, sums: &mut Counts) {
        for (sum, count) in sums.0.iter_mut().zip(&self.0) {
            *sum += u64::from(count.load(Relaxed));
        }
    }
}

/// Sums of histograms.
#[derive(Clone, Debug)]
pub(crate) struct Counts([u64; BUCKETS]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum += count);
    }

    /// The time within which `percent` of all lay, microseconds; 0 when there were none.
    pub(crate) fn percentile_us(&self, percent: u64) -> f64 {
        let all: u64 = self.0.iter().sum();
        let wanted = (all * percent).div_ceil(100);
        let mut seen = 0;
        let within = self.0.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        if all == 0 { 0.0 } else { within.map_or(0.0, |bucket| bucket_end_ns(bucket) as f64 / 1_000.0) }
    }
}

/// The host's own counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) ticks: AtomicU64,
    pub(crate) ticks_per_second: AtomicU64,
    pub(crate) ticks_refused: AtomicU64,
    pub(crate) feed_stalls: AtomicU64,
    pub(crate) feed_stalled_us: AtomicU64,
    pub(crate) ticks_merged: AtomicU64,
    pub(crate) ticks_by_columns: AtomicU64,
    pub(crate) column_calls: AtomicU64,
    pub(crate) ticks_withheld: AtomicU64,
    pub(crate) commands_recorded: AtomicU64,
    pub(crate) commands_unrecorded: AtomicU64,
    pub(crate) group_commits: AtomicU64,
    pub(crate) reports: AtomicU64,
    pub(crate) contradictions: AtomicU64,
    pub(crate) saves_put_off: AtomicU64,
    pub(crate) panics: AtomicU64,
}

/// Adds to a count that several threads write.
pub(crate) fn add_shared(count: &AtomicU64, more: u64) -> u64 {
    count.fetch_add(more, Relaxed) + more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_a_quarter_of_an_octave() {
        let histogram = Histogram::default();
        (1..=1_000).for_each(|us| histogram.add(Duration::from_micros(us)));
        let mut counts = Counts::default();
        histogram.sum_into(&mut counts);
        let (p50, p99) = (counts.percentile_us(50), counts.percentile_us(99));
        assert!((500.0..640.0).contains(&p50) && (990.0..1_240.0).contains(&p99), "{p50} {p99}");
        assert_eq!(Counts::default().percentile_us(99), 0.0);
    }

    #[test]
    fn every_duration_lies_within_its_bucket() {
        for ns in [0, 255, 256, 257, 319, 320, 1_000, 123_456_789, u64::MAX] {
            let bucket = bucket(ns);
            assert!(ns < bucket_end_ns(bucket) || bucket == BUCKETS - 1, "{ns}");
        }
    }
}
