//! Channels: highest and lowest of a window, and Bollinger's bands.

use std::collections::VecDeque;

use super::Sma;

/// The candidates for the extreme of a window: each one beats all that came after it. O(1) on average.
#[derive(Clone, Debug)]
struct Extreme {
    length: u64,
    seen: u64,
    candidates: VecDeque<(u64, f64)>,
}

impl Extreme {
    fn new(length: usize) -> Self {
        let length = length.max(1);
        Extreme { length: length as u64, seen: 0, candidates: VecDeque::with_capacity(length) }
    }

    fn update(&mut self, value: f64, beats: fn(f64, f64) -> bool) -> Option<f64> {
        while self.candidates.back().is_some_and(|&(_, candidate)| !beats(candidate, value)) {
            self.candidates.pop_back();
        }
        if self.candidates.front().is_some_and(|&(place, _)| place + self.length <= self.seen) {
            self.candidates.pop_front();
        }
        self.candidates.push_back((self.seen, value));
        self.seen += 1;
        self.value()
    }

    fn value(&self) -> Option<f64> {
        let (_, value) = self.candidates.front()?;
        (self.seen >= self.length).then_some(*value)
    }
}

macro_rules! extremes {
    ($($(#[$doc:meta])* $name:ident $beats:tt;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(Extreme);

        impl $name {
            /// Over `length` values, at least one.
            pub fn new(length: usize) -> Self {
                $name(Extreme::new(length))
            }

            /// Takes the next value.
            pub fn update(&mut self, value: f64) -> Option<f64> {
                self.0.update(value, |candidate, value| candidate $beats value)
            }

            /// The extreme, once it is ready.
            pub fn value(&self) -> Option<f64> {
                self.0.value()
            }

            /// Whether `length` values have been seen.
            pub fn is_ready(&self) -> bool {
                self.value().is_some()
            }
        }
    )*};
}
extremes! {
    /// The highest of the last `length` values.
    ///
    /// ```
    /// let mut highest = stockade_sdk::indicators::Highest::new(2);
    /// assert_eq!((highest.update(3.0), highest.update(1.0), highest.update(2.0)), (None, Some(3.0), Some(2.0)));
    /// ```
    Highest >;
    /// The lowest of the last `length` values.
    ///
    /// ```
    /// let mut lowest = stockade_sdk::indicators::Lowest::new(2);
    /// assert_eq!((lowest.update(3.0), lowest.update(1.0), lowest.update(2.0)), (None, Some(1.0), Some(1.0)));
    /// ```
    Lowest <;
}

/// Bollinger's bands: a simple average, and as many standard deviations (of the whole window) around it.
///
/// ```
/// let mut bollinger = stockade_sdk::indicators::Bollinger::new(2, 2.0);
/// bollinger.update(1.0);
/// let bands = bollinger.update(3.0).expect("two values were seen");
/// assert_eq!((bands.lower, bands.middle, bands.upper), (0.0, 2.0, 4.0));
/// ```
#[derive(Clone, Debug)]
pub struct Bollinger {
    average: Sma,
    deviations: f64,
}

/// What [`Bollinger`] gives, in the unit of its values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bands {
    /// Middle less the deviations.
    pub lower: f64,
    /// Simple average.
    pub middle: f64,
    /// Middle plus the deviations.
    pub upper: f64,
}

impl Bollinger {
    /// Over `length` values, at least one, `deviations` wide on each side.
    pub fn new(length: usize, deviations: f64) -> Self {
        Bollinger { average: Sma::new(length), deviations }
    }

    /// Takes the next value. Costs a pass over the window: the variance of a price must not be the difference of two
    /// large squares.
    pub fn update(&mut self, value: f64) -> Option<Bands> {
        self.average.update(value);
        self.value()
    }

    /// The bands, once they are ready.
    pub fn value(&self) -> Option<Bands> {
        let middle = self.average.value()?;
        let window = self.average.window();
        let squares: f64 = window.iter().map(|value| (value - middle) * (value - middle)).sum();
        let width = self.deviations * (squares / window.length() as f64).sqrt();
        Some(Bands { lower: middle - width, middle, upper: middle + width })
    }

    /// Whether `length` values have been seen.
    pub fn is_ready(&self) -> bool {
        self.average.is_ready()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_are_those_of_a_plain_search() {
        let values: Vec<f64> = (0u64..500).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58) as f64).collect();
        for length in [1, 2, 7, 30] {
            let (mut highest, mut lowest) = (Highest::new(length), Lowest::new(length));
            for end in 1..=values.len() {
                let high = highest.update(values[end - 1]);
                let low = lowest.update(values[end - 1]);
                let window = end.checked_sub(length).map(|start| &values[start..end]);
                assert_eq!(high, window.map(|window| window.iter().copied().fold(f64::MIN, f64::max)));
                assert_eq!(low, window.map(|window| window.iter().copied().fold(f64::MAX, f64::min)));
            }
        }
    }

    #[test]
    fn a_flat_price_has_no_width() {
        let mut bollinger = Bollinger::new(20, 2.0);
        for _ in 0..40 {
            bollinger.update(1.10023);
        }
        let bands = bollinger.value().expect("ready");
        assert!((bands.upper - bands.lower).abs() < 1e-12);
    }
}
