//! The checks that need nothing but what database and broker say: before a life and after it.

#[cfg(test)]
mod doctored;

use crate::checks::{Check, Finding};
use crate::facts::{Facts, Order, is_guests, named};
use std::collections::{BTreeMap, BTreeSet};

/// States of an order that nobody has answered.
const UNANSWERED: [&str; 3] = ["recorded", "submitted", "unknown"];
/// How many wrong rows are named.
const NAMED_MAX: usize = 3;

/// What was known when the host was at rest last, and what has been told since.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    pub facts: Facts,
    /// Lines that the broker's count had when the last life began: these lives had every chance to write what they owed.
    pub sent_before: usize,
    /// Orders that were sent and that a restored database does not know.
    pub forgiven: BTreeSet<i64>,
    /// Orders that were told to be missing in the journal, or to be sent twice, each once.
    told: BTreeSet<(Check, i64)>,
    /// The same for orders at ticks of earlier lives.
    told_ticks: BTreeSet<(i64, i64)>,
    /// Engines whose market went back, with the host's number.
    told_back: BTreeSet<(i64, i64)>,
    told_violations: BTreeSet<String>,
}

/// How the last life ended, as far as it says what must be in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// It said that it was ready: everything that it found was dealt with.
    pub was_ready: bool,
    /// It ended with exit code 0: nothing is owed.
    pub ended_clean: bool,
}

/// Compares what is there now with what was there before the last life, and with the broker's count.
pub fn audit(memory: &mut Memory, now: Facts, sent: &[i64], life: Life) -> Vec<Finding> {
    let mut findings = Vec::new();
    lost(&memory.facts, &now, &mut findings);
    sent_twice(memory, sent, &mut findings);
    unrecorded(memory, &now, sent, life, &mut findings);
    ledger(&now, &mut findings);
    violations(memory, &now, &mut findings);
    ticks_again(memory, &now, &mut findings);
    went_back(memory, &now, &mut findings);
    if life.was_ready {
        unanswered(&memory.facts, &now, &mut findings);
    }
    memory.facts = now;
    findings
}

/// A finding that names the first few of what is wrong; none when nothing is.
fn some<T>(check: Check, wrong: &[T], seen: impl Fn(&T) -> String, findings: &mut Vec<Finding>) {
    if !wrong.is_empty() {
        let named: Vec<String> = wrong.iter().take(NAMED_MAX).map(seen).collect();
        findings.push(Finding::new(check, format_args!("{}: {}", wrong.len(), named.join("; "))));
    }
}

fn lost(before: &Facts, now: &Facts, findings: &mut Vec<Finding>) {
    let orders: Vec<i64> = before.orders.keys().copied().filter(|id| !now.orders.contains_key(id)).collect();
    some(Check::NothingLost, &orders, |id| format!("order {} is gone", named(*id)), findings);
    let here: BTreeSet<_> = now.deals.iter().map(|deal| (deal.account, deal.id)).collect();
    let deals: Vec<_> = before.deals.iter().filter(|deal| !here.contains(&(deal.account, deal.id))).collect();
    some(Check::NothingLost, &deals, |deal| format!("deal {} of account {} is gone", deal.id, deal.account), findings);
}

fn sent_twice(memory: &mut Memory, sent: &[i64], findings: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    let (mut twice, mut given_again) = (Vec::new(), Vec::new());
    for &order in sent {
        if !seen.insert(order) && memory.told.insert((Check::SentOnce, order)) {
            match memory.forgiven.contains(&order) {
                true => given_again.push(order),
                false => twice.push(order),
            }
        }
    }
    some(Check::SentOnce, &twice, |id| format!("order {} was sent again", named(*id)), findings);
    some(Check::NumbersOnce, &given_again, |id| format!("order {} was sent before the database was restored", named(*id)), findings);
}

fn unrecorded(memory: &mut Memory, now: &Facts, sent: &[i64], life: Life, findings: &mut Vec<Finding>) {
    // What the last life sent may still be owed when it was killed; what those before it sent may not.
    let due = match life {
        Life { ended_clean: true, .. } => sent.len(),
        Life { was_ready: true, .. } => memory.sent_before.min(sent.len()),
        Life { .. } => 0,
    };
    let mut missing: Vec<i64> = sent[..due].to_vec();
    missing.retain(|order| !now.orders.contains_key(order) && !memory.forgiven.contains(order));
    missing.retain(|order| memory.told.insert((Check::SentIsRecorded, *order)));
    some(Check::SentIsRecorded, &missing, |id| format!("order {} was sent and is not in the journal", named(*id)), findings);
}

/// How many orders were found to be missing in the journal.
pub fn told(memory: &Memory, check: Check) -> usize {
    memory.told.iter().filter(|(told, _)| *told == check).count()
}

/// How many orders were given at ticks of earlier lives.
pub fn told_ticks(memory: &Memory) -> usize {
    memory.told_ticks.len()
}

