//! The contract's types as bindings and as the host's: the same fields under the same names, one function for each.

use crate::bindings::{Budget as WitBudget, Level, types as wit};
use domain::contract::*;
use domain::symbol::SymbolSpec;
use domain::text;
use domain::tick::{Bar, Tick, Timeframe};
use domain::time::Time;
use domain::wake::Wake;

/// Both ways between two enums with the same variants.
macro_rules! same_words {
    ($($wit:path = $domain:path { $($variant:ident),+ })+) => { $(
        impl From<$wit> for $domain {
            fn from(value: $wit) -> Self {
                match value { $(<$wit>::$variant => <$domain>::$variant),+ }
            }
        }
        impl From<$domain> for $wit {
            fn from(value: $domain) -> Self {
                match value { $(<$domain>::$variant => <$wit>::$variant),+ }
            }
        }
    )+ };
}

same_words! {
    wit::Timeframe = Timeframe { M1, M5, M15, M30, H1, H4, D1, W1, Mn1 }
    wit::Side = Side { Buy, Sell }
    wit::OrderKind = OrderKind { Market, Limit, Stop, StopLimit }
    wit::Filling = Filling { Any, Fok, Ioc, Return }
    wit::RunMode = RunMode { Backtest, Optimisation, Paper, Live }
    wit::AccountMode = AccountMode { Netting, Hedging, Exchange }
    wit::TradingState = TradingState { Active, Reducing, Halted }
    wit::PositionChange = PositionChange { Opened, Increased, Reduced, Reversed, Closed, StopsMoved }
    wit::StopReason = StopReason { ByOwner, ByOperator, Swapped, HostStopping, EndOfData, Quarantined }
    Level = LogLevel { Debug, Info, Warn, Error }
    wit::DenyCode = DenyCode {
        TradingHalted, ReducingOnly, Reconciling, SymbolNotAllowed,
        VolumeBelowMinimum, VolumeAboveMaximum, VolumeOffStep,
        PriceOffTick, PriceCollar, StopsTooClose, Frozen,
        MarketClosed, PriceStale, SpreadTooWide,
        MarginInsufficient, ExposureExceeded, OrdersExceeded, RateExceeded, RepeatedOrder, InFlight,
        DailyLoss, Drawdown, ConsecutiveLosses,
        PositionNotFound, OrderNotFound, WouldIncrease, ExpiryPast, BudgetExceeded, Invalid,
        PositionsExceeded, NotionalExceeded, HostBusy, NotAllowedNow, Throttled, HostLimit, StopLossMissing
    }
}

pub(crate) fn description(from: wit::Description) -> Description {
    Description {
        name: from.name,
        version: from.version,
        // Prose is cleaned; names and values are what they are, and refused where they hide something.
        about: text::lines(from.about, usize::MAX),
        params: from.params.into_iter().map(param_spec).collect(),
        needs: from.needs.into_iter().map(data_need).collect(),
        latest_tick_only: from.latest_tick_only,
        callbacks: Callbacks {
            tick: from.callbacks.tick,
            bar: from.callbacks.bar,
            timer: from.callbacks.timer,
            order: from.callbacks.order,
            position: from.callbacks.position,
        },
        state_schema: from.state_schema,
        memory_bytes: from.memory_bytes,
    }
}

fn param_spec(from: wit::ParamSpec) -> ParamSpec {
    ParamSpec {
        name: from.name,
        help: text::line(from.help, usize::MAX),
        default: match from.default {
            wit::ParamValueResult::Integer(value) => ParamValue::Integer(value),
            wit::ParamValueResult::Number(value) => ParamValue::Number(value),
            wit::ParamValueResult::Flag(value) => ParamValue::Flag(value),
            wit::ParamValueResult::Text(value) => ParamValue::Text(value),
            wit::ParamValueResult::Choice(value) => ParamValue::Choice(value),
        },
        min: from.min,
        max: from.max,
        step: from.step,
        choices: from.choices,
    }
}

fn data_need(from: wit::DataNeed) -> DataNeed {
    DataNeed {
        symbol: from.symbol,
        timeframes: from.timeframes.into_iter().map(Into::into).collect(),
        bars_before_start: from.bars_before_start,
        ticks_before_start: from.ticks_before_start,
    }
}

pub(crate) fn param(from: &Param) -> wit::Param<'_> {
    let value = match &from.value {
        ParamValue::Integer(value) => wit::ParamValueParam::Integer(*value),
        ParamValue::Number(value) => wit::ParamValueParam::Number(*value),
        ParamValue::Flag(value) => wit::ParamValueParam::Flag(*value),
        ParamValue::Text(value) => wit::ParamValueParam::Text(value),
        ParamValue::Choice(value) => wit::ParamValueParam::Choice(*value),
    };
    wit::Param { name: &from.name, value }
}

pub(crate) fn account(from: &AccountView) -> wit::AccountStateParam<'_> {
    wit::AccountStateParam {
        mode: from.mode.into(),
        currency: &from.currency,
        leverage: from.leverage,
        balance: from.balance,
        equity: from.equity,
        margin: from.margin,
        margin_free: from.margin_free,
    }
}

pub(crate) fn account_answer(from: AccountView) -> wit::AccountStateResult {
    wit::AccountStateResult {
        mode: from.mode.into(),
        currency: from.currency,
        leverage: from.leverage,
        balance: from.balance,
        equity: from.equity,
        margin: from.margin,
        margin_free: from.margin_free,
    }
}

