//! A journal that takes a write and does not answer: ways out go out without it, nothing else does, and what it has taken in the
//! end is neither sent nor written again.

use crate::support::*;
use domain::account::WindDown;
use domain::contract::{Side, TradingState};
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::time::SECOND_US;
use engine::{Bounds, Scope};

/// Buys at every tick.
fn buys(desk: &mut Desk, call: &Call<'_>, _: &mut Mind) -> Option<Outcome> {
    if let Call::Tick { .. } = call {
        let _unheeded = desk.submit(market(Side::Buy));
    }
    None
}

/// Buys at its first tick, and closes at its second.
fn buys_then_closes(desk: &mut Desk, call: &Call<'_>, mind: &mut Mind) -> Option<Outcome> {
    if let Call::Tick { .. } = call {
        mind.number += 1;
        match mind.number {
            1 => drop(desk.submit(market(Side::Buy))),
            2 => drop(desk.positions().first().map(|position| desk.close(position.id, None))),
            _ => {}
        }
    }
    None
}

/// A host that does not wait long for its journal.
fn world() -> World {
    World::with(Bounds { shards: 1, journal_answer_ms: 20, ..Bounds::default() })
}

fn tick_at(world: &World, s: i64) {
    world.feed_seconds(s, 1);
    world.settle();
}

/// Time goes on until the host has heard that its journal works again.
fn journal_works_again(world: &World) {
    eventually(|| {
        world.clock.forward(SECOND_US);
        world.host.wake();
        world.settle();
        world.told.alarms().contains(&"journal-works-again")
    });
}

#[test]
fn a_kill_switch_does_not_wait_for_a_journal_that_hangs() {
    let world = world();
    for (engine, account) in [(7, 1), (8, 2)] {
        world.account(account);
        world.run(engine, account, buys);
    }
    tick_at(&world, 1);
    let written = world.records.lines().len();
    world.records.hang();
    world.host.set_trading(Scope::Host, TradingState::Halted, "kill switch").unwrap();
    let what = WindDown { engine: None, cancel_orders: true, flatten: true };
    assert_eq!(world.host.wind_down(Scope::Host, what).unwrap().closes, 2);
    world.settle();
    assert_eq!((world.broker.submitted().len(), world.records.lines().len()), (4, written), "the closes are sent and not written");
    assert!(world.host.accounts().iter().all(|id| world.host.account(*id).unwrap().lock().unwrap().ledger.positions.is_empty()));
    assert_eq!(world.told.alarms(), ["journal-late"]);

    world.records.answer();
    journal_works_again(&world);
    let words = ["command place", "command place", "report accepted", "report deal", "report accepted", "report deal"];
    let kinds: Vec<String> = world.records.lines()[written..].iter().map(|line| without_name(line)).collect();
    assert_eq!(kinds, words, "once each: the journal took the closes though it was given up");
    assert_eq!((world.told.alarms(), world.broker.submitted().len()), (vec!["journal-late", "journal-works-again"], 4));
}

/// `command 7-1 place` without the order's name.
fn without_name(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    format!("{} {}", words[0], words[2])
}

#[test]
fn an_opening_that_a_journal_takes_too_late_is_never_sent_and_is_taken_back_there() {
    let world = world();
    world.account(1);
    world.run(7, 1, buys);
    world.records.hang();
    tick_at(&world, 1);
    tick_at(&world, 2);
    assert_eq!(world.heard.of(7, "order"), ["order 1 rejected(10006)", "order 2 rejected(10006)"], "its engine does not wait");
    assert_eq!((world.broker.submitted().len(), world.host.trading()), (0, TradingState::Active), "slow for once halts nobody");

    world.records.answer();
    journal_works_again(&world);
    assert_eq!(world.records.lines(), ["command 7-1 place", "report 7-1 rejected"], "the second was never given to the journal");
    tick_at(&world, 3);
    assert_eq!(world.broker.submitted(), ["7-3"]);
}

#[test]
fn a_journal_that_fails_after_it_hung_halts_trading_and_gets_what_it_is_owed() {
    let world = world();
    world.account(1);
    world.run(7, 1, buys_then_closes);
    tick_at(&world, 1);
    let written = world.records.lines().len();
    world.records.hang();
    tick_at(&world, 2);
    assert_eq!(world.broker.submitted(), ["7-1", "7-2"]);
    world.records.fail(true);
    world.records.answer();
    eventually(|| {
        world.clock.forward(SECOND_US);
        world.host.wake();
        world.settle();
        world.host.trading() == TradingState::Halted
    });
    world.records.fail(false);
    journal_works_again(&world);
    assert_eq!(world.records.lines()[written..], ["command 7-2 place", "report 7-2 accepted", "report 7-2 deal"]);
    assert_eq!(world.told.alarms(), ["journal-late", "journal-failed", "journal-works-again"]);
}

#[test]
fn a_line_that_a_journal_refuses_after_it_hung_is_named_when_it_is_written_again() {
    let world = world();
    world.account(1);
    world.run(7, 1, buys_then_closes);
    tick_at(&world, 1);
    world.records.hang();
    world.records.refuse(domain::ids::OrderId::new(domain::ids::EngineId(7), 2));
    tick_at(&world, 2);
    world.records.answer();
    journal_works_again(&world);
    assert_eq!(world.told.alarms(), ["journal-late", "line-refused", "journal-works-again"]);
    assert!(world.host.lines_aside()[0].line.contains("Place"));
}
