//! How much there is, and which database it is.

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
