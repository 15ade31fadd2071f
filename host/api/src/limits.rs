//! Limits of the risk gate as they cross the API: the domain's, field by field.

use domain::risk::{RiskLimits, TradingHours};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the risk gate holds a host, a user or an account to. What is left out is not limited. Money is in whole units of the
/// account's currency, times are market time.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = RiskLimits)]
pub(crate) struct Limits {
    /// Symbols that may be traded, by name; empty: all the host knows.
    pub symbols: Vec<String>,
    /// Largest order, in hundredths of a lot.
    pub order_centilots_max: u32,
    /// Orders, modifications and cancels of one engine in a minute.
    pub commands_per_minute: u32,
    /// Working orders of the account.
    pub working_orders_max: u32,
    /// Open positions of the account.
    pub positions_max: u32,
    /// Orders, modifications and cancels of the whole account in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_commands_per_minute: Option<u32>,
    /// Working orders of the account on one symbol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol_orders_max: Option<u32>,
    /// Open positions of the account in one symbol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol_positions_max: Option<u32>,
    /// Largest volume in one direction of one symbol, in hundredths of a lot, everything that waits counted as filled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol_centilots_max: Option<u32>,
    /// Largest worth of one order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_notional_max: Option<u64>,
    /// Largest worth of all positions together, both directions added, everything that waits counted as filled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gross_notional_max: Option<u64>,
    /// The same with opposite directions of a symbol set off against each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net_notional_max: Option<u64>,
    /// Smallest margin level after an order, percent of the margin that everything open and waiting takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin_level_percent_min: Option<u32>,
    /// Oldest price on which anything is opened, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_age_ms_max: Option<u32>,
    /// Widest spread at which anything is opened, points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread_points_max: Option<u32>,
    /// Farthest an order's price may lie from the market, thousandths of the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collar_permille: Option<u32>,
    /// How far the market may have moved within a minute for anything to be opened, thousandths of the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jump_permille: Option<u32>,
    /// Loss of equity since the beginning of the UTC day at which nothing is opened until the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_loss_max: Option<u64>,
    /// Fall of equity from its peak, percent, at which nothing is opened until the next day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drawdown_percent_max: Option<u32>,
    /// Losing deals of an engine in a row after which it opens nothing until the next day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consecutive_losses_max: Option<u32>,
    /// Openings of an engine in the same direction within `executions_window_s` after which it opens nothing until a person
    /// says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub executions_max: Option<u32>,
    /// See `executions_max`, seconds.
    pub executions_window_s: u32,
    /// For so long the same order is not taken again, ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_window_ms: Option<u32>,
    /// Openings on one symbol that wait for the broker's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight_per_symbol_max: Option<u32>,
    /// Whether what opens a position must bring a stop loss.
    pub stop_loss_required: bool,
    /// When anything is opened, UTC, such as `mon-fri 07:00-20:30`; left out: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub sessions: Option<TradingHours>,
}

impl Default for Limits {
    fn default() -> Self {
        Self::from(RiskLimits::default())
    }
}

/// The fields are the same, so that they stand here once.
macro_rules! field_by_field {
    ($($field:ident),*) => {
        impl From<RiskLimits> for Limits {
            fn from(RiskLimits { $($field),* }: RiskLimits) -> Self {
                Self { $($field),* }
            }
        }

        impl From<Limits> for RiskLimits {
            fn from(Limits { $($field),* }: Limits) -> Self {
                Self { $($field),* }
            }
        }
    };
}

field_by_field!(
    symbols,
    order_centilots_max,
    commands_per_minute,
    working_orders_max,
    positions_max,
    account_commands_per_minute,
    symbol_orders_max,
    symbol_positions_max,
    symbol_centilots_max,
    order_notional_max,
    gross_notional_max,
    net_notional_max,
    margin_level_percent_min,
    price_age_ms_max,
    spread_points_max,
    collar_permille,
    jump_permille,
    daily_loss_max,
    drawdown_percent_max,
    consecutive_losses_max,
    executions_max,
    executions_window_s,
    duplicate_window_ms,
    in_flight_per_symbol_max,
    stop_loss_required,
    sessions
);
