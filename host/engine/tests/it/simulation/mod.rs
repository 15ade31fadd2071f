//! The whole path from a tick to the broker and back, moved by a seed on one thread: clock, journal, broker and guests follow it,
//! and so does every fault. A seed and the commit repeat a run to the letter.
//!
//! `SIMULATE_SEEDS=10000 SIMULATE_FROM=1 cargo test --workspace --test it simulat` runs more of them.

mod disk;
mod exchange;
mod run;

pub use run::Dice;
use run::Run;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Seeds in the usual tests.
const SEEDS: u64 = 200;
/// Of many seeds it is told how far they are.
const TOLD_EVERY: u64 = 1_000;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

/// A host that stands still, over this journal and keeper.
pub fn stepped(journal: Box<dyn domain::journal::Journal>, keeper: std::sync::Arc<dyn domain::keeper::Keeper>) -> engine::Stepped {
    run::stepped(journal, keeper)
}

/// A run to its end; a panic in it has broken an invariant, too.
fn finished(seed: u64) -> Result<run::Sums, String> {
    let ended = catch_unwind(AssertUnwindSafe(|| Run::new(seed).finish()));
    ended.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        Err(format!("it panicked: {}", text.unwrap_or_default()))
    })
}

#[test]
fn no_order_is_lost_doubled_or_unchecked_whatever_fails_when() {
    let (from, seeds) = (number("SIMULATE_FROM", 1), number("SIMULATE_SEEDS", SEEDS));
    let mut sums = run::Sums::default();
    let mut wrong = Vec::new();
    for seed in from..from + seeds {
        match finished(seed) {
            Ok(sum) => sums.add(&sum),
            Err(why) => {
                println!("seed {seed}: {why}");
                wrong.push(format!("seed {seed}: {why}"));
            }
        }
        let done = seed - from + 1;
        if done.is_multiple_of(TOLD_EVERY) {
            println!("{done} of {seeds} seeds done, {} of them broke an invariant", wrong.len());
        }
    }
    println!("{seeds} seeds from {from}: {sums:?}");
    assert!(wrong.is_empty(), "{} of {seeds} seeds broke an invariant:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
    // Faults that never happen prove nothing.
    assert!(
        sums.crashes >= seeds / 3
            && sums.crashes_owing > seeds / 50
            && sums.owed > seeds
            && sums.stops > seeds
            && sums.stops_owing > seeds / 50
            && sums.paid > seeds / 10
            && sums.landed_late > seeds / 5
            && sums.unanswered > 0
            && sums.orders > 5 * seeds
            && sums.deals > 3 * seeds
            && sums.nights > seeds,
        "{sums:?}"
    );
}

#[test]
fn a_seed_repeats_itself_to_the_letter() {
    let sums = || format!("{:?}", Run::new(7).finish());
    assert_eq!(sums(), sums());
}
