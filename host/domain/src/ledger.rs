//! What an account has: balance, working orders and positions, as they follow from commands and deals.

use crate::broker::{Deal, Entry, Happened, Report};
use crate::contract::{OrderKind, PositionChange, Side};
use crate::ids::{DealId, OrderId, PositionId};
use crate::number::{Money, Points, Rate, Steps};
use crate::order::{Action, Command, OrderEvent, OrderRequest, OrderState, Tag};
use crate::symbol::{MarginFor, SymbolId, SymbolSpec, SymbolTable};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
    /// Sum of price times volume over what is open, in point-steps: exact, where an average price is not.
    pub cost: i64,
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
    /// The note of the order that opened it.
    pub tag: Tag,
}

impl Position {
    /// Average opening price, in points.
    pub fn open_points(&self) -> f64 {
        self.cost as f64 / self.volume.0.max(1) as f64
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

/// What an account has. Both sides keep one: the host by reports, the paper broker by execution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Deals booked since the start; a repeated report books nothing.
    #[serde(skip)]
    seen: BTreeSet<DealId>,
}

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

/// How many deal numbers a ledger remembers to tell repetitions; brokers repeat reports within seconds.
pub const SEEN_DEALS_MAX: usize = 4_096;

impl Ledger {
    /// An empty ledger with this balance.
    pub fn new(deposit: Money) -> Self {
        Self { balance: deposit, ..Self::default() }
    }

    /// Marks deals as booked: a ledger that is restored with their sum in its balance must not book them again when the broker
    /// repeats them. Keeps the [`SEEN_DEALS_MAX`] largest numbers.
    pub fn remember(&mut self, deals: impl IntoIterator<Item = DealId>) {
        self.seen.extend(deals);
        self.last_deal = self.last_deal.max(self.seen.last().copied().unwrap_or_default());
        while self.seen.len() > SEEN_DEALS_MAX {
            self.seen.pop_first();
        }
    }

    /// A new order that has been recorded. Modifications and cancels change nothing until the broker reports.
    pub fn recorded(&mut self, command: &Command) {
        if let Action::Place(request) = &command.action {
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
                let Some(order) = self.orders.get_mut(&id) else {
                    return Vec::new();
                };
                let request = &mut order.request;
                if request.kind == OrderKind::StopLimit && *price == request.stop_limit_price {
                    // Its stop has been reached: from now on it is a limit order, under the same name.
                    (request.kind, request.stop_limit_price) = (OrderKind::Limit, None);
                }
                (request.price, request.stop_loss, request.take_profit) = (price.or(request.price), *stop_loss, *take_profit);
                vec![Change::OrderModified(id)]
            }
            (Happened::PositionModified { position, stop_loss, take_profit }, _) => {
                let Some(open) = self.positions.get_mut(position) else {
                    return Vec::new();
                };
                (open.stop_loss, open.take_profit) = (*stop_loss, *take_profit);
                vec![Change::Position(Box::new(open.clone()), PositionChange::StopsMoved)]
            }
            (Happened::SwapCharged { position, amount }, _) => {
                let Some(open) = self.positions.get_mut(position) else {
                    return Vec::new();
                };
                open.swap += *amount;
                vec![Change::Swap(Box::new(open.clone()))]
            }
            (Happened::ModifyRejected { retcode }, Some(id)) => {
                vec![Change::ModifyRejected(id, *retcode)]
            }
            (happened, None) => vec![Change::Contradiction(format!("a report names no order: {happened:?}"))],
        }
    }

    fn advance(&mut self, id: OrderId, event: OrderEvent, retcode: u32) -> Vec<Change> {
        // An order that is gone was final: the report was overtaken.
        let Some(order) = self.orders.get_mut(&id) else {
            return Vec::new();
        };
        let before = order.state;
        match before.after(event) {
            Ok(after) if after == before => Vec::new(),
            Ok(after) => {
                order.state = after;
                let order = if after.is_working() { order.clone() } else { self.orders.remove(&id).expect("it was just there") };
                vec![Change::Order { order: Box::new(order), fill: None, retcode }]
            }
            Err(invalid) => vec![Change::Contradiction(format!("order {id}: {invalid}"))],
        }
    }

