//! Strategies.

use super::ids::next_id;
use super::row::{listed, number, numbered};
use super::{Database, DbRow};
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

impl Database {
    pub async fn create_strategy(&self, owner: UserId, name: &str, at: Time) -> Result<StrategyRecord> {
        let name = Name::new(Named::Strategy, name).map_err(StoreError::Invalid)?;
        let mut tx = self.write().await?;
        let id = next_id(tx.conn(), "strategies").await?;
        let strategy =
            sqlx::query_as("INSERT INTO strategies (id, owner, name, name_key, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING *")
                .bind(i64::from(id))
                .bind(i64::from(owner.0))
                .bind(name.shown())
                .bind(name.key())
                .bind(at.0)
                .fetch_one(tx.conn())
                .await
                .map_err(|error| inserting(error, ("strategy", name.shown()), ("user", &owner)))?;
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
        let found = sqlx::query_as(
            "SELECT * FROM strategies WHERE owner = $1 AND (name = $2 OR name_key = $3)
             ORDER BY CASE WHEN name = $2 THEN 0 ELSE 1 END LIMIT 1",
        );
        Ok(found.bind(i64::from(owner.0)).bind(name).bind(name::key(name)).fetch_optional(&self.readers).await?)
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
