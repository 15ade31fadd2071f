//! The host's books of an account compared with its broker's statement: equal, or each difference by name.

use crate::contract::{Side, words};
use crate::ids::{OrderId, PositionId};
use crate::ledger::{Ledger, Position, WorkingOrder};
use crate::number::{Money, Points, Steps};
use crate::order::OrderState;
use crate::symbol::SymbolId;
use std::collections::BTreeMap;

/// What a broker says an account has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Deposit plus the net of every deal, whoever made it.
    pub balance: Money,
    /// Orders that the host gave and that may still be filled.
    pub orders: BTreeMap<OrderId, WorkingOrder>,
    /// Positions that such orders opened.
    pub positions: BTreeMap<PositionId, Position>,
    /// What somebody else has there.
    pub foreign: Vec<Foreign>,
}

impl Snapshot {
    /// What is in a ledger, with nothing beside it.
    pub fn of(ledger: &Ledger) -> Self {
        let Ledger { balance, orders, positions, .. } = ledger;
        Self { balance: *balance, orders: orders.clone(), positions: positions.clone(), foreign: Vec::new() }
    }
}

words! {
    /// What kind of thing is [foreign](Foreign).
    ForeignKind { Order = "order", Position = "position" }
}

/// An order or position on the account that no engine gave: by hand, or by another tool. The gate counts it, and nothing here
/// changes or closes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// An order or a position.
    pub kind: ForeignKind,
    /// The broker's number for it.
    pub ticket: u64,
    /// Of what.
    pub symbol: SymbolId,
    /// Which way.
    pub side: Side,
    /// How much: what is open, or what is left to fill.
    pub volume: Steps,
    /// Average opening price, or the price it waits for; `None` at the market.
    pub price: Option<Points>,
    /// Stop loss.
    pub stop_loss: Option<Points>,
    /// Take profit.
    pub take_profit: Option<Points>,
}

/// Something that host and broker do not see alike: one of the two lacks it, or its figures differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference<T> {
    /// As the host knows it.
    pub here: Option<T>,
    /// As the broker has it.
    pub at_broker: Option<T>,
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// The balance here.
    pub balance: Money,
    /// The balance at the broker.
    pub balance_at_broker: Money,
    /// Orders that differ.
    pub orders: Vec<Difference<WorkingOrder>>,
    /// Positions that differ.
    pub positions: Vec<Difference<Position>>,
    /// Orders whose outcome is unknown; the broker is being asked.
    pub unknown: Vec<OrderId>,
    /// Orders that have been sent and not answered yet.
    pub on_their_way: usize,
    /// What somebody else has there.
    pub foreign: Vec<Foreign>,
}

/// By which names and by how much an account differs: enough to tell one difference from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhatDiffers {
    balance: Money,
    orders: Vec<OrderId>,
    positions: Vec<PositionId>,
}

impl Reconciliation {
    /// What differs, without how each looks.
    pub fn what_differs(&self) -> WhatDiffers {
        fn names<T, Id>(of: &[Difference<T>], id: impl Fn(&T) -> Id) -> Vec<Id> {
            of.iter().filter_map(|one| one.here.as_ref().or(one.at_broker.as_ref()).map(&id)).collect()
        }
        WhatDiffers {
            balance: self.balance_at_broker - self.balance,
            orders: names(&self.orders, |order| order.id),
            positions: names(&self.positions, |position| position.id),
        }
    }

    /// How many orders, positions and balances differ; orders of which nobody knows and foreign ones are no differences.
    pub fn differences(&self) -> usize {
        self.orders.len() + self.positions.len() + usize::from(self.balance != self.balance_at_broker)
    }

    /// Whether both have the same, everything is known, and nobody else has anything there.
    pub fn is_same(&self) -> bool {
        self.differences() == 0 && self.unknown.is_empty() && self.foreign.is_empty()
    }
}

