//! Order requests, and the arithmetic that puts prices and volumes on the grid.
//!
//! The host denies what is off the grid and never rounds; the rounding is the strategy's, with the helpers here.

use crate::types::*;

/// Steps this close below a whole number count as that number: what binary fractions lose, not what an author means.
const STEP_TOLERANCE: f64 = 1e-6;

impl OrderRequest {
    /// Trades `volume` lots at once, at the market's price.
    ///
    /// ```
    /// use stockade_sdk::prelude::*;
    ///
    /// let request = OrderRequest::market(0, Side::Buy, 0.1).stop_loss(1.0950).take_profit(1.1075).tag("first");
    /// assert_eq!((request.kind, request.price), (OrderKind::Market, None));
    /// ```
    pub fn market(symbol: Symbol, side: Side, volume: f64) -> Self {
        OrderRequest {
            symbol,
            side,
            kind: OrderKind::Market,
            volume,
            price: None,
            stop_limit_price: None,
            stop_loss: None,
            take_profit: None,
            filling: Filling::Any,
            deviation: None,
            expires: None,
            position: None,
            reduce_only: false,
            tag: String::new(),
        }
    }

    /// Trades `volume` lots at `price` or better.
    pub fn limit(symbol: Symbol, side: Side, volume: f64, price: f64) -> Self {
        OrderRequest { kind: OrderKind::Limit, price: Some(price), ..Self::market(symbol, side, volume) }
    }

    /// Trades `volume` lots at the market once the price has gone through `price`.
    pub fn stop(symbol: Symbol, side: Side, volume: f64, price: f64) -> Self {
        OrderRequest { kind: OrderKind::Stop, price: Some(price), ..Self::market(symbol, side, volume) }
    }

    /// Places a limit order at `limit_price` once the price has gone through `price`.
    pub fn stop_limit(symbol: Symbol, side: Side, volume: f64, price: f64, limit_price: f64) -> Self {
        OrderRequest { kind: OrderKind::StopLimit, stop_limit_price: Some(limit_price), ..Self::stop(symbol, side, volume, price) }
    }

    /// A market order with both stops: the stop loss `stop_distance` behind `entry`, the take profit `reward_ratio`
    /// times as far ahead, both on the grid. `entry` is the price expected: the ask for a buy, the bid for a sell.
    ///
    /// ```
    /// use stockade_sdk::{prelude::*, testing};
    ///
    /// let spec = testing::eurusd();
    /// let request = OrderRequest::bracket(0, Side::Sell, 0.1, &spec, 1.10000, 0.00200, 1.5);
    /// assert_eq!((request.stop_loss, request.take_profit), (Some(1.10200), Some(1.09700)));
    /// ```
    pub fn bracket(symbol: Symbol, side: Side, volume: f64, spec: &SymbolSpec, entry: f64, stop_distance: f64, reward_ratio: f64) -> Self {
        let ahead = side.sign();
        Self::market(symbol, side, volume)
            .stop_loss(spec.round_to_tick(entry - ahead * stop_distance))
            .take_profit(spec.round_to_tick(entry + ahead * stop_distance * reward_ratio))
    }

    /// Sets the price at which the position is given up.
    #[must_use]
    pub fn stop_loss(mut self, price: f64) -> Self {
        self.stop_loss = Some(price);
        self
    }

    /// Sets the price at which the profit is taken.
    #[must_use]
    pub fn take_profit(mut self, price: f64) -> Self {
        self.take_profit = Some(price);
        self
    }

    /// Sets how much must be filled at once; unless set, what the symbol allows.
    #[must_use]
    pub fn filling(mut self, filling: Filling) -> Self {
        self.filling = filling;
        self
    }

    /// Sets the largest acceptable distance from the price seen, in points, where the broker honours it.
    #[must_use]
    pub fn deviation(mut self, points: u32) -> Self {
        self.deviation = Some(points);
        self
    }

    /// Sets when a pending order ends, in microseconds since 1970 UTC.
    #[must_use]
    pub fn expires(mut self, at: Time) -> Self {
        self.expires = Some(at);
        self
    }

    /// Closes or reduces this position instead of opening one.
    #[must_use]
    pub fn position(mut self, id: PositionId) -> Self {
        self.position = Some(id);
        self
    }

