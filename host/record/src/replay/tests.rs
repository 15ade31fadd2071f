//! What is the same and what is not.

use super::*;
use crate::{Recorder, Retention};
use domain::guest::{Outcome, Reply, Used};
use domain::ids::EngineId;
use domain::limits::GuestLimits;
use domain::symbol::{SymbolTable, common};
use domain::tape::{Beginning, Heard};

/// What a guest does when its timer is due.
type Acts = fn(&mut ReplayHost) -> Outcome;

struct Scripted {
    host: ReplayHost,
    acts: Acts,
}

impl Guest<ReplayHost> for Scripted {
    fn host(&mut self) -> &mut ReplayHost {
        &mut self.host
    }

    fn call(&mut self, _: Call<'_>) -> Outcome {
        (self.acts)(&mut self.host)
    }

    fn used(&self) -> Used {
        Used::default()
    }
}

const DONE: Outcome = Outcome::Decided(Reply::Done);

/// Its timer was due, it asked for a cancel, and its call ended with `fault`. This time it does as `acts` says: how its life ended,
/// or where it differs.
fn again(fault: FaultKind, acts: Acts) -> Result<String, String> {
    let (engine, version, limits) = (EngineId(1), Digest([0; 32]), GuestLimits::default());
    let beginning = Beginning { engine, version, table: Vec::new(), symbols: Vec::new(), seed: 1, limits };
    let entries = vec![
        Entry::Called { at: Time(1), call: Heard::Timer(1) },
        Entry::Asked(Asked::Cancel { id: 7, answer: Err(DenyCode::Invalid) }),
        Entry::Failed(Fault { kind: fault, message: "then".into() }),
    ];
    let life = Life { run: 1, beginning, entries };
    let guest = Box::new(Scripted { host: ReplayHost::default(), acts });
    let all = (Time(i64::MIN), Time(i64::MAX));
    let replayed = replay(Path::new("none"), &life, guest, all, |_, _| ()).expect("there are no ticks to miss");
    match (replayed.ended, replayed.difference) {
        (Some(ended), None) => Ok(ended),
        (None, Some(difference)) => Err(difference.to_string()),
        other => panic!("it ends in one way: {other:?}"),
    }
}

fn cancels(host: &mut ReplayHost, id: u64) {
    _ = host.cancel(id);
}

/// As it was recorded, and then its call returns.
const RETURNS: Acts = |host| {
    cancels(host, 7);
    DONE
};
const ASKS_MORE: Acts = |host| {
    cancels(host, 7);
    cancels(host, 8);
    DONE
};
const RUNS_OUT_OF_MEMORY: Acts = |host| {
    cancels(host, 7);
    Outcome::OutOfMemory("now".into())
};
const ASKS_FOR_ANOTHER: Acts = |host| {
    cancels(host, 8);
    DONE
};
const ASKS_LESS: Acts = |_| DONE;
const FAILS_BEFORE_IT_ASKS: Acts = |_| Outcome::OutOfMemory("now".into());

#[test]
fn what_was_not_its_own_end_is_the_same_whatever_it_goes_on_to_do() {
    for cut_off in [FaultKind::DeadlineExceeded, FaultKind::OverQuota] {
        for acts in [RETURNS, ASKS_MORE, RUNS_OUT_OF_MEMORY] {
            assert_eq!(again(cut_off, acts), Ok(format!("{cut_off}: then")));
        }
    }
}

#[test]
fn what_it_asked_before_its_end_must_be_the_same_whatever_ended_it() {
    for &fault in FaultKind::ALL {
        for (acts, now) in
            [(ASKS_LESS, "now nothing more"), (ASKS_FOR_ANOTHER, "now Cancel { id: 8 }"), (FAILS_BEFORE_IT_ASKS, "now out-of-memory: now")]
        {
            let difference = again(fault, acts).expect_err("it asked otherwise");
            assert!(difference.contains("recorded Cancel { id: 7") && difference.contains(now), "{fault}: {difference}");
        }
    }
}

#[test]
fn its_own_end_must_come_again_and_a_flood_is_ended_by_its_host() {
    assert_eq!(again(FaultKind::OutOfMemory, RUNS_OUT_OF_MEMORY), Ok("out-of-memory: then".into()));
    assert_eq!(again(FaultKind::Flooding, RETURNS), Ok("flooding: then".into()));
    for (fault, acts, words) in [
        (FaultKind::OutOfMemory, RETURNS, "recorded out-of-memory: then, now no fault"),
        (FaultKind::OutOfFuel, RUNS_OUT_OF_MEMORY, "recorded out-of-fuel: then, now out-of-memory: now"),
        (FaultKind::OutOfMemory, ASKS_MORE, "recorded nothing more, now Cancel { id: 8 }"),
        (FaultKind::Flooding, ASKS_MORE, "recorded nothing more, now Cancel { id: 8 }"),
        (FaultKind::Flooding, RUNS_OUT_OF_MEMORY, "recorded flooding: then, now out-of-memory: now"),
    ] {
        let difference = again(fault, acts).expect_err(words);
        assert!(difference.ends_with(words), "{difference}");
    }
}

