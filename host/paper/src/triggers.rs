//! Per symbol: the quote, and everything that waits for a price or a time, sorted, so that a tick touches only what it
//! reaches.

use domain::contract::{OrderKind, Side};
use domain::ids::{AccountId, OrderId, PositionId};
use domain::ledger::{Position, WorkingOrder};
use domain::number::Points;
use domain::ranges::{PriceRange, RangesAhead};
use domain::symbol::SymbolSpec;
use domain::tick::{Tick, TickColumns};
use domain::time::Time;
use std::collections::BTreeSet;

/// Bid and ask.
pub(crate) type Quote = (Points, Points);

/// What a trigger waits for. The order is that in which pending orders of one tick are seen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bank {
    /// The ask at or below the key: buy limits, take profits of shorts.
    AskFalls,
    /// The ask at or above: buy stops, stop losses of shorts.
    AskRises,
    /// The bid at or below: sell stops, stop losses of longs.
    BidFalls,
    /// The bid at or above: sell limits, take profits of longs.
    BidRises,
    /// The time at or after: expiries.
    Time,
}

impl Bank {
    fn falls(self) -> bool {
        matches!(self, Self::AskFalls | Self::BidFalls)
    }
}

/// What is to be done when a trigger is reached. The order is that of the steps of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    Expire(OrderId),
    /// The price has left the range in which the account is known to be safe from stop-out.
    Margin,
    StopLoss(PositionId),
    TakeProfit(PositionId),
    Pending(OrderId),
}

impl Task {
    fn step(self) -> u8 {
        match self {
            Self::Expire(_) => 1,
            Self::Margin => 2,
            Self::StopLoss(_) => 3,
            Self::TakeProfit(_) => 4,
            Self::Pending(_) => 5,
        }
    }
}

/// A trigger: where it waits, for what, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trigger {
    pub bank: Bank,
    pub key: i64,
    pub task: Task,
}

/// The triggers of a working order, which has to go at `day_end` at the latest.
pub(crate) fn of_order(order: &WorkingOrder, day_end: Option<Time>) -> impl Iterator<Item = Trigger> {
    let request = &order.request;
    let bank = match (request.kind, request.side) {
        (OrderKind::Market, _) => None,
        (OrderKind::Limit, Side::Buy) => Some(Bank::AskFalls),
        (OrderKind::Limit, Side::Sell) => Some(Bank::BidRises),
        (OrderKind::Stop | OrderKind::StopLimit, Side::Buy) => Some(Bank::AskRises),
        (OrderKind::Stop | OrderKind::StopLimit, Side::Sell) => Some(Bank::BidFalls),
    };
    let price = bank.zip(request.price).map(|(bank, price)| Trigger { bank, key: price.0, task: Task::Pending(order.id) });
    let end =
        request.expires.into_iter().chain(day_end).min().map(|end| Trigger { bank: Bank::Time, key: end.0, task: Task::Expire(order.id) });
    price.into_iter().chain(end)
}

/// The triggers of a position.
pub(crate) fn of_position(position: &Position) -> impl Iterator<Item = Trigger> {
    let (losing, winning) = match position.side {
        Side::Buy => (Bank::BidFalls, Bank::BidRises),
        Side::Sell => (Bank::AskRises, Bank::AskFalls),
    };
    let id = position.id;
    let stop = position.stop_loss.map(|price| Trigger { bank: losing, key: price.0, task: Task::StopLoss(id) });
    let profit = position.take_profit.map(|price| Trigger { bank: winning, key: price.0, task: Task::TakeProfit(id) });
    stop.into_iter().chain(profit)
}

/// A trigger that a tick has reached. Sorted, these are the order of events of the tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reached {
    pub account: AccountId,
    step: u8,
    bank: Bank,
    /// Smaller is reached earlier.
    distance: i64,
    pub task: Task,
}

impl Reached {
    fn new(account: AccountId, bank: Bank, key: i64, task: Task) -> Self {
        Self { account, step: task.step(), bank, distance: if bank.falls() { -key } else { key }, task }
    }

    /// A look at an account's margin that no trigger asked for.
    pub(crate) fn margin(account: AccountId) -> Self {
        Self::new(account, Bank::AskFalls, 0, Task::Margin)
    }
}

/// Where prices must lie for nothing to happen, as images of points: exact to compare, and fast.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bounds {
    ask_falls: f64,
    ask_rises: f64,
    bid_falls: f64,
    bid_rises: f64,
}

impl Bounds {
    /// Whether nothing waits for this price. `false` for what is no price as well (NaN, zero, infinite).
    #[inline(always)]
    fn quiet(&self, bid: f64, ask: f64) -> bool {
        (ask > self.ask_falls) & (ask < self.ask_rises) & (bid > self.bid_falls) & (bid < self.bid_rises)
    }

    /// Whether every price in a range is quiet.
    #[inline(always)]
    fn all_quiet(&self, range: &PriceRange) -> bool {
        self.quiet(range.bid_low, range.ask_low) & self.quiet(range.bid_high, range.ask_high)
    }
}