    /// Has the order denied if it would open or increase a position.
    #[must_use]
    pub fn reduce_only(mut self) -> Self {
        self.reduce_only = true;
        self
    }

    /// Sets the text shown in journal and reports, at most 32 bytes.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = tag.into();
        self
    }
}

impl SymbolSpec {
    /// The nearest price on the symbol's grid.
    ///
    /// ```
    /// # let spec = stockade_sdk::testing::eurusd();
    /// assert_eq!(spec.round_to_tick(1.100_004), 1.10000);
    /// ```
    pub fn round_to_tick(&self, price: f64) -> f64 {
        self.on_digits((price / self.tick_size).round() * self.tick_size)
    }

    /// The largest volume on the symbol's grid that is not over `volume`, in lots; at most the symbol's largest, and 0
    /// where it is under the symbol's smallest.
    ///
    /// ```
    /// # let spec = stockade_sdk::testing::eurusd();
    /// assert_eq!(spec.floor_to_step(0.1299), 0.12);
    /// assert_eq!(spec.floor_to_step(0.0099), 0.0);
    /// ```
    pub fn floor_to_step(&self, volume: f64) -> f64 {
        let steps = (volume.min(self.volume_max) / self.volume_step + STEP_TOLERANCE).floor();
        // One division by a whole number gives the double nearest to the decimal, a product would not.
        let steps_per_lot = (1.0 / self.volume_step).round();
        let decimal = (steps_per_lot * self.volume_step - 1.0).abs() < STEP_TOLERANCE;
        let floored = if decimal { steps / steps_per_lot } else { steps * self.volume_step };
        if floored >= self.volume_min { floored } else { 0.0 }
    }

    /// The volume, on the grid, that loses at most `money` when the price goes `distance` against it, in lots.
    /// 0 where even the smallest volume would lose more, or where the distance is not above 0.
    ///
    /// `money` is in the account's currency, `distance` in the quote currency. Commission is not counted.
    ///
    /// ```
    /// # let spec = stockade_sdk::testing::eurusd();
    /// // 20 pips on one lot of EURUSD are 200 USD.
    /// assert_eq!(spec.volume_for_risk(50.0, 0.00200), 0.25);
    /// ```
    pub fn volume_for_risk(&self, money: f64, distance: f64) -> f64 {
        let loss_per_lot = distance / self.tick_size * self.tick_value;
        if loss_per_lot > 0.0 { self.floor_to_step(money / loss_per_lot) } else { 0.0 }
    }

    /// `points` as a distance of prices, in the quote currency.
    pub fn points(&self, points: f64) -> f64 {
        points * self.point
    }

    /// The double nearest to the price as it is written with the symbol's digits.
    fn on_digits(&self, price: f64) -> f64 {
        let scale = 10f64.powi(i32::from(self.digits));
        (price * scale).round() / scale
    }
}

impl AccountState {
    /// `percent` of the equity, in the account's currency.
    pub fn percent_of_equity(&self, percent: f64) -> f64 {
        self.equity * percent / 100.0
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{eurusd, xauusd};

    #[test]
    fn prices_on_the_grid_stay_as_they_are_written() {
        for points in 100_000..130_000 {
            let price = f64::from(points) / 100_000.0;
            assert_eq!(eurusd().round_to_tick(price), price);
        }
    }

    #[test]
    fn volumes_on_the_grid_stay_as_they_are_written() {
        for steps in 1..10_000 {
            let volume = f64::from(steps) / 100.0;
            assert_eq!(eurusd().floor_to_step(volume), volume);
            assert_eq!(eurusd().floor_to_step(f64::from(steps) * 0.01), volume);
        }
    }

    #[test]
    fn volumes_are_cut_to_the_symbols_largest() {
        assert_eq!(eurusd().floor_to_step(1e9), eurusd().volume_max);
        assert_eq!(eurusd().floor_to_step(-1.0), 0.0);
    }

    #[test]
    fn the_risk_of_a_volume_is_never_over_the_money() {
        // 100 ounces a lot: 1 USD of price is 100 USD.
        assert_eq!(xauusd().volume_for_risk(50.0, 6.0), 0.08);
        assert_eq!(xauusd().volume_for_risk(5.0, 6.0), 0.0);
        assert_eq!(xauusd().volume_for_risk(5.0, 0.0), 0.0);
    }
}
