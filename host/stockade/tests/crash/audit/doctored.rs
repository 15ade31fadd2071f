//! Each audit catches its fault: a healthy database and a broker's count, changed in one place.

use super::{Life, Memory, audit};
use crate::checks::Check;
use crate::facts::{Facts, Order};

const KILLED: Life = Life { was_ready: true, ended_clean: false };
const STOPPED: Life = Life { was_ready: true, ended_clean: true };
const NOT_READY: Life = Life { was_ready: false, ended_clean: false };

/// The order of an engine.
fn id(engine: i64, number: i64) -> i64 {
    engine << 32 | number
}

/// Rows as the statement gives them: two engines on one account, one position open, one closed again.
fn rows() -> Vec<String> {
    let order =
        |engine, number, epoch, side, at| format!("order|{}|1|{engine}|{epoch}|EURUSD|{side}|market|10|10|filled|{at}", id(engine, number));
    let deal = |seq, engine, number, position: i64, bought, profit, at| {
        let earned = profit - 7;
        format!("deal|{seq}|1|{seq}|{}|{position}|EURUSD|{bought}|{earned}|{profit}|{at}", id(engine, number))
    };
    vec![
        order(1, 1, 4, "buy", 100),
        order(1, 2, 5, "sell", 300),
        order(2, 1, 5, "buy", 310),
        deal(1, 1, 1, id(1, 1), 10, 0, 100),
        deal(2, 1, 2, id(1, 1), -10, 50, 300),
        deal(3, 2, 1, id(2, 1), 10, 0, 310),
        format!("position|1|{}|EURUSD|0|50", id(1, 1)),
        format!("position|1|{}|EURUSD|10|0", id(2, 1)),
        "deposit|1|1000".to_owned(),
        "balance|1|2|1036".to_owned(),
        "pending|9".to_owned(),
        "changes|9".to_owned(),
        "aside|0".to_owned(),
    ]
}

fn healthy() -> Facts {
    Facts::of(&rows())
}

fn sent() -> Vec<i64> {
    vec![id(1, 1), id(1, 2), id(2, 1)]
}

/// A memory of the life before, in which the last order was not there yet.
fn before() -> Memory {
    let mut facts = healthy();
    facts.orders.remove(&id(2, 1));
    facts.deals.pop();
    facts.positions.pop();
    (facts.changes_last, facts.changes_pending) = (8, Default::default());
    Memory { facts, sent_before: 2, ..Memory::default() }
}

fn found(memory: &mut Memory, now: Facts, sent: &[i64], life: Life) -> Vec<Check> {
    audit(memory, now, sent, life).into_iter().map(|finding| finding.check).collect()
}

/// What is found when a healthy database is changed so.
fn check(change: impl Fn(&mut Facts), expected: &[Check]) {
    let mut now = healthy();
    change(&mut now);
    assert_eq!(found(&mut before(), now, &sent(), KILLED), expected);
}

/// What is found when the broker has this, and the database nothing but what it had before.
fn check_sent(sent: &[i64], life: Life, forgiven: &[i64], expected: &[Check]) {
    let mut memory = before();
    memory.forgiven.extend(forgiven);
    let now = memory.facts.clone();
    assert_eq!(found(&mut memory, now.clone(), sent, life), expected, "{sent:?}");
    assert_eq!(found(&mut memory, now, sent, life), [], "it is told once");
}

fn order(facts: &mut Facts, engine: i64, number: i64) -> &mut Order {
    facts.orders.get_mut(&id(engine, number)).expect("it is there")
}

#[test]
fn nothing_is_wrong_with_a_healthy_database() {
    check(|_| {}, &[]);
    assert_eq!(healthy().latest(), Some(310));
}

#[test]
fn orders_and_deals_that_are_gone_are_missed() {
    check(|now| drop(now.orders.remove(&id(1, 1))), &[Check::NothingLost, Check::SentIsRecorded, Check::LedgerExact]);
    check(|now| drop(now.deals.remove(0)), &[Check::NothingLost, Check::LedgerExact]);
}

