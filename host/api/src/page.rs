//! Long lists come in pages: each answer names what to ask for next.

use serde::{Deserialize, Serialize};
use store::{Damaged, Listed, PAGE_ROWS_MAX, Page};
use utoipa::{IntoParams, ToSchema};

/// Which part of a list.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// What the page before gave as `next`; without it the list starts.
    #[serde(default)]
    pub after: Option<i64>,
    /// Rows at most, 1 to 1000.
    #[serde(default = "usual_limit")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    pub limit: Limit,
}

/// Which part of one user's list.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UserPageQuery {
    /// Whose, by name.
    pub user: String,
    /// What the page before gave as `next`; without it the list starts.
    #[serde(default)]
    pub after: Option<i64>,
    /// Rows at most, 1 to 1000.
    #[serde(default = "usual_limit")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    pub limit: Limit,
}

/// Whose.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UserQuery {
    /// Whose, by name.
    pub user: String,
}

/// Rows at most, within bounds.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(try_from = "u32")]
#[schema(value_type = u32)]
pub(crate) struct Limit(u32);

impl TryFrom<u32> for Limit {
    type Error = String;

    fn try_from(rows: u32) -> Result<Self, String> {
        match rows {
            1..=PAGE_ROWS_MAX => Ok(Self(rows)),
            _ => Err(format!("limit may be 1 to {PAGE_ROWS_MAX}")),
        }
    }
}

pub(crate) fn usual_limit() -> Limit {
    Limit(100)
}

impl Limit {
    /// So many rows beyond `after`.
    pub(crate) fn beyond(self, after: Option<i64>) -> Page {
        Page { beyond: after, rows: self.0 }
    }
}

impl PageQuery {
    /// As the store takes it.
    pub(crate) fn page(self) -> Page {
        self.limit.beyond(self.after)
    }
}

impl UserPageQuery {
    /// As the store takes it.
    pub(crate) fn page(&self) -> Page {
        self.limit.beyond(self.after)
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Items<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Give this as `after` to get the next page; null when this was the last.
    pub next: Option<i64>,
    /// Rows of this page that can't be read: the database holds something there that the host never writes. Absent when every row can be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<DamagedRow>,
}

/// A row that can't be read.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DamagedRow {
    /// What it is: "engine 3".
    what: String,
    /// What is wrong with it.
    why: String,
}

impl DamagedRow {
    /// A row that can be read, while something that belongs to it can't.
    pub(crate) fn new(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self { what: what.into(), why: why.to_string() }
    }
}

impl From<&Damaged> for DamagedRow {
    fn from(row: &Damaged) -> Self {
        Self::new(&row.what, &row.why)
    }
}

impl<T> Items<T> {
    /// All there is.
    pub(crate) fn all(items: Vec<T>) -> Self {
        Self { items, next: None, damaged: Vec::new() }
    }

    /// A page of rows.
    pub(crate) fn page<R>(rows: &Listed<R>, page: Page, shown: impl Fn(&R) -> T) -> Self {
        Self::shown(rows, page, rows.iter().map(shown).collect())
    }

    /// A page of rows, which are shown so.
    pub(crate) fn shown<R>(rows: &Listed<R>, page: Page, items: Vec<T>) -> Self {
        let is_full = rows.count() >= page.rows as usize;
        let next = rows.last_number().filter(|_| is_full);
        Self { items, next, damaged: rows.damaged().iter().map(DamagedRow::from).collect() }
    }
}
