//! From a decision to the broker and back.

use crate::support::*;
use domain::contract::{Side, TradingState};
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::{AccountId, EngineId, OrderId};
use domain::number::Money;
use domain::time::SECOND_US;
use engine::{Event, Scope};

/// Buys at its first tick and closes at its second.
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

/// Buys at its first tick.
fn buys_once(desk: &mut Desk, call: &Call<'_>, mind: &mut Mind) -> Option<Outcome> {
    if let Call::Tick { .. } = call {
        mind.number += 1;
        if mind.number == 1 {
            desk.submit(market(Side::Buy)).unwrap();
        }
    }
    None
}

/// Buys at every tick.
fn buys(desk: &mut Desk, call: &Call<'_>, _: &mut Mind) -> Option<Outcome> {
    if let Call::Tick { .. } = call {
        let answer = desk.submit(market(Side::Buy));
        desk.log(domain::contract::LogLevel::Info, &format!("{answer:?}"));
    }
    None
}

/// Ticks one by one, each with all its consequences.
fn feed_slowly(world: &World, from_s: i64, count: i64) {
    for s in from_s..from_s + count {
        world.feed_seconds(s, 1);
        world.settle();
    }
}

#[test]
fn a_decision_is_recorded_sent_filled_and_heard_of_in_order() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, buys_then_closes);
    feed_slowly(&world, 1, 3);
    let expected = [
        "init",
        "start restored=false",
        "tick 0 1000000 110001 skipped=0",
        "order 1 accepted",
        "order 1 filled at 1.10003",
        "position 1 opened",
        "tick 0 2000000 110002 skipped=0",
        "order 2 accepted",
        "order 2 filled at 1.10002",
        "position 1 closed",
        "tick 0 3000000 110003 skipped=0",
    ];
    assert_eq!(world.heard.all(7), expected);
    assert_eq!(world.broker.submitted(), ["7-1", "7-2"]);
    assert_eq!(
        world.records.lines(),
        ["command 7-1 place", "report 7-1 accepted", "report 7-1 deal", "command 7-2 place", "report 7-2 accepted", "report 7-2 deal"]
    );
    let engine = world.host.engine(domain::ids::EngineId(7)).unwrap();
    assert_eq!((engine.ticks, engine.orders, engine.deals, engine.positions, engine.realised), (3, 2, 2, 0, Money(-2_000_000)));
}

#[test]
fn nothing_is_sent_before_it_is_recorded() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, buys);
    world.records.fail(true);
    feed_slowly(&world, 1, 1);
    assert_eq!(world.broker.submitted(), [""; 0], "the journal failed, so nothing may leave");
    assert_eq!(world.heard.of(7, "order"), ["order 1 rejected(10006)"], "its engine does not wait for it");
    assert!(world.host.account(AccountId(1)).unwrap().lock().unwrap().ledger.orders.is_empty(), "no phantom order stays");
    assert_eq!((world.host.trading(), world.told.alarms()), (TradingState::Halted, vec!["journal-failed"]));
    assert_eq!(world.heard.of(7, "trading"), ["trading halted"]);

    world.records.fail(false);
    world.host.set_trading(Scope::Host, TradingState::Active, "the disk is mended").unwrap();
    feed_slowly(&world, 2, 1);
    assert_eq!(world.broker.submitted(), ["7-2"], "the rejected order's number is not used again");
}

#[test]
fn reports_that_could_not_be_written_are_written_first_when_the_journal_works_again() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, buys_once);
    feed_slowly(&world, 1, 1);
    // A deal of the broker's own while the journal fails.
    world.records.fail(true);
    world.broker.stop_out(7, AccountId(1));
    world.feed_seconds(2, 1);
    world.settle();
    assert_eq!(world.heard.of(7, "position"), ["position 1 opened", "position 1 closed"], "a deal is a fact, written or not");
    let written = world.records.lines().len();
    world.records.fail(false);
    world.clock.forward(SECOND_US);
    world.host.wake();
    world.settle();
    assert_eq!(world.records.lines()[written..], ["report - deal"]);
    assert_eq!(world.told.alarms(), ["journal-failed", "reports-unwritten", "journal-works-again"]);
}

