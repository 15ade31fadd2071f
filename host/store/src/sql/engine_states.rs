//! What strategies saved.

use super::row::{digest, json, number, to_json};
use super::{Database, DbRow};
use crate::error::inserting;
use crate::{EngineSave, Result};
use domain::ids::EngineId;
use domain::time::Time;
use sqlx::{FromRow, Row};

impl FromRow<'_, DbRow> for EngineSave {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
        Ok(Self {
            engine: EngineId(number(row, "engine")?),
            version: digest(row, "digest")?,
            schema: number(row, "state_schema")?,
            bytes: row.try_get("bytes")?,
            orders_asked: number(row, "orders_asked")?,
            last_ticks: json(row, "last_ticks")?,
            saved_at: Time(row.try_get("saved_at")?),
        })
    }
}

impl Database {
    pub async fn save_engines(&self, saves: &[EngineSave]) -> Result<()> {
        let mut tx = self.write().await?;
        for save in saves {
            sqlx::query(
                "INSERT INTO engine_states (engine, digest, state_schema, bytes, orders_asked, last_ticks, saved_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
                 ON CONFLICT (engine) DO UPDATE SET digest = excluded.digest, state_schema = excluded.state_schema,
                    bytes = excluded.bytes, orders_asked = excluded.orders_asked, last_ticks = excluded.last_ticks,
                    saved_at = excluded.saved_at",
            )
            .bind(i64::from(save.engine.0))
            .bind(save.version.to_string())
            .bind(i64::from(save.schema))
            .bind(&save.bytes)
            .bind(i64::from(save.orders_asked))
            .bind(to_json(&save.last_ticks)?)
            .bind(save.saved_at.0)
            .execute(tx.conn())
            .await
            .map_err(|error| inserting(error, ("state", "of the engine"), ("engine", &save.engine)))?;
        }
        tx.commit().await
    }

    pub async fn forget_saved(&self, id: EngineId) -> Result<()> {
        let mut tx = self.write().await?;
        sqlx::query("DELETE FROM engine_states WHERE engine = $1").bind(i64::from(id.0)).execute(tx.conn()).await?;
        tx.commit().await
    }

    pub async fn saved_engine(&self, id: EngineId) -> Result<Option<EngineSave>> {
        Ok(sqlx::query_as("SELECT * FROM engine_states WHERE engine = $1").bind(i64::from(id.0)).fetch_optional(&self.readers).await?)
    }
}
