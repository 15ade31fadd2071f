//! The contract's own types in memory: their fields and cases in the order of `sdk/wit`.

use super::abi::{Laid, Load, Save, Sink, Source, broken, larger, up};
use crate::bindings::{Budget, Level, types as wit};
use wasmtime::Result;

/// Enums: a byte that counts the cases. `from_number` for the ones that come flat.
macro_rules! cases {
    ($($kind:path { $($case:ident),+ })+) => { $(
        impl Laid for $kind {
            const SIZE: usize = 1;
            const ALIGN: usize = 1;
        }
        impl Case for $kind {
            const ALL: &[Self] = &[$(<$kind>::$case),+];
        }
        impl Load for $kind {
            fn load(from: &mut Source<'_>, at: usize) -> Result<Self> {
                Self::from_number(u32::from(u8::load(from, at)?))
            }
        }
        impl Save for $kind {
            fn save<H>(&self, to: &mut Sink<'_, H>, at: usize) -> Result<()> {
                (*self as u8).save(to, at)
            }
        }
    )+ };
}

/// An enum of the contract.
pub(super) trait Case: Copy + 'static {
    const ALL: &[Self];

    fn from_number(number: u32) -> Result<Self> {
        Self::ALL.get(number as usize).copied().ok_or_else(|| broken("there is no such case"))
    }
}

cases! {
    wit::Timeframe { M1, M5, M15, M30, H1, H4, D1, W1, Mn1 }
    wit::Side { Buy, Sell }
    wit::OrderKind { Market, Limit, Stop, StopLimit }
    wit::Filling { Any, Fok, Ioc, Return }
    wit::AccountMode { Netting, Hedging, Exchange }
    Level { Debug, Info, Warn, Error }
    wit::DenyCode {
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

/// Records: one field after the other, each at its own alignment.
macro_rules! record {
    (laid $kind:ty { $($field:ident: $type:ty),+ $(,)? }) => {
        impl Laid for $kind {
            const ALIGN: usize = { let mut align = 1; $(align = larger(align, <$type as Laid>::ALIGN);)+ align };
            const SIZE: usize = {
                let mut at = 0;
                $(at = up(at, <$type as Laid>::ALIGN) + <$type as Laid>::SIZE;)+
                up(at, Self::ALIGN)
            };
        }
    };
    (load $kind:ty { $($field:ident: $type:ty),+ $(,)? }) => {
        record!(laid $kind { $($field: $type),+ });
        impl Load for $kind {
            fn load(from: &mut Source<'_>, at: usize) -> Result<Self> {
                let mut next = at;
                $(
                    next = up(next, <$type as Laid>::ALIGN);
                    let $field = <$type as Load>::load(from, next)?;
                    next += <$type as Laid>::SIZE;
                )+
                debug_assert!(next <= at + Self::SIZE, "a record's fields lie within it");
                Ok(Self { $($field),+ })
            }
        }
    };
    (save $kind:ty { $($field:ident: $type:ty),+ $(,)? }) => {
        record!(laid $kind { $($field: $type),+ });
        impl Save for $kind {
            fn save<H>(&self, to: &mut Sink<'_, H>, at: usize) -> Result<()> {
                let mut next = at;
                $(
                    next = up(next, <$type as Laid>::ALIGN);
                    self.$field.save(to, next)?;
                    next += <$type as Laid>::SIZE;
                )+
                debug_assert!(next <= at + Self::SIZE, "a record's fields lie within it");
                Ok(())
            }
        }
    };
}

record!(load wit::OrderRequest {
    symbol: u32, side: wit::Side, kind: wit::OrderKind, volume: f64, price: Option<f64>, stop_limit_price: Option<f64>,
    stop_loss: Option<f64>, take_profit: Option<f64>, filling: wit::Filling, deviation: Option<u32>, expires: Option<i64>,
    position: Option<u64>, reduce_only: bool, tag: String,
});
record!(save wit::Param<'_> { name: &str, value: wit::ParamValueParam<'_> });
record!(save wit::Tick { time: i64, bid: f64, ask: f64, last: f64, volume: f64 });
record!(save wit::Bar {
    symbol: u32, timeframe: wit::Timeframe, open_time: i64, open: f64, high: f64, low: f64, close: f64, tick_volume: u64, spread: u32,
});
record!(save wit::Gap { after: i64, until: i64, ticks: Option<u64> });
record!(save wit::SymbolSpec {
    name: String, digits: u8, point: f64, tick_size: f64, tick_value: f64, contract_size: f64, volume_min: f64, volume_max: f64,
    volume_step: f64, stops_level: u32, freeze_level: u32, base: String, quote: String, margin: String,
});
record!(save wit::AccountStateResult {
    mode: wit::AccountMode, currency: String, leverage: u32, balance: f64, equity: f64, margin: f64, margin_free: f64,
});
record!(save wit::Order {
    id: u64, symbol: u32, side: wit::Side, kind: wit::OrderKind, volume: f64, filled: f64, price: Option<f64>, stop_loss: Option<f64>,
    take_profit: Option<f64>, placed: i64, tag: String,
});
record!(save wit::PositionResult {
    id: u64, symbol: u32, side: wit::Side, volume: f64, open_price: f64, stop_loss: Option<f64>, take_profit: Option<f64>, opened: i64,
    profit: f64, swap: f64, commission: f64, tag: String,
});
record!(save Budget { fuel: u64, memory_bytes: u64, orders: u32, log_bytes: u64 });

/// Where the value of a parameter lies, behind the byte that says which kind it is.
const VALUE_AT: usize = 8;

impl Laid for wit::ParamValueParam<'_> {
    const SIZE: usize = 16;
    const ALIGN: usize = 8;
}

impl Save for wit::ParamValueParam<'_> {
    fn save<H>(&self, to: &mut Sink<'_, H>, at: usize) -> Result<()> {
        let value = at + VALUE_AT;
        let kind = |to: &mut Sink<'_, H>, kind: u8| kind.save(to, at);
        match self {
            Self::Integer(number) => kind(to, 0).and_then(|()| number.save(to, value)),
            Self::Number(number) => kind(to, 1).and_then(|()| number.save(to, value)),
            Self::Flag(flag) => kind(to, 2).and_then(|()| flag.save(to, value)),
            Self::Text(text) => kind(to, 3).and_then(|()| text.save(to, value)),
            Self::Choice(choice) => kind(to, 4).and_then(|()| choice.save(to, value)),
        }
    }
}
