//! [`Window`]: the last values of a series.

/// The last `length` values, oldest first, in a ring that is allocated once.
#[derive(Clone, Debug)]
pub struct Window {
    values: Vec<f64>,
    length: usize,
    /// Place of the oldest value once the window is full.
    oldest: usize,
}

impl Window {
    /// A window of `length` values, at least one.
    pub fn new(length: usize) -> Self {
        let length = length.max(1);
        Window { values: Vec::with_capacity(length), length, oldest: 0 }
    }

    /// Adds a value and returns the one that fell out, if the window was full.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        if self.values.len() < self.length {
            self.values.push(value);
            return None;
        }
        let fallen = std::mem::replace(&mut self.values[self.oldest], value);
        self.oldest = if self.oldest + 1 == self.length { 0 } else { self.oldest + 1 };
        Some(fallen)
    }

    /// Whether `length` values have been seen.
    pub fn is_ready(&self) -> bool {
        self.values.len() == self.length
    }

    /// Whether the newest value is at the end of the ring: true once in `length` values of a full window.
    pub(super) fn is_full_turn(&self) -> bool {
        self.is_ready() && self.oldest == 0
    }

    /// How many values a full window has.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The values, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = f64> + '_ {
        let (newer, older) = self.values.split_at(self.oldest);
        older.iter().chain(newer).copied()
    }

    /// The oldest value.
    pub fn first(&self) -> Option<f64> {
        self.values.get(self.oldest).copied()
    }

    /// The newest value.
    pub fn last(&self) -> Option<f64> {
        let before = if self.oldest == 0 { self.values.len() } else { self.oldest };
        self.values.get(before.checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_and_last_are_the_ends_of_the_window() {
        let mut window = Window::new(3);
        assert_eq!((window.first(), window.last()), (None, None));
        for value in 1..20 {
            window.push(f64::from(value));
            let seen: Vec<f64> = window.iter().collect();
            assert_eq!((window.first(), window.last()), (seen.first().copied(), seen.last().copied()));
            assert_eq!(window.last(), Some(f64::from(value)));
        }
    }
}