#[test]
fn a_close_goes_out_though_the_journal_fails_and_is_written_first_afterwards() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, buys_then_closes);
    feed_slowly(&world, 1, 1);
    world.records.fail(true);
    let written = world.records.lines().len();
    feed_slowly(&world, 2, 1);
    assert_eq!(world.broker.submitted(), ["7-1", "7-2"]);
    assert_eq!(world.heard.of(7, "position"), ["position 1 opened", "position 1 closed"]);
    world.records.fail(false);
    world.clock.forward(SECOND_US);
    world.host.wake();
    world.settle();
    assert_eq!(world.records.lines()[written..], ["command 7-2 place", "report 7-2 accepted", "report 7-2 deal"]);
}

#[test]
fn a_kill_switch_flattens_without_a_guest_and_with_a_broken_journal() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, buys_once);
    feed_slowly(&world, 1, 1);
    world.records.fail(true);
    world.host.set_trading(Scope::Host, TradingState::Halted, "kill switch").unwrap();
    let what = domain::account::WindDown { engine: None, cancel_orders: true, flatten: true };
    let done = world.host.wind_down(Scope::Host, what).unwrap();
    world.settle();
    assert_eq!((done.closes, world.broker.submitted().len()), (1, 2));
    assert!(world.host.account(AccountId(1)).unwrap().lock().unwrap().ledger.positions.is_empty());
    assert_eq!(world.host.wind_down(Scope::Host, what).unwrap().closes, 0, "nothing is left to close");
}

#[test]
fn what_the_gate_denies_never_reaches_the_journal() {
    let world = World::new();
    world.account(1);
    world.host.set_trading(Scope::Account(AccountId(1)), TradingState::Halted, "by test").unwrap();
    world.run(7, 1, buys);
    feed_slowly(&world, 1, 2);
    assert_eq!((world.records.lines().len(), world.broker.submitted().len()), (0, 0));
    assert_eq!(world.told.logged(7), ["Err(TradingHalted)", "Err(TradingHalted)"]);
}

#[test]
fn a_halted_host_lets_closes_through_and_openings_not() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, buys_then_closes);
    world.run(8, 1, buys);
    feed_slowly(&world, 1, 1);
    world.host.set_trading(Scope::Host, TradingState::Halted, "kill switch").unwrap();
    feed_slowly(&world, 2, 1);
    assert_eq!(world.broker.submitted(), ["7-1", "8-1", "7-2"]);
    assert_eq!(world.heard.of(7, "position"), ["position 1 opened", "position 1 closed"]);
    assert_eq!(world.heard.of(8, "trading"), ["trading halted"]);
}

#[test]
fn engines_of_one_account_hear_of_their_own_orders_only() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, buys_then_closes);
    world.run(8, 1, listens);
    world.run(9, 1, buys_then_closes);
    feed_slowly(&world, 1, 2);
    let own = ["order 1 accepted", "order 1 filled at 1.10003", "order 2 accepted", "order 2 filled at 1.10002"];
    assert_eq!(world.heard.of(7, "order"), own);
    assert_eq!(world.heard.of(9, "order"), own);
    assert_eq!(world.heard.of(8, "order"), [""; 0]);
}

