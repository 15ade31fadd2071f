//! Signals.

use super::row::{number, optional_word, plain};
use super::{Database, DbRow};
use crate::error::inserting;
use crate::{NewSignal, Page, Result, SIGNALS_KEPT, SignalRecord};
use domain::contract::Side;
use domain::ids::{EngineId, UserId};
use domain::time::Time;
use sqlx::{FromRow, Row};
use std::collections::BTreeMap;

impl FromRow<'_, DbRow> for SignalRecord {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
        let signal = NewSignal {
            engine: EngineId(number(row, "engine")?),
            at: Time(row.try_get("at")?),
            symbol: row.try_get("symbol")?,
            side: optional_word(row, "side", Side::from_word)?,
            confidence: row.try_get("confidence")?,
            reason: row.try_get("reason")?,
        };
        Ok(Self { number: row.try_get("number")?, signal })
    }
}

impl Database {
    pub async fn add_signals(&self, signals: &[NewSignal]) -> Result<()> {
        let mut tx = self.write().await?;
        let mut last = BTreeMap::new();
        for signal in signals {
            let number: i64 = sqlx::query_scalar(
                "INSERT INTO signals (engine, number, at, symbol, side, confidence, reason)
                 VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM signals WHERE engine = $1), $2, $3, $4, $5, $6)
                 RETURNING number",
            )
            .bind(i64::from(signal.engine.0))
            .bind(signal.at.0)
            .bind(&signal.symbol)
            .bind(signal.side.map(Side::word))
            .bind(signal.confidence)
            .bind(plain(&signal.reason))
            .fetch_one(tx.conn())
            .await
            .map_err(|error| inserting(error, ("signal", "of the engine"), ("engine", &signal.engine)))?;
            last.insert(signal.engine, number);
        }
        for (engine, last) in last {
            sqlx::query("DELETE FROM signals WHERE engine = $1 AND number <= $2")
                .bind(i64::from(engine.0))
                .bind(last - SIGNALS_KEPT)
                .execute(tx.conn())
                .await?;
        }
        tx.commit().await
    }

    pub async fn signals(&self, owner: UserId, engine: EngineId, page: Page) -> Result<Vec<SignalRecord>> {
        Ok(sqlx::query_as(
            "SELECT s.* FROM signals s JOIN engines e ON e.id = s.engine
             WHERE e.owner = $1 AND s.engine = $2 AND s.number < $3 ORDER BY s.number DESC LIMIT $4",
        )
        .bind(i64::from(owner.0))
        .bind(i64::from(engine.0))
        .bind(page.before())
        .bind(page.limit())
        .fetch_all(&self.readers)
        .await?)
    }
}
