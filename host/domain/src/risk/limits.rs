//! What an operator, a user and an account allow. The strictest wins.

use super::hours::TradingHours;
use serde::{Deserialize, Serialize};

/// What a limit is given as, for whoever describes limits to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// A list of names.
    Names,
    /// A whole number, not negative.
    Number,
    /// The same, or none.
    OptionalNumber,
    /// Yes or no.
    Flag,
    /// A list of hours, or none.
    Hours,
}

/// One limit, described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitField {
    /// Its name.
    pub name: &'static str,
    /// What it limits, in the lines of its documentation.
    pub about: &'static [&'static str],
    /// What it is given as.
    pub kind: LimitKind,
}

/// The type of a limit.
trait Limit {
    const KIND: LimitKind;
    /// Whether it says nothing.
    fn is_absent(&self) -> bool {
        false
    }
}

impl Limit for Vec<String> {
    const KIND: LimitKind = LimitKind::Names;
}

impl Limit for u32 {
    const KIND: LimitKind = LimitKind::Number;
}

impl Limit for bool {
    const KIND: LimitKind = LimitKind::Flag;
}

impl<T: Copy + Into<u64>> Limit for Option<T> {
    const KIND: LimitKind = LimitKind::OptionalNumber;
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl Limit for Option<TradingHours> {
    const KIND: LimitKind = LimitKind::Hours;
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

/// Each limit with its type, its default, and which of two values is the stricter one.
macro_rules! limits {
    ($($(#[doc = $about:literal])+ $limit:ident: $kind:ty = $default:expr, $stricter:ident;)+) => {
        /// Limits of one level: the operator's, a user's or an account's. What is left out is not limited. The defaults suit a paper
        /// account. Money is in whole units of the account's currency; times are market time.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct RiskLimits {
            $($(#[doc = $about])+ #[serde(skip_serializing_if = "Limit::is_absent")] pub $limit: $kind,)+
        }

        impl Default for RiskLimits {
            fn default() -> Self {
                Self { $($limit: $default),+ }
            }
        }

        impl RiskLimits {
            /// Every limit, described.
            pub const FIELDS: &[LimitField] =
                &[$(LimitField { name: stringify!($limit), about: &[$($about),+], kind: <$kind as Limit>::KIND }),+];

            /// Of each limit the stricter one.
            pub fn strictest(&self, other: &Self) -> Self {
                Self { $($limit: $stricter(&self.$limit, &other.$limit)),+ }
            }
        }
    };
}

limits! {
    /// Symbols that may be traded, by name; empty: all the host knows.
    symbols: Vec<String> = Vec::new(), common_symbols;
    /// Largest order, in hundredths of a lot.
    order_centilots_max: u32 = 5_000, least;
    /// Orders, modifications and cancels of one engine in a minute.
    commands_per_minute: u32 = 120, least;
    /// Working orders of the account.
    working_orders_max: u32 = 200, least;
    /// Open positions of the account.
    positions_max: u32 = 200, least;
    /// Orders, modifications and cancels of the whole account in a minute.
    account_commands_per_minute: Option<u32> = None, lower;
    /// Working orders of the account on one symbol.
    symbol_orders_max: Option<u32> = None, lower;
    /// Open positions of the account in one symbol.
    symbol_positions_max: Option<u32> = None, lower;
    /// Largest volume in one direction of one symbol, in hundredths of a lot, everything that waits counted as filled.
    symbol_centilots_max: Option<u32> = None, lower;
    /// Largest worth of one order.
    order_notional_max: Option<u64> = None, lower;
    /// Largest worth of all positions together, both directions added, everything that waits counted as filled.
    gross_notional_max: Option<u64> = None, lower;
    /// The same with opposite directions of a symbol set off against each other.
    net_notional_max: Option<u64> = None, lower;
    /// Smallest margin level after an order, percent of the margin that everything open and waiting takes.
    margin_level_percent_min: Option<u32> = None, most;
    /// Oldest price on which anything is opened, ms.
    price_age_ms_max: Option<u32> = None, lower;
    /// Widest spread at which anything is opened, points.
    spread_points_max: Option<u32> = None, lower;
    /// Farthest an order's price may lie from the market, thousandths of the price.
    collar_permille: Option<u32> = None, lower;
    /// How far the market may have moved within a minute for anything to be opened, thousandths of the price.
    jump_permille: Option<u32> = None, lower;
    /// Loss of equity since the beginning of the UTC day at which nothing is opened until the next one.
    daily_loss_max: Option<u64> = None, lower;
    /// Fall of equity from its peak, percent, at which nothing is opened until the next day.
    drawdown_percent_max: Option<u32> = None, lower;
    /// Losing deals of an engine in a row after which it opens nothing until the next day.
    consecutive_losses_max: Option<u32> = None, lower;
    /// Openings of an engine in the same direction within `executions_window_s` after which it opens nothing until a person
    /// says so.
    executions_max: Option<u32> = None, lower;
    /// See `executions_max`, seconds.
    executions_window_s: u32 = 60, most;
    /// For so long the same order is not taken again, ms.
    duplicate_window_ms: Option<u32> = None, most;
    /// Openings on one symbol that wait for the broker's answer.
    in_flight_per_symbol_max: Option<u32> = None, lower;
    /// Whether what opens a position must bring a stop loss.
    stop_loss_required: bool = false, most;
    /// When anything is opened, UTC, such as `mon-fri 07:00-20:30`; left out: always.
    sessions: Option<TradingHours> = None, common_hours;
}

impl RiskLimits {
    /// No limit at all: the level of whoever has set none.
    pub fn none() -> Self {
        Self {
            order_centilots_max: u32::MAX,
            commands_per_minute: u32::MAX,
            working_orders_max: u32::MAX,
            positions_max: u32::MAX,
            executions_window_s: 0,
            ..Self::default()
        }
    }

    /// What an operator's hosts are held to unless the configuration says otherwise: a price from the last minute, and none
    /// that is a slip of the finger.
    pub fn operators() -> Self {
        Self {
            order_centilots_max: 10_000,
            commands_per_minute: 600,
            working_orders_max: 500,
            positions_max: 500,
            price_age_ms_max: Some(60_000),
            collar_permille: Some(500),
            ..Self::none()
        }
    }

    /// Whether these allow something that `before` did not: such a change is for the audit.
    pub fn raises(&self, before: &Self) -> bool {
        self.strictest(before) != *self
    }

    /// Whether any of these looks at what positions are worth.
    pub(super) fn look_at_money(&self) -> bool {
        let of_worth = self.order_notional_max.or(self.gross_notional_max).or(self.net_notional_max).or(self.daily_loss_max);
        of_worth.is_some() || self.margin_level_percent_min.or(self.drawdown_percent_max).is_some()
    }

    /// Whether any of these hangs on equity as it was.
    pub(super) fn follow_equity(&self) -> bool {
        self.daily_loss_max.is_some() || self.drawdown_percent_max.is_some()
    }
}

/// The lower of two limits, of which either may be none.
fn lower<T: Ord + Copy>(one: &Option<T>, other: &Option<T>) -> Option<T> {
    match (*one, *other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn least(one: &u32, other: &u32) -> u32 {
    *one.min(other)
}

/// The greater of two, and anything rather than none.
fn most<T: Ord + Copy>(one: &T, other: &T) -> T {
    *one.max(other)
}

fn common_hours(one: &Option<TradingHours>, other: &Option<TradingHours>) -> Option<TradingHours> {
    TradingHours::common(one.as_ref(), other.as_ref())
}

fn common_symbols(one: &[String], other: &[String]) -> Vec<String> {
    match (one, other) {
        ([], all) | (all, []) => all.to_vec(),
        (one, other) => {
            let common: Vec<String> = one.iter().filter(|name| other.contains(name)).cloned().collect();
            // None in common means that nothing may be traded. No symbol has this name, and an empty list means all.
            if common.is_empty() { vec![String::new()] } else { common }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_levels_the_strictest_of_each_limit_counts() {
        let operator = RiskLimits { order_notional_max: Some(1_000), margin_level_percent_min: Some(100), ..RiskLimits::none() };
        let account = RiskLimits { order_notional_max: Some(5_000), daily_loss_max: Some(50), ..RiskLimits::default() };
        let both = operator.strictest(&account);
        assert_eq!((both.order_notional_max, both.margin_level_percent_min, both.daily_loss_max), (Some(1_000), Some(100), Some(50)));
        assert_eq!(both, account.strictest(&operator));
        assert_eq!(both.order_centilots_max, RiskLimits::default().order_centilots_max);
    }

    #[test]
    fn lists_without_a_common_symbol_allow_none() {
        let only = |name: &str| RiskLimits { symbols: vec![name.into()], ..RiskLimits::default() };
        assert!(!only("EURUSD").strictest(&only("XAUUSD")).symbols.is_empty());
        assert_eq!(only("EURUSD").strictest(&RiskLimits::default()).symbols, ["EURUSD"]);
    }

    #[test]
    fn a_change_that_allows_more_in_any_way_raises() {
        let before = RiskLimits { daily_loss_max: Some(100), ..RiskLimits::default() };
        let raised = RiskLimits { daily_loss_max: Some(101), positions_max: 1, ..before.clone() };
        let lowered = RiskLimits { daily_loss_max: Some(99), stop_loss_required: true, ..before.clone() };
        assert!(raised.raises(&before) && !lowered.raises(&before) && !before.raises(&before));
        assert!(RiskLimits { daily_loss_max: None, ..before.clone() }.raises(&before));
    }
}
