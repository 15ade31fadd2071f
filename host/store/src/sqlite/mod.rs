//! The store on SQLite: one connection that writes, a few that read, one process.

mod check;
mod error;
#[cfg(test)]
mod faults;
mod journal;
mod migrate;
mod open;
mod place;
mod writer;

// What both databases say alike, here with SQLite's types; see `crate::sql` in the crate's introduction.
#[path = "../sql/accounts.rs"]
mod accounts;
#[path = "../sql/audit.rs"]
mod audit;
#[path = "../sql/book.rs"]
mod book;
#[path = "../sql/deals.rs"]
mod deals;
#[path = "../sql/engine_states.rs"]
mod engine_states;
#[path = "../sql/engine_steps.rs"]
mod engine_steps;
#[path = "../sql/engines.rs"]
mod engines;
#[path = "../sql/examine.rs"]
mod examine;
#[path = "../sql/health.rs"]
mod health;
#[path = "../sql/ids.rs"]
mod ids;
#[path = "../sql/ledger.rs"]
mod ledger;
#[path = "../sql/lives.rs"]
mod lives;
#[path = "../sql/logs.rs"]
mod logs;
#[path = "../sql/modifications.rs"]
mod modifications;
#[path = "../sql/orders.rs"]
mod orders;
#[path = "../sql/owners.rs"]
mod owners;
#[path = "../sql/positions.rs"]
mod positions;
#[path = "../sql/risk.rs"]
mod risk;
#[path = "../sql/row.rs"]
mod row;
#[path = "../sql/set_aside.rs"]
mod set_aside;
#[path = "../sql/signals.rs"]
mod signals;
#[path = "../sql/strategies.rs"]
mod strategies;
#[path = "../sql/symbols.rs"]
mod symbols;
#[path = "../sql/users.rs"]
mod users;
#[path = "../sql/versions.rs"]
mod versions;

use crate::Result;
use crate::hold::Hold;
pub use check::examine as examined;
pub use error::meaning;
pub use migrate::migrate;
use sqlx::SqlitePool;
use std::sync::Arc;
use writer::{Tx, Writer};

/// A connection of this database.
type DbConnection = sqlx::SqliteConnection;
/// How much there is. Orders and deals are never removed, so their last number is their count, and the count is free. Page count times
/// page size is the file, without the log.
const COUNTS: &str = "SELECT (SELECT COUNT(*) FROM users) AS users, (SELECT COUNT(*) FROM accounts) AS accounts,
        (SELECT COUNT(*) FROM strategies) AS strategies, (SELECT COUNT(*) FROM versions) AS versions,
        (SELECT COUNT(*) FROM engines) AS engines,
        (SELECT COUNT(*) FROM engines WHERE wanted = 'running') AS engines_wanted,
        (SELECT COALESCE(MAX(seq), 0) FROM orders) AS orders,
        (SELECT COUNT(*) FROM orders WHERE finished_at IS NULL) AS orders_working,
        (SELECT COALESCE(MAX(seq), 0) FROM deals) AS deals,
        (SELECT COUNT(*) FROM positions WHERE closed_at IS NULL) AS positions_open,
        (SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()) AS size_bytes";
/// Reads who owns a part; nobody else writes while a transaction does.
const HOLD_OWNER: &str = "SELECT epoch, owner, 0 AS number FROM owners WHERE part = $1";
/// The same for whatever is no journal.
const CHECK_OWNER: &str = HOLD_OWNER;

/// A row of this database.
type DbRow = sqlx::sqlite::SqliteRow;

/// An open database.
#[derive(Clone, Debug)]
pub struct Database {
    writer: Arc<Writer>,
    readers: SqlitePool,
    /// Locked for as long as somebody may write.
    lock: Arc<open::Lock>,
    /// Where the files were when they were opened.
    place: Arc<place::Place>,
    pub hold: Arc<Hold>,
}

impl Database {
    /// A transaction that writes; of a host only while nobody has taken over from it.
    async fn write(&self) -> Result<Tx<'_>> {
        let mut tx = self.begin().await?;
        owners::check(tx.conn(), &self.hold).await?;
        Ok(tx)
    }

    /// A transaction that writes, whoever owns the database.
    async fn begin(&self) -> Result<Tx<'_>> {
        self.hold.in_place()?;
        self.writer.begin().await
    }

    /// A transaction that reads: all its rows are of the same moment.
    async fn snapshot(&self) -> Result<sqlx::SqliteTransaction<'_>> {
        Ok(self.readers.begin().await?)
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Keeps others from appending to this table until the transaction ends. There is one writer here, so nobody can.
async fn append_alone(_: &mut DbConnection, _table: &'static str) -> Result<()> {
    Ok(())
}
