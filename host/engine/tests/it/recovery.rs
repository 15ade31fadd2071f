//! Opening an account after a crash: what was recorded and never answered is asked about, never sent again.

use crate::support::*;
use domain::broker::{AccountTerms, Happened, Report, Whereabouts};
use domain::contract::{Filling, OrderKind, Side};
use domain::desk::Desk;
use domain::guest::{Call, GuestHost};
use domain::ids::{AccountId, EngineId, OrderId};
use domain::ledger::Ledger;
use domain::number::{Points, Steps};
use domain::order::{Action, Command, OrderRequest, OrderState, Tag};
use domain::time::{SECOND_US, Time};
use engine::{HostError, Recovered};

fn limit_order(number: u32) -> Command {
    let request = OrderRequest {
        symbol: EURUSD,
        side: Side::Buy,
        kind: OrderKind::Limit,
        volume: Steps(10),
        price: Some(Points(100_000)),
        stop_limit_price: None,
        stop_loss: None,
        take_profit: None,
        filling: Filling::Any,
        deviation: None,
        expires: None,
        position: None,
        reduce_only: false,
        tag: Tag::default(),
    };
    Command { account: AccountId(1), order: OrderId::new(EngineId(7), number), at: Time(0), action: Action::Place(request) }
}

fn report(number: u32, happened: Happened) -> Report {
    Report { account: AccountId(1), order: Some(OrderId::new(EngineId(7), number)), at: Time(1), happened }
}

/// Orders 1 and 2 were recorded and never answered; order 3 is known to be at the broker.
fn after_a_crash() -> Ledger {
    let mut ledger = Ledger::new(AccountTerms::default().deposit);
    (1..=3).for_each(|number| ledger.recorded(&limit_order(number)));
    ledger.apply(&report(3, Happened::Accepted { ticket: 3 }));
    ledger
}

fn states(world: &World) -> Vec<(u32, OrderState)> {
    let account = world.host.account(AccountId(1)).unwrap();
    let account = account.lock().unwrap();
    account.ledger.orders.values().map(|order| (order.id.number(), order.state)).collect()
}

#[test]
fn what_never_reached_the_broker_is_given_up_and_what_did_is_taken_on() {
    let world = World::new();
    world.broker.knows(OrderId::new(EngineId(7), 2), Whereabouts::Reported(vec![report(2, Happened::Accepted { ticket: 2 })]));
    let recovered = world.account_with(1, after_a_crash());
    assert_eq!(recovered, Recovered { doubtful: 2, missing: 1, reported: 1, unresolved: 0 });
    assert_eq!(states(&world), [(2, OrderState::Accepted), (3, OrderState::Accepted)]);
    assert_eq!(world.records.lines(), ["report 7-1 rejected", "report 7-2 accepted"]);
    assert_eq!(world.broker.opened(), [(1, 2)], "the broker is given what is certain");
    assert_eq!(world.broker.submitted(), [""; 0], "nothing is sent again");
}

#[test]
fn while_an_order_is_unresolved_its_account_opens_nothing() {
    let world = World::new();
    world.broker.knows(OrderId::new(EngineId(7), 1), Whereabouts::Unanswered);
    let recovered = world.account_with(1, after_a_crash());
    assert_eq!((recovered.missing, recovered.unresolved), (1, 1));
    assert_eq!(states(&world), [(1, OrderState::Unknown), (3, OrderState::Accepted)]);
    assert!(world.host.account(AccountId(1)).unwrap().lock().unwrap().reconciling);
    world.run_as(engine::EngineSetup { orders_before: 3, ..setup(7, 1) }, |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        if let Call::Tick { .. } = call {
            let _unheeded = desk.submit(market(Side::Buy));
        }
        None
    });
    world.feed_seconds(1, 1);
    world.settle();
    assert_eq!(world.broker.submitted(), [""; 0]);
    assert_eq!(world.told.alarms(), ["order-unresolved"]);

    // The broker is asked again, and what it says then lets the account go on by itself.
    world.broker.knows(OrderId::new(EngineId(7), 1), Whereabouts::Reported(vec![report(1, Happened::Accepted { ticket: 1 })]));
    world.clock.forward(10 * SECOND_US);
    world.host.wake();
    world.settle();
    assert_eq!(states(&world), [(1, OrderState::Accepted), (3, OrderState::Accepted)]);
    world.feed_seconds(2, 1);
    world.settle();
    assert_eq!(world.broker.submitted(), ["7-4"]);
}

#[test]
fn an_account_whose_answers_cannot_be_recorded_stays_closed() {
    let world = World::new();
    world.records.fail(true);
    let account = domain::account::Account::new(
        AccountId(1),
        domain::ids::UserId(1),
        AccountTerms::default(),
        after_a_crash(),
        domain::risk::RiskLimits::default(),
    );
    let error = world.host.open_account(account.clone()).unwrap_err();
    assert!(error.to_string().starts_with("account 1 can't be opened now: the journal can't be written"), "{error}");
    assert!(matches!(world.host.add(setup(7, 1)), Err(HostError::NoSuchAccount(AccountId(1)))));
    world.records.fail(false);
    assert!(world.host.open_account(account.clone()).is_ok());
    assert!(matches!(world.host.open_account(account), Err(HostError::AccountExists(AccountId(1)))));
}

