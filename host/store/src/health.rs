//! How much there is, which database it is, and what is wrong with it.

use crate::Damaged;

/// Rows, for health and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Users.
    pub users: i64,
    /// Accounts.
    pub accounts: i64,
    /// Strategies.
    pub strategies: i64,
    /// Versions.
    pub versions: i64,
    /// Engines.
    pub engines: i64,
    /// Engines that should run.
    pub engines_wanted: i64,
    /// Orders ever recorded.
    pub orders: i64,
    /// Orders that may still be filled.
    pub orders_working: i64,
    /// Deals ever booked.
    pub deals: i64,
    /// Open positions.
    pub positions_open: i64,
    /// The database, bytes.
    pub size_bytes: i64,
}

/// Which database it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its own name, the same for as long as it lives, and in its copies.
    pub name: String,
    /// The epoch of its last owner; 0 when there was none.
    pub epoch: i64,
}

/// What a look at a database found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// What the database says is wrong with itself, with the way out.
    pub damage: Option<String>,
    /// Rows that can't be read, at most a hundred.
    pub damaged: Vec<Damaged>,
    /// Not everything was looked at.
    pub is_cut_short: bool,
}
