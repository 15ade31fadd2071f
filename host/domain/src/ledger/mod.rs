//! What an account has: balance, working orders and positions, as they follow from commands and deals.

//!
//! Reports come from outside: they repeat, overtake each other and come late. Whatever the order of their arrival, the ledger
//! ends up the same: an order's state only grows ([`OrderState::after`]), and a position follows from its deals in the order
//! of their numbers ([`past`]).

mod ended;
mod money;
mod past;
mod seen;

#[cfg(test)]
mod tests;

pub use ended::ENDED_MAX;
pub use money::{Held, floating_of, margin_of};
pub use seen::SEEN_DEALS_MAX;

use crate::broker::{Deal, Happened, Report};
use crate::contract::{OrderKind, PositionChange, Side};
use crate::ids::{DealId, EngineId, HOSTS_ORDERS_FROM, OrderId, PositionId};
use crate::number::{Money, Points, Steps};
use crate::order::{Action, Command, OrderEvent, OrderRequest, OrderState, Tag};
use crate::symbol::{MarginFor, SymbolId};
use crate::time::Time;
use ended::Ended;
use past::{Booked, Past, Stops};
use seen::SeenDeals;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An order that may still be filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingOrder {
    /// Its name.
    pub id: OrderId,
    /// What was asked, with later modifications.
    pub request: OrderRequest,
    /// Where it stands.
    pub state: OrderState,
    /// How much has been filled.
    pub filled: Steps,
    /// When it was asked for.
    pub placed: Time,
}

/// An open position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Its name: the order that opened it.
    pub id: PositionId,
    /// Of what.
    pub symbol: SymbolId,
    /// Which way.
    pub side: Side,
    /// How much; positive while it is open.
    pub volume: Steps,
    /// Sum of price times volume over what is open, in point-steps: exact, where an average price is not. Of a closed position,
    /// that of what its last deal closed.
    pub cost: i64,
    /// What its last deal closed, once the position is closed; 0 while it is open.
    #[serde(default)]
    pub closed: Steps,
    /// Stop loss.
    pub stop_loss: Option<Points>,
    /// Take profit.
    pub take_profit: Option<Points>,
    /// When it was opened.
    pub opened: Time,
    /// Profit realised by partial closes.
    pub realised: Money,
    /// Commission so far.
    pub commission: Money,
    /// Swap charged so far and not booked yet: a deal that closes books its share. Counts as floating profit.
    pub swap: Money,
    /// The last night it was charged for: what is said again of that one or an earlier one changes nothing.
    #[serde(default)]
    pub charged_until: Option<Time>,
    /// The note of the order that opened it.
    pub tag: Tag,
}

impl Position {
    /// Average opening price, in points.
    pub fn open_points(&self) -> f64 {
        let volume = if self.volume > Steps(0) { self.volume } else { self.closed };
        self.cost as f64 / volume.0.max(1) as f64
    }

    /// What its margin depends on.
    pub fn held(&self) -> Held {
        let open = Points(self.open_points().round() as i64);
        Held { symbol: self.symbol, side: self.side, volume: self.volume, open, purpose: MarginFor::Holding }
    }

    /// The share of its swap that goes with `closed` of its volume.
    pub fn swap_of(&self, closed: Steps) -> Money {
        if closed >= self.volume {
            return self.swap;
        }
        Money(crate::number::div_round(i128::from(self.swap.0) * i128::from(closed.0), i128::from(self.volume.0.max(1))) as i64)
    }

    /// Cost of what stays open when all but `left` is closed: it keeps the average to the last point-step.
    pub fn cost_left(&self, left: Steps) -> i64 {
        crate::number::div_round(i128::from(self.cost) * i128::from(left.0), i128::from(self.volume.0.max(1))) as i64
    }

    /// Distance to `close`, in point-steps, positive in profit.
    pub fn point_steps(&self, close: Points) -> i128 {
        i128::from(self.side.sign()) * (i128::from(close.0) * i128::from(self.volume.0) - i128::from(self.cost))
    }
}

/// What an account has. Both sides keep one: the host by reports, the paper broker by execution. Two are equal when the
/// account has the same in both, whatever they remember of how it came to it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Deposit plus the net of every deal.
    pub balance: Money,
    /// Orders that may still be filled.
    pub orders: BTreeMap<OrderId, WorkingOrder>,
    /// Open positions.
    pub positions: BTreeMap<PositionId, Position>,
    /// The highest deal number booked; a broker that numbers deals itself goes on from here after a restart.
    #[serde(default)]
    pub last_deal: DealId,
    /// The number of the last order that the host gave to flatten, or where it began: the next goes on from here.
    #[serde(default)]
    pub hosts_orders: u32,
    /// Deals booked since the start; a repeated report books nothing.
    #[serde(skip)]
    seen: SeenDeals,
    /// Orders that ended lately, for what is still reported of them.
    #[serde(skip)]
    ended: Ended,
    /// The deals that positions are made of, for those that come late.
    #[serde(skip)]
    past: Past,
}

