//! What each refusal means and what to do about it: the one table, from which `docs/deny-codes.md` is made.

use crate::contract::DenyCode;

impl DenyCode {
    /// What was found.
    pub fn meaning(self) -> &'static str {
        self.entry().0
    }

    /// What mends it.
    pub fn way_out(self) -> &'static str {
        self.entry().1
    }

    fn entry(self) -> (&'static str, &'static str) {
        use DenyCode as D;
        match self {
            D::TradingHalted => {
                ("The host, the account or the engine is halted.", "Close or cancel; `stockade resume` lets openings pass again.")
            }
            D::ReducingOnly => (
                "Only what reduces risk may be done: a person said so, or the account differs from what its broker says.",
                "Close, reduce or cancel. `stockade reconcile --account ID` shows what differs; a person who has looked lets it open again: \
                 `stockade resume --account ID`.",
            ),
            D::Reconciling => ("The broker is still being asked what the account has.", "Wait; it ends by itself."),
            D::SymbolNotAllowed => (
                "The symbol is not among those allowed, or another engine of a netting account holds it.",
                "Trade another symbol, or have `symbols` extended.",
            ),
            D::VolumeBelowMinimum => ("Less than the symbol's smallest order.", "Ask for at least `volume-min`."),
            D::VolumeAboveMaximum => {
                ("More than the symbol's or the account's largest order.", "Ask for less, in parts; see `order_centilots_max`.")
            }
            D::VolumeOffStep => ("The volume is no multiple of the symbol's step.", "Round it to `volume-step`; the SDK has a helper."),
            D::PriceOffTick => ("A price is no multiple of the symbol's tick.", "Round it to `tick-size`; the SDK has a helper."),
            D::PriceCollar => (
                "The price lies too far from the market, or the market moved too far within a minute.",
                "Look at the price again; see `collar_permille`, `jump_permille`.",
            ),
            D::StopsTooClose => {
                ("A stop, target or pending price is on the wrong side of the market or nearer than `stops-level`.", "Move it away.")
            }
            D::Frozen => ("Within `freeze-level` of the market nothing can be changed.", "Wait until the price has moved away."),
            D::MarketClosed => ("Outside the hours in which something may be opened.", "Wait; see `sessions`."),
            D::PriceStale => ("There is no price yet, or the last is too old.", "Wait for a tick; see `price_age_ms_max`."),
            D::SpreadTooWide => ("Bid and ask are too far apart.", "Wait; see `spread_points_max`."),
            D::MarginInsufficient => (
                "With everything that waits filled, the margin level would be too low, or it can't be computed for want of a price.",
                "Ask for less, or close something; see `margin_level_percent_min`.",
            ),
            D::ExposureExceeded => (
                "With everything that waits filled, the account would hold too much.",
                "Ask for less; see `symbol_centilots_max`, `gross_notional_max`, `net_notional_max`.",
            ),
            D::OrdersExceeded => ("Too many working orders.", "Cancel some; see `working_orders_max`, `symbol_orders_max`."),
            D::RateExceeded => (
                "Too many messages within a minute.",
                "Ask less often; closes and cancels pass ten times as long. See `commands_per_minute`, `account_commands_per_minute`.",
            ),
            D::RepeatedOrder => ("The same order was given a moment ago.", "Wait; see `duplicate_window_ms`."),
            D::InFlight => (
                "An earlier order on the symbol has no answer yet.",
                "Wait for its event; the host asks the broker. See `in_flight_per_symbol_max`.",
            ),
            D::DailyLoss => ("The account has lost enough this day.", "Wait for the next UTC day, or have it reset; see `daily_loss_max`."),
            D::Drawdown => (
                "The account has fallen far enough from its peak.",
                "Wait for the next UTC day, or have it reset; see `drawdown_percent_max`.",
            ),
            D::ConsecutiveLosses => {
                ("The engine lost too often in a row.", "Wait for the next UTC day, or have it reset; see `consecutive_losses_max`.")
            }
            D::PositionNotFound => ("There is no such position, or it is another engine's.", "Ask for `positions` again."),
            D::OrderNotFound => ("There is no such working order, or it is another engine's.", "Ask for `orders` again."),
            D::WouldIncrease => {
                ("It was to reduce only, but more would be closed than is open, closes on their way counted.", "Ask for what is left.")
            }
            D::ExpiryPast => ("The order would have ended already.", "Give a later time."),
            D::BudgetExceeded => ("Too many orders within one call.", "Spread them over calls; see `orders_per_call_max`."),
            D::Invalid => (
                "A volume or a price is no positive number, or the request contradicts itself.",
                "The engine's log says which number it is; else give the prices that its kind needs and no others.",
            ),
            D::PositionsExceeded => ("Too many open positions.", "Close some; see `positions_max`, `symbol_positions_max`."),
            D::NotionalExceeded => ("The order is worth too much.", "Ask for less; see `order_notional_max`."),
            D::HostBusy => ("The host's queue of orders is full.", "Ask again at a later tick."),
            D::NotAllowedNow => ("Orders can't be given in this call.", "Ask in an event."),
            D::Throttled => ("The engine opened too often in one direction.", "A person looks at it and resets it; see `executions_max`."),
            D::HostLimit => ("The whole host has opened enough for the moment.", "Ask again later; the operator sets the caps."),
            D::StopLossMissing => ("What opens a position must bring a stop loss.", "Give one; see `stop_loss_required`."),
        }
    }
}