pub(crate) fn asked_order(from: wit::OrderRequest) -> AskedOrder {
    AskedOrder {
        symbol: from.symbol,
        side: from.side.into(),
        kind: from.kind.into(),
        volume: from.volume,
        price: from.price,
        stop_limit_price: from.stop_limit_price,
        stop_loss: from.stop_loss,
        take_profit: from.take_profit,
        filling: from.filling.into(),
        deviation: from.deviation,
        expires: from.expires,
        position: from.position,
        reduce_only: from.reduce_only,
        tag: from.tag,
    }
}

pub(crate) fn order(from: SeenOrder) -> wit::Order {
    wit::Order {
        id: from.id,
        symbol: from.symbol,
        side: from.side.into(),
        kind: from.kind.into(),
        volume: from.volume,
        filled: from.filled,
        price: from.price,
        stop_loss: from.stop_loss,
        take_profit: from.take_profit,
        placed: from.placed,
        tag: from.tag,
    }
}

pub(crate) fn position(from: &SeenPosition) -> wit::PositionParam<'_> {
    wit::PositionParam {
        id: from.id,
        symbol: from.symbol,
        side: from.side.into(),
        volume: from.volume,
        open_price: from.open_price,
        stop_loss: from.stop_loss,
        take_profit: from.take_profit,
        opened: from.opened,
        profit: from.profit,
        swap: from.swap,
        commission: from.commission,
        tag: &from.tag,
    }
}

pub(crate) fn position_answer(from: SeenPosition) -> wit::PositionResult {
    wit::PositionResult {
        id: from.id,
        symbol: from.symbol,
        side: from.side.into(),
        volume: from.volume,
        open_price: from.open_price,
        stop_loss: from.stop_loss,
        take_profit: from.take_profit,
        opened: from.opened,
        profit: from.profit,
        swap: from.swap,
        commission: from.commission,
        tag: from.tag,
    }
}

pub(crate) fn event(from: SeenEvent) -> wit::OrderEvent {
    let fill = |fill: SeenFill| wit::Fill {
        volume: fill.volume,
        price: fill.price,
        time: fill.time,
        position: fill.position,
        profit: fill.profit,
        commission: fill.commission,
    };
    match from {
        SeenEvent::Accepted => wit::OrderEvent::Accepted,
        SeenEvent::Rejected(retcode) => wit::OrderEvent::Rejected(retcode),
        SeenEvent::Unknown => wit::OrderEvent::Unknown,
        SeenEvent::PartiallyFilled(deal) => wit::OrderEvent::PartiallyFilled(fill(deal)),
        SeenEvent::Filled(deal) => wit::OrderEvent::Filled(fill(deal)),
        SeenEvent::Canceled => wit::OrderEvent::Canceled,
        SeenEvent::Expired => wit::OrderEvent::Expired,
        SeenEvent::Modified => wit::OrderEvent::Modified,
        SeenEvent::ModifyRejected(retcode) => wit::OrderEvent::ModifyRejected(retcode),
    }
}

/// `symbol` is the guest's index: the host's id in the bar means nothing to a guest.
pub(crate) fn bar(symbol: u32, from: &Bar) -> wit::Bar {
    wit::Bar {
        symbol,
        timeframe: from.timeframe.into(),
        open_time: from.open_time.0,
        open: from.open,
        high: from.high,
        low: from.low,
        close: from.close,
        tick_volume: from.tick_volume,
        spread: from.spread,
    }
}

pub(crate) fn tick(from: &Tick) -> wit::Tick {
    wit::Tick { time: from.time.0, bid: from.bid, ask: from.ask, last: from.last, volume: from.volume }
}

pub(crate) fn wake(from: wit::Wake) -> Wake {
    let wit::Wake { at, bid_at_least, bid_at_most, ask_at_least, ask_at_most } = from;
    Wake { at: Time(at), bid_at_least, bid_at_most, ask_at_least, ask_at_most }
}

pub(crate) fn gap(from: domain::contract::Gap) -> wit::Gap {
    wit::Gap { after: from.after, until: from.until, ticks: from.ticks }
}

pub(crate) fn symbol_spec(from: SymbolSpec, tick_value: f64) -> wit::SymbolSpec {
    wit::SymbolSpec {
        digits: from.digits,
        point: 1.0 / from.points_per_unit(),
        tick_size: from.price(from.tick_size),
        tick_value,
        contract_size: from.contract_size_e6 as f64 / 1e6,
        volume_min: from.lots(from.volume_min),
        volume_max: from.lots(from.volume_max),
        volume_step: from.volume_step_e8 as f64 / 1e8,
        stops_level: points(from.stops_level.0),
        freeze_level: points(from.freeze_level.0),
        name: from.name,
        base: from.base,
        quote: from.quote,
        margin: from.margin,
    }
}

fn points(points: i64) -> u32 {
    u32::try_from(points.max(0)).unwrap_or(u32::MAX)
}

pub(crate) fn stats(from: &TesterStats) -> wit::TesterStats {
    wit::TesterStats {
        profit: from.profit,
        profit_factor: from.profit_factor,
        drawdown: from.drawdown,
        drawdown_percent: from.drawdown_percent,
        recovery_factor: from.recovery_factor,
        expected_payoff: from.expected_payoff,
        sharpe: from.sharpe,
        trades: from.trades,
    }
}

pub(crate) fn budget(from: Budget) -> WitBudget {
    WitBudget { fuel: from.fuel, memory_bytes: from.memory_bytes, orders: from.orders, log_bytes: from.log_bytes }
}