impl PartialEq for Ledger {
    fn eq(&self, other: &Self) -> bool {
        let of = |ledger: &Self| (ledger.balance, ledger.last_deal);
        of(self) == of(other) && self.orders == other.orders && self.positions == other.positions && self.seen == other.seen
    }
}

impl Eq for Ledger {}

/// What a report changed, for whoever has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An order is now in this state; `fill` when a deal brought it there. The order as it was is given, since it may be gone.
    Order {
        /// The order after the change.
        order: Box<WorkingOrder>,
        /// The deal.
        fill: Option<Deal>,
        /// The broker's retcode, when it was rejected.
        retcode: u32,
    },
    /// A working order has other prices now.
    OrderModified(OrderId),
    /// A modification of an order or position was refused.
    ModifyRejected(OrderId, u32),
    /// A position changed; with volume 0 when it closed.
    Position(Box<Position>, PositionChange),
    /// A position was charged for the night; it is given as it is now.
    Swap(Box<Position>),
    /// The report contradicts what is known. No order and no position changed; a deal still moves the balance, since it is a
    /// fact. A person should look.
    Contradiction(String),
}

impl Ledger {
    /// A copy of what there is, without what is remembered of how it came about.
    pub fn as_it_stands(&self) -> Self {
        let (balance, last_deal, hosts_orders) = (self.balance, self.last_deal, self.hosts_orders);
        Self { balance, orders: self.orders.clone(), positions: self.positions.clone(), last_deal, hosts_orders, ..Self::default() }
    }

    /// An empty ledger with this balance.
    pub fn new(deposit: Money) -> Self {
        Self { balance: deposit, ..Self::default() }
    }

    /// Marks deals as booked: a ledger that is restored with their sum in its balance must not book them again when the broker
    /// repeats them. Keeps the [`SEEN_DEALS_MAX`] largest numbers.
    pub fn remember(&mut self, deals: impl IntoIterator<Item = DealId>) {
        for deal in deals {
            self.seen.insert(deal);
            self.last_deal = self.last_deal.max(deal);
        }
    }

    /// Orders that have ended, oldest first: a ledger that is restored goes on to understand what is reported of them late.
    /// Keeps the last [`ENDED_MAX`].
    pub fn remember_ended(&mut self, orders: impl IntoIterator<Item = WorkingOrder>) {
        orders.into_iter().for_each(|order| self.ended.push(order, Vec::new()));
    }

    /// Whether the ledger has the order, working or lately ended: then every report of it comes out as a [`Change`].
    pub fn knows(&self, order: OrderId) -> bool {
        self.orders.contains_key(&order) || self.ended.find(order).is_some()
    }

    /// The name of the next order that the host gives in an engine's name; `None` when all have been given.
    pub fn next_hosts_order(&self, engine: EngineId) -> Option<OrderId> {
        let number = self.hosts_orders.checked_add(1)?.checked_add(HOSTS_ORDERS_FROM)?;
        Some(OrderId::new(engine, number))
    }

    /// A new order that has been recorded. Modifications and cancels change nothing until the broker reports.
    pub fn recorded(&mut self, command: &Command) {
        if let Action::Place(request) = &command.action {
            if command.order.is_hosts() {
                self.hosts_orders = self.hosts_orders.max(command.order.number() - HOSTS_ORDERS_FROM);
            }
            let order = WorkingOrder {
                id: command.order,
                request: request.clone(),
                state: OrderState::Recorded,
                filled: Steps(0),
                placed: command.at,
            };
            self.orders.entry(command.order).or_insert(order);
        }
    }

    /// Applies a report and says what it changed. Repeated and overtaken reports change nothing.
    pub fn apply(&mut self, report: &Report) -> Vec<Change> {
        match (&report.happened, report.order) {
            (Happened::Accepted { .. }, Some(id)) => self.advance(id, OrderEvent::Accepted, 0),
            (Happened::Rejected { retcode }, Some(id)) => self.advance(id, OrderEvent::Rejected, *retcode),
            (Happened::AnswerMissing, Some(id)) => self.advance(id, OrderEvent::AnswerMissing, 0),
            (Happened::Canceled, Some(id)) => self.advance(id, OrderEvent::Canceled, 0),
            (Happened::Expired, Some(id)) => self.advance(id, OrderEvent::Expired, 0),
            (Happened::Deal { deal, rest }, _) => self.book(deal, *rest),
            (Happened::OrderModified { price, stop_loss, take_profit }, Some(id)) => {
                self.reprice(id, *price, Stops { loss: *stop_loss, profit: *take_profit }, report.at)
            }
            (Happened::PositionModified { position, stop_loss, take_profit }, _) => {
                let stops = Stops { loss: *stop_loss, profit: *take_profit };
                let moved = self.past.move_stops(&mut self.positions, *position, stops, report.at);
                moved.into_iter().map(|open| Change::Position(Box::new(open), PositionChange::StopsMoved)).collect()
            }
            (Happened::SwapCharged { position, amount }, _) => {
                let charged = self.past.charge(&mut self.positions, *position, *amount, report.at);
                charged.into_iter().map(|open| Change::Swap(Box::new(open))).collect()
            }
            (Happened::ModifyRejected { retcode }, Some(id)) => {
                vec![Change::ModifyRejected(id, *retcode)]
            }
            (happened, None) => vec![Change::Contradiction(format!("a report names no order: {happened:?}"))],
        }
    }