/// An engine that buys at every tick, and the orders that reach the broker from `ticks` of them.
fn sent_by_a_buyer(world: &World, ticks: u32) -> usize {
    let before = world.broker.submitted().len();
    for _ in 0..ticks {
        world.clock.forward(SECOND_US);
        world.feed_seconds(world.now().0 / SECOND_US, 1);
        world.settle();
    }
    world.broker.submitted().len() - before
}

fn buys(desk: &mut Desk, call: &Call<'_>, _: &mut Mind) -> Option<domain::guest::Outcome> {
    if let Call::Tick { .. } = call {
        let _unheeded = desk.submit(market(Side::Buy));
    }
    None
}

#[test]
fn an_account_that_differs_from_its_broker_opens_nothing_until_a_person_has_looked() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, buys);
    assert_eq!(sent_by_a_buyer(&world, 1), 1);
    assert!(world.host.reconcile(AccountId(1)).unwrap().is_same());
    assert_eq!(sent_by_a_buyer(&world, 1), 1);

    let mut snapshot = world.broker.has(1);
    let lost = snapshot.positions.pop_first().unwrap().0;
    world.broker.says(1, Some(snapshot));
    let found = world.host.reconcile(AccountId(1)).unwrap();
    assert_eq!((found.positions.len(), found.positions[0].here.as_ref().map(|open| open.id)), (1, Some(lost)));
    world.settle();
    assert_eq!(world.told.alarms(), ["broker-differs"]);
    assert_eq!(sent_by_a_buyer(&world, 2), 0);
    world.host.set_trading(engine::Scope::Account(AccountId(1)), domain::contract::TradingState::Active, "by test").unwrap();
    assert_eq!(sent_by_a_buyer(&world, 1), 1);
}

#[test]
fn nothing_is_opened_before_the_broker_has_said_what_the_account_has() {
    let world = World::new();
    world.broker.says(1, None);
    world.account(1);
    world.run(7, 1, buys);
    assert_eq!(sent_by_a_buyer(&world, 2), 0);
    assert!(matches!(world.host.reconcile(AccountId(1)), Err(HostError::BrokerSilent(AccountId(1)))));

    // The broker is asked again by itself.
    world.broker.says(1, Some(world.broker.has(1)));
    world.clock.forward(SECOND_US);
    world.host.wake();
    world.settle();
    assert_eq!(sent_by_a_buyer(&world, 1), 1);
    assert_eq!(world.told.alarms(), [""; 0]);
    assert!(matches!(world.host.reconcile(AccountId(2)), Err(HostError::NoSuchAccount(AccountId(2)))));
}

/// As long as it takes until every one of two accounts has had its turn.
fn a_round(world: &World) {
    for _ in 0..2 {
        world.clock.forward(engine::Bounds::default().compare_every_us / 2);
        world.host.wake();
        world.settle();
    }
}

#[test]
fn every_account_is_compared_from_time_to_time_and_only_one_that_differs_is_heard_of() {
    let world = World::new();
    for (engine, account) in [(7, 1), (8, 2)] {
        world.account(account);
        world.run(engine, account, buys);
    }
    assert_eq!(sent_by_a_buyer(&world, 1), 2);
    a_round(&world);
    assert_eq!((world.told.alarms(), sent_by_a_buyer(&world, 1)), (Vec::new(), 2), "one that agrees is silent");

    let mut snapshot = world.broker.has(1);
    snapshot.positions.pop_first().unwrap();
    world.broker.says(1, Some(snapshot.clone()));
    a_round(&world);
    assert_eq!((world.told.alarms(), sent_by_a_buyer(&world, 1)), (vec!["broker-differs"], 1), "the other account goes on");
    a_round(&world);
    assert_eq!((world.told.alarms(), sent_by_a_buyer(&world, 1)), (vec!["broker-differs"], 1), "the same is told once");

    // A person who has looked is not overruled, but for something new.
    let active = domain::contract::TradingState::Active;
    let trading = || world.host.account(AccountId(1)).unwrap().lock().unwrap().trading;
    world.host.set_trading(engine::Scope::Account(AccountId(1)), active, "by test").unwrap();
    a_round(&world);
    assert_eq!(trading(), active);
    snapshot.positions.pop_first().unwrap();
    world.broker.says(1, Some(snapshot));
    a_round(&world);
    assert_eq!((trading(), world.told.alarms().len()), (domain::contract::TradingState::Reducing, 2));
}

#[test]
fn a_broker_that_is_silent_at_an_accounts_turn_is_no_difference() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, buys);
    assert_eq!(sent_by_a_buyer(&world, 1), 1);
    world.broker.says(1, None);
    a_round(&world);
    assert_eq!((world.told.alarms(), sent_by_a_buyer(&world, 1)), (Vec::new(), 1));
}