/// Waits for a bid at this price from its timer on.
const WAITS: fn(f64) -> Wake = |bid_at_least| Wake { at: Time(i64::MAX), bid_at_least, ..Wake::EVERY_TICK };
const WAITS_FOR_14: Acts = |host| {
    _ = host.set_wake(0, WAITS(1.4));
    // What is no news is not recorded.
    _ = host.set_wake(0, WAITS(1.4));
    DONE
};
const WAITS_FOR_15: Acts = |host| {
    _ = host.set_wake(0, WAITS(1.5));
    DONE
};

/// A record of one symbol's ticks with these bids, numbered from 1 on, and what a life over them begins with.
fn market(bids: &[f64]) -> (tempfile::TempDir, Beginning) {
    let folder = tempfile::tempdir().expect("a folder");
    let table = vec![common::forex("EUR", "USD")];
    let known = SymbolTable::new(table.clone()).expect("one symbol");
    let retention = Retention { engine_bytes_max: 1 << 20, tick_bytes_max: 1 << 20 };
    let mut recorder = Recorder::new(folder.path(), 1, known, retention).expect("a folder");
    let tick = |(sequence, &bid): (u64, &f64)| Tick {
        time: Time(sequence as i64),
        sequence,
        bid,
        ask: bid,
        last: 0.0,
        volume: 0.0,
        symbol: SymbolId(0),
        flags: 0,
    };
    recorder.ticks(&(1..).zip(bids).map(tick).collect::<Vec<_>>()).expect("it is written");
    let beginning = Beginning {
        engine: EngineId(1),
        version: Digest([0; 32]),
        table,
        symbols: vec![SymbolId(0)],
        seed: 1,
        limits: GuestLimits::default(),
    };
    (folder, beginning)
}

/// It is recorded that it waited for a bid of 1.4, and that ticks with bids of 1.3 and `bid` went by.
fn gone_by(bid: f64, acts: Acts) -> Option<String> {
    let (folder, beginning) = market(&[1.3, bid]);
    let entries = vec![
        Entry::Called { at: Time(0), call: Heard::Timer(1) },
        Entry::Asked(Asked::SetWake { symbol: 0, wake: WAITS(1.4) }),
        Entry::Passed { symbol: 0, first: 1, count: 2 },
    ];
    let life = Life { run: 1, beginning, entries };
    let guest = Box::new(Scripted { host: ReplayHost::default(), acts });
    let all = (Time(i64::MIN), Time(i64::MAX));
    let replayed = replay(folder.path(), &life, guest, all, |_, _| ()).expect("the ticks are there");
    assert_eq!((replayed.ticks, replayed.calls), (0, 1), "what went by is not handed over");
    replayed.difference.map(|difference| difference.to_string())
}

#[test]
fn what_went_by_must_not_have_been_waited_for() {
    assert_eq!(gone_by(1.3999, WAITS_FOR_14), None);
    let waited = gone_by(1.4, WAITS_FOR_14).expect("the second tick is waited for");
    assert!(waited.contains("tick 2 (1.4/1.4): recorded a tick that nobody waited for, now it is waited for"), "{waited}");
    let other = gone_by(1.3, WAITS_FOR_15).expect("it waits for another price");
    assert!(other.contains("recorded SetWake") && other.contains("bid_at_least: 1.5"), "{other}");
}

/// Asks for a cancel at one tick and traps at another, after that where it is the same.
struct Traps {
    host: ReplayHost,
    asks_at: Option<u64>,
    traps_at: Option<u64>,
}

impl Guest<ReplayHost> for Traps {
    fn host(&mut self) -> &mut ReplayHost {
        &mut self.host
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        let Call::Tick { tick, .. } = call else { return DONE };
        if self.asks_at == Some(tick.sequence) {
            cancels(&mut self.host, 7);
        }
        if self.traps_at == Some(tick.sequence) { Outcome::Trapped("now".into()) } else { DONE }
    }

    fn used(&self) -> Used {
        Used::default()
    }
}

const FAULT_IN_A_BATCH: &str = "trapped: then\n  at on-ticks";

