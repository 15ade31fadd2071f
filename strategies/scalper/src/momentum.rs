//! One-minute momentum: how fast the last minutes moved, and their RSI.

use stockade_sdk::indicators::{Rsi, Window};
use stockade_sdk::prelude::*;

use crate::Settings;

/// What the one-minute bars say.
#[derive(Debug)]
pub(crate) struct Momentum {
    closes: Window,
    rsi: Rsi,
}

impl Momentum {
    pub fn new(settings: &Settings) -> Self {
        // So many changes have one more close.
        Momentum { closes: Window::new(settings.momentum_bars as usize + 1), rsi: Rsi::new(settings.rsi_length as usize) }
    }

    pub fn update(&mut self, bar: &Bar) {
        self.closes.push(bar.close);
        self.rsi.update(bar.close);
    }

    /// Move of the closes over the window, in percent; none until it is full.
    pub fn percent(&self) -> Option<f64> {
        let (first, last) = (self.closes.first()?, self.closes.last()?);
        self.closes.is_ready().then(|| (last - first) / first * 100.0)
    }

    /// RSI of the closes, once it is ready.
    pub fn rsi(&self) -> Option<f64> {
        self.rsi.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn momentum_is_the_move_over_its_window() {
        let settings = Settings { momentum_bars: 2, rsi_length: 3, ..Settings::default() };
        let mut momentum = Momentum::new(&settings);
        for (minute, close) in [90.0, 100.0, 110.0, 105.0].into_iter().enumerate() {
            assert_eq!(momentum.percent().is_some(), minute > 2);
            assert_eq!(momentum.rsi(), None);
            let timeframe = Timeframe::M1;
            let (open, high, low, tick_volume) = (close, close, close, 1);
            momentum.update(&Bar { symbol: 0, timeframe, open_time: 0, open, high, low, close, tick_volume, spread: 0 });
        }
        assert_eq!(momentum.percent(), Some(5.0));
        assert_eq!(momentum.rsi(), Some(80.0));
    }
}
