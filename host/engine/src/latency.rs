//! How long things took: histograms with buckets that grow with the time, so that counting is one addition.
//!
//! A bucket is a part of an octave. An engine's histogram has four of them in an octave: good to a fifth, which is enough to
//! see who is slow, and small, since there are ten thousand. A shard's has thirty-two: good to three percent.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Everything shorter is in the first bucket.
const SMALLEST_NS: u64 = 256;
/// 256 ns to 16 s.
const ROUGH_BUCKETS: usize = 104;
const ROUGH_BITS: u32 = 2;
/// 256 ns to 68 s.
const FINE_BUCKETS: usize = 896;
const FINE_BITS: u32 = 5;

/// The octave above [`SMALLEST_NS`], and within it the `bits` that follow the highest.
fn bucket(took: Duration, bits: u32, buckets: usize) -> usize {
    let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(SMALLEST_NS);
    let octave = u64::from(ns.ilog2() - SMALLEST_NS.ilog2());
    let part = (ns >> (ns.ilog2() - bits)) & ((1 << bits) - 1);
    (((octave << bits) + part) as usize).min(buckets - 1)
}

/// The end of a bucket.
fn end_ns(bucket: usize, bits: u32) -> u64 {
    let (octave, part) = (bucket >> bits, bucket as u64 & ((1 << bits) - 1));
    ((SMALLEST_NS << octave) >> bits) * ((1 << bits) + part + 1)
}

/// One engine's. Its shard alone writes it.
#[derive(Debug)]
pub(crate) struct Rough([AtomicU32; ROUGH_BUCKETS]);

impl Default for Rough {
    fn default() -> Self {
        Self([const { AtomicU32::new(0) }; ROUGH_BUCKETS])
    }
}

impl Rough {
    pub(crate) fn add(&self, took: Duration) {
        let count = &self.0[bucket(took, ROUGH_BITS, ROUGH_BUCKETS)];
        count.store(count.load(Relaxed).saturating_add(1), Relaxed);
    }

    /// The place where most are counted.
    pub(crate) fn fullest(&self) -> &AtomicU32 {
        self.0.iter().max_by_key(|count| count.load(Relaxed)).expect("there are buckets")
    }

    /// The time within which `share` of all lay, microseconds; 0 when there were none.
    pub(crate) fn within_us(&self, share: f64) -> f64 {
        within(self.0.iter().map(|count| u64::from(count.load(Relaxed))), ROUGH_BITS, share)
    }

    /// The same over several engines.
    pub(crate) fn all_within_us<'a>(all: impl Iterator<Item = &'a Self>, share: f64) -> f64 {
        let mut sums = [0_u64; ROUGH_BUCKETS];
        all.for_each(|one| sums.iter_mut().zip(&one.0).for_each(|(sum, count)| *sum += u64::from(count.load(Relaxed))));
        within(sums.into_iter(), ROUGH_BITS, share)
    }
}

/// A shard's, or the feed's. One thread alone writes it.
#[derive(Debug)]
pub struct Fine(Box<[AtomicU64]>);

impl Default for Fine {
    /// None counted yet.
    fn default() -> Self {
        Self((0..FINE_BUCKETS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Fine {
    /// Counts one.
    pub fn add(&self, took: Duration) {
        let count = &self.0[bucket(took, FINE_BITS, FINE_BUCKETS)];
        count.store(count.load(Relaxed) + 1, Relaxed);
    }

    /// What was counted so far.
    pub fn read(&self) -> Latencies {
        let mut sums = Latencies::default();
        self.add_to(&mut sums);
        sums
    }

    pub(crate) fn add_to(&self, sums: &mut Latencies) {
        sums.0.iter_mut().zip(&self.0).for_each(|(sum, count)| *sum += count.load(Relaxed));
    }
}

/// How many took how long: from the arrival of a tick at the host to an engine's decision, or from when a tick was due to its arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latencies(Box<[u64]>);

impl Default for Latencies {
    /// None.
    fn default() -> Self {
        Self(vec![0; FINE_BUCKETS].into())
    }
}

impl Latencies {
    /// What has been added since `earlier` was taken.
    pub fn since(&self, earlier: &Self) -> Self {
        Self(self.0.iter().zip(&earlier.0).map(|(now, before)| now.saturating_sub(*before)).collect())
    }

    /// The time within which `share` (0 to 1) of all lay, microseconds, good to three percent; 0 when there were none.
    pub fn within_us(&self, share: f64) -> f64 {
        within(self.0.iter().copied(), FINE_BITS, share)
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// How many took at most so long, for bounds that double.
    pub fn octaves(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        let parts = 1 << FINE_BITS;
        let bound = move |octave: usize| Duration::from_nanos(end_ns((octave + 1) * parts - 1, FINE_BITS));
        self.0.chunks(parts).enumerate().scan(0, move |sum, (octave, counts)| {
            *sum += counts.iter().sum::<u64>();
            Some((bound(octave), *sum))
        })
    }
}

/// As if those in a bucket were spread over it evenly.
fn within(counts: impl Iterator<Item = u64> + Clone, bits: u32, share: f64) -> f64 {
    let all: u64 = counts.clone().sum();
    let wanted = all as f64 * share;
    let mut seen = 0;
    let ns = counts.enumerate().find_map(|(at, count)| {
        let before = seen;
        seen += count;
        let begin = if at == 0 { 0.0 } else { end_ns(at - 1, bits) as f64 };
        let place = (wanted - before as f64) / count as f64;
        (count > 0 && seen as f64 >= wanted).then(|| begin + (end_ns(at, bits) as f64 - begin) * place)
    });
    ns.unwrap_or(0.0) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(within_us: impl Fn(f64) -> f64, error: f64) {
        for (share, exact) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1_000.0)] {
            let said = within_us(share);
            assert!((said / exact - 1.0).abs() <= error, "{share}: {said}");
        }
    }

    #[test]
    fn percentiles_are_right_to_the_width_of_a_bucket() {
        let (rough, fine) = (Rough::default(), Fine::default());
        (1..=1_000).map(Duration::from_micros).for_each(|took| {
            rough.add(took);
            fine.add(took);
        });
        let mut all = Latencies::default();
        fine.add_to(&mut all);
        check(|share| rough.within_us(share), 0.25);
        check(|share| all.within_us(share), 0.04);
        assert_eq!(all.count(), 1_000);
        assert_eq!(all.since(&all).within_us(0.99), 0.0);
    }

    #[test]
    fn every_duration_lies_in_a_bucket_that_ends_after_it() {
        for (bits, buckets) in [(ROUGH_BITS, ROUGH_BUCKETS), (FINE_BITS, FINE_BUCKETS)] {
            for ns in [0, 255, 256, 257, 319, 320, 1_000, 123_456_789, u64::MAX] {
                let bucket = bucket(Duration::from_nanos(ns), bits, buckets);
                assert!(ns < end_ns(bucket, bits) || bucket == buckets - 1, "{ns}");
                assert!(bucket == 0 || ns >= end_ns(bucket - 1, bits), "{ns}");
            }
        }
    }

    #[test]
    fn octaves_sum_up_to_all() {
        let fine = Fine::default();
        [1, 3, 70, 5_000_000].map(Duration::from_micros).iter().for_each(|&took| fine.add(took));
        let mut all = Latencies::default();
        fine.add_to(&mut all);
        let octaves: Vec<_> = all.octaves().collect();
        assert_eq!(octaves[0], (Duration::from_nanos(512), 0));
        assert_eq!(octaves[1], (Duration::from_nanos(1_024), 1));
        assert_eq!(octaves.last().unwrap().1, 4);
    }
}