/// Entries of a life over twenty ticks, done again by a guest that asks at the third if it did so then, and traps at `traps_at`: at
/// which tick its life ended as is recorded, or where it differs.
fn trapped(entries: &[Entry], traps_at: Option<u64>) -> Result<u64, String> {
    let (folder, beginning) = market(&[1.3; 20]);
    let asks_at = entries.iter().any(|entry| matches!(entry, Entry::Asked(_))).then_some(3);
    let life = Life { run: 1, beginning, entries: entries.to_vec() };
    let guest = Box::new(Traps { host: ReplayHost::default(), asks_at, traps_at });
    let all = (Time(i64::MIN), Time(i64::MAX));
    let replayed = replay(folder.path(), &life, guest, all, |_, _| ()).expect("the ticks are there");
    match (replayed.ended, replayed.difference) {
        (Some(ended), None) => {
            assert_eq!(ended, FAULT_IN_A_BATCH);
            Ok(replayed.ticks)
        }
        (None, Some(difference)) => Err(difference.to_string()),
        other => panic!("it ends in one way: {other:?}"),
    }
}

fn range(first: u64, count: u32) -> Entry {
    Entry::Ticks { symbol: 0, first, count, skipped: 0 }
}

fn fault_in_a_batch() -> Entry {
    Entry::Failed(Fault { kind: FaultKind::Trapped, message: "then\n  at on-ticks".into() })
}

#[test]
fn a_batch_that_failed_fails_again_at_any_of_its_rows_and_at_no_tick_before_it() {
    // A batch from the fifth tick on; of another it is known that it came to its third row, where it asked for something.
    let nothing_asked = vec![range(1, 4), range(5, 1), fault_in_a_batch(), range(6, 15)];
    let asked = Entry::Asked(Asked::Cancel { id: 7, answer: Err(DenyCode::Invalid) });
    let asked = vec![range(1, 3), asked, fault_in_a_batch(), range(4, 17)];
    for (entries, begins) in [(nothing_asked, 5), (asked, 3)] {
        for tick in [begins, begins + 1, 12, 20] {
            assert_eq!(trapped(&entries, Some(tick)), Ok(tick), "{entries:?}");
        }
        let early = trapped(&entries, Some(begins - 1)).expect_err("that tick was handled");
        assert!(early.contains(&format!("tick {} ", begins - 1)) && early.ends_with("recorded no fault, now trapped: now"), "{early}");
        let never = trapped(&entries, None).expect_err("it must fail");
        assert!(never.contains("tick 20 ") && never.ends_with(&format!("recorded {FAULT_IN_A_BATCH}, now no fault")), "{never}");
    }
}

#[test]
fn a_batch_whose_rows_are_recorded_in_one_range_with_those_before_may_fail_at_any_of_them() {
    let entries = [range(1, 20), fault_in_a_batch()];
    assert_eq!([3, 20].map(|tick| trapped(&entries, Some(tick))), [Ok(3), Ok(20)]);
    assert!(trapped(&entries, None).is_err());
}

#[test]
fn a_tick_that_failed_by_itself_fails_again_at_no_other() {
    let entries = [range(1, 19), range(20, 1), fault_in_a_batch()];
    assert_eq!(trapped(&entries, Some(20)), Ok(20));
    assert!(trapped(&entries, Some(19)).is_err() && trapped(&entries, None).is_err());
}

#[test]
fn a_batch_whose_last_rows_are_left_out_of_the_record_is_done_again_up_to_there() {
    let entries = [range(1, 5), fault_in_a_batch(), Entry::Gap];
    assert_eq!(trapped(&entries, None), Ok(5));
}

#[test]
fn what_only_a_batch_can_break_is_none_tick_by_tick() {
    let fault = |kind, message: &str| Entry::Failed(Fault { kind, message: message.into() });
    for ended in [
        fault(FaultKind::OutOfFuel, "did too much\n  at on-ticks"),
        fault(FaultKind::Trapped, "contract broken: on-ticks handled 0 of 20 rows"),
        fault(FaultKind::Trapped, "contract broken: market.at(2) after row 3 of 20"),
    ] {
        let (folder, beginning) = market(&[1.3; 20]);
        let life = Life { run: 1, beginning, entries: vec![range(1, 1), ended, range(2, 19)] };
        let guest = Box::new(Traps { host: ReplayHost::default(), asks_at: None, traps_at: None });
        let replayed = replay(folder.path(), &life, guest, (Time(i64::MIN), Time(i64::MAX)), |_, _| ()).expect("the ticks are there");
        assert!(replayed.difference.is_none() && replayed.ended.is_some() && replayed.ticks == 20, "{replayed:?}");
    }
}
