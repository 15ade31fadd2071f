//! What leaves while the journal is broken is known to the next host; and where the keeper is broken as well, nobody is stuck, and
//! nobody is told that it was kept.

use crate::support::*;
use domain::account::WindDown;
use domain::contract::{Side, TradingState};
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::{AccountId, EngineId, OrderId};
use domain::journal::{Entry, Journal, JournalError, Line};
use domain::keeper::{InMemory, Keeper, Kept, NotKept, Note, Scope};
use engine::{Bounds, Left};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A keeper whose disk fails, or does not answer.
#[derive(Default)]
struct Disk {
    kept: InMemory,
    fails: AtomicBool,
    hangs: Mutex<bool>,
    answers: Condvar,
}

impl Disk {
    fn hang(&self, hangs: bool) {
        *self.hangs.lock().unwrap() = hangs;
        self.answers.notify_all();
    }

    fn works(&self) -> Result<(), NotKept> {
        let hangs = self.hangs.lock().unwrap();
        drop(self.answers.wait_timeout_while(hangs, PATIENCE, |hangs| *hangs).unwrap());
        if self.fails.load(Ordering::SeqCst) { Err(NotKept("input/output error".into())) } else { Ok(()) }
    }
}

impl Keeper for Disk {
    fn note(&self, note: Note) -> Result<(), NotKept> {
        self.kept.note(note)?;
        self.works()
    }

    fn sync(&self) -> Result<(), NotKept> {
        self.works()
    }

    fn kept(&self) -> Kept {
        self.kept.kept()
    }
}

/// Buys at its first tick.
fn buys_once(desk: &mut Desk, call: &Call<'_>, mind: &mut Mind) -> Option<Outcome> {
    if let Call::Tick { .. } = call {
        mind.number += 1;
        if mind.number == 1 {
            _ = desk.submit(market(Side::Buy));
        }
    }
    None
}

fn bounds() -> Bounds {
    Bounds { shards: 1, journal_answer_ms: 50, ..Bounds::default() }
}

/// A host with a position on each of two accounts, whose journal has just broken.
fn broken(disk: &Arc<Disk>) -> World {
    let world = World::kept_by(bounds(), Arc::clone(disk) as _);
    for (engine, account) in [(7, 1), (8, 2)] {
        world.account(account);
        world.run(engine, account, buys_once);
    }
    world.feed_seconds(1, 1);
    world.settle();
    world.records.fail(true);
    world
}

const FLATTEN: WindDown = WindDown { engine: None, cancel_orders: true, flatten: true };

#[test]
fn closes_that_the_journal_never_took_are_written_by_the_next_host_before_anything_else() {
    let disk = Arc::<Disk>::default();
    let world = broken(&disk);
    world.host.set_trading(Scope::Host, TradingState::Halted, "by test").unwrap();
    assert_eq!(world.host.wind_down(Scope::Host, FLATTEN).unwrap().closes, 2);
    world.settle();
    assert_eq!(world.host.stop(), Some(Left { owed: 6, kept: true }), "two closes, each accepted and filled");
    let kept = disk.kept();
    assert_eq!((kept.owed.len(), kept.trading(Scope::Host)), (6, TradingState::Halted));
    assert!(matches!(&kept.owed[0], Line::Command(command) if command.account == AccountId(1)), "{:?}", kept.owed[0]);

    let next = World::kept_by(bounds(), Arc::clone(&disk) as _);
    assert_eq!(next.host.trading(), TradingState::Halted, "the stricter of both holds");
    assert_eq!(next.host.pay().unwrap(), 6);
    assert_eq!(next.records.lines().len(), 6);
    assert_eq!(next.host.stop(), Some(Left { owed: 0, kept: true }));
    assert!(disk.kept().owed.is_empty(), "what is paid is forgotten");
}

#[test]
fn a_host_whose_journal_refuses_what_is_owed_does_not_begin() {
    let disk = Arc::<Disk>::default();
    let world = broken(&disk);
    world.host.wind_down(Scope::Host, FLATTEN).unwrap();
    world.host.stop();
    let next = World::kept_by(bounds(), Arc::clone(&disk) as _);
    next.records.fail(true);
    let why = next.host.pay().unwrap_err().to_string();
    assert!(why.contains("no space left on device"), "{why}");
    assert_eq!(disk.kept().owed.len(), 6, "it is there for the next try");
}

