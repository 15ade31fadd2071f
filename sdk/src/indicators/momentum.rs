//! Momentum: RSI and MACD.

use super::Ema;

/// Relative strength index with Wilder's smoothing, from 0 to 100. Ready after `length` + 1 values.
///
/// ```
/// let mut rsi = stockade_sdk::indicators::Rsi::new(2);
/// let values = [1.0, 2.0, 1.0, 2.0].map(|value| rsi.update(value));
/// assert_eq!(values, [None, None, Some(50.0), Some(75.0)]);
/// ```
#[derive(Clone, Debug)]
pub struct Rsi {
    length: u32,
    last: Option<f64>,
    seen: u32,
    /// What the latest change has in the averages.
    share: f64,
    gain: f64,
    loss: f64,
}

impl Rsi {
    /// Over `length` changes, at least one.
    pub fn new(length: usize) -> Self {
        let length = u32::try_from(length.max(1)).unwrap_or(u32::MAX);
        Rsi { length, last: None, seen: 0, share: 1.0, gain: 0.0, loss: 0.0 }
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        let change = value - self.last.replace(value)?;
        // Until it is ready this is the mean of what there is, then Wilder's average.
        if self.seen < self.length {
            self.seen += 1;
            self.share = 1.0 / f64::from(self.seen);
        }
        // Written out: in WebAssembly the larger of two numbers is a call.
        let gain = if change > 0.0 { change } else { 0.0 };
        let loss = if change < 0.0 { -change } else { 0.0 };
        self.gain += self.share * (gain - self.gain);
        self.loss += self.share * (loss - self.loss);
        self.value()
    }

    /// The index, once it is ready; 50 when nothing has moved.
    pub fn value(&self) -> Option<f64> {
        let moved = self.gain + self.loss;
        self.is_ready().then(|| if moved > 0.0 { 100.0 * self.gain / moved } else { 50.0 })
    }

    /// Whether enough values have been seen.
    pub fn is_ready(&self) -> bool {
        self.seen == self.length
    }
}

/// Moving average convergence / divergence: a fast less a slow average, and an average of that.
///
/// Ready when the slow average is, and then as many values as the signal line needs.
#[derive(Clone, Debug)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    value: Option<MacdValue>,
}

/// What [`Macd`] gives, in the unit of its values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MacdValue {
    /// Fast less slow average.
    pub macd: f64,
    /// Average of `macd`.
    pub signal: f64,
    /// `macd` less `signal`.
    pub histogram: f64,
}

impl Macd {
    /// With the lengths of its averages; 12, 26 and 9 are usual.
    pub fn new(fast: usize, slow: usize, signal: usize) -> Self {
        Macd { fast: Ema::new(fast), slow: Ema::new(slow), signal: Ema::new(signal), value: None }
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Option<MacdValue> {
        let (fast, slow) = (self.fast.update(value), self.slow.update(value));
        let macd = fast? - slow?;
        self.value = self.signal.update(macd).map(|signal| MacdValue { macd, signal, histogram: macd - signal });
        self.value
    }

    /// The value, once it is ready.
    pub fn value(&self) -> Option<MacdValue> {
        self.value
    }

    /// Whether enough values have been seen.
    pub fn is_ready(&self) -> bool {
        self.value.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wilder's own example as it is reprinted everywhere: closes, and the index of 14 after the first 15.
    #[test]
    fn rsi_gives_the_textbooks_numbers() {
        let closes = [
            44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931, 46.0328, 45.6140, 46.2820,
            46.2820, 46.0028, 46.0328,
        ];
        let mut rsi = Rsi::new(14);
        let values: Vec<_> = closes.iter().filter_map(|&close| rsi.update(close)).collect();
        for (value, expected) in values.iter().zip([70.53, 66.32, 66.55]) {
            assert!((value - expected).abs() < 0.01, "{values:?}");
        }
        assert_eq!(values.len(), 3);
    }

    #[test]
    fn rsi_stays_in_its_range() {
        let (mut up, mut down, mut flat) = (Rsi::new(3), Rsi::new(3), Rsi::new(3));
        for step in 0..10 {
            up.update(f64::from(step));
            down.update(f64::from(-step));
            flat.update(1.0);
        }
        assert_eq!((up.value(), down.value(), flat.value()), (Some(100.0), Some(0.0), Some(50.0)));
    }

    #[test]
    fn macd_of_a_steady_climb_levels_off() {
        let mut macd = Macd::new(12, 26, 9);
        let ready = (0..400).filter_map(|step| macd.update(f64::from(step))).count();
        assert_eq!(ready, 400 - 25 - 8);
        let value = macd.value().expect("ready");
        // An average lags a climb by (length - 1) / 2.
        assert!((value.macd - 7.0).abs() < 1e-6 && value.histogram.abs() < 1e-6, "{value:?}");
    }
}
