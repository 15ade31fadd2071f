//! What to do, drawn at random: every kind of order, change, close, timer and report, on the symbol's grid.

use crate::Settings;
use crate::watch::Watch;
use stockade_sdk::prelude::*;

/// Lots of an order in smallest orders, at most.
const VOLUMES_MAX: u64 = 5;
/// Timers that may be set.
const TIMERS: u64 = 4;

/// Does one thing and gives the orders that came of it, with their volumes in lots. What the host denies is no news.
pub(crate) fn act(ctx: &mut Context, tick: &Tick, spec: &SymbolSpec, settings: &Settings, watch: &mut Watch) -> Option<(OrderId, f64)> {
    let (positions, orders) = (ctx.positions(), ctx.orders());
    if positions.len() >= settings.positions_max as usize {
        return close(ctx, &positions, spec);
    }
    if orders.len() >= settings.orders_max as usize {
        cancel(ctx, &orders);
        return None;
    }
    match ctx.random() % 12 {
        0..=2 => market(ctx, tick, spec),
        3 => pending(ctx, tick, spec, OrderKind::Limit),
        4 => pending(ctx, tick, spec, OrderKind::Stop),
        5 => pending(ctx, tick, spec, OrderKind::StopLimit),
        6 => {
            modify_order(ctx, tick, spec, &orders);
            None
        }
        7 => {
            modify_position(ctx, tick, spec, &positions);
            None
        }
        8 => {
            cancel(ctx, &orders);
            None
        }
        9 => close(ctx, &positions, spec),
        10 => {
            set_timer(ctx, watch);
            None
        }
        _ => {
            report(ctx, tick);
            None
        }
    }
}

fn market(ctx: &mut Context, tick: &Tick, spec: &SymbolSpec) -> Option<(OrderId, f64)> {
    let (side, volume) = (side(ctx), volume(ctx, spec));
    let request = OrderRequest::market(0, side, volume).tag("market");
    // Every other one with both stops, which the broker then executes by itself.
    let request = if ctx.random().is_multiple_of(2) {
        let ahead = side.sign() * distance(ctx, tick, spec);
        let price = tick.price(side);
        request.stop_loss(spec.round_to_tick(price - 2.0 * ahead)).take_profit(spec.round_to_tick(price + 2.0 * ahead))
    } else {
        request
    };
    submit(ctx, request)
}

fn pending(ctx: &mut Context, tick: &Tick, spec: &SymbolSpec, kind: OrderKind) -> Option<(OrderId, f64)> {
    let (side, volume) = (side(ctx), volume(ctx, spec));
    let away = side.sign() * distance(ctx, tick, spec);
    let (better, worse) = (spec.round_to_tick(tick.price(side) - away), spec.round_to_tick(tick.price(side) + away));
    let request = match kind {
        OrderKind::Limit => OrderRequest::limit(0, side, volume, better),
        OrderKind::Stop => OrderRequest::stop(0, side, volume, worse),
        _ => OrderRequest::stop_limit(0, side, volume, worse, spec.round_to_tick(worse - away / 2.0)),
    };
    let request = if ctx.random().is_multiple_of(2) { request.expires(tick.time + 10 * MINUTE) } else { request };
    submit(ctx, request.tag("pending"))
}

fn submit(ctx: &mut Context, request: OrderRequest) -> Option<(OrderId, f64)> {
    let volume = request.volume;
    ctx.submit(request).ok().map(|id| (id, volume))
}

fn modify_order(ctx: &mut Context, tick: &Tick, spec: &SymbolSpec, orders: &[Order]) {
    let Some(order) = one_of(ctx, orders) else { return };
    let away = order.side.sign() * distance(ctx, tick, spec);
    let price = match order.kind {
        OrderKind::Limit => tick.price(order.side) - away,
        _ => tick.price(order.side) + away,
    };
    _ = ctx.modify_order(order.id, Some(spec.round_to_tick(price)), order.stop_loss, order.take_profit);
}

fn modify_position(ctx: &mut Context, tick: &Tick, spec: &SymbolSpec, positions: &[Position]) {
    let Some(position) = one_of(ctx, positions) else { return };
    let ahead = 2.0 * position.side.sign() * distance(ctx, tick, spec);
    let price = tick.price(position.side.opposite());
    let take_profit = ctx.random().is_multiple_of(2).then(|| spec.round_to_tick(price + ahead));
    _ = ctx.modify_position(position.id, Some(spec.round_to_tick(price - ahead)), take_profit);
}

fn cancel(ctx: &mut Context, orders: &[Order]) {
    if let Some(order) = one_of(ctx, orders) {
        _ = ctx.cancel(order.id);
    }
}

/// All of a position, or half of it where that is possible.
fn close(ctx: &mut Context, positions: &[Position], spec: &SymbolSpec) -> Option<(OrderId, f64)> {
    let position = one_of(ctx, positions)?;
    let half = spec.floor_to_step(position.volume / 2.0);
    if half > 0.0 && ctx.random().is_multiple_of(2) {
        return ctx.close_partly(position.id, half).ok().map(|id| (id, half));
    }
    ctx.close(position.id).ok().map(|id| (id, position.volume))
}

fn set_timer(ctx: &mut Context, watch: &mut Watch) {
    let id = (ctx.random() % TIMERS) as u32;
    let at = ctx.now() + (1 + ctx.random() % 60) as Time * SECOND;
    match ctx.random() % 3 {
        0 => {
            ctx.clear_timer(id);
            watch.timer_cleared(id);
        }
        1 => {
            ctx.set_timer_every(id, at, 30 * SECOND as u64);
            watch.timer_set(id, at);
        }
        _ => {
            ctx.set_timer(id, at);
            watch.timer_set(id, at);
        }
    }
}

fn report(ctx: &mut Context, tick: &Tick) {
    match ctx.random() % 3 {
        0 => {
            let side = side(ctx);
            let confidence = (ctx.random() % 101) as f64;
            ctx.signal(Some(side), confidence, "drawn at random");
        }
        1 => ctx.plot("mid", tick.mid()),
        _ => ctx.info("nothing to do"),
    }
}

fn side(ctx: &mut Context) -> Side {
    if ctx.random().is_multiple_of(2) { Side::Buy } else { Side::Sell }
}

fn volume(ctx: &mut Context, spec: &SymbolSpec) -> f64 {
    spec.floor_to_step(spec.volume_min * (1 + ctx.random() % VOLUMES_MAX) as f64)
}

/// A distance from the price that the broker allows: its smallest and up to twenty spreads more.
fn distance(ctx: &mut Context, tick: &Tick, spec: &SymbolSpec) -> f64 {
    spec.points(f64::from(spec.stops_level)) + tick.spread() * (1 + ctx.random() % 20) as f64
}

fn one_of<'a, T>(ctx: &mut Context, all: &'a [T]) -> Option<&'a T> {
    let index = ctx.random() as usize;
    all.get(index.checked_rem(all.len())?)
}