#[test]
fn a_flood_is_answered_with_host_busy_once_the_queue_is_full() {
    let bounds = engine::Bounds { shards: 1, commands_max: 2, ..engine::Bounds::default() };
    let world = World::with(bounds);
    world.account(1);
    world.run(7, 1, |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        if let Call::Tick { .. } = call {
            let answers: Vec<_> = (0..4).map(|_| desk.submit(market(Side::Buy)).map_err(|code| code.word())).collect();
            desk.log(domain::contract::LogLevel::Info, &format!("{answers:?}"));
        }
        None
    });
    feed_slowly(&world, 1, 1);
    assert_eq!(world.told.logged(7), [r#"[Ok(1), Ok(2), Err("HOST_BUSY"), Err("HOST_BUSY")]"#]);
    feed_slowly(&world, 2, 1);
    assert_eq!(world.broker.submitted().len(), 4, "what was promised was sent, and there is room again");
}

#[test]
fn a_broker_that_panics_halts_trading_and_leaves_the_engines_running() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, buys);
    world.broker.panic_at_next_order();
    feed_slowly(&world, 1, 1);
    world.told.wait_for(|event| matches!(event, Event::Alarm { code: "host-panicked", .. }));
    assert_eq!(world.host.trading(), TradingState::Halted);
    feed_slowly(&world, 2, 1);
    assert_eq!(world.heard.of(7, "tick").len(), 2);
}

#[test]
fn a_host_that_is_held_back_opens_nothing_and_closes() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, buys);
    feed_slowly(&world, 1, 1);
    world.host.hold_back(true);
    feed_slowly(&world, 2, 1);
    assert_eq!(world.broker.submitted(), ["7-1"], "the second order would open");
    assert_eq!((world.heard.of(7, "trading"), world.host.trading()), (vec!["trading reducing".into()], TradingState::Active));
    let what = domain::account::WindDown { engine: None, cancel_orders: true, flatten: true };
    assert_eq!(world.host.wind_down(Scope::Host, what).unwrap().closes, 1);
    world.host.hold_back(false);
    feed_slowly(&world, 3, 1);
    assert_eq!(world.broker.submitted().len(), 3, "{:?}", world.broker.submitted());
    assert_eq!(world.heard.of(7, "trading"), ["trading reducing", "trading active"]);
}

#[test]
fn an_engine_trades_only_on_its_owners_account_and_each_symbol_once() {
    let world = World::new();
    world.account(1);
    let foreign = engine::EngineSetup { owner: domain::ids::UserId(2), ..setup(7, 1) };
    let error = world.host.add(foreign).unwrap_err().to_string();
    assert!(error.contains("account 1 is not its owner's"), "{error}");
    let mut twice = setup(7, 1);
    (twice.symbols, twice.description.needs) = (vec![EURUSD, EURUSD], vec![need(), need()]);
    let error = world.host.add(twice).unwrap_err().to_string();
    assert!(error.contains("EURUSD stands for two"), "{error}");
    world.run(7, 1, listens);
}

#[test]
fn an_order_that_the_journal_refuses_is_rejected_and_everybody_elses_go_on() {
    let world = World::new();
    world.records.refuse(domain::ids::OrderId::new(domain::ids::EngineId(7), 1));
    for (engine, account) in [(7, 1), (8, 2)] {
        world.account(account);
        world.run(engine, account, buys);
    }
    feed_slowly(&world, 1, 2);
    let mut submitted = world.broker.submitted();
    submitted.sort();
    assert_eq!(submitted, ["7-2", "8-1", "8-2"]);
    assert_eq!(world.heard.of(7, "order 1"), ["order 1 rejected(10006)"]);
    assert_eq!((world.told.alarms(), world.host.trading()), (vec!["command-refused"], TradingState::Active));
}

#[test]
fn a_report_that_the_journal_refuses_is_set_aside_with_an_alarm_and_everybody_elses_go_on() {
    let world = World::new();
    world.records.refuse_reports(OrderId::new(EngineId(7), 1));
    for (engine, account) in [(7, 1), (8, 2)] {
        world.account(account);
        world.run(engine, account, buys);
    }
    feed_slowly(&world, 1, 2);
    assert_eq!(world.heard.of(7, "position"), ["position 1 opened"], "a deal is a fact, written or not");
    assert_eq!((world.told.alarms(), world.host.trading()), (vec!["line-refused"; 2], TradingState::Active));
    assert!(world.records.lines().iter().all(|line| !line.starts_with("report 7-1")));
    // Nothing of it is lost, and somebody has to look before the account opens anything.
    let aside = world.host.lines_aside();
    assert_eq!((aside.len(), world.host.snapshot().totals.lines_refused), (2, 2));
    assert!(aside.iter().all(|line| line.account == AccountId(1) && line.why == "its engine is not known"), "{aside:?}");
    assert!(aside[0].line.contains("Accepted") && aside[1].line.contains("price: Points(110003)"), "{aside:?}");
    assert_eq!(world.told.logged(7)[1], "Err(ReducingOnly)");
    assert_eq!(world.told.logged(8), ["Ok(1)", "Ok(2)"]);
}