    /// Takes an order, working or lately ended, to its state after `event`. An order that is unknown ended long ago.
    fn advance(&mut self, id: OrderId, event: OrderEvent, retcode: u32) -> Vec<Change> {
        let Some(order) = self.orders.get_mut(&id).or_else(|| self.ended.find_mut(id)) else {
            return Vec::new();
        };
        let before = order.state;
        match before.after(event) {
            Ok(after) if after == before => Vec::new(),
            Ok(after) => {
                order.state = after;
                let mut changes = vec![Change::Order { order: Box::new(order.clone()), fill: None, retcode }];
                if !after.is_working()
                    && let Some(ended) = self.orders.remove(&id)
                {
                    self.ended.end(ended);
                }
                if before == OrderState::Rejected && matches!(event, OrderEvent::Filled | OrderEvent::PartiallyFilled) {
                    changes.push(Change::Contradiction(format!("order {id} was rejected or given up, and now is {after}")));
                }
                changes
            }
            Err(invalid) => vec![Change::Contradiction(format!("order {id}: {invalid}"))],
        }
    }

    /// The broker has given an order other prices. What it said later holds, whichever is heard of first.
    fn reprice(&mut self, id: OrderId, price: Option<Points>, stops: Stops, at: Time) -> Vec<Change> {
        let works = self.orders.contains_key(&id);
        let Some(order) = self.orders.get_mut(&id).or_else(|| self.ended.find_mut(id)) else {
            return Vec::new();
        };
        let request = &mut order.request;
        if request.kind == OrderKind::StopLimit && price == request.stop_limit_price {
            // Its stop has been reached: from now on it is a limit order, under the same name.
            (request.kind, request.stop_limit_price) = (OrderKind::Limit, None);
        }
        let (before, is_filled) = (Stops { loss: request.stop_loss, profit: request.take_profit }, order.filled > Steps(0));
        let is_latest = self.ended.modify(id, before, stops, at);
        if is_latest && let Some(order) = self.orders.get_mut(&id).or_else(|| self.ended.find_mut(id)) {
            let request = &mut order.request;
            (request.price, request.stop_loss, request.take_profit) = (price.or(request.price), stops.loss, stops.profit);
        }
        let mut changes = if works { vec![Change::OrderModified(id)] } else { Vec::new() };
        // Deals of it that came after this, and were heard of before, opened with these stops.
        if is_filled {
            let ended = &self.ended;
            let moved = self.past.restop(&mut self.positions, id, |deal| ended.stops_at(id, works, deal));
            changes.extend(moved.into_iter().map(|open| Change::Position(Box::new(open), PositionChange::StopsMoved)));
        }
        changes
    }

    fn book(&mut self, deal: &Deal, rest: Steps) -> Vec<Change> {
        if !self.seen.insert(deal.id) {
            return Vec::new();
        }
        self.last_deal = self.last_deal.max(deal.id);
        self.balance += deal.net();
        let mut changes = Vec::new();
        let mut booked = Booked { deal: deal.clone(), tag: Tag::default(), stops: Stops::default() };
        if let Some(id) = deal.order {
            let working = self.orders.get_mut(&id);
            let works = working.is_some();
            if let Some(order) = working.or_else(|| self.ended.find_mut(id)) {
                order.filled += deal.volume;
                let now = Stops { loss: order.request.stop_loss, profit: order.request.take_profit };
                booked.tag = order.request.tag.clone();
                booked.stops = self.ended.stops_at(id, works, deal.time).unwrap_or(now);
            } else {
                changes.push(Change::Contradiction(format!("deal {} fills order {id}, which is not known (any more)", deal.id)));
            }
            let event = if rest == Steps(0) { OrderEvent::Filled } else { OrderEvent::PartiallyFilled };
            let mut of_order = self.advance(id, event, 0);
            if let Some(Change::Order { fill, .. }) = of_order.first_mut() {
                *fill = Some(deal.clone());
            } else if let Some(order) = self.orders.get(&id).or_else(|| self.ended.find(id)) {
                // A further fill leaves the state as it was, but the guest must hear of it.
                of_order.push(Change::Order { order: Box::new(order.clone()), fill: Some(deal.clone()), retcode: 0 });
            }
            changes.extend(of_order);
        }
        changes.extend(self.past.book(&mut self.positions, booked));
        changes
    }
}