#[test]
fn where_the_keeper_fails_as_well_closes_leave_and_everybody_is_told() {
    let disk = Arc::<Disk>::default();
    let world = broken(&disk);
    disk.fails.store(true, Ordering::SeqCst);
    let halted = world.host.set_trading(Scope::Host, TradingState::Halted, "by test").unwrap();
    assert_eq!(world.host.trading(), TradingState::Halted, "it holds at once");
    assert_eq!(halted.wait(PATIENCE), Err(NotKept("input/output error".into())));
    assert_eq!(world.host.wind_down(Scope::Host, FLATTEN).unwrap().closes, 2);
    world.settle();
    assert_eq!(world.told.alarms().iter().filter(|code| **code == "owed-not-kept").count(), 1, "once: {:?}", world.told.alarms());
    assert_eq!(world.broker.submitted().len(), 4);
    assert_eq!(world.host.stop(), Some(Left { owed: 6, kept: false }));
}

#[test]
fn where_the_keeper_hangs_a_kill_switch_does_not_and_a_stop_ends() {
    let disk = Arc::<Disk>::default();
    let world = broken(&disk);
    disk.hang(true);
    let since = Instant::now();
    let halted = world.host.set_trading(Scope::Host, TradingState::Halted, "by test").unwrap();
    assert_eq!(world.host.wind_down(Scope::Host, FLATTEN).unwrap().closes, 2);
    assert!(since.elapsed() < PATIENCE / 2, "{:?}", since.elapsed());
    assert!(halted.wait(Duration::from_millis(20)).is_err(), "nobody is told that it was kept");
    let deadline = Duration::from_secs(5);
    let since = Instant::now();
    assert_eq!(world.host.stop_by(Instant::now() + deadline).map(Left::is_safe), Some(false));
    assert!(since.elapsed() < PATIENCE / 2, "{:?}", since.elapsed());
    disk.hang(false);
}

/// Notes how many lines it is given at once; takes none, or says nothing.
#[derive(Default)]
struct Parts {
    given: Mutex<Vec<usize>>,
    fails: AtomicBool,
    is_late: AtomicBool,
}

struct InParts(Arc<Parts>);

impl Journal for InParts {
    fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError> {
        if self.0.fails.load(Ordering::SeqCst) {
            return Err(JournalError::Disk("no space left on device".into()));
        }
        self.0.given.lock().unwrap().push(entries.len());
        if self.0.is_late.load(Ordering::SeqCst) { Err(JournalError::Unanswered("told to".into())) } else { Ok(()) }
    }
}

#[test]
fn a_late_journal_has_less_to_do_at_each_try_and_more_when_it_is_in_time() {
    use domain::broker::{Happened, Report};
    let parts = Arc::<Parts>::default();
    let keeper = Arc::new(InMemory::default());
    let report = |number| {
        let order = Some(OrderId::new(EngineId(7), number));
        Line::Report(Report { account: AccountId(1), order, at: domain::time::Time(1), happened: Happened::Canceled })
    };
    keeper.note(Note::Owed((1..=1_000).map(report).collect())).unwrap();
    let mut host = crate::simulation::stepped(Box::new(InParts(Arc::clone(&parts))), keeper.clone());
    assert_eq!(host.pay().unwrap(), 1_000);
    assert_eq!(*parts.given.lock().unwrap(), [64, 128, 256, 512, 40]);
    assert!(keeper.kept().owed.is_empty());

    parts.given.lock().unwrap().clear();
    parts.is_late.store(true, Ordering::SeqCst);
    keeper.note(Note::Owed((1..=1_000).map(report).collect())).unwrap();
    let mut host = crate::simulation::stepped(Box::new(InParts(Arc::clone(&parts))), keeper);
    assert_eq!(host.settle_up(), Left { owed: 1_000, kept: true });
    assert_eq!(host.settle_up(), Left { owed: 1_000, kept: true });
    assert_eq!(*parts.given.lock().unwrap(), [64, 64], "no more than it could not do before");
}
