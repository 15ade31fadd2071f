//! What crosses between host and guest, as `sdk/wit` has it, in the host's types. Prices and volumes are `f64` here and
//! nowhere else: [`Desk`](crate::desk::Desk) turns them into points and steps.

use crate::tick::Timeframe;
use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[allow(missing_docs)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }
        impl $name {
            /// All, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            /// The stable word for it, in the database, the API and the logs.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
            /// The value with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Direction of an order, deal or position.
    Side { Buy = "buy", Sell = "sell" }
}

impl Side {
    /// The other one.
    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// 1 for buys, -1 for sells: profit is `sign * (close - open)`.
    pub fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }
}

words! {
    /// When an order executes.
    OrderKind { Market = "market", Limit = "limit", Stop = "stop", StopLimit = "stop-limit" }
}
words! {
    /// How much must be filled at once.
    Filling { Any = "any", Fok = "fok", Ioc = "ioc", Return = "return" }
}
words! {
    /// Where the ticks come from and where orders go.
    RunMode { Backtest = "backtest", Optimisation = "optimisation", Paper = "paper", Live = "live" }
}
words! {
    /// How an account keeps positions.
    AccountMode { Netting = "netting", Hedging = "hedging", Exchange = "exchange" }
}
words! {
    /// What an engine, an account or the host may do at the market. The strictest of the three counts.
    TradingState { Active = "active", Reducing = "reducing", Halted = "halted" }
}
words! {
    /// What happened to a position.
    PositionChange { Opened = "opened", Increased = "increased", Reduced = "reduced", Reversed = "reversed", Closed = "closed", StopsMoved = "stops-moved" }
}
words! {
    /// Why an engine stops.
    StopReason { ByOwner = "by-owner", ByOperator = "by-operator", Swapped = "swapped", HostStopping = "host-stopping", EndOfData = "end-of-data", Quarantined = "quarantined" }
}
words! {
    /// How loud a log line is.
    LogLevel { Debug = "debug", Info = "info", Warn = "warn", Error = "error" }
}
words! {
    /// Why the host denied a request. Stable, in the order of the contract.
    DenyCode {
        TradingHalted = "TRADING_HALTED", ReducingOnly = "REDUCING_ONLY", Reconciling = "RECONCILING", SymbolNotAllowed = "SYMBOL_NOT_ALLOWED",
        VolumeBelowMinimum = "VOLUME_BELOW_MINIMUM", VolumeAboveMaximum = "VOLUME_ABOVE_MAXIMUM", VolumeOffStep = "VOLUME_OFF_STEP",
        PriceOffTick = "PRICE_OFF_TICK", PriceCollar = "PRICE_COLLAR", StopsTooClose = "STOPS_TOO_CLOSE", Frozen = "FROZEN",
        MarketClosed = "MARKET_CLOSED", PriceStale = "PRICE_STALE", SpreadTooWide = "SPREAD_TOO_WIDE",
        MarginInsufficient = "MARGIN_INSUFFICIENT", ExposureExceeded = "EXPOSURE_EXCEEDED", OrdersExceeded = "ORDERS_EXCEEDED",
        RateExceeded = "RATE_EXCEEDED", RepeatedOrder = "REPEATED_ORDER", InFlight = "IN_FLIGHT",
        DailyLoss = "DAILY_LOSS", Drawdown = "DRAWDOWN", ConsecutiveLosses = "CONSECUTIVE_LOSSES",
        PositionNotFound = "POSITION_NOT_FOUND", OrderNotFound = "ORDER_NOT_FOUND", WouldIncrease = "WOULD_INCREASE",
        ExpiryPast = "EXPIRY_PAST", BudgetExceeded = "BUDGET_EXCEEDED", Invalid = "INVALID",
        PositionsExceeded = "POSITIONS_EXCEEDED", NotionalExceeded = "NOTIONAL_EXCEEDED", HostBusy = "HOST_BUSY", NotAllowedNow = "NOT_ALLOWED_NOW",
        Throttled = "THROTTLED", HostLimit = "HOST_LIMIT", StopLossMissing = "STOP_LOSS_MISSING",
    }
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParamValue {
    /// A whole number.
    Integer(i64),
    /// Any finite number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// Free text.
    Text(String),
    /// Which of the choices, from 0.
    Choice(u32),
}

/// One parameter a strategy has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParamSpec {
    /// Its name.
    pub name: String,
    /// What it does, with the unit.
    pub help: String,
    /// Its value unless set.
    pub default: ParamValue,
    /// Smallest value.
    pub min: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
    /// What an optimiser steps by.
    pub step: Option<f64>,
    /// Names of the alternatives of a choice.
    pub choices: Vec<String>,
}

