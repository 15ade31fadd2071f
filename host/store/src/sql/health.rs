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
        Ok(sqlx::query_as(super::COUNTS).fetch_one(&self.readers).await?)
    }
}
