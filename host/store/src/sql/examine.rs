//! Looks at every row, whether it can be read.

use super::row::{listed, named, numbered};
use super::{DbConnection, DbRow};
use crate::{
    AccountRecord, AuditRecord, Damaged, DealRecord, EngineRecord, EngineSave, Listed, LogRecord, OrderRecord, PositionRecord, Result,
    SignalRecord, StepRecord, StrategyRecord, SymbolGrid, UserRecord, VersionRecord,
};
use sqlx::{FromRow, Row};
use std::time::Instant;

/// Rows that are read at once.
const ROWS_AT_ONCE: i64 = 1_000;
/// Damaged rows that are named: more say no more.
const DAMAGED_MAX: usize = 100;

/// What was looked at so far.
struct Looking<'a> {
    conn: &'a mut DbConnection,
    until: Instant,
    damaged: Vec<Damaged>,
    is_cut_short: bool,
}

/// The rows that can't be read, at most a hundred, and whether time ran out before all had been looked at.
pub async fn examine(conn: &mut DbConnection, until: Instant) -> Result<(Vec<Damaged>, bool)> {
    let mut looking = Looking { conn, until, damaged: Vec::new(), is_cut_short: false };
    let engine = |row: &DbRow| row.try_get::<i64, _>("engine").ok().map(|id| format!("of engine {id}"));
    looking.table::<UserRecord>("SELECT *, id AS place FROM users", "user", numbered).await?;
    looking.table::<AccountRecord>("SELECT *, id AS place FROM accounts", "account", numbered).await?;
    looking.table::<StrategyRecord>("SELECT *, id AS place FROM strategies", "strategy", numbered).await?;
    let versions = "SELECT v.*, c.size_bytes, 0 AS place FROM versions v JOIN components c ON c.digest = v.digest";
    looking.table::<VersionRecord>(versions, "version", |row| row.try_get("digest").ok()).await?;
    looking.table::<EngineRecord>("SELECT *, id AS place FROM engines WHERE removed_at IS NULL", "engine", numbered).await?;
    looking.table::<EngineSave>("SELECT *, engine AS place FROM engine_states", "saved state", engine).await?;
    looking.table::<SymbolGrid>("SELECT *, 0 AS place FROM symbols", "symbol", |row| row.try_get("name").ok()).await?;
    looking.table::<OrderRecord>("SELECT *, seq AS place FROM orders", "order", named).await?;
    looking.table::<DealRecord>("SELECT *, seq AS place FROM deals", "deal", numbered).await?;
    looking.table::<PositionRecord>("SELECT *, seq AS place FROM positions", "position", named).await?;
    looking.table::<StepRecord>("SELECT *, number AS place FROM engine_steps", "step", engine).await?;
    looking.table::<SignalRecord>("SELECT *, NULL AS order_state, NULL AS deal, number AS place FROM signals", "signal", engine).await?;
    looking.table::<LogRecord>("SELECT *, number AS place FROM engine_logs", "log line", engine).await?;
    looking.table::<AuditRecord>("SELECT *, seq AS place FROM audit", "audit row", numbered).await?;
    Ok((looking.damaged, looking.is_cut_short))
}

impl Looking<'_> {
    /// Looks at all rows of a table.
    async fn table<T: for<'r> FromRow<'r, DbRow>>(&mut self, query: &str, what: &str, name: fn(&DbRow) -> Option<String>) -> Result<()> {
        for page in 0.. {
            if Instant::now() >= self.until || self.damaged.len() >= DAMAGED_MAX {
                self.is_cut_short = true;
                return Ok(());
            }
            // The statement is one of ours, never anybody's input.
            let part = sqlx::AssertSqlSafe(format!("{query} ORDER BY place LIMIT {ROWS_AT_ONCE} OFFSET {}", page * ROWS_AT_ONCE));
            let rows = sqlx::query(part).fetch_all(&mut *self.conn).await?;
            let found: Listed<T> = listed(&rows, "place", what, name);
            self.damaged.extend_from_slice(found.damaged());
            if (rows.len() as i64) < ROWS_AT_ONCE {
                return Ok(());
            }
        }
        Ok(())
    }
}
