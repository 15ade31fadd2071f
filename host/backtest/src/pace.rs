//! How many rows to hand to a guest in one call. What it does not handle, since it stops at the row at which it asks for
//! something, was copied for nothing; a call has its price, too. Decisions do not depend on it.

/// Enough to make the call's cost vanish, few enough that their copy stays in the nearest cache.
const ROWS_MAX: usize = 1_024;
/// Fewer are not worth a call.
const ROWS_MIN: usize = 64;
/// Rows of which the copy costs as much as a call.
const ROWS_OF_A_CALL: usize = 300;
/// Of how many stops the mean distance is taken, roughly.
const STOPS: usize = 8;

/// What is known of how far apart a guest's stops lie.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Mean rows between stops, lately.
    mean: usize,
    /// Rows since the last one.
    since: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { mean: ROWS_MIN, since: 0 }
    }
}

impl Pace {
    /// Rows for the next call: with stops a mean distance apart at random, `rows / 2` are copied in vain for each stop and
    /// `distance / rows` calls made, of which the sum is smallest at the root of the product.
    pub fn rows(&self) -> usize {
        let distance = self.mean.max(self.since);
        (2 * ROWS_OF_A_CALL * distance).isqrt().clamp(ROWS_MIN, ROWS_MAX)
    }

    /// The guest has handled these many rows and then stopped, or not.
    pub fn note(&mut self, rows: usize, stopped: bool) {
        self.since += rows;
        if stopped {
            self.mean = (self.mean * (STOPS - 1) + self.since) / STOPS;
            self.since = 0;
        }
    }
}
