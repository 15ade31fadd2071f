//! Signals.

use super::ids::forget_older;
use super::row::{listed, number, numbered, optional, optional_word, plain};
use super::{Database, DbRow};
use crate::error::inserting;
use crate::{Listed, NewSignal, Page, Result, SIGNALS_KEPT, SignalRecord};
use domain::contract::{DenyCode, Side};
use domain::ids::{DealId, EngineId, OrderId, UserId};
use domain::order::OrderState;
use domain::time::Time;
use sqlx::{FromRow, Row};
use std::collections::BTreeMap;

impl FromRow<'_, DbRow> for SignalRecord {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
        let order = optional(row, "order_id", |id| OrderId(id as u64))?.map(Ok);
        let denied = optional_word(row, "denied", DenyCode::from_word)?.map(Err);
        let signal = NewSignal {
            engine: EngineId(number(row, "engine")?),
            at: Time(row.try_get("at")?),
            symbol: row.try_get("symbol")?,
            side: optional_word(row, "side", Side::from_word)?,
            confidence: row.try_get("confidence")?,
            reason: row.try_get("reason")?,
            led_to: order.or(denied),
        };
        let order = optional_word(row, "order_state", OrderState::from_word)?;
        let deal = optional(row, "deal", |id| DealId(id as u64))?;
        Ok(Self { number: row.try_get("number")?, signal, order, deal })
    }
}

impl Database {
    pub async fn add_signals(&self, signals: &[NewSignal]) -> Result<()> {
        let mut tx = self.write().await?;
        let mut last = BTreeMap::new();
        for signal in signals {
            let number: i64 = sqlx::query_scalar(
                "INSERT INTO signals (engine, number, at, symbol, side, confidence, reason, order_id, denied)
                 VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM signals WHERE engine = $1), $2, $3, $4, $5, $6, $7, $8)
                 RETURNING number",
            )
            .bind(i64::from(signal.engine.0))
            .bind(signal.at.0)
            .bind(&signal.symbol)
            .bind(signal.side.map(Side::word))
            .bind(signal.confidence)
            .bind(plain(&signal.reason))
            .bind(signal.led_to.and_then(Result::ok).map(|order| order.0 as i64))
            .bind(signal.led_to.and_then(Result::err).map(DenyCode::word))
            .fetch_one(tx.conn())
            .await
            .map_err(|error| inserting(error, ("signal", "of the engine"), ("engine", &signal.engine)))?;
            last.insert(signal.engine, number);
        }
        forget_older(tx.conn(), "DELETE FROM signals WHERE engine = $1 AND number <= $2", last, SIGNALS_KEPT).await?;
        tx.commit().await
    }

    pub async fn signals(&self, owner: UserId, engine: EngineId, page: Page) -> Result<Listed<SignalRecord>> {
        let rows = sqlx::query(
            "SELECT s.*, o.state AS order_state, (SELECT MIN(d.id) FROM deals d WHERE d.order_id = s.order_id) AS deal
             FROM signals s JOIN engines e ON e.id = s.engine LEFT JOIN orders o ON o.id = s.order_id
             WHERE e.owner = $1 AND s.engine = $2 AND s.number < $3 ORDER BY s.number DESC LIMIT $4",
        )
        .bind(i64::from(owner.0))
        .bind(i64::from(engine.0))
        .bind(page.before())
        .bind(page.limit())
        .fetch_all(&self.readers)
        .await?;
        Ok(listed(&rows, "number", "signal", numbered))
    }
}
