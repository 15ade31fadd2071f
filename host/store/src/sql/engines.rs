//! Engines.

use super::ids::{changed, next_id};
use super::row::{bits, digest, json, listed, number, numbered, plain, to_json, word};
use super::{Database, DbRow};
use crate::error::inserting;
use crate::{EngineRecord, Listed, NewEngine, Page, Result, StoreError, Wanted};
use domain::contract::{Param, RunMode, TradingState};
use domain::ids::{AccountId, Digest, EngineId, StrategyId, UserId};
use domain::life::EngineState;
use domain::name::{self, Name, Named};
use domain::time::Time;
use sqlx::{FromRow, Row};

impl FromRow<'_, DbRow> for EngineRecord {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: EngineId(number(row, "id")?),
            owner: UserId(number(row, "owner")?),
            account: AccountId(number(row, "account")?),
            strategy: StrategyId(number(row, "strategy")?),
            version: digest(row, "digest")?,
            name: row.try_get("name")?,
            params: json(row, "params")?,
            symbols: json(row, "symbols")?,
            mode: word(row, "mode", RunMode::from_word)?,
            seed: bits(row, "seed")?,
            wanted: word(row, "wanted", Wanted::from_word)?,
            trading: word(row, "trading", TradingState::from_word)?,
            state: word(row, "state", EngineState::from_word)?,
            state_reason: row.try_get("state_reason")?,
            state_at: Time(row.try_get("state_at")?),
            created_at: Time(row.try_get("created_at")?),
        })
    }
}

impl Database {
    pub async fn add_engine(&self, owner: UserId, engine: &NewEngine, at: Time) -> Result<EngineRecord> {
        let name = Name::new(Named::Engine, &engine.name).map_err(StoreError::Invalid)?;
        let mut tx = self.write().await?;
        let account: Option<i64> = sqlx::query_scalar("SELECT id FROM accounts WHERE owner = $1 AND id = $2")
            .bind(i64::from(owner.0))
            .bind(i64::from(engine.account.0))
            .fetch_optional(tx.conn())
            .await?;
        account.ok_or_else(|| StoreError::not_found("account", engine.account))?;
        let strategy: Option<i64> = sqlx::query_scalar("SELECT id FROM strategies WHERE owner = $1 AND id = $2")
            .bind(i64::from(owner.0))
            .bind(i64::from(engine.strategy.0))
            .fetch_optional(tx.conn())
            .await?;
        strategy.ok_or_else(|| StoreError::not_found("strategy", engine.strategy))?;
        let id = next_id(tx.conn(), "engines").await?;
        let added = sqlx::query_as(
            "INSERT INTO engines
                (id, owner, account, strategy, digest, name, name_key, params, symbols, mode, seed, wanted, trading, state, state_reason,
                 state_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, '', $15, $15) RETURNING *",
        )
        .bind(i64::from(id))
        .bind(i64::from(owner.0))
        .bind(i64::from(engine.account.0))
        .bind(i64::from(engine.strategy.0))
        .bind(engine.version.to_string())
        .bind(name.shown())
        .bind(name.key())
        .bind(to_json("parameters", &engine.params)?)
        .bind(to_json("symbols", &engine.symbols)?)
        .bind(engine.mode.word())
        .bind(engine.seed as i64)
        .bind(Wanted::Stopped.word())
        .bind(TradingState::Active.word())
        .bind(EngineState::Defined.word())
        .bind(at.0)
        .fetch_one(tx.conn())
        .await
        .map_err(|error| inserting(error, ("engine", name.shown()), ("version", &engine.version)))?;
        tx.commit().await?;
        Ok(added)
    }

    pub async fn engine(&self, owner: UserId, id: EngineId) -> Result<EngineRecord> {
        let found = sqlx::query_as("SELECT * FROM engines WHERE owner = $1 AND id = $2 AND removed_at IS NULL")
            .bind(i64::from(owner.0))
            .bind(i64::from(id.0))
            .fetch_optional(&self.readers)
            .await?;
        found.ok_or_else(|| StoreError::not_found("engine", id))
    }

    pub async fn find_engine(&self, owner: UserId, name: &str) -> Result<Option<EngineRecord>> {
        let found = sqlx::query_as(
            "SELECT * FROM engines WHERE owner = $1 AND (name = $2 OR name_key = $3) AND removed_at IS NULL
             ORDER BY CASE WHEN name = $2 THEN 0 ELSE 1 END LIMIT 1",
        );
        Ok(found.bind(i64::from(owner.0)).bind(name).bind(name::key(name)).fetch_optional(&self.readers).await?)
    }

    pub async fn engines(&self, owner: UserId, page: Page) -> Result<Listed<EngineRecord>> {
        let rows = sqlx::query("SELECT * FROM engines WHERE owner = $1 AND id > $2 AND removed_at IS NULL ORDER BY id LIMIT $3")
            .bind(i64::from(owner.0))
            .bind(page.after())
            .bind(page.limit())
            .fetch_all(&self.readers)
            .await?;
        Ok(listed(&rows, "id", "engine", numbered))
    }

