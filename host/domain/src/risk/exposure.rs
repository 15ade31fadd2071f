//! What an account would hold if everything that waits were filled: the worst case that limits are checked against.

use crate::contract::{AccountMode, Side};
use crate::ledger::Ledger;
use crate::number::{Money, Points, Steps};
use crate::order::{OrderRequest, OrderState};
use crate::reconcile::{Foreign, ForeignKind};
use crate::symbol::{MarginFor, SymbolId, SymbolTable};
use crate::tick::Quote;

/// The sums of one symbol, in steps and point-steps.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Which look at the account this is of: older sums count for nothing.
    look: u64,
    long: i64,
    short: i64,
    buys: i64,
    sells: i64,
    cost_long: i128,
    cost_short: i128,
}

/// Room to add up an account symbol by symbol, kept from one look to the next so that a look allocates nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    sums: Vec<Sums>,
    touched: Vec<SymbolId>,
    look: u64,
}

/// What an account holds, and what it would if an order were filled with everything else that waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Balance and floating profit now.
    pub equity: Money,
    /// Worth of the order itself.
    pub order: Money,
    /// Worth of all, both directions added.
    pub gross: Money,
    /// Worth of all, the directions of a symbol set off against each other.
    pub net: Money,
    /// Margin that all of it takes.
    pub margin: Money,
    /// A price or rate was missing, so that these are too small.
    pub incomplete: bool,
}

/// The account that is looked at.
pub(crate) struct Looked<'a, Q> {
    pub ledger: &'a Ledger,
    pub foreign: &'a [Foreign],
    pub table: &'a SymbolTable,
    pub mode: AccountMode,
    pub currency: &'a str,
    pub leverage: u32,
    pub quote: Q,
}

impl Scratch {
    fn of(&mut self, symbol: SymbolId) -> Option<&mut Sums> {
        let sums = self.sums.get_mut(usize::from(symbol.0))?;
        if sums.look != self.look {
            *sums = Sums { look: self.look, ..Sums::default() };
            self.touched.push(symbol);
        }
        Some(sums)
    }

    /// Adds the account up, with `order` on top.
    pub fn look<Q: Fn(SymbolId) -> Option<Quote>>(&mut self, at: &Looked<'_, Q>, order: Option<&OrderRequest>) -> Exposure {
        if self.sums.len() < at.table.len() {
            self.sums.resize(at.table.len(), Sums::default());
            self.touched.reserve(at.table.len());
        }
        self.look += 1;
        self.touched.clear();
        let mut swap = Money::ZERO;
        for position in at.ledger.positions.values() {
            swap += position.swap;
            let Some(sums) = self.of(position.symbol) else { continue };
            match position.side {
                Side::Buy => (sums.long, sums.cost_long) = (sums.long + position.volume.0, sums.cost_long + i128::from(position.cost)),
                Side::Sell => (sums.short, sums.cost_short) = (sums.short + position.volume.0, sums.cost_short + i128::from(position.cost)),
            }
        }
        let waiting = at.ledger.orders.values().map(|order| (&order.request, order.request.volume - order.filled));
        for (request, volume) in waiting.chain(order.map(|order| (order, order.volume))) {
            if request.position.is_some() || request.reduce_only {
                continue;
            }
            let Some(sums) = self.of(request.symbol) else { continue };
            *(if request.side == Side::Buy { &mut sums.buys } else { &mut sums.sells }) += volume.0.max(0);
        }
        for foreign in at.foreign {
            if let Some(sums) = self.of(foreign.symbol) {
                sums.add(foreign);
            }
        }
        let mut all = self.add_up(at, order);
        all.equity += swap;
        all
    }

