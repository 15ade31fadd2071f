//! Long lists come in pages.

/// Most rows of one page: what an answer of the API can carry without anybody waiting for it.
pub const PAGE_ROWS_MAX: u32 = 1_000;

/// Which part of a list. Each row has a number (`seq`, `number` or id) by which its list is ordered; the next page starts
/// beyond the last row of this one, so that nothing is shown twice or left out while rows are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The number of the last row seen; `None` for the list's start.
    pub beyond: Option<i64>,
    /// How many rows, at most [`PAGE_ROWS_MAX`].
    pub rows: u32,
}

impl Page {
    /// The first `rows` rows.
    pub fn first(rows: u32) -> Self {
        Self { beyond: None, rows }
    }

    /// The `rows` rows beyond the one with this number.
    pub fn beyond(number: i64, rows: u32) -> Self {
        Self { beyond: Some(number), rows }
    }

    /// What to compare with in a list that rises.
    pub(crate) fn after(self) -> i64 {
        self.beyond.unwrap_or(i64::MIN)
    }

    /// What to compare with in a list that falls.
    pub(crate) fn before(self) -> i64 {
        self.beyond.unwrap_or(i64::MAX)
    }

    pub(crate) fn limit(self) -> i64 {
        i64::from(self.rows.min(PAGE_ROWS_MAX))
    }
}

impl Default for Page {
    /// The first hundred rows.
    fn default() -> Self {
        Self::first(100)
    }
}