/// One symbol at the venue.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub quote: Option<Quote>,
    pub time: Time,
    banks: [BTreeSet<(i64, AccountId, Task)>; 5],
    bounds: Bounds,
    /// Accounts whose margin must be looked at with every tick of this symbol.
    pub watchers: BTreeSet<AccountId>,
    /// Accounts whose equity moves with this symbol.
    pub holders: BTreeSet<AccountId>,
}

/// The largest price, in points: far above any market, and small enough for products with volumes.
pub(crate) const PRICE_POINTS_MAX: i64 = 1_000_000_000_000;

impl Book {
    pub(crate) fn new(spec: &SymbolSpec) -> Self {
        let mut book = Self {
            quote: None,
            time: Time(i64::MIN),
            banks: Default::default(),
            bounds: Bounds { ask_falls: 0.0, ask_rises: 0.0, bid_falls: 0.0, bid_rises: 0.0 },
            watchers: BTreeSet::new(),
            holders: BTreeSet::new(),
        };
        for bank in [Bank::AskFalls, Bank::AskRises, Bank::BidFalls, Bank::BidRises] {
            book.rebound(bank, spec);
        }
        book
    }

    pub(crate) fn arm(&mut self, account: AccountId, trigger: Trigger, spec: &SymbolSpec) {
        self.banks[trigger.bank as usize].insert((trigger.key, account, trigger.task));
        self.rebound(trigger.bank, spec);
    }

    pub(crate) fn disarm(&mut self, account: AccountId, trigger: Trigger, spec: &SymbolSpec) {
        self.banks[trigger.bank as usize].remove(&(trigger.key, account, trigger.task));
        self.rebound(trigger.bank, spec);
    }

    fn rebound(&mut self, bank: Bank, spec: &SymbolSpec) {
        let lowest = self.banks[bank as usize].first().map(|&(key, ..)| key);
        let highest = self.banks[bank as usize].last().map(|&(key, ..)| key);
        // Half a point rounds to a price, less does not.
        let below = || 0.49 / spec.points_per_unit();
        match bank {
            Bank::AskFalls => self.bounds.ask_falls = highest.map_or_else(below, |key| spec.price(Points(key)).max(below())),
            Bank::BidFalls => self.bounds.bid_falls = highest.map_or_else(below, |key| spec.price(Points(key)).max(below())),
            Bank::AskRises => self.bounds.ask_rises = spec.price(Points(lowest.unwrap_or(i64::MAX).min(PRICE_POINTS_MAX))),
            Bank::BidRises => self.bounds.bid_rises = spec.price(Points(lowest.unwrap_or(i64::MAX).min(PRICE_POINTS_MAX))),
            Bank::Time => {}
        }
    }

    /// The quote that a tick stands for; `None` if a price is beyond the scale.
    pub(crate) fn quote_of(spec: &SymbolSpec, bid: f64, ask: f64) -> Option<Quote> {
        let price = |price| spec.nearest_points(price).filter(|points| points.0 < PRICE_POINTS_MAX);
        Some((price(bid)?, price(ask)?))
    }

    /// Whether a tick reaches no trigger.
    pub(crate) fn is_quiet_at(&self, tick: &Tick) -> bool {
        self.bounds.quiet(tick.bid, tick.ask) && self.next_expiry().is_none_or(|end| tick.time.0 < end)
    }

    fn next_expiry(&self) -> Option<i64> {
        self.banks[Bank::Time as usize].first().map(|&(key, ..)| key)
    }

    /// Appends what the current quote and `time` reach.
    pub(crate) fn reached(&self, time: Time, into: &mut Vec<Reached>) {
        let Some((bid, ask)) = self.quote else { return };
        for (bank, level) in [(Bank::AskFalls, ask), (Bank::AskRises, ask), (Bank::BidFalls, bid), (Bank::BidRises, bid)] {
            let keys = &self.banks[bank as usize];
            let reached = |&(key, account, task): &_| Reached::new(account, bank, key, task);
            if bank.falls() {
                into.extend(keys.iter().rev().take_while(|(key, ..)| *key >= level.0).map(reached));
            } else {
                into.extend(keys.iter().take_while(|(key, ..)| *key <= level.0).map(reached));
            }
        }
        let ended = self.banks[Bank::Time as usize].iter().take_while(|(key, ..)| *key <= time.0);
        into.extend(ended.map(|&(key, account, task)| Reached::new(account, Bank::Time, key, task)));
    }

    /// How many leading rows reach no trigger.
    pub(crate) fn quiet_rows(&self, ticks: &TickColumns<'_>, ranges: RangesAhead<'_>) -> usize {
        if !self.watchers.is_empty() {
            return 0;
        }
        let before_expiry = match self.next_expiry() {
            // The expiry ends the first tick at or after it; times are in order.
            Some(end) => ticks.times.partition_point(|&time| time < end),
            None => ticks.len(),
        };
        let (bids, asks) = (&ticks.bids[..before_expiry], &ticks.asks[..before_expiry]);
        ranges.first_not(bids, asks, |range| self.bounds.all_quiet(range), |bid, ask| self.bounds.quiet(bid, ask))
    }
}
