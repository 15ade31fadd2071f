//! The numbers of every rule. Percentages of a price are of the price at that moment.

use stockade_sdk::prelude::*;

/// What the owner can set.
#[derive(Params, Clone, Debug)]
pub struct Settings {
    /// Length of the average of five-minute closes, in bars.
    #[param(default = 21, min = 2, max = 100)]
    pub ema_length: u32,
    /// Bars among which the middle one is a swing point.
    #[param(default = 13, min = 5, max = 41, step = 2)]
    pub swing_bars: u32,
    /// Length of the average true range of five-minute bars.
    #[param(default = 14, min = 2, max = 100)]
    pub atr_length: u32,
    /// Smallest average range with which to trade, in percent of the price.
    #[param(default = 0.02, min = 0.0, max = 5.0)]
    pub atr_percent_min: f64,
    /// Largest average range with which to trade, in percent of the price.
    #[param(default = 0.30, min = 0.0, max = 10.0)]
    pub atr_percent_max: f64,
    /// Minutes over which momentum is measured.
    #[param(default = 5, min = 1, max = 60)]
    pub momentum_bars: u32,
    /// Move of the price over these minutes that counts as momentum, in percent.
    #[param(default = 0.03, min = 0.0, max = 5.0)]
    pub momentum_percent: f64,
    /// Length of the RSI of one-minute closes.
    #[param(default = 14, min = 2, max = 100)]
    pub rsi_length: u32,
    /// RSI above which nothing is bought.
    #[param(default = 72.0, min = 50.0, max = 100.0)]
    pub rsi_high: f64,
    /// RSI below which nothing is sold.
    #[param(default = 28.0, min = 0.0, max = 50.0)]
    pub rsi_low: f64,
    /// Confidence from which an idea is traded, from 0 to 100.
    #[param(default = 75.0, min = 0.0, max = 100.0)]
    pub confidence_min: f64,
    /// Whether to trade in London's hours.
    #[param(default = true)]
    pub london: bool,
    /// Start of London's hours, in hours of its clock.
    #[param(default = 8.0, min = 0.0, max = 24.0)]
    pub london_from: f64,
    /// End of London's hours, in hours of its clock.
    #[param(default = 16.5, min = 0.0, max = 24.0)]
    pub london_until: f64,
    /// Whether to trade in New York's hours.
    #[param(default = true)]
    pub new_york: bool,
    /// Start of New York's hours, in hours of its clock.
    #[param(default = 8.0, min = 0.0, max = 24.0)]
    pub new_york_from: f64,
    /// End of New York's hours, in hours of its clock.
    #[param(default = 17.0, min = 0.0, max = 24.0)]
    pub new_york_until: f64,
    /// Largest spread with which to enter, in percent of the price.
    #[param(default = 0.03, min = 0.0, max = 1.0)]
    pub spread_percent_max: f64,
    /// Risk of each trade, in percent of the equity.
    #[param(default = 0.5, min = 0.01, max = 5.0)]
    pub risk_percent: f64,
    /// Nearest stop loss, in percent of the price.
    #[param(default = 0.25, min = 0.01, max = 5.0)]
    pub stop_percent_min: f64,
    /// Farthest stop loss, in percent of the price.
    #[param(default = 0.50, min = 0.01, max = 5.0)]
    pub stop_percent_max: f64,
    /// Distance of the take profit, in distances of the stop loss.
    #[param(default = 1.5, min = 0.1, max = 10.0)]
    pub reward_ratio: f64,
    /// Gain at which the stop goes to the open price, in percent of it; 0 never.
    #[param(default = 0.15, min = 0.0, max = 5.0)]
    pub breakeven_percent: f64,
    /// Gain at which the first part is closed, in percent of the open price.
    #[param(default = 0.20, min = 0.0, max = 5.0)]
    pub first_exit_percent: f64,
    /// Share of the volume that is closed first, in percent; 0 none.
    #[param(default = 50.0, min = 0.0, max = 100.0)]
    pub first_exit_share: f64,
    /// Gain at which the second part is closed, in percent of the open price.
    #[param(default = 0.35, min = 0.0, max = 5.0)]
    pub second_exit_percent: f64,
    /// Share of the volume that is closed second, in percent; 0 none.
    #[param(default = 30.0, min = 0.0, max = 100.0)]
    pub second_exit_share: f64,
    /// Minutes after which a trade is closed whatever it has earned.
    #[param(default = 15, min = 1, max = 1440)]
    pub hold_minutes_max: u32,
    /// Losses in a row after which to pause; 0 never.
    #[param(default = 3, min = 0, max = 100)]
    pub losses_in_row_max: u32,
    /// Losses among the last trades after which to pause; 0 never.
    #[param(default = 5, min = 0, max = 100)]
    pub losses_of_last_max: u32,
    /// How many trades these last trades are.
    #[param(default = 7, min = 1, max = 100)]
    pub last_trades: u32,
    /// Loss of a day after which to pause until its end, in percent of the equity it began with; 0 never.
    #[param(default = 3.0, min = 0.0, max = 100.0)]
    pub day_loss_percent_max: f64,
    /// Length of a pause, in minutes.
    #[param(default = 60, min = 1, max = 10080)]
    pub pause_minutes: u32,
}

impl Settings {
    /// Parameters that are in range one by one may still not fit together.
    pub(crate) fn check(&self) -> Result<(), String> {
        let pairs = [
            ("atr_percent_min", self.atr_percent_min, "atr_percent_max", self.atr_percent_max),
            ("stop_percent_min", self.stop_percent_min, "stop_percent_max", self.stop_percent_max),
            ("first_exit_percent", self.first_exit_percent, "second_exit_percent", self.second_exit_percent),
            ("london_from", self.london_from, "london_until", self.london_until),
            ("new_york_from", self.new_york_from, "new_york_until", self.new_york_until),
        ];
        if let Some((low, _, high, _)) = pairs.iter().find(|pair| pair.1 > pair.3) {
            return Err(format!("{low} must not be above {high}"));
        }
        if self.first_exit_share + self.second_exit_share > 100.0 {
            return Err("first_exit_share and second_exit_share are over 100 percent together".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_do_not_fit_together_are_refused_by_name() {
        assert_eq!(Settings::default().check(), Ok(()));
        let crossed = Settings { stop_percent_min: 0.6, ..Settings::default() };
        assert_eq!(crossed.check(), Err("stop_percent_min must not be above stop_percent_max".to_owned()));
        let too_much = Settings { first_exit_share: 80.0, ..Settings::default() };
        assert!(too_much.check().expect_err("110 percent").contains("over 100 percent"));
    }
}
