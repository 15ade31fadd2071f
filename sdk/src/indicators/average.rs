//! Moving averages.

use super::Window;

/// Exponential moving average: each value moves it by a share `alpha` of the distance.
///
/// It starts at the first value, as MetaTrader's does. Ready after `length` values; with [`Ema::with_alpha`], after as
/// many as a length of the same `alpha` has.
///
/// ```
/// use stockade_sdk::indicators::Ema;
///
/// let mut ema = Ema::new(3);
/// assert_eq!((ema.update(1.0), ema.update(2.0)), (None, None));
/// assert_eq!(ema.update(3.0), Some(2.25));
/// ```
#[derive(Clone, Debug)]
pub struct Ema {
    alpha: f64,
    value: f64,
    /// Values still needed until it is ready.
    missing: u32,
    started: bool,
}

impl Ema {
    /// An average over about `length` values, at least one: `alpha` is 2 / (length + 1).
    pub fn new(length: usize) -> Self {
        let length = length.max(1);
        Self::starting(2.0 / (length as f64 + 1.0), length as f64)
    }

    /// An average with this smoothing factor, from 0 (excluded: it never moves) to 1 (it is the last value).
    pub fn with_alpha(alpha: f64) -> Self {
        Self::starting(alpha, (2.0 / alpha - 1.0).ceil())
    }

    fn starting(alpha: f64, length: f64) -> Self {
        // A float becomes the nearest whole number that fits; not a number becomes 0.
        Ema { alpha, value: 0.0, missing: length as u32, started: false }
    }

    /// Takes the next value.
    #[inline]
    pub fn update(&mut self, value: f64) -> Option<f64> {
        // Without branches, which cost more than the arithmetic: the first value takes the whole distance from 0.
        let share = if self.started { self.alpha } else { 1.0 };
        self.value += share * (value - self.value);
        self.started = true;
        self.missing -= u32::from(self.missing > 0);
        self.value()
    }

    /// The average, once it is ready.
    #[inline]
    pub fn value(&self) -> Option<f64> {
        self.is_ready().then_some(self.value)
    }

    /// Whether enough values have been seen.
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.started && self.missing == 0
    }

    /// What [`Ema::restore`] needs: the running value and how many values are missing; none before the first value.
    pub fn state(&self) -> Option<(f64, u32)> {
        self.started.then_some((self.value, self.missing))
    }

    /// Goes on where an average of the same `alpha` was.
    pub fn restore(&mut self, state: Option<(f64, u32)>) {
        self.started = state.is_some();
        if let Some((value, missing)) = state {
            (self.value, self.missing) = (value, missing);
        }
    }
}

/// Simple moving average: the mean of the last `length` values.
///
/// ```
/// use stockade_sdk::indicators::Sma;
///
/// let mut sma = Sma::new(2);
/// assert_eq!((sma.update(1.0), sma.update(2.0), sma.update(4.0)), (None, Some(1.5), Some(3.0)));
/// ```
#[derive(Clone, Debug)]
pub struct Sma {
    window: Window,
    sum: f64,
}

impl Sma {
    /// An average over `length` values, at least one.
    pub fn new(length: usize) -> Self {
        Sma { window: Window::new(length), sum: 0.0 }
    }

    /// Takes the next value.
    pub fn update(&mut self, value: f64) -> Option<f64> {
        self.sum += value - self.window.push(value).unwrap_or(0.0);
        if self.window.is_full_turn() {
            self.sum = self.window.iter().sum();
        }
        self.value()
    }

    /// The average, once it is ready.
    pub fn value(&self) -> Option<f64> {
        self.is_ready().then(|| self.sum / self.window.length() as f64)
    }

    /// Whether `length` values have been seen.
    pub fn is_ready(&self) -> bool {
        self.window.is_ready()
    }

    /// The values averaged.
    pub(super) fn window(&self) -> &Window {
        &self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alpha_is_ready_when_the_same_length_is() {
        let (mut by_length, mut by_alpha) = (Ema::new(9), Ema::with_alpha(0.2));
        for value in 0..20 {
            assert_eq!(by_length.update(f64::from(value)), by_alpha.update(f64::from(value)));
        }
    }

    #[test]
    fn a_restored_average_goes_on_as_if_nothing_happened() {
        let mut ema = Ema::new(5);
        let mut again = Ema::new(5);
        for value in [1.0, 5.0, 2.0, 8.0, 3.0, 9.0] {
            again.restore(ema.state());
            assert_eq!(ema.update(value), again.update(value));
        }
    }

    #[test]
    fn rounding_errors_do_not_pile_up() {
        let mut sma = Sma::new(3);
        for value in [1e16, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0] {
            sma.update(value);
        }
        assert_eq!(sma.value(), Some(1.0));
    }

    #[test]
    fn a_length_of_zero_is_a_length_of_one() {
        assert_eq!(Ema::new(0).update(3.0), Some(3.0));
        assert_eq!(Sma::new(0).update(3.0), Some(3.0));
    }
}