#[test]
fn a_close_that_was_owed_and_is_refused_is_set_aside_as_well() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, buys_then_closes);
    feed_slowly(&world, 1, 1);
    world.records.fail(true);
    world.records.refuse(OrderId::new(EngineId(7), 2));
    feed_slowly(&world, 2, 1);
    world.records.fail(false);
    world.clock.forward(SECOND_US);
    world.host.wake();
    world.settle();
    assert_eq!(world.told.alarms(), ["journal-failed", "line-refused", "journal-works-again"]);
    assert!(world.host.lines_aside()[0].line.contains("Place"));
    assert_eq!(world.records.lines().last().map(String::as_str), Some("report 7-2 deal"), "what waited behind it is written");
}

#[test]
fn only_the_last_refused_lines_are_kept() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, buys_once);
    feed_slowly(&world, 1, 1);
    world.records.refuse_reports(OrderId::new(EngineId(7), 1));
    (0..300).for_each(|_| world.broker.repeats(AccountId(1), OrderId::new(EngineId(7), 1)));
    feed_slowly(&world, 2, 1);
    assert_eq!((world.host.lines_aside().len(), world.host.snapshot().totals.lines_refused), (256, 300));
}

/// Closes what it has at its first tick.
fn closes(desk: &mut Desk, call: &Call<'_>, _: &mut Mind) -> Option<Outcome> {
    if let Call::Tick { .. } = call {
        desk.positions().first().map(|position| desk.close(position.id, None));
    }
    None
}

#[test]
fn nothing_is_owed_under_a_number_that_the_next_host_would_give_again() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, buys_once);
    feed_slowly(&world, 1, 1);
    world.host.stop_engine(EngineId(7), "by test").unwrap();
    world.host.remove(EngineId(7), "by test").unwrap();
    // It has used up numbers that nobody wrote down: what is on disk says that its numbers began after 1.
    world.run_as(engine::EngineSetup { orders_before: 5_000, ..setup(7, 1) }, listens);
    world.host.stop_engine(EngineId(7), "by test").unwrap();
    world.host.remove(EngineId(7), "by test").unwrap();
    world.records.fail(true);
    world.run_as(engine::EngineSetup { orders_before: 1, ..setup(7, 1) }, closes);
    feed_slowly(&world, 2, 1);
    assert_eq!(world.broker.submitted(), ["7-1"], "5001 is too far ahead of 1 to be sent without being written down");
    // It need not be owed once the journal works.
    world.records.fail(false);
    world.clock.forward(SECOND_US);
    feed_slowly(&world, 3, 1);
    assert_eq!(world.broker.submitted(), ["7-1", "7-5002"]);
}

