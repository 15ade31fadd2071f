//! Users.

use super::ids::next_id;
use super::row::{listed, number, numbered};
use super::{Database, DbRow};
use crate::error::inserting;
use crate::{Holdings, Listed, Page, Result, StoreError, UserRecord};
use domain::ids::UserId;
use domain::name::{self, Name, Named};
use domain::time::Time;
use sqlx::{FromRow, Row};

impl FromRow<'_, DbRow> for UserRecord {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
        Ok(Self { id: UserId(number(row, "id")?), name: row.try_get("name")?, created_at: Time(row.try_get("created_at")?) })
    }
}

impl Database {
    pub async fn create_user(&self, name: &str, at: Time) -> Result<UserRecord> {
        let name = Name::new(Named::User, name).map_err(StoreError::Invalid)?;
        let mut tx = self.write().await?;
        let id = next_id(tx.conn(), "users").await?;
        let user = sqlx::query_as("INSERT INTO users (id, name, name_key, created_at) VALUES ($1, $2, $3, $4) RETURNING *")
            .bind(i64::from(id))
            .bind(name.shown())
            .bind(name.key())
            .bind(at.0)
            .fetch_one(tx.conn())
            .await
            .map_err(|error| inserting(error, ("user", name.shown()), ("user", &id)))?;
        tx.commit().await?;
        Ok(user)
    }

    pub async fn user(&self, id: UserId) -> Result<UserRecord> {
        let found = sqlx::query_as("SELECT * FROM users WHERE id = $1").bind(i64::from(id.0)).fetch_optional(&self.readers).await?;
        found.ok_or_else(|| StoreError::not_found("user", id))
    }

    pub async fn find_user(&self, name: &str) -> Result<Option<UserRecord>> {
        // Names from before may differ in case alone: each is found by its own spelling.
        let found =
            sqlx::query_as("SELECT * FROM users WHERE name = $1 OR name_key = $2 ORDER BY CASE WHEN name = $1 THEN 0 ELSE 1 END LIMIT 1");
        Ok(found.bind(name).bind(name::key(name)).fetch_optional(&self.readers).await?)
    }

    pub async fn held_by(&self, id: UserId) -> Result<Holdings> {
        let row = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM engines WHERE owner = $1) AS engines, COUNT(*) AS versions,
                    CAST(COALESCE(SUM(c.size_bytes), 0) AS BIGINT) AS upload_bytes,
                    CAST(COALESCE(SUM(v.compiled_bytes), 0) AS BIGINT) AS compiled_bytes
             FROM versions v JOIN strategies s ON s.id = v.strategy JOIN components c ON c.digest = v.digest WHERE s.owner = $1",
        )
        .bind(i64::from(id.0))
        .fetch_one(&self.readers)
        .await?;
        Ok(Holdings {
            engines: number(&row, "engines")?,
            versions: number(&row, "versions")?,
            upload_bytes: number(&row, "upload_bytes")?,
            compiled_bytes: number(&row, "compiled_bytes")?,
        })
    }

    pub async fn every_user(&self, page: Page) -> Result<Listed<UserRecord>> {
        let rows = sqlx::query("SELECT * FROM users WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(page.after())
            .bind(page.limit())
            .fetch_all(&self.readers)
            .await?;
        Ok(listed(&rows, "id", "user", numbered))
    }
}
