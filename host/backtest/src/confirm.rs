//! Whether a strategy decides without the ticks that follow.
//!
//! A batch is handed over in columns, and its later rows lie in the guest's memory while it handles the earlier ones: that is
//! what makes a run fast, and a component could look at them. So what a run found counts once another has confirmed it: the
//! same run with other batches, in which the guest must decide the same.
//!
//! - A batch ends with every row at which the guest asked for something the first time. So every order of a run that is
//!   confirmed was asked for by a guest that had never been handed a later row.
//! - Other batches are short and end at rows that are drawn anew. A guest that kept still at a row because of what follows is
//!   handed such a row as the last one sooner or later, and then has no reason to.
//!
//! The guest can't tell the two kinds of ends apart: what is drawn follows from everything it decided the first time. What is
//! left is keeping still so rarely that chance misses it; a run [tick by tick](crate::Batching::TickByTick) misses nothing.

use crate::compare::decisions::{Line, write};
use crate::compare::diff::{FirstDifference, diff};
use crate::report::RunReport;
use crate::run::Batching;
use domain::desk::Witness;
use domain::ids::Digest;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows of a batch that is cut anew, at most; half as many on average.
const DRAWN_MAX: u64 = 128;
/// Bytes of decisions that are looked through for the first difference, of each run: some hundred thousand orders.
const COMPARED_BYTES_MAX: usize = 64 << 20;

/// At which ticks of a run its guest asked for something in the middle of a batch, a bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acted {
    words: Vec<u64>,
}

impl Acted {
    /// The guest asked for something at the run's tick number `tick`, counted from 0.
    pub(crate) fn note(&mut self, tick: u64) {
        let word = (tick / 64) as usize;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (tick % 64);
    }

    /// The first such tick within `rows` of `tick`.
    fn within(&self, tick: u64, rows: usize) -> Option<u64> {
        let end = tick + rows as u64;
        let first = (tick / 64) as usize;
        let mut words = self.words.iter().enumerate().skip(first).take_while(|(at, _)| (*at as u64) * 64 < end);
        let bits = |at: usize, word: u64| if at == first { word & (u64::MAX << (tick % 64)) } else { word };
        let (at, word) = words.find(|&(at, &word)| bits(at, word) != 0)?;
        Some(at as u64 * 64 + u64::from(bits(at, *word).trailing_zeros())).filter(|&found| found < end)
    }
}

/// Where the batches of a run end that is to confirm another.
#[derive(Debug)]
pub struct Cuts {
    acted: Acted,
    seed: u64,
}

impl Cuts {
    /// To confirm `report`.
    pub fn of(report: &RunReport) -> Self {
        let Digest(hash) = report.decisions.digest();
        let seed = u64::from_le_bytes(hash[..8].try_into().expect("a hash has 32 bytes"));
        Self { acted: report.acted.clone(), seed }
    }

    /// How many rows the batch may have that begins with the run's tick number `tick`.
    pub(crate) fn rows(&self, tick: u64) -> usize {
        // SplitMix64: one number for each tick, whatever was drawn before.
        let mut drawn = self.seed.wrapping_add(tick.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let rows = 1 + ((drawn ^ (drawn >> 31)) % DRAWN_MAX) as usize;
        self.acted.within(tick, rows).map_or(rows, |acted| (acted - tick) as usize + 1)
    }
}

/// A strategy that decides otherwise when a batch ends elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadsAhead {
    /// Where the run and its confirmation part; `None` beyond what is looked through.
    pub first: Option<FirstDifference>,
}

impl fmt::Display for ReadsAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it reads ahead: it decides otherwise when it is not handed the ticks that follow")?;
        let Some(first) = &self.first else { return write!(f, ", though not among its first decisions") };
        let [with, without] = first.decisions.each_ref().map(|words| words.as_deref().unwrap_or("nothing more"));
        write!(f, ". At {} the two runs part: with later ticks at hand \"{with}\", without \"{without}\"", first.at)
    }
}

/// Runs again with batches cut elsewhere and compares what is decided. `again` runs the same with other batches, and for a
/// witness. Gives the number of calls of the confirming run.
///
/// # Errors
/// A run fails. That the strategy decides otherwise is the inner error.
pub fn confirm<E>(
    report: &RunReport,
    again: impl FnMut(Batching, Option<Witness>) -> Result<RunReport, E>,
) -> Result<Result<u64, ReadsAhead>, E> {
    compare(report, &Batching::Cut(Arc::new(Cuts::of(report))), again)
}

/// The same with batches of the caller's choice.
///
/// # Errors
/// As [`confirm`].
pub fn compare<E>(
    report: &RunReport,
    batches: &Batching,
    mut again: impl FnMut(Batching, Option<Witness>) -> Result<RunReport, E>,
) -> Result<Result<u64, ReadsAhead>, E> {
    let other = again(batches.clone(), None)?;
    if other.decisions.digest() == report.decisions.digest() {
        return Ok(Ok(other.calls));
    }
    let mut decided = |batching| {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let witness = {
            let lines = Arc::clone(&lines);
            Arc::new(move |decision| {
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                if lines.len() < COMPARED_BYTES_MAX {
                    write(&mut *lines, &Line::from(decision)).expect("memory takes everything");
                }
            })
        };
        again(batching, Some(witness))?;
        Ok(std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner)))
    };
    let (with, without) = (decided(Batching::Horizon)?, decided(batches.clone())?);
    let found = diff(&with[..], &without[..]).expect("these lines were written here");
    Ok(Err(ReadsAhead { first: found.first }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_ends_with_the_first_tick_at_which_something_was_asked_for() {
        let mut acted = Acted::default();
        [5, 63, 64, 700].into_iter().for_each(|tick| acted.note(tick));
        for (tick, rows, expected) in [
            (0, 5, None),
            (0, 6, Some(5)),
            (5, 1, Some(5)),
            (6, 57, None),
            (6, 58, Some(63)),
            (64, 1, Some(64)),
            (65, 636, Some(700)),
            (65, 635, None),
            (701, 10_000, None),
        ] {
            assert_eq!(acted.within(tick, rows), expected, "{rows} rows from {tick}");
        }
    }

    #[test]
    fn cuts_are_drawn_from_the_whole_range_and_the_same_each_time() {
        let cuts = Cuts { acted: Acted::default(), seed: 7 };
        let rows: Vec<usize> = (0..10_000).map(|tick| cuts.rows(tick)).collect();
        assert_eq!((rows.iter().min(), rows.iter().max()), (Some(&1), Some(&(DRAWN_MAX as usize))));
        assert_eq!(rows, (0..10_000).map(|tick| cuts.rows(tick)).collect::<Vec<_>>());
        let other = Cuts { acted: Acted::default(), seed: 8 };
        assert!((0..100).any(|tick| other.rows(tick) != cuts.rows(tick)));
    }
}