#[test]
fn the_brokers_count_is_compared() {
    let (one, two, third) = (id(1, 1), id(1, 2), id(2, 1));
    check_sent(&[one, two, one], KILLED, &[], &[Check::SentOnce]);
    check_sent(&[one, two, one], KILLED, &[one], &[Check::NumbersOnce]);
    check_sent(&[one, two, third], STOPPED, &[], &[Check::SentIsRecorded]);
    // A host that was killed may owe what it sent; its successor has written it.
    check_sent(&[one, two, third], KILLED, &[], &[]);
    let mut memory = Memory { sent_before: 3, ..before() };
    let now = memory.facts.clone();
    assert_eq!(found(&mut memory, now.clone(), &[one, two, third], NOT_READY), []);
    assert_eq!(found(&mut memory, now, &[one, two, third], KILLED), [Check::SentIsRecorded]);
    check_sent(&[one, two, third], STOPPED, &[third], &[]);
}

#[test]
fn fills_positions_and_balances_must_follow_from_the_deals() {
    let wrong = &[Check::LedgerExact];
    check(|now| order(now, 1, 1).filled = 9, wrong);
    check(|now| order(now, 1, 1).state = "canceled".to_owned(), wrong);
    check(|now| now.deals[2].bought = 9, wrong);
    check(|now| now.deals[2].position = id(1, 1), wrong);
    check(|now| now.deals[1].profit = 49, wrong);
    check(|now| now.positions[1].bought = -10, wrong);
    check(|now| drop(now.positions.pop()), wrong);
    check(|now| _ = now.balances.insert(1, (2, 1035)), wrong);
    check(|now| _ = now.balances.insert(1, (3, 1036)), wrong);
}

#[test]
fn what_strategies_log_against_the_host_is_found_once() {
    let (mut memory, mut now) = (before(), healthy());
    now.violations.insert("3|17|VIOLATION: the tick of 5 came twice".to_owned());
    assert_eq!(found(&mut memory, now.clone(), &sent(), KILLED), [Check::ContractKept]);
    assert_eq!(found(&mut memory, now, &sent(), NOT_READY), []);
}

#[test]
fn an_order_at_a_tick_of_an_earlier_life_is_found() {
    check(|now| order(now, 1, 2).placed_at = 100, &[Check::TickOnce]);
    // Two at one tick of the same life are the strategy's affair.
    let same_life = |now: &mut Facts| {
        order(now, 1, 2).placed_at = 100;
        order(now, 1, 2).epoch = 4;
    };
    check(same_life, &[]);
    // And what the host gives to flatten is nobody's tick.
    let hosts = |now: &mut Facts| {
        let mut order = order(now, 1, 2).clone();
        (order.placed_at, order.filled, order.state) = (100, 0, "rejected".to_owned());
        now.orders.insert(id(1, 1 << 31), order);
    };
    check(hosts, &[]);
}

#[test]
fn a_market_that_goes_back_is_found() {
    check(|now| order(now, 1, 2).placed_at = 99, &[Check::MarketGoesOn]);
}

#[test]
fn what_nobody_answered_in_a_whole_life_is_found() {
    let recorded = |now: &mut Facts| {
        let mut order = order(now, 1, 2).clone();
        (order.filled, order.state) = (0, "recorded".to_owned());
        now.orders.insert(id(1, 3), order);
    };
    let mut memory = before();
    recorded(&mut memory.facts);
    let mut now = healthy();
    recorded(&mut now);
    assert_eq!(found(&mut memory.clone(), now.clone(), &sent(), NOT_READY), []);
    assert_eq!(found(&mut memory, now, &sent(), KILLED), [Check::OrdersEnd]);
    check(|now| _ = now.changes_pending.insert(8), &[Check::ChangesEnd]);
}
