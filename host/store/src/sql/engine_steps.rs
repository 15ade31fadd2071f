//! The history of engines.

use super::ids::{changed, forget_older};
use super::row::{listed, number, numbered, to_json, word};
use super::{Database, DbConnection, DbRow};
use crate::error::inserting;
use crate::{ENGINE_STEPS_KEPT, EngineStep, Follows, Listed, Page, Result, StepKind, StepRecord};
use domain::ids::{EngineId, UserId};
use domain::time::Time;
use sqlx::{FromRow, Row};
use std::collections::BTreeMap;

impl FromRow<'_, DbRow> for StepRecord {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
        let step = EngineStep {
            engine: EngineId(number(row, "engine")?),
            at: Time(row.try_get("at")?),
            kind: word(row, "kind", StepKind::from_word)?,
            from: row.try_get("from_word")?,
            to: row.try_get("to_word")?,
            reason: row.try_get("reason")?,
        };
        Ok(Self { number: row.try_get("number")?, step })
    }
}

impl Database {
    pub async fn add_engine_steps(&self, steps: &[(EngineStep, Follows)]) -> Result<()> {
        let mut tx = self.write().await?;
        let mut last = BTreeMap::new();
        for (step, follows) in steps {
            let number: i64 = sqlx::query_scalar(
                "INSERT INTO engine_steps (engine, number, at, kind, from_word, to_word, reason)
                 VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM engine_steps WHERE engine = $1), $2, $3, $4, $5, $6)
                 RETURNING number",
            )
            .bind(i64::from(step.engine.0))
            .bind(step.at.0)
            .bind(step.kind.word())
            .bind(&step.from)
            .bind(&step.to)
            .bind(&step.reason)
            .fetch_one(tx.conn())
            .await
            .map_err(|error| inserting(error, ("step", "of the engine"), ("engine", &step.engine)))?;
            last.insert(step.engine, number);
            follow(tx.conn(), step, follows).await?;
        }
        forget_older(tx.conn(), "DELETE FROM engine_steps WHERE engine = $1 AND number <= $2", last, ENGINE_STEPS_KEPT).await?;
        tx.commit().await
    }

    pub async fn engine_steps(&self, owner: UserId, engine: EngineId, page: Page) -> Result<Listed<StepRecord>> {
        let rows = sqlx::query(
            "SELECT s.* FROM engine_steps s JOIN engines e ON e.id = s.engine
             WHERE e.owner = $1 AND s.engine = $2 AND s.number < $3 ORDER BY s.number DESC LIMIT $4",
        )
        .bind(i64::from(owner.0))
        .bind(i64::from(engine.0))
        .bind(page.before())
        .bind(page.limit())
        .fetch_all(&self.readers)
        .await?;
        Ok(listed(&rows, "number", "step", numbered))
    }
}

async fn follow(conn: &mut DbConnection, step: &EngineStep, follows: &Follows) -> Result<()> {
    let done = match follows {
        Follows::Nothing => return Ok(()),
        Follows::State(state) => {
            sqlx::query("UPDATE engines SET state = $2, state_reason = $3, state_at = $4 WHERE id = $1")
                .bind(i64::from(step.engine.0))
                .bind(state.word())
                .bind(&step.reason)
                .bind(step.at.0)
                .execute(conn)
                .await?
        }
        Follows::Version(digest, params) => sqlx::query("UPDATE engines SET digest = $2, params = $3 WHERE id = $1")
            .bind(i64::from(step.engine.0))
            .bind(digest.to_string())
            .bind(to_json("parameters", params.as_slice())?)
            .execute(conn)
            .await
            .map_err(|error| inserting(error, ("engine", ""), ("version", digest)))?,
    };
    changed(done.rows_affected(), "engine", step.engine)
}