    fn add_up<Q: Fn(SymbolId) -> Option<Quote>>(&self, at: &Looked<'_, Q>, order: Option<&OrderRequest>) -> Exposure {
        let mut all = Exposure { equity: at.ledger.balance, ..Exposure::default() };
        let prices = |symbol| (at.quote)(symbol).map(|quote: Quote| (quote.bid, quote.ask));
        for &symbol in &self.touched {
            let sums = &self.sums[usize::from(symbol.0)];
            let spec = at.table.spec(symbol);
            let rates = (at.table.rate(&spec.quote, at.currency, prices), at.table.rate(spec.margin_currency(), at.currency, prices));
            let (Some(quote), (Some(rate), Some(of_margin))) = ((at.quote)(symbol), rates) else {
                all.incomplete = true;
                continue;
            };
            let floating = i128::from(quote.bid.0) * i128::from(sums.long) - sums.cost_long + sums.cost_short
                - i128::from(quote.ask.0) * i128::from(sums.short);
            all.equity += spec.value_of(floating, rate);

            let (long, short) = sums.worst(at.mode);
            let worth = |steps: i64| spec.value_of(i128::from(quote.ask.0) * i128::from(steps), rate);
            let net = (sums.long - sums.short + sums.buys).abs().max((sums.long - sums.short - sums.sells).abs());
            all.gross += worth(if at.mode == AccountMode::Hedging { long + short } else { long.max(short) });
            all.net += worth(net);
            all.margin += spec.margin(quote.ask, Steps(long.max(short)), at.leverage, of_margin, MarginFor::Opening);
            if let Some(order) = order.filter(|order| order.symbol == symbol) {
                let price = order.price.unwrap_or(quote.ask);
                all.order = spec.value_of(i128::from(price.0) * i128::from(order.volume.0), rate);
            }
        }
        all
    }
}

impl Sums {
    /// Counts what somebody else has; without a price it was had for, its profit counts for nothing.
    fn add(&mut self, foreign: &Foreign) {
        let volume = foreign.volume.0.max(0);
        let cost = i128::from(foreign.price.map_or(0, |price| price.0)) * i128::from(volume);
        match (foreign.kind, foreign.side) {
            (ForeignKind::Order, Side::Buy) => self.buys += volume,
            (ForeignKind::Order, Side::Sell) => self.sells += volume,
            (ForeignKind::Position, Side::Buy) => (self.long, self.cost_long) = (self.long + volume, self.cost_long + cost),
            (ForeignKind::Position, Side::Sell) => (self.short, self.cost_short) = (self.short + volume, self.cost_short + cost),
        }
    }

    /// The most that may be held in either direction.
    fn worst(&self, mode: AccountMode) -> (i64, i64) {
        if mode == AccountMode::Hedging {
            (self.long + self.buys, self.short + self.sells)
        } else {
            let net = self.long - self.short;
            ((net + self.buys).max(0), (self.sells - net).max(0))
        }
    }
}

/// What the account has on one symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnSymbol {
    /// Working orders.
    pub orders: u32,
    /// Open positions.
    pub positions: u32,
    /// Openings that wait for the broker's answer.
    pub in_flight: u32,
    /// Orders whose outcome is unknown.
    pub unknown: u32,
    /// The most that may be held in the direction of the order, without it, in steps.
    pub worst: Steps,
}

impl OnSymbol {
    /// Adds up one symbol of an account for an order in the direction `side`.
    pub(crate) fn of(ledger: &Ledger, foreign: &[Foreign], mode: AccountMode, symbol: SymbolId, side: Side) -> Self {
        let mut found = Self::default();
        let mut sums = Sums::default();
        for position in ledger.positions.values().filter(|position| position.symbol == symbol) {
            found.positions += 1;
            *(if position.side == Side::Buy { &mut sums.long } else { &mut sums.short }) += position.volume.0;
        }
        for order in ledger.orders.values().filter(|order| order.request.symbol == symbol) {
            let request = &order.request;
            let opens = request.position.is_none() && !request.reduce_only;
            found.orders += 1;
            found.unknown += u32::from(order.state == OrderState::Unknown);
            found.in_flight += u32::from(opens && matches!(order.state, OrderState::Recorded | OrderState::Submitted));
            if opens {
                let waits = (request.volume - order.filled).0.max(0);
                *(if request.side == Side::Buy { &mut sums.buys } else { &mut sums.sells }) += waits;
            }
        }
        foreign.iter().filter(|foreign| foreign.symbol == symbol).for_each(|foreign| sums.add(foreign));
        let (long, short) = sums.worst(mode);
        found.worst = Steps(if side == Side::Buy { long } else { short });
        found
    }
}

/// How far `price` lies from `from`, in thousandths of it.
pub(super) fn permille_apart(price: Points, from: Points) -> i64 {
    if from.0 <= 0 { i64::MAX } else { (i128::from((price - from).0.abs()) * 1_000 / i128::from(from.0)) as i64 }
}
