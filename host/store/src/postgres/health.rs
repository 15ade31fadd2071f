//! Whether the database answers, and how much is in it.

use super::{Database, DbRow};
use crate::{Counts, Result};
use sqlx::{FromRow, Row};

impl FromRow<'_, DbRow> for Counts {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
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
        // `seq` has gaps here, since a transaction that is rolled back has used its numbers; and counting reads every row.
        // From a hundred thousand rows on the server's own estimate is near enough for a page that is asked for often.
        Ok(sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM users) AS users, (SELECT COUNT(*) FROM accounts) AS accounts,
                (SELECT COUNT(*) FROM strategies) AS strategies, (SELECT COUNT(*) FROM versions) AS versions,
                (SELECT COUNT(*) FROM engines) AS engines,
                (SELECT COUNT(*) FROM engines WHERE wanted = 'running') AS engines_wanted,
                (SELECT CASE WHEN reltuples < 100000 THEN (SELECT COUNT(*) FROM orders) ELSE CAST(reltuples AS BIGINT) END
                    FROM pg_class WHERE oid = CAST('orders' AS regclass)) AS orders,
                (SELECT COUNT(*) FROM orders WHERE finished_at IS NULL) AS orders_working,
                (SELECT CASE WHEN reltuples < 100000 THEN (SELECT COUNT(*) FROM deals) ELSE CAST(reltuples AS BIGINT) END
                    FROM pg_class WHERE oid = CAST('deals' AS regclass)) AS deals,
                (SELECT COUNT(*) FROM positions WHERE closed_at IS NULL) AS positions_open,
                pg_database_size(current_database()) AS size_bytes",
        )
        .fetch_one(&self.readers)
        .await?)
    }
}