/// Holds a ledger against a snapshot that was taken after everything in the ledger was reported.
pub fn compare(ledger: &Ledger, snapshot: Snapshot) -> Reconciliation {
    let Snapshot { balance, orders: mut orders_there, positions: mut positions_there, foreign } = snapshot;
    let mut found = Reconciliation { balance: ledger.balance, balance_at_broker: balance, foreign, ..Reconciliation::default() };
    for order in ledger.orders.values() {
        let there = orders_there.remove(&order.id);
        match order.state {
            OrderState::Unknown => found.unknown.push(order.id),
            // The broker's answer is on its way, or the order itself.
            OrderState::Recorded | OrderState::Submitted => found.on_their_way += 1,
            _ if there.as_ref().is_some_and(|there| is_same_order(order, there)) => {}
            _ => found.orders.push(Difference { here: Some(order.clone()), at_broker: there }),
        }
    }
    for position in ledger.positions.values() {
        let there = positions_there.remove(&position.id);
        if !there.as_ref().is_some_and(|there| is_same_position(position, there)) {
            found.positions.push(Difference { here: Some(position.clone()), at_broker: there });
        }
    }
    found.orders.extend(orders_there.into_values().map(|there| Difference { here: None, at_broker: Some(there) }));
    found.positions.extend(positions_there.into_values().map(|there| Difference { here: None, at_broker: Some(there) }));
    found
}

fn is_same_order(here: &WorkingOrder, there: &WorkingOrder) -> bool {
    let of = |order: &WorkingOrder| {
        let request = &order.request;
        let prices = (request.price, request.stop_limit_price, request.stop_loss, request.take_profit);
        (request.symbol, request.side, request.kind, request.volume - order.filled, prices)
    };
    of(here) == of(there)
}

