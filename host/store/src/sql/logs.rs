//! Log lines of engines.

use super::ids::forget_older;
use super::row::{listed, number, numbered, plain, word};
use super::{Database, DbRow};
use crate::error::inserting;
use crate::{LOG_LINES_KEPT, Listed, LogClock, LogRecord, NewLog, Page, Result};
use domain::contract::LogLevel;
use domain::ids::{EngineId, UserId};
use domain::time::Time;
use sqlx::{FromRow, Row};
use std::collections::BTreeMap;

impl FromRow<'_, DbRow> for LogRecord {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
        let line = NewLog {
            engine: EngineId(number(row, "engine")?),
            at: Time(row.try_get("at")?),
            clock: word(row, "clock", LogClock::from_word)?,
            level: word(row, "level", LogLevel::from_word)?,
            text: row.try_get("text")?,
        };
        Ok(Self { number: row.try_get("number")?, line })
    }
}

impl Database {
    pub async fn add_logs(&self, lines: &[NewLog]) -> Result<()> {
        let mut tx = self.write().await?;
        let mut last = BTreeMap::new();
        for line in lines {
            let number: i64 = sqlx::query_scalar(
                "INSERT INTO engine_logs (engine, number, at, level, text, clock)
                 VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM engine_logs WHERE engine = $1), $2, $3, $4, $5)
                 RETURNING number",
            )
            .bind(i64::from(line.engine.0))
            .bind(line.at.0)
            .bind(line.level.word())
            .bind(plain(&line.text))
            .bind(line.clock.word())
            .fetch_one(tx.conn())
            .await
            .map_err(|error| inserting(error, ("line", "of the engine"), ("engine", &line.engine)))?;
            last.insert(line.engine, number);
        }
        forget_older(tx.conn(), "DELETE FROM engine_logs WHERE engine = $1 AND number <= $2", last, LOG_LINES_KEPT).await?;
        tx.commit().await
    }

    pub async fn logs(&self, owner: UserId, engine: EngineId, page: Page) -> Result<Listed<LogRecord>> {
        let rows = sqlx::query(
            "SELECT l.* FROM engine_logs l JOIN engines e ON e.id = l.engine
             WHERE e.owner = $1 AND l.engine = $2 AND l.number > $3 ORDER BY l.number LIMIT $4",
        )
        .bind(i64::from(owner.0))
        .bind(i64::from(engine.0))
        .bind(page.after())
        .bind(page.limit())
        .fetch_all(&self.readers)
        .await?;
        Ok(listed(&rows, "number", "line", numbered))
    }

    pub async fn last_logs(&self, owner: UserId, engine: EngineId, page: Page) -> Result<Listed<LogRecord>> {
        let rows = sqlx::query(
            "SELECT l.* FROM engine_logs l JOIN engines e ON e.id = l.engine
             WHERE e.owner = $1 AND l.engine = $2 AND l.number < $3 ORDER BY l.number DESC LIMIT $4",
        )
        .bind(i64::from(owner.0))
        .bind(i64::from(engine.0))
        .bind(page.before())
        .bind(page.limit())
        .fetch_all(&self.readers)
        .await?;
        Ok(listed(&rows, "number", "line", numbered))
    }
}
