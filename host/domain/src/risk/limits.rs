//! What an operator, a user and an account allow. The strictest wins.

use super::hours::TradingHours;
use serde::{Deserialize, Serialize};

/// Limits of one level: the operator's, a user's or an account's. What is left out is not limited. The defaults suit a paper
/// account. Money is in whole units of the account's currency; times are market time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RiskLimits {
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
    pub sessions: Option<TradingHours>,
}

impl Default for RiskLimits {
    fn default() -> Self {
        Self {
            symbols: Vec::new(),
            order_centilots_max: 5_000,
            commands_per_minute: 120,
            working_orders_max: 200,
            positions_max: 200,
            account_commands_per_minute: None,
            symbol_orders_max: None,
            symbol_positions_max: None,
            symbol_centilots_max: None,
            order_notional_max: None,
            gross_notional_max: None,
            net_notional_max: None,
            margin_level_percent_min: None,
            price_age_ms_max: None,
            spread_points_max: None,
            collar_permille: None,
            jump_permille: None,
            daily_loss_max: None,
            drawdown_percent_max: None,
            consecutive_losses_max: None,
            executions_max: None,
            executions_window_s: 60,
            duplicate_window_ms: None,
            in_flight_per_symbol_max: None,
            stop_loss_required: false,
            sessions: None,
        }
    }
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

    /// Of each limit the stricter one.
    pub fn strictest(&self, other: &Self) -> Self {
        Self {
            symbols: common_symbols(&self.symbols, &other.symbols),
            order_centilots_max: self.order_centilots_max.min(other.order_centilots_max),
            commands_per_minute: self.commands_per_minute.min(other.commands_per_minute),
            working_orders_max: self.working_orders_max.min(other.working_orders_max),
            positions_max: self.positions_max.min(other.positions_max),
            account_commands_per_minute: lower(self.account_commands_per_minute, other.account_commands_per_minute),
            symbol_orders_max: lower(self.symbol_orders_max, other.symbol_orders_max),
            symbol_positions_max: lower(self.symbol_positions_max, other.symbol_positions_max),
            symbol_centilots_max: lower(self.symbol_centilots_max, other.symbol_centilots_max),
            order_notional_max: lower(self.order_notional_max, other.order_notional_max),
            gross_notional_max: lower(self.gross_notional_max, other.gross_notional_max),
            net_notional_max: lower(self.net_notional_max, other.net_notional_max),
            margin_level_percent_min: self.margin_level_percent_min.max(other.margin_level_percent_min),
            price_age_ms_max: lower(self.price_age_ms_max, other.price_age_ms_max),
            spread_points_max: lower(self.spread_points_max, other.spread_points_max),
            collar_permille: lower(self.collar_permille, other.collar_permille),
            jump_permille: lower(self.jump_permille, other.jump_permille),
            daily_loss_max: lower(self.daily_loss_max, other.daily_loss_max),
            drawdown_percent_max: lower(self.drawdown_percent_max, other.drawdown_percent_max),
            consecutive_losses_max: lower(self.consecutive_losses_max, other.consecutive_losses_max),
            executions_max: lower(self.executions_max, other.executions_max),
            executions_window_s: self.executions_window_s.max(other.executions_window_s),
            duplicate_window_ms: self.duplicate_window_ms.max(other.duplicate_window_ms),
            in_flight_per_symbol_max: lower(self.in_flight_per_symbol_max, other.in_flight_per_symbol_max),
            stop_loss_required: self.stop_loss_required || other.stop_loss_required,
            sessions: TradingHours::common(self.sessions.as_ref(), other.sessions.as_ref()),
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

fn lower<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
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