#[test]
fn a_kill_switch_finds_room_when_guests_have_owed_all_they_may() {
    let world = World::with(engine::Bounds { unwritten_reports_max: 8, ..engine::Bounds::default() });
    world.account(1);
    (1..=8).for_each(|engine| world.run(engine, 1, buys_then_closes));
    world.run(9, 1, |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        if let Call::Tick { .. } = call {
            mind.number += 1;
            match mind.number {
                1 => drop(desk.submit(market(Side::Buy))),
                3 => drop(desk.positions().first().map(|position| desk.close(position.id, None))),
                _ => {}
            }
        }
        None
    });
    feed_slowly(&world, 1, 1);
    world.records.fail(true);
    feed_slowly(&world, 2, 2);
    // What the broker reports of the first closes takes room, too, where it comes before the last of them.
    let closed = world.broker.submitted().len() - 9;
    assert!((1..=8).contains(&closed), "eight closes fill the room at the latest; the ninth guest's is not sent: {closed}");
    let what = domain::account::WindDown { engine: None, cancel_orders: true, flatten: true };
    assert_eq!(world.host.wind_down(Scope::Host, what).unwrap().closes, 9 - closed, "the kill switch closes the rest");
    assert!(world.host.account(AccountId(1)).unwrap().lock().unwrap().ledger.positions.is_empty());
}

#[test]
fn an_engine_is_halted_and_its_positions_closed_while_its_guest_hangs_and_its_shard_hears_of_nothing() {
    let world = World::with(engine::Bounds { shards: 1, ..engine::Bounds::default() });
    world.account(1);
    let (entered, has_entered) = std::sync::mpsc::channel();
    let (free, is_free) = std::sync::mpsc::channel::<()>();
    let (entered, is_free) = (std::sync::Mutex::new(entered), std::sync::Mutex::new(is_free));
    world.run(7, 1, move |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        if let Call::Tick { .. } = call {
            mind.number += 1;
            if mind.number == 2 {
                entered.lock().unwrap().send(()).unwrap();
                is_free.lock().unwrap().recv().unwrap();
            }
            desk.submit(market(Side::Buy)).unwrap();
        }
        None
    });
    feed_slowly(&world, 1, 1);
    world.feed_seconds(2, 1);
    has_entered.recv_timeout(PATIENCE).unwrap();
    let engine = Scope::Engine(EngineId(7));
    world.host.set_trading(engine, TradingState::Halted, "by test").expect("nobody waits for its shard");
    let what = domain::account::WindDown { engine: None, cancel_orders: true, flatten: true };
    assert_eq!(world.host.wind_down(engine, what).unwrap().closes, 1);
    let sent = world.broker.submitted();
    assert_eq!(sent.len(), 2, "the opening and the host's close: {sent:?}");
    free.send(()).unwrap();
    world.settle();
    assert_eq!(world.broker.submitted(), sent, "what its guest asked for afterwards is taken back");
    assert_eq!(world.heard.of(7, "order 2 "), ["order 2 rejected(10006)"]);
    assert_eq!(world.heard.of(7, "trading"), ["trading halted"]);
}

#[test]
fn a_host_that_another_has_taken_over_from_sends_nothing_not_even_a_close() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, buys_then_closes);
    feed_slowly(&world, 1, 1);
    world.records.fence();
    feed_slowly(&world, 2, 1);
    assert_eq!(world.broker.submitted(), ["7-1"]);
    let what = domain::account::WindDown { engine: None, cancel_orders: true, flatten: true };
    assert_eq!(world.host.wind_down(Scope::Host, what).unwrap().closes, 0, "the kill switch that counts is the other host's");
    assert_eq!(world.told.alarms(), ["journal-failed"]);
}

#[test]
fn without_its_journal_a_host_closes_until_its_lease_is_over() {
    for (is_over, sent) in [(false, vec!["7-1", "7-2"]), (true, vec!["7-1"])] {
        let world = World::new();
        world.account(1);
        world.run(7, 1, buys_then_closes);
        feed_slowly(&world, 1, 1);
        world.records.fail(true);
        if is_over {
            world.records.end_lease();
        }
        feed_slowly(&world, 2, 1);
        assert_eq!(world.broker.submitted(), sent, "the lease is over: {is_over}");
        let what = domain::account::WindDown { engine: None, cancel_orders: true, flatten: true };
        assert_eq!(world.host.wind_down(Scope::Host, what).unwrap().closes, 0, "closed already, or another host's to close");
        assert_eq!(world.broker.submitted(), sent);
        world.records.fail(false);
    }
}
