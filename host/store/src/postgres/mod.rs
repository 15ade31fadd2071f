//! The store on PostgreSQL: a pool for all the calls, a connection of its own for each journal, one host.

mod check;
mod error;
mod journal;
mod lock;
mod migrate;
mod open;
mod probe;
mod server;
mod tx;

// What both databases say alike, here with PostgreSQL's types; see the crate's introduction.
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
pub use server::Server;
use sqlx::{PgConnection, PgPool};
use std::sync::Arc;
use tokio::sync::Mutex;
use tx::Tx;

/// A connection of this database.
type DbConnection = PgConnection;
/// How much there is. `seq` has gaps here, since a transaction that is rolled back has used its numbers; and counting reads every row.
/// From a hundred thousand rows on the server's own estimate is near enough for a page that is asked for often.
const COUNTS: &str = "SELECT (SELECT COUNT(*) FROM users) AS users, (SELECT COUNT(*) FROM accounts) AS accounts,
        (SELECT COUNT(*) FROM strategies) AS strategies, (SELECT COUNT(*) FROM versions) AS versions,
        (SELECT COUNT(*) FROM engines) AS engines,
        (SELECT COUNT(*) FROM engines WHERE wanted = 'running') AS engines_wanted,
        (SELECT CASE WHEN reltuples < 100000 THEN (SELECT COUNT(*) FROM orders) ELSE CAST(reltuples AS BIGINT) END
            FROM pg_class WHERE oid = CAST('orders' AS regclass)) AS orders,
        (SELECT COUNT(*) FROM orders WHERE finished_at IS NULL) AS orders_working,
        (SELECT CASE WHEN reltuples < 100000 THEN (SELECT COUNT(*) FROM deals) ELSE CAST(reltuples AS BIGINT) END
            FROM pg_class WHERE oid = CAST('deals' AS regclass)) AS deals,
        (SELECT COUNT(*) FROM positions WHERE closed_at IS NULL) AS positions_open,
        pg_database_size(current_database()) AS size_bytes";
/// Reads who owns a part, and keeps it so until the transaction ends. One journal at a time (the lock is "stockadb" in ASCII): a transaction that its host has given
/// up may still commit, so its outcome must be known before its contents are repeated.
const HOLD_OWNER: &str = "SELECT epoch, owner, CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT) AS number
    FROM owners, pg_advisory_xact_lock(8319396884454138978) WHERE part = $1 FOR SHARE OF owners";
/// The same for whatever is no journal: such transactions need not wait for each other, only for whoever takes over.
const CHECK_OWNER: &str = "SELECT epoch, owner, CAST(0 AS BIGINT) AS number FROM owners WHERE part = $1 FOR SHARE";

/// A row of this database.
type DbRow = sqlx::postgres::PgRow;

/// An open database.
#[derive(Clone, Debug)]
pub struct Database {
    server: Server,
    /// Named as in the other module, where only these read; here they write as well.
    readers: PgPool,
    lock: Arc<Mutex<lock::Lock>>,
    pub hold: Arc<Hold>,
}

impl Database {
    /// A transaction that writes; of a host only while nobody has taken over from it.
    async fn write(&self) -> Result<Tx> {
        let mut tx = self.begin().await?;
        owners::check(tx.conn(), &self.hold).await?;
        Ok(tx)
    }

    /// A transaction that writes, whoever owns the database.
    async fn begin(&self) -> Result<Tx> {
        Tx::begin(&self.readers).await
    }

    /// A transaction that reads: all its rows are of the same moment.
    async fn snapshot(&self) -> Result<sqlx::PgTransaction<'static>> {
        Ok(self.readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.readers.close().await;
        self.lock.lock().await.close().await;
    }
}

/// Keeps others from appending to this table until the transaction ends: whoever numbers rows after the last one must be
/// the only one who does.
async fn append_alone(conn: &mut DbConnection, table: &'static str) -> Result<()> {
    // The name is one of ours, never anybody's input.
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("LOCK TABLE {table} IN EXCLUSIVE MODE"))).execute(conn).await?;
    Ok(())
}
