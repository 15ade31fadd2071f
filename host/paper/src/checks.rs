//! What a broker looks at before it takes an order: form, volume, price, stops, money. Each refusal has its retcode.

use crate::dealing::Dealing;
use crate::matching::{Leg, Plan};
use crate::triggers::Quote;
use domain::broker::{Entry, retcode};
use domain::contract::{OrderKind, Side};
use domain::ledger::{Held, Position, margin_of};
use domain::number::{Money, Points};
use domain::order::OrderRequest;
use domain::symbol::MarginFor;
use domain::symbol::SymbolSpec;
use domain::time::Time;

/// Price times volume of one position stays below this, in point-steps, so that its cost fits and sums of costs do not
/// overflow.
const COST_MAX: i128 = 1_000_000_000_000_000_000;

/// `Ok` or a retcode.
pub(crate) type Checked<T = ()> = Result<T, u32>;

pub(crate) fn require(holds: bool, otherwise: u32) -> Checked {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// The price at which `side` opens.
pub(crate) fn opening_price(side: Side, (bid, ask): Quote) -> Points {
    if side == Side::Buy { ask } else { bid }
}

/// The price at which a position of `side` closes.
pub(crate) fn closing_price(side: Side, quote: Quote) -> Points {
    opening_price(side.opposite(), quote)
}

/// Checks a new order against symbol, quote and time; says the quote.
pub(crate) fn form(request: &OrderRequest, spec: &SymbolSpec, quote: Option<Quote>, at: Time) -> Checked<Quote> {
    let closes = request.position.is_some() || request.reduce_only;
    require(request.volume.0 > 0 && request.volume <= spec.volume_max, retcode::INVALID_VOLUME)?;
    require(closes || request.volume >= spec.volume_min, retcode::INVALID_VOLUME)?;
    let quote = quote.ok_or(retcode::PRICE_OFF)?;
    let prices = [request.price, request.stop_limit_price, request.stop_loss, request.take_profit];
    prices.into_iter().flatten().try_for_each(|price| on_grid(price, spec))?;
    let complete = match request.kind {
        OrderKind::Market => request.price.is_none() && request.stop_limit_price.is_none(),
        OrderKind::Limit | OrderKind::Stop => request.price.is_some() && request.stop_limit_price.is_none(),
        OrderKind::StopLimit => request.price.is_some() && request.stop_limit_price.is_some(),
    };
    require(complete, retcode::INVALID)?;
    require(request.expires.is_none_or(|end| end > at && request.kind != OrderKind::Market), retcode::INVALID_EXPIRATION)?;
    if let Some(price) = request.price {
        pending_price(request.kind, request.side, price, quote, spec)?;
    }
    if !closes {
        let entry = request.stop_limit_price.or(request.price).unwrap_or(closing_price(request.side, quote));
        stops(request.side, request.stop_loss, request.take_profit, entry, spec)?;
    }
    Ok(quote)
}

pub(crate) fn on_grid(price: Points, spec: &SymbolSpec) -> Checked {
    let fits = price.0 > 0 && price.0 < crate::triggers::PRICE_POINTS_MAX && price.0 % spec.tick_size.0.max(1) == 0;
    require(fits, retcode::INVALID_PRICE)
}

/// A limit lies on the better side of the market, a stop on the worse, far enough from it.
pub(crate) fn pending_price(kind: OrderKind, side: Side, price: Points, quote: Quote, spec: &SymbolSpec) -> Checked {
    let above = side.sign() * (price.0 - opening_price(side, quote).0);
    let distance = if kind == OrderKind::Limit { -above } else { above };
    require(distance >= spec.stops_level.0.max(1), retcode::INVALID_PRICE)
}

/// Stop loss and take profit lie on their sides of `reference`, far enough from it.
pub(crate) fn stops(side: Side, loss: Option<Points>, profit: Option<Points>, reference: Points, spec: &SymbolSpec) -> Checked {
    let level = spec.stops_level.0.max(1);
    let in_profit = |price: Points| side.sign() * (price.0 - reference.0);
    let apart = loss.is_none_or(|price| -in_profit(price) >= level) && profit.is_none_or(|price| in_profit(price) >= level);
    require(apart, retcode::INVALID_STOPS)
}

/// Within the freeze level of the market nothing can be changed.
pub(crate) fn not_frozen(price: Option<Points>, market: Points, spec: &SymbolSpec) -> Checked {
    let free = spec.freeze_level.0 <= 0 || price.is_none_or(|price| (price - market).abs() > spec.freeze_level);
    require(free, retcode::FROZEN)
}

/// A closing order is against its position and not larger.
pub(crate) fn closes(request: &OrderRequest, position: Option<&Position>) -> Checked {
    let position = position.ok_or(retcode::POSITION_CLOSED)?;
    require(position.symbol == request.symbol && position.side != request.side, retcode::INVALID)
}

impl Dealing<'_> {
    /// What the plan opens can be priced and paid for: after it, free margin is not negative, unless it takes no margin.
    pub(crate) fn affordable(&self, request: &OrderRequest, plan: &Plan, price: Points) -> Checked {
        let currency = self.account.terms.currency.as_str();
        let spec = self.market.table.spec(request.symbol);
        require(self.market.rate(&spec.quote, currency).is_some(), retcode::PRICE_OFF)?;
        let Some(opens) = plan.legs.iter().find(|leg| leg.entry != Entry::Out) else {
            return Ok(());
        };
        require(self.market.rate(spec.margin_currency(), currency).is_some(), retcode::PRICE_OFF)?;

        let held = self.held_after(request, opens, price)?;
        let others = self.account.ledger.positions.values().filter(|position| position.id != opens.position);
        let quote = |symbol| self.market.quote(symbol);
        let after = margin_of(others.map(Position::held).chain([held]), &self.market.table, currency, self.account.terms.leverage, quote);
        let costs: Money = plan.legs.iter().filter_map(|leg| self.commission_of(request.symbol, leg, price)).sum();
        let enough = self.equity() + costs >= after || after <= self.margin();
        require(enough, retcode::NO_MONEY)
    }

    /// What is held in the position that `leg` opens, increases or turns.
    fn held_after(&self, request: &OrderRequest, leg: &Leg, price: Points) -> Checked<Held> {
        let before = self.account.ledger.positions.get(&leg.position);
        let (volume, cost) = match (before, leg.entry) {
            (Some(before), Entry::In) => {
                let cost = i128::from(before.cost) + i128::from(price.0) * i128::from(leg.volume.0);
                (i128::from(before.volume.0) + i128::from(leg.volume.0), cost)
            }
            (before, _) => {
                let left = i128::from(leg.volume.0 - before.map_or(0, |before| before.volume.0));
                (left, i128::from(price.0) * left)
            }
        };
        // The whole deal has to fit as well: that is what the ledger multiplies.
        let fits = cost < COST_MAX && i128::from(price.0) * i128::from(leg.volume.0) < COST_MAX;
        require(fits && volume > 0, retcode::INVALID_VOLUME)?;
        let average = domain::number::div_round(cost, volume) as i64;
        Ok(Held {
            symbol: request.symbol,
            side: request.side,
            volume: domain::number::Steps(volume as i64),
            open: Points(average),
            purpose: MarginFor::Opening,
        })
    }
}