fn ledger(now: &Facts, findings: &mut Vec<Finding>) {
    let mut wrong = Vec::new();
    let mut filled: BTreeMap<i64, i64> = BTreeMap::new();
    let mut held: BTreeMap<(i64, &str), i64> = BTreeMap::new();
    let mut of_position: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    let mut profits: BTreeMap<i64, i64> = BTreeMap::new();
    for deal in &now.deals {
        if let Some(order) = deal.order {
            *filled.entry(order).or_default() += deal.bought.abs();
        }
        *held.entry((deal.account, &deal.symbol)).or_default() += deal.bought;
        *of_position.entry((deal.account, deal.position)).or_default() += deal.bought;
        *profits.entry(deal.account).or_default() += deal.profit;
    }
    for (id, order) in &now.orders {
        let dealt = filled.remove(id).unwrap_or_default();
        let full = order.filled == order.volume;
        if dealt != order.filled || order.filled > order.volume || (order.state == "filled") != full {
            let Order { state, filled, volume, .. } = order;
            wrong.push(format!("order {} is {state} with {filled} of {volume} filled, its deals have {dealt}", named(*id)));
        }
    }
    wrong.extend(filled.keys().map(|id| format!("there are deals of order {}, which is not there", named(*id))));
    for position in &now.positions {
        *held.entry((position.account, &position.symbol)).or_default() -= position.bought;
        *of_position.entry((position.account, position.id)).or_default() -= position.bought;
        *profits.entry(position.account).or_default() -= position.realised;
    }
    let apart = |(_, left): &(_, i64)| *left != 0;
    let held = held.into_iter().filter(apart);
    wrong.extend(held.map(|((account, symbol), left)| format!("{symbol} of account {account} differs from its deals by {left} steps")));
    let positions = of_position.into_iter().filter(|(_, left)| *left != 0);
    wrong.extend(positions.map(|((account, id), left)| format!("position {} of account {account} differs by {left} steps", named(id))));
    let profits = profits.into_iter().filter(|(_, left)| *left != 0);
    wrong.extend(profits.map(|(account, left)| format!("positions of account {account} differ from its deals by {left} millionths")));
    for (account, (last, balance)) in &now.balances {
        let deals = now.deals.iter().filter(|deal| deal.account == *account && deal.seq <= *last);
        let expected = now.deposits.get(account).copied().unwrap_or_default() + deals.map(|deal| deal.earned).sum::<i64>();
        if expected != *balance {
            wrong.push(format!("account {account} has {balance} millionths, its deals make {expected}"));
        }
    }
    some(Check::LedgerExact, &wrong, String::clone, findings);
}

fn violations(memory: &mut Memory, now: &Facts, findings: &mut Vec<Finding>) {
    let new: Vec<&String> = now.violations.difference(&memory.told_violations).collect();
    some(Check::ContractKept, &new, |line| format!("engine {line}"), findings);
    memory.told_violations.extend(now.violations.iter().cloned());
}

fn ticks_again(memory: &mut Memory, now: &Facts, findings: &mut Vec<Finding>) {
    let mut first = BTreeMap::new();
    let mut again = Vec::new();
    for (id, order) in now.orders.iter().filter(|(id, _)| is_guests(**id)) {
        let epoch = *first.entry((order.engine, &order.symbol, order.placed_at)).or_insert(order.epoch);
        if epoch != order.epoch && memory.told_ticks.insert((order.engine, order.placed_at)) {
            again.push((*id, order.placed_at));
        }
    }
    let seen = |(id, at): &(i64, i64)| format!("order {} at the tick of {at}, which an earlier life had", named(*id));
    some(Check::TickOnce, &again, seen, findings);
}

fn went_back(memory: &mut Memory, now: &Facts, findings: &mut Vec<Finding>) {
    let mut span: BTreeMap<(i64, i64), (i64, i64)> = BTreeMap::new();
    for order in now.orders.iter().filter(|(id, _)| is_guests(**id)).map(|(_, order)| order) {
        let (first, last) = span.entry((order.engine, order.epoch)).or_insert((order.placed_at, order.placed_at));
        (*first, *last) = ((*first).min(order.placed_at), (*last).max(order.placed_at));
    }
    let mut back = Vec::new();
    let mut before: Option<((i64, i64), i64)> = None;
    for ((engine, epoch), (first, last)) in span {
        let latest = before.filter(|((other, _), _)| *other == engine).map_or(i64::MIN, |(_, latest)| latest);
        if first < latest && memory.told_back.insert((engine, epoch)) {
            back.push(format!("engine {engine} gave an order {:.3} s of market before its last one", (latest - first) as f64 / 1e6));
        }
        before = Some(((engine, epoch), last.max(latest)));
    }
    some(Check::MarketGoesOn, &back, String::clone, findings);
}

fn unanswered(before: &Facts, now: &Facts, findings: &mut Vec<Finding>) {
    let open = |id: &&i64| now.orders.get(*id).is_some_and(|order| UNANSWERED.contains(&order.state.as_str()));
    let orders: Vec<i64> = before.orders.keys().filter(open).copied().collect();
    some(Check::OrdersEnd, &orders, |id| format!("order {} is {}", named(*id), now.orders[id].state), findings);
    let changes: Vec<i64> = now.changes_pending.range(..=before.changes_last).copied().collect();
    some(Check::ChangesEnd, &changes, |seq| format!("change {seq} is still pending"), findings);
}