/// A parameter with its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Which.
    pub name: String,
    /// How much.
    pub value: ParamValue,
}

/// A symbol a strategy trades or watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataNeed {
    /// Its name, or empty for one that the owner picks.
    pub symbol: String,
    /// Bars wanted.
    pub timeframes: Vec<Timeframe>,
    /// Closed bars of each timeframe before the start.
    pub bars_before_start: u32,
    /// Ticks before the start.
    pub ticks_before_start: u32,
}

/// Which optional callbacks a strategy has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Callbacks {
    pub tick: bool,
    pub bar: bool,
    pub timer: bool,
    pub order: bool,
    pub position: bool,
}

/// What a strategy says of itself at upload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its own version number.
    pub version: String,
    /// A sentence or two.
    pub about: String,
    /// Its parameters.
    pub params: Vec<ParamSpec>,
    /// Its symbols; a guest's symbol index counts in this list.
    pub needs: Vec<DataNeed>,
    /// Of waiting ticks it wants only the latest.
    pub latest_tick_only: bool,
    /// Its callbacks.
    pub callbacks: Callbacks,
    /// Version of what `save` writes.
    pub state_schema: u32,
    /// Linear memory it asks for, bytes; 0: the usual.
    pub memory_bytes: u64,
}

/// An order as a guest asks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct AskedOrder {
    /// Index into [`Description::needs`].
    pub symbol: u32,
    pub side: Side,
    pub kind: OrderKind,
    /// Lots.
    pub volume: f64,
    pub price: Option<f64>,
    pub stop_limit_price: Option<f64>,
    pub stop_loss: Option<f64>,
    pub take_profit: Option<f64>,
    pub filling: Filling,
    /// Points.
    pub deviation: Option<u32>,
    /// Microseconds since 1970 UTC.
    pub expires: Option<i64>,
    pub position: Option<u64>,
    pub reduce_only: bool,
    pub tag: String,
}

/// A working order as its guest sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SeenOrder {
    pub id: u64,
    pub symbol: u32,
    pub side: Side,
    pub kind: OrderKind,
    /// Lots.
    pub volume: f64,
    /// Lots.
    pub filled: f64,
    pub price: Option<f64>,
    pub stop_loss: Option<f64>,
    pub take_profit: Option<f64>,
    /// Microseconds since 1970 UTC.
    pub placed: i64,
    pub tag: String,
}

/// A position as its guest sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SeenPosition {
    pub id: u64,
    pub symbol: u32,
    pub side: Side,
    /// Lots; 0 when it has closed.
    pub volume: f64,
    pub open_price: f64,
    pub stop_loss: Option<f64>,
    pub take_profit: Option<f64>,
    /// Microseconds since 1970 UTC.
    pub opened: i64,
    /// Floating, account currency.
    pub profit: f64,
    pub swap: f64,
    pub commission: f64,
    pub tag: String,
}

/// One deal as its guest sees it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct SeenFill {
    /// Lots.
    pub volume: f64,
    pub price: f64,
    /// Microseconds since 1970 UTC.
    pub time: i64,
    pub position: u64,
    pub profit: f64,
    pub commission: f64,
}

/// What became of an order, as its guest sees it. Numbers are the broker's retcodes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum SeenEvent {
    Accepted,
    Rejected(u32),
    Unknown,
    PartiallyFilled(SeenFill),
    Filled(SeenFill),
    Canceled,
    Expired,
    Modified,
    ModifyRejected(u32),
}

/// Ticks of a symbol that a guest was not handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Gap {
    /// Microseconds since 1970 UTC.
    pub after: i64,
    /// Microseconds since 1970 UTC.
    pub until: i64,
    /// `None`: nobody knows how many.
    pub ticks: Option<u64>,
}

/// An account as a guest sees it; money in units of its currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct AccountView {
    pub mode: AccountMode,
    pub currency: String,
    pub leverage: u32,
    pub balance: f64,
    pub equity: f64,
    pub margin: f64,
    pub margin_free: f64,
}

/// What a guest may still spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Budget {
    pub fuel: u64,
    pub memory_bytes: u64,
    pub orders: u32,
    pub log_bytes: u64,
}

/// What an optimisation knows of a run when it asks for the custom criterion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct TesterStats {
    pub profit: f64,
    pub profit_factor: f64,
    pub drawdown: f64,
    pub drawdown_percent: f64,
    pub recovery_factor: f64,
    pub expected_payoff: f64,
    pub sharpe: f64,
    pub trades: u32,
}
