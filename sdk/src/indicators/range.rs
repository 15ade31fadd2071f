//! Ranges: how far a price goes within a bar.

/// Average true range with Wilder's smoothing, in the unit of the prices. Ready after `length` bars; the true range of
/// the first is its own height.
///
/// ```
/// let mut atr = stockade_sdk::indicators::Atr::new(2);
/// assert_eq!(atr.update(10.0, 8.0, 9.0), None);
/// // This bar opened with a gap: its true range counts from the close before it.
/// assert_eq!(atr.update(13.0, 12.0, 12.0), Some(3.0));
/// ```
#[derive(Clone, Debug)]
pub struct Atr {
    length: u32,
    seen: u32,
    close: Option<f64>,
    average: f64,
}

impl Atr {
    /// Over `length` bars, at least one.
    pub fn new(length: usize) -> Self {
        let length = u32::try_from(length.max(1)).unwrap_or(u32::MAX);
        Atr { length, seen: 0, close: None, average: 0.0 }
    }

    /// Takes the next bar.
    pub fn update(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        let before = self.close.replace(close);
        let range = before.map_or(high - low, |before| high.max(before) - low.min(before));
        self.seen = (self.seen + 1).min(self.length);
        self.average += (range - self.average) / f64::from(self.seen);
        self.value()
    }

    /// The average, once it is ready.
    pub fn value(&self) -> Option<f64> {
        self.is_ready().then_some(self.average)
    }

    /// Whether `length` bars have been seen.
    pub fn is_ready(&self) -> bool {
        self.seen == self.length
    }
}

#[cfg(test)]
mod tests {
    use super::Atr;

    #[test]
    fn later_bars_are_smoothed_as_wilder_does() {
        let mut atr = Atr::new(4);
        for _ in 0..4 {
            atr.update(2.0, 1.0, 1.5);
        }
        assert_eq!(atr.value(), Some(1.0));
        assert_eq!(atr.update(6.0, 1.0, 1.5), Some((3.0 * 1.0 + 5.0) / 4.0));
    }
}
