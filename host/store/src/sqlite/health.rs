//! Whether the database answers, and how much is in it.

use super::Database;
use crate::{Counts, Result};
use sqlx::FromRow;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

impl FromRow<'_, SqliteRow> for Counts {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            users: row.try_get("users")?,
            accounts: row.try_get("accounts")?,
            strategies: row.try_get("strategies")?,
            versions: row.try_get("versions")?,
            engines: row.try_get("engines")?,
            engines_wanted: row.try_get("engines_wanted")?,
            orders: row.try_get("orders")?,
            orders_working: row.try_get("orders_working")?,
            deals: row.try_get("deals")?,
            positions_open: row.try_get("positions_open")?,
            size_bytes: row.try_get("size_bytes")?,
        })
    }
}

impl Database {
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    pub async fn counts(&self) -> Result<Counts> {
        // Orders and deals are never removed, so their last number is their count, and the count is free. Page count
        // times page size is the file, without the log.
        Ok(sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM users) AS users, (SELECT COUNT(*) FROM accounts) AS accounts,
                (SELECT COUNT(*) FROM strategies) AS strategies, (SELECT COUNT(*) FROM versions) AS versions,
                (SELECT COUNT(*) FROM engines) AS engines,
                (SELECT COUNT(*) FROM engines WHERE wanted = 'running') AS engines_wanted,
                (SELECT COALESCE(MAX(seq), 0) FROM orders) AS orders,
                (SELECT COUNT(*) FROM orders WHERE finished_at IS NULL) AS orders_working,
                (SELECT COALESCE(MAX(seq), 0) FROM deals) AS deals,
                (SELECT COUNT(*) FROM positions WHERE closed_at IS NULL) AS positions_open,
                (SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()) AS size_bytes",
        )
        .fetch_one(&self.readers)
        .await?)
    }
}