    fn book(&mut self, deal: &Deal, rest: Steps) -> Vec<Change> {
        // A number below all that are remembered has been forgotten, not missed: numbers grow.
        let forgotten = self.seen.len() >= SEEN_DEALS_MAX && self.seen.first().is_some_and(|&oldest| deal.id < oldest);
        if forgotten || !self.seen.insert(deal.id) {
            return Vec::new();
        }
        if self.seen.len() > SEEN_DEALS_MAX {
            self.seen.pop_first();
        }
        self.last_deal = self.last_deal.max(deal.id);
        let tag = deal.order.and_then(|id| self.orders.get(&id)).map(|order| order.request.tag.clone());
        let stops = deal.order.and_then(|id| self.orders.get(&id)).map(|order| (order.request.stop_loss, order.request.take_profit));
        self.balance += deal.net();
        let mut changes = Vec::new();
        if let Some(id) = deal.order {
            let event = if rest == Steps(0) { OrderEvent::Filled } else { OrderEvent::PartiallyFilled };
            if let Some(order) = self.orders.get_mut(&id) {
                order.filled += deal.volume;
            }
            changes = self.advance(id, event, 0);
            if let Some(Change::Order { fill, .. }) = changes.first_mut() {
                *fill = Some(deal.clone());
            } else if let Some(order) = self.orders.get(&id) {
                // A further partial fill leaves the state as it was, but the guest must hear of it.
                changes.push(Change::Order { order: Box::new(order.clone()), fill: Some(deal.clone()), retcode: 0 });
            }
        }
        changes.extend(self.move_position(deal, tag.unwrap_or_default(), stops.unwrap_or_default()));
        changes
    }

    fn move_position(&mut self, deal: &Deal, tag: Tag, (stop_loss, take_profit): (Option<Points>, Option<Points>)) -> Option<Change> {
        let cost = deal.price.0.saturating_mul(deal.volume.0);
        let Some(position) = self.positions.get_mut(&deal.position) else {
            if deal.entry != Entry::In {
                return Some(Change::Contradiction(format!("deal {} closes position {}, which is not open", deal.id, deal.position)));
            }
            let opened = Position {
                id: deal.position,
                symbol: deal.symbol,
                side: deal.side,
                volume: deal.volume,
                cost,
                stop_loss,
                take_profit,
                opened: deal.time,
                realised: Money::ZERO,
                commission: deal.commission,
                swap: Money::ZERO,
                tag,
            };
            self.positions.insert(deal.position, opened.clone());
            return Some(Change::Position(Box::new(opened), PositionChange::Opened));
        };
        position.commission += deal.commission;
        position.swap -= deal.swap;
        position.realised += deal.profit;
        let change = match deal.entry {
            Entry::In => {
                position.volume += deal.volume;
                position.cost += cost;
                if deal.order.is_some_and(|order| PositionId(order) != position.id) {
                    // As in MT5: the stops of the last order that increases a netting position replace the old ones.
                    (position.stop_loss, position.take_profit) = (stop_loss, take_profit);
                }
                PositionChange::Increased
            }
            Entry::InOut => {
                // What is left after the turn was opened at this deal's price.
                position.side = deal.side;
                position.volume = deal.volume - position.volume;
                position.cost = deal.price.0.saturating_mul(position.volume.0);
                (position.stop_loss, position.take_profit) = (stop_loss, take_profit);
                PositionChange::Reversed
            }
            // Only books a swap or a cost: the position goes on, and whoever keeps it must hear of it.
            Entry::Out | Entry::OutBy if deal.volume == Steps(0) => return Some(Change::Swap(Box::new(position.clone()))),
            Entry::Out | Entry::OutBy if deal.volume < position.volume => {
                let left = position.volume - deal.volume;
                position.cost = position.cost_left(left);
                position.volume = left;
                PositionChange::Reduced
            }
            Entry::Out | Entry::OutBy => PositionChange::Closed,
        };
        let mut after = position.clone();
        if change == PositionChange::Closed {
            // What its last deal booked: nothing is due any more, and whoever shows what it cost wants to know.
            (after.volume, after.swap) = (Steps(0), deal.swap);
            self.positions.remove(&deal.position);
        }
        Some(Change::Position(Box::new(after), change))
    }

    /// Floating profit of all positions, swap due included, in the currency `to`. A position without quote or rate counts
    /// its swap only.
    pub fn floating(&self, table: &SymbolTable, to: &str, quote: impl Fn(SymbolId) -> Option<(Points, Points)> + Copy) -> Money {
        self.positions.values().map(|position| floating_of(position, table, to, quote).unwrap_or_default() + position.swap).sum()
    }

    /// Swap that no deal has booked yet.
    pub fn swap_due(&self) -> Money {
        self.positions.values().map(|position| position.swap).sum()
    }

    /// Margin that the open positions take, at 1:`leverage`, in the currency `to`. Positions of one symbol in opposite
    /// directions take the margin of the larger side, or what the symbol says of hedged volume. Positions without a rate count 0.
    pub fn margin(
        &self,
        table: &SymbolTable,
        to: &str,
        leverage: u32,
        quote: impl Fn(SymbolId) -> Option<(Points, Points)> + Copy,
    ) -> Money {
        margin_of(self.positions.values().map(Position::held), table, to, leverage, quote)
    }
}

