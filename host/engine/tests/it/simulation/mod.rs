//! The whole path from a tick to the broker and back, moved by a seed on one thread: clock, journal, broker and guests follow it,
//! and so does every fault. A seed and the commit repeat a run to the letter.
//!
//! `SIMULATE_SEEDS=10000 SIMULATE_FROM=1 cargo test --workspace --test it simulat` runs more of them.

mod disk;
mod exchange;
mod run;

use run::Run;

/// Seeds in the usual tests.
const SEEDS: u64 = 200;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

#[test]
fn no_order_is_lost_doubled_or_unchecked_whatever_fails_when() {
    let (from, seeds) = (number("SIMULATE_FROM", 1), number("SIMULATE_SEEDS", SEEDS));
    let mut sums = run::Sums::default();
    let mut wrong = Vec::new();
    for seed in from..from + seeds {
        match Run::new(seed).finish() {
            Ok(sum) => sums.add(&sum),
            Err(why) => wrong.push(format!("seed {seed}: {why}")),
        }
    }
    println!("{seeds} seeds from {from}: {sums:?}");
    assert!(wrong.is_empty(), "{} of {seeds} seeds broke an invariant:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
    // Faults that never happen prove nothing.
    assert!(sums.crashes >= seeds / 3 && sums.unanswered > 0 && sums.orders > 5 * seeds && sums.deals > 3 * seeds, "{sums:?}");
}

#[test]
fn a_seed_repeats_itself_to_the_letter() {
    let sums = || format!("{:?}", Run::new(7).finish());
    assert_eq!(sums(), sums());
}
