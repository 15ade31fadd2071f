//! The form of an order: on the grid, complete, its prices on their side of the market.

use super::{GateView, require};
use crate::contract::{DenyCode, OrderKind, Side};
use crate::number::Points;
use crate::order::OrderRequest;
use crate::symbol::SymbolSpec;

pub(super) fn check(request: &OrderRequest, view: &GateView<'_>) -> Result<(), DenyCode> {
    let prices = [request.price, request.stop_limit_price, request.stop_loss, request.take_profit];
    prices.into_iter().flatten().try_for_each(|price| on_tick_grid(view.spec, price))?;
    let complete = match request.kind {
        OrderKind::Market => request.price.is_none() && request.stop_limit_price.is_none() && request.expires.is_none(),
        OrderKind::Limit | OrderKind::Stop => request.price.is_some() && request.stop_limit_price.is_none(),
        OrderKind::StopLimit => request.price.is_some() && request.stop_limit_price.is_some(),
    };
    require(complete, DenyCode::Invalid)?;

    let quote = view.quote.ok_or(DenyCode::PriceStale)?;
    let level = view.spec.stops_level;
    let market = if request.side == Side::Buy { quote.ask } else { quote.bid };
    if let Some(price) = request.price {
        // Measured in the direction of the order: positive when a buy's price lies above the market.
        let above = Points(request.side.sign() * (price.0 - market.0));
        let far_enough = match request.kind {
            OrderKind::Limit => -above.0 >= level.0.max(1),
            OrderKind::Stop | OrderKind::StopLimit => above.0 >= level.0.max(1),
            OrderKind::Market => true,
        };
        require(far_enough, DenyCode::StopsTooClose)?;
    }
    let entry = request.stop_limit_price.or(request.price);
    let reference = entry.unwrap_or(if request.side == Side::Buy { quote.bid } else { quote.ask });
    stops_on_their_side(request.side, &request.stop_loss, &request.take_profit, Some(reference), level)?;
    require(request.expires.is_none_or(|end| end > view.now), DenyCode::ExpiryPast)
}

pub(super) fn on_tick_grid(spec: &SymbolSpec, price: Points) -> Result<(), DenyCode> {
    require(price.0 > 0 && price.0 % spec.tick_size.0 == 0, DenyCode::PriceOffTick)
}

/// The price a position of `side` would close at.
pub(super) fn closing_price(side: Side, view: &GateView<'_>) -> Option<Points> {
    view.quote.map(|quote| if side == Side::Buy { quote.bid } else { quote.ask })
}

pub(super) fn stops_on_their_side(
    side: Side,
    stop_loss: &Option<Points>,
    take_profit: &Option<Points>,
    reference: Option<Points>,
    level: Points,
) -> Result<(), DenyCode> {
    let Some(reference) = reference else {
        return Err(DenyCode::PriceStale);
    };
    let in_profit = |price: Points| side.sign() * (price.0 - reference.0);
    require(stop_loss.is_none_or(|price| -in_profit(price) >= level.0.max(1)), DenyCode::StopsTooClose)?;
    require(take_profit.is_none_or(|price| in_profit(price) >= level.0.max(1)), DenyCode::StopsTooClose)
}