/// What of a position its margin depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Of what.
    pub symbol: SymbolId,
    /// Which way.
    pub side: Side,
    /// How much.
    pub volume: Steps,
    /// Average opening price.
    pub open: Points,
    /// Whether it is there already.
    pub purpose: MarginFor,
}

/// One direction of a symbol.
#[derive(Clone, Copy, Debug, Default)]
struct Leg {
    volume: Steps,
    /// Sum of price times volume.
    cost: i128,
    margin: Money,
}

/// Margin of what is held, or would be, as [`Ledger::margin`] counts it.
pub fn margin_of(
    held: impl Iterator<Item = Held>,
    table: &SymbolTable,
    to: &str,
    leverage: u32,
    quote: impl Fn(SymbolId) -> Option<(Points, Points)> + Copy,
) -> Money {
    let mut sides: BTreeMap<SymbolId, [Leg; 2]> = BTreeMap::new();
    let rate = |symbol| table.rate(table.spec(symbol).margin_currency(), to, quote);
    for one in held {
        let Some(rate) = rate(one.symbol) else {
            continue;
        };
        let leg = &mut sides.entry(one.symbol).or_default()[usize::from(one.side == Side::Sell)];
        leg.volume += one.volume;
        leg.cost += i128::from(one.open.0) * i128::from(one.volume.0);
        leg.margin += table.spec(one.symbol).margin(one.open, one.volume, leverage, rate, one.purpose);
    }
    let of_symbol =
        |(&symbol, legs): (&SymbolId, &[Leg; 2])| rate(symbol).map_or(Money::ZERO, |rate| both(table.spec(symbol), legs, leverage, rate));
    sides.iter().map(of_symbol).sum()
}

/// Margin of positions in both directions of a symbol.
fn both(spec: &SymbolSpec, [long, short]: &[Leg; 2], leverage: u32, rate: Rate) -> Money {
    let covered = long.volume.min(short.volume);
    if spec.margin_hedged_e6.is_none() || covered == Steps(0) {
        return long.margin.max(short.margin);
    }
    let larger = if long.volume >= short.volume { long } else { short };
    let share =
        |amount: i64, part: Steps| crate::number::div_round(i128::from(amount) * i128::from(part.0), i128::from(larger.volume.0)) as i64;
    let uncovered = Money(share(larger.margin.0, larger.volume - covered));
    // The price of what is covered is the average over both sides.
    let price = crate::number::div_round(long.cost + short.cost, i128::from((long.volume + short.volume).0)) as i64;
    uncovered + spec.margin_covered(Points(price), covered, leverage, rate)
}