fn is_same_position(here: &Position, there: &Position) -> bool {
    let of = |open: &Position| (open.symbol, open.side, open.volume, open.cost, open.swap, open.stop_loss, open.take_profit);
    of(here) == of(there)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::tests::{account, approve};
    use crate::broker::{Deal, Entry, Happened, Reason, Report};
    use crate::contract::{AccountMode, DenyCode, OrderKind};
    use crate::ids::{AccountId, DealId, EngineId};
    use crate::order::{Action, Command, OrderRequest};
    use crate::risk::RiskLimits;
    use crate::risk::tests::market;
    use crate::time::Time;

    const SYMBOL: SymbolId = SymbolId(0);

    fn request(kind: OrderKind) -> OrderRequest {
        OrderRequest { kind, price: (kind == OrderKind::Limit).then_some(Points(100_000)), ..market(Side::Buy, 5) }
    }

    fn name(number: u32) -> OrderId {
        OrderId::new(EngineId(1), number)
    }

    /// Order 1 has become a position, order 2 waits for its price.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(Money(1_000));
        for (number, kind) in [(1, OrderKind::Market), (2, OrderKind::Limit)] {
            let action = Action::Place(request(kind));
            ledger.recorded(&Command { account: AccountId(1), order: name(number), at: Time(0), action });
            report(&mut ledger, number, Happened::Accepted { ticket: u64::from(number) });
        }
        let deal = Deal {
            id: DealId(1),
            order: Some(name(1)),
            position: PositionId(name(1)),
            symbol: SYMBOL,
            side: Side::Buy,
            entry: Entry::In,
            reason: Reason::Expert,
            volume: Steps(5),
            price: Points(110_000),
            profit: Money::ZERO,
            commission: Money::ZERO,
            swap: Money::ZERO,
            time: Time(1),
        };
        report(&mut ledger, 1, Happened::Deal { deal, rest: Steps(0) });
        ledger
    }

    fn report(ledger: &mut Ledger, number: u32, happened: Happened) {
        ledger.apply(&Report { account: AccountId(1), order: Some(name(number)), at: Time(1), happened });
    }

    fn foreign(volume: i64) -> Foreign {
        let (price, stop_loss, take_profit) = (Some(Points(110_000)), None, None);
        let kind = ForeignKind::Position;
        Foreign { kind, ticket: 77, symbol: SYMBOL, side: Side::Buy, volume: Steps(volume), price, stop_loss, take_profit }
    }

    /// Compares after the broker's side was changed, and says what differs: `balance`, `order N here|there|differs`, ...
    fn check(change: impl FnOnce(&mut Ledger, &mut Snapshot), expected: &[&str]) {
        let mut ledger = ledger();
        let mut snapshot = Snapshot::of(&ledger);
        change(&mut ledger, &mut snapshot);
        let found = compare(&ledger, snapshot);
        let side = |here: bool, there: bool| {
            if here && there {
                "differs"
            } else if here {
                "here"
            } else {
                "there"
            }
        };
        let mut words: Vec<String> = Vec::new();
        words.extend((found.balance != found.balance_at_broker).then(|| "balance".into()));
        words.extend(found.orders.iter().map(|one| format!("order {}", side(one.here.is_some(), one.at_broker.is_some()))));
        words.extend(found.positions.iter().map(|one| format!("position {}", side(one.here.is_some(), one.at_broker.is_some()))));
        words.extend(found.unknown.iter().map(|order| format!("unknown {order}")));
        assert_eq!(words, expected);
        assert_eq!(found.is_same(), expected.is_empty() && found.foreign.is_empty());
    }

    #[test]
    fn what_both_have_is_the_same_and_each_difference_has_its_kind() {
        let position = PositionId(name(1));
        check(|_, _| {}, &[]);
        check(|_, there| there.balance = Money(999), &["balance"]);
        check(|_, there| there.orders.clear(), &["order here"]);
        check(|_, there| there.positions.clear(), &["position here"]);
        check(|here, _| here.orders.clear(), &["order there"]);
        check(|here, _| here.positions.clear(), &["position there"]);
        check(|_, there| there.orders.get_mut(&name(2)).unwrap().request.price = Some(Points(1)), &["order differs"]);
        check(|_, there| there.positions.get_mut(&position).unwrap().volume = Steps(4), &["position differs"]);
        check(|_, there| there.positions.get_mut(&position).unwrap().cost += 1, &["position differs"]);
        check(|_, there| there.positions.get_mut(&position).unwrap().stop_loss = Some(Points(1)), &["position differs"]);
        check(|_, there| there.positions.get_mut(&position).unwrap().swap = Money(-1), &["position differs"]);
        check(|_, there| there.foreign.push(foreign(5)), &[]);
    }

    #[test]
    fn an_order_without_an_answer_is_on_its_way_until_it_is_unknown() {
        let send = |ledger: &mut Ledger| {
            let action = Action::Place(request(OrderKind::Market));
            ledger.recorded(&Command { account: AccountId(1), order: name(3), at: Time(2), action });
        };
        check(|here, _| send(here), &[]);
        check(
            |here, _| {
                send(here);
                report(here, 3, Happened::AnswerMissing);
            },
            &["unknown 1-3"],
        );
    }

    /// What the gate says to an order of five steps on an account where somebody else has a position.
    fn ask_beside(foreign: Vec<Foreign>, mode: AccountMode, limits: RiskLimits) -> Result<(), DenyCode> {
        let mut account = account(mode, limits);
        account.foreign = foreign;
        approve(&mut account, 1, 9, request(OrderKind::Market)).map(drop)
    }

    #[test]
    fn foreign_positions_count_as_exposure_and_where_positions_are_netted_their_symbol_is_theirs() {
        let on_symbol = RiskLimits { symbol_centilots_max: Some(12), ..RiskLimits::none() };
        assert_eq!(ask_beside(vec![foreign(5)], AccountMode::Hedging, on_symbol.clone()), Ok(()));
        assert_eq!(ask_beside(vec![foreign(8)], AccountMode::Hedging, on_symbol), Err(DenyCode::ExposureExceeded));
        let gross = RiskLimits { gross_notional_max: Some(12_000), ..RiskLimits::none() };
        assert_eq!(ask_beside(Vec::new(), AccountMode::Hedging, gross.clone()), Ok(()));
        assert_eq!(ask_beside(vec![foreign(8)], AccountMode::Hedging, gross), Err(DenyCode::ExposureExceeded));
        assert_eq!(ask_beside(vec![foreign(1)], AccountMode::Netting, RiskLimits::none()), Err(DenyCode::SymbolNotAllowed));
    }

    #[test]
    fn a_difference_is_told_from_another_by_its_names_and_its_money() {
        let differs = |change: fn(&mut Snapshot)| {
            let mut snapshot = Snapshot::of(&ledger());
            change(&mut snapshot);
            compare(&ledger(), snapshot).what_differs()
        };
        let (money, more) = (differs(|there| there.balance = Money(999)), differs(|there| there.balance = Money(998)));
        let (order, position) = (differs(|there| there.orders.clear()), differs(|there| there.positions.clear()));
        let all = [money, more, order, position, differs(|_| {})];
        assert!((0..all.len()).all(|one| (0..one).all(|other| all[one] != all[other])), "{all:?}");
        assert_eq!(all[2], differs(|there| there.orders.clear()));
    }
}