    pub async fn every_engine(&self, page: Page) -> Result<Listed<EngineRecord>> {
        let rows = sqlx::query("SELECT * FROM engines WHERE id > $1 AND removed_at IS NULL ORDER BY id LIMIT $2")
            .bind(page.after())
            .bind(page.limit())
            .fetch_all(&self.readers)
            .await?;
        Ok(listed(&rows, "id", "engine", numbered))
    }

    pub async fn set_engine_wanted(&self, owner: UserId, id: EngineId, wanted: Wanted) -> Result<()> {
        let mut tx = self.write().await?;
        let done = sqlx::query("UPDATE engines SET wanted = $3 WHERE owner = $1 AND id = $2")
            .bind(i64::from(owner.0))
            .bind(i64::from(id.0))
            .bind(wanted.word())
            .execute(tx.conn())
            .await?;
        changed(done.rows_affected(), "engine", id)?;
        tx.commit().await
    }

    pub async fn set_engine_trading(&self, owner: UserId, id: EngineId, trading: TradingState) -> Result<()> {
        let mut tx = self.write().await?;
        let done = sqlx::query("UPDATE engines SET trading = $3 WHERE owner = $1 AND id = $2")
            .bind(i64::from(owner.0))
            .bind(i64::from(id.0))
            .bind(trading.word())
            .execute(tx.conn())
            .await?;
        changed(done.rows_affected(), "engine", id)?;
        tx.commit().await
    }

    pub async fn set_engine_params(&self, owner: UserId, id: EngineId, params: &[Param]) -> Result<()> {
        let mut tx = self.write().await?;
        let done = sqlx::query("UPDATE engines SET params = $3 WHERE owner = $1 AND id = $2")
            .bind(i64::from(owner.0))
            .bind(i64::from(id.0))
            .bind(to_json("parameters", params)?)
            .execute(tx.conn())
            .await?;
        changed(done.rows_affected(), "engine", id)?;
        tx.commit().await
    }

    pub async fn set_engine_state(&self, id: EngineId, state: EngineState, reason: &str, at: Time) -> Result<()> {
        let mut tx = self.write().await?;
        let done = sqlx::query("UPDATE engines SET state = $2, state_reason = $3, state_at = $4 WHERE id = $1")
            .bind(i64::from(id.0))
            .bind(state.word())
            .bind(plain(reason))
            .bind(at.0)
            .execute(tx.conn())
            .await?;
        changed(done.rows_affected(), "engine", id)?;
        tx.commit().await
    }

    pub async fn set_engine_setup(&self, owner: UserId, id: EngineId, version: Digest, params: &[Param], symbols: &[String]) -> Result<()> {
        let mut tx = self.write().await?;
        let done = sqlx::query("UPDATE engines SET digest = $3, params = $4, symbols = $5 WHERE owner = $1 AND id = $2")
            .bind(i64::from(owner.0))
            .bind(i64::from(id.0))
            .bind(version.to_string())
            .bind(to_json("parameters", params)?)
            .bind(to_json("symbols", symbols)?)
            .execute(tx.conn())
            .await
            .map_err(|error| inserting(error, ("engine", ""), ("version", &version)))?;
        changed(done.rows_affected(), "engine", id)?;
        tx.commit().await
    }

    pub async fn remove_engine(&self, owner: UserId, id: EngineId, at: Time) -> Result<()> {
        let mut tx = self.write().await?;
        // A name with a line break can't be given: this one is nobody's.
        let done =
            sqlx::query("UPDATE engines SET removed_at = $3, wanted = $4, name = $5, name_key = NULL WHERE owner = $1 AND id = $2 AND removed_at IS NULL")
                .bind(i64::from(owner.0))
                .bind(i64::from(id.0))
                .bind(at.0)
                .bind(Wanted::Stopped.word())
                .bind(format!("removed\n{id}"))
                .execute(tx.conn())
                .await?;
        changed(done.rows_affected(), "engine", id)?;
        for rows in [
            "DELETE FROM engine_states WHERE engine = $1",
            "DELETE FROM engine_logs WHERE engine = $1",
            "DELETE FROM signals WHERE engine = $1",
            "DELETE FROM engine_steps WHERE engine = $1",
        ] {
            sqlx::query(rows).bind(i64::from(id.0)).execute(tx.conn()).await?;
        }
        tx.commit().await
    }

    pub async fn orders_begun(&self, id: EngineId) -> Result<u32> {
        let begun: Option<i64> = sqlx::query_scalar("SELECT orders_begun FROM engines WHERE id = $1")
            .bind(i64::from(id.0))
            .fetch_optional(&self.readers)
            .await?;
        let begun = begun.ok_or_else(|| StoreError::not_found("engine", id))?;
        // Beyond what fits, no order is given any more.
        Ok(begun.try_into().unwrap_or(u32::MAX))
    }
}