/// Floating profit of one position at the quote, in the currency `to`, without swap and commission.
pub fn floating_of(
    position: &Position,
    table: &SymbolTable,
    to: &str,
    quote: impl Fn(SymbolId) -> Option<(Points, Points)> + Copy,
) -> Option<Money> {
    let (bid, ask) = quote(position.symbol)?;
    let spec = table.spec(position.symbol);
    let close = if position.side == Side::Buy { bid } else { ask };
    Some(spec.value_of(position.point_steps(close), table.rate(&spec.quote, to, quote)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Reason;
    use crate::contract::Filling;
    use crate::ids::{AccountId, EngineId};

    fn request(kind: OrderKind, stop_loss: Option<i64>) -> OrderRequest {
        OrderRequest {
            symbol: SymbolId(0),
            side: Side::Buy,
            kind,
            volume: Steps(2),
            price: (kind != OrderKind::Market).then_some(Points(110)),
            stop_limit_price: (kind == OrderKind::StopLimit).then_some(Points(105)),
            stop_loss: stop_loss.map(Points),
            take_profit: None,
            filling: Filling::Any,
            deviation: None,
            expires: None,
            position: None,
            reduce_only: false,
            tag: Tag::default(),
        }
    }

    fn order(number: u32) -> OrderId {
        OrderId::new(EngineId(1), number)
    }

    fn place(ledger: &mut Ledger, number: u32, request: OrderRequest) {
        ledger.recorded(&Command { account: AccountId(1), order: order(number), at: Time(0), action: Action::Place(request) });
        report(ledger, number, Happened::Accepted { ticket: 1 });
    }

    fn report(ledger: &mut Ledger, number: u32, happened: Happened) -> Vec<Change> {
        ledger.apply(&Report { account: AccountId(1), order: Some(order(number)), at: Time(0), happened })
    }

    fn buy(id: u64, number: u32) -> Happened {
        let deal = Deal {
            id: DealId(id),
            order: Some(order(number)),
            position: PositionId(order(1)),
            symbol: SymbolId(0),
            side: Side::Buy,
            entry: Entry::In,
            reason: Reason::Expert,
            volume: Steps(2),
            price: Points(100),
            profit: Money::ZERO,
            commission: Money(-5),
            swap: Money::ZERO,
            time: Time(0),
        };
        Happened::Deal { deal, rest: Steps(0) }
    }

    #[test]
    fn stops_of_a_later_order_replace_those_of_the_position_it_increases() {
        let mut ledger = Ledger::new(Money(100));
        place(&mut ledger, 1, request(OrderKind::Market, Some(90)));
        report(&mut ledger, 1, buy(1, 1));
        place(&mut ledger, 2, request(OrderKind::Market, None));
        report(&mut ledger, 2, buy(2, 2));
        let position = &ledger.positions[&PositionId(order(1))];
        assert_eq!((position.volume, position.stop_loss), (Steps(4), None));
    }

    #[test]
    fn swap_floats_until_a_deal_books_its_share() {
        let mut ledger = Ledger::new(Money(100));
        place(&mut ledger, 1, request(OrderKind::Market, None));
        report(&mut ledger, 1, buy(1, 1));
        let position = PositionId(order(1));
        assert!(matches!(report(&mut ledger, 1, Happened::SwapCharged { position, amount: Money(-31) })[..], [Change::Swap(_)]));
        assert_eq!((ledger.balance, ledger.swap_due(), ledger.positions[&position].swap_of(Steps(1))), (Money(95), Money(-31), Money(-16)));
        let Happened::Deal { deal, rest } = buy(2, 1) else { unreachable!() };
        let close = Deal { side: Side::Sell, entry: Entry::Out, volume: Steps(1), swap: Money(-16), order: None, ..deal };
        report(&mut ledger, 1, Happened::Deal { deal: close, rest });
        assert_eq!((ledger.balance, ledger.swap_due()), (Money(95 - 16 - 5), Money(-15)));
    }

    #[test]
    fn covered_volume_takes_the_hedged_margin() {
        use crate::symbol::common;
        let of = |hedged: Option<i64>| {
            let spec = SymbolSpec { margin_hedged_e6: hedged, ..common::forex("USD", "JPY") };
            let table = SymbolTable::new(vec![spec]).unwrap();
            let held = |side, volume| Held {
                symbol: SymbolId(0),
                side,
                volume: Steps(volume),
                open: Points(100_000),
                purpose: MarginFor::Holding,
            };
            margin_of([held(Side::Buy, 300), held(Side::Sell, 100)].into_iter(), &table, "USD", 100, |_| None).to_units()
        };
        assert_eq!(of(None), 3_000.0, "the larger side");
        assert_eq!(of(Some(0)), 2_000.0, "what is not covered");
        assert_eq!(of(Some(50_000_000_000)), 2_500.0);
        assert_eq!(of(Some(100_000_000_000)), 3_000.0);
    }

    #[test]
    fn a_stop_limit_whose_price_becomes_its_limit_is_a_limit_order() {
        let mut ledger = Ledger::new(Money(100));
        place(&mut ledger, 1, request(OrderKind::StopLimit, None));
        report(&mut ledger, 1, Happened::OrderModified { price: Some(Points(105)), stop_loss: None, take_profit: None });
        let request = &ledger.orders[&order(1)].request;
        assert_eq!((request.kind, request.price, request.stop_limit_price), (OrderKind::Limit, Some(Points(105)), None));
    }

    #[test]
    fn a_deal_repeated_after_its_number_was_forgotten_books_nothing() {
        let mut ledger = Ledger::new(Money(100_000));
        place(&mut ledger, 1, request(OrderKind::Market, None));
        (1..=SEEN_DEALS_MAX as u64 + 2).for_each(|id| _ = report(&mut ledger, 1, buy(id, 1)));
        let balance = ledger.balance;
        assert!(report(&mut ledger, 1, buy(1, 1)).is_empty());
        assert_eq!(ledger.balance, balance);
    }

    #[test]
    fn a_repeated_deal_books_nothing_and_the_highest_number_is_remembered() {
        let mut ledger = Ledger::new(Money(100));
        place(&mut ledger, 1, request(OrderKind::Market, None));
        report(&mut ledger, 1, buy(7, 1));
        assert!(report(&mut ledger, 1, buy(7, 1)).is_empty());
        assert_eq!((ledger.balance, ledger.last_deal), (Money(95), DealId(7)));
    }
}
