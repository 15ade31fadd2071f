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

/// Waits for a bid of so much from its timer on.
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

/// It is recorded that it waited for a bid of 1.4, and that ticks with bids of 1.3 and `bid` went by.
fn gone_by(bid: f64, acts: Acts) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let table = vec![common::forex("EUR", "USD")];
    let known = SymbolTable::new(table.clone()).expect("one symbol");
    let retention = Retention { engine_bytes_max: 1 << 20, tick_bytes_max: 1 << 20 };
    let mut recorder = Recorder::new(folder.path(), 1, known, retention).expect("a folder");
    let tick = |(sequence, bid): (u64, f64)| Tick {
        time: Time(sequence as i64),
        sequence,
        bid,
        ask: bid,
        last: 0.0,
        volume: 0.0,
        symbol: SymbolId(0),
        flags: 0,
    };
    recorder.ticks(&[(1, 1.3), (2, bid)].map(tick)).expect("it is written");
    let beginning = Beginning {
        engine: EngineId(1),
        version: Digest([0; 32]),
        table,
        symbols: vec![SymbolId(0)],
        seed: 1,
        limits: GuestLimits::default(),
    };
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
