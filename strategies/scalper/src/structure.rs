//! The five-minute structure: on which side of its average the price is, where it turned, how far it ranges.

use stockade_sdk::indicators::{Atr, Ema, SwingPoints};
use stockade_sdk::prelude::*;

use crate::Settings;

/// What the five-minute bars say.
#[derive(Debug)]
pub(crate) struct Structure {
    average: Ema,
    average_before: Option<f64>,
    swings: SwingPoints,
    range: Atr,
    /// As of the last bar.
    view: Option<View>,
}

/// The structure when there are enough bars for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct View {
    /// The side of the average on which the last bar closed.
    pub side: Side,
    /// Whether the average moves to that side.
    pub average_agrees: bool,
    /// Whether swing highs and lows move to that side.
    pub swings_agree: bool,
    /// Average true range in percent of the price.
    pub range_percent: f64,
}

impl Structure {
    pub fn new(settings: &Settings) -> Self {
        Structure {
            average: Ema::new(settings.ema_length as usize),
            average_before: None,
            swings: SwingPoints::new(settings.swing_bars as usize / 2),
            range: Atr::new(settings.atr_length as usize),
            view: None,
        }
    }

    pub fn update(&mut self, bar: &Bar) {
        self.average_before = self.average.value();
        self.average.update(bar.close);
        self.swings.update(bar.high, bar.low);
        self.range.update(bar.high, bar.low, bar.close);
        self.view = self.look(bar.close);
    }

    /// None until every part of it is ready. Swing points may be missing for longer; they do not agree then.
    pub fn view(&self) -> Option<View> {
        self.view
    }

    fn look(&self, close: f64) -> Option<View> {
        let (average, before, range) = (self.average.value()?, self.average_before?, self.range.value()?);
        let side = if close > average { Side::Buy } else { Side::Sell };
        let swings_agree = match side {
            Side::Buy => self.swings.is_rising(),
            Side::Sell => self.swings.is_falling(),
        };
        Some(View {
            side,
            average_agrees: (average - before) * side.sign() > 0.0,
            swings_agree: swings_agree.unwrap_or(false),
            range_percent: range / close * 100.0,
        })
    }

    /// The swing point behind which a stop belongs: the last low for a buy, the last high for a sell.
    pub fn swing_behind(&self, side: Side) -> Option<f64> {
        match side {
            Side::Buy => self.swings.last_low(),
            Side::Sell => self.swings.last_high(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(closes: impl IntoIterator<Item = f64>) -> Structure {
        let settings = Settings { ema_length: 3, swing_bars: 5, atr_length: 3, ..Settings::default() };
        let mut structure = Structure::new(&settings);
        for close in closes {
            let (timeframe, tick_volume) = (Timeframe::M5, 1);
            let (high, low) = (close + 1.0, close - 1.0);
            structure.update(&Bar { symbol: 0, timeframe, open_time: 0, open: close, high, low, close, tick_volume, spread: 0 });
        }
        structure
    }

    #[test]
    fn there_is_no_view_before_enough_bars() {
        assert_eq!(seen([100.0, 101.0, 102.0]).view(), None);
        assert!(seen([100.0, 101.0, 102.0, 103.0]).view().is_some());
    }

    #[test]
    fn a_staircase_agrees_with_its_side() {
        let up = seen([100.0, 98.0, 96.0, 98.0, 102.0, 100.0, 98.0, 101.0, 105.0, 103.0, 100.0, 104.0, 108.0, 106.0, 109.0]);
        let view = up.view().expect("enough bars");
        assert_eq!((view.side, view.average_agrees, view.swings_agree), (Side::Buy, true, true));
        assert_eq!((up.swing_behind(Side::Buy), up.swing_behind(Side::Sell)), (Some(99.0), Some(106.0)));
    }

    #[test]
    fn a_dip_below_a_rising_average_does_not_agree() {
        let view = seen([100.0, 110.0, 120.0, 130.0, 100.0]).view().expect("enough bars");
        assert_eq!((view.side, view.average_agrees), (Side::Sell, true));
        let view = seen([100.0, 90.0, 80.0, 70.0, 95.0]).view().expect("enough bars");
        assert_eq!((view.side, view.swings_agree), (Side::Buy, false));
    }
}
