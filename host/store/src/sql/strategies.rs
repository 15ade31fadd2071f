//! Strategies.

use super::ids::next_id;
use super::row::{listed, number, numbered};
use super::{Database, DbConnection, DbRow};
use crate::error::inserting;
use crate::{Listed, Page, Result, StoreError, StrategyRecord};
use domain::ids::{StrategyId, UserId};
use domain::name::{self, Name, Named};
use domain::time::Time;
use sqlx::{FromRow, Row};

impl FromRow<'_, DbRow> for StrategyRecord {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: StrategyId(number(row, "id")?),
            owner: UserId(number(row, "owner")?),
            name: row.try_get("name")?,
            created_at: Time(row.try_get("created_at")?),
        })
    }
}

/// A user's strategy by its name; the very same name first.
const NAMED: &str = "SELECT * FROM strategies WHERE owner = $1 AND (name = $2 OR name_key = $3)
     ORDER BY CASE WHEN name = $2 THEN 0 ELSE 1 END LIMIT 1";

impl Database {
    pub async fn create_strategy(&self, owner: UserId, name: &str, at: Time) -> Result<StrategyRecord> {
        let mut tx = self.write().await?;
        let strategy = insert(tx.conn(), owner, name, at).await?;
        tx.commit().await?;
        Ok(strategy)
    }

    pub async fn strategy(&self, owner: UserId, id: StrategyId) -> Result<StrategyRecord> {
        let found = sqlx::query_as("SELECT * FROM strategies WHERE owner = $1 AND id = $2")
            .bind(i64::from(owner.0))
            .bind(i64::from(id.0))
            .fetch_optional(&self.readers)
            .await?;
        found.ok_or_else(|| StoreError::not_found("strategy", id))
    }

    pub async fn find_strategy(&self, owner: UserId, name: &str) -> Result<Option<StrategyRecord>> {
        Ok(sqlx::query_as(NAMED).bind(i64::from(owner.0)).bind(name).bind(name::key(name)).fetch_optional(&self.readers).await?)
    }

    pub async fn strategies(&self, owner: UserId, page: Page) -> Result<Listed<StrategyRecord>> {
        let rows = sqlx::query("SELECT * FROM strategies WHERE owner = $1 AND id > $2 ORDER BY id LIMIT $3")
            .bind(i64::from(owner.0))
            .bind(page.after())
            .bind(page.limit())
            .fetch_all(&self.readers)
            .await?;
        Ok(listed(&rows, "id", "strategy", numbered))
    }
}

/// The owner's strategy with this name; made if missing.
pub(super) async fn find_or_insert(conn: &mut DbConnection, owner: UserId, name: &str, at: Time) -> Result<StrategyRecord> {
    let found = sqlx::query_as(NAMED).bind(i64::from(owner.0)).bind(name).bind(name::key(name)).fetch_optional(&mut *conn).await?;
    match found {
        Some(found) => Ok(found),
        None => insert(conn, owner, name, at).await,
    }
}

async fn insert(conn: &mut DbConnection, owner: UserId, name: &str, at: Time) -> Result<StrategyRecord> {
    let name = Name::new(Named::Strategy, name).map_err(StoreError::Invalid)?;
    let id = next_id(conn, "strategies").await?;
    sqlx::query_as("INSERT INTO strategies (id, owner, name, name_key, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING *")
        .bind(i64::from(id))
        .bind(i64::from(owner.0))
        .bind(name.shown())
        .bind(name.key())
        .bind(at.0)
        .fetch_one(conn)
        .await
        .map_err(|error| inserting(error, ("strategy", name.shown()), ("user", &owner)))
}
