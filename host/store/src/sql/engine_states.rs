//! What strategies saved.

use super::row::{digest, json, number, to_json};
use super::{Database, DbRow};
use crate::error::inserting;
use crate::{EngineSave, EngineSeen, LastTick, MarketSeen, Result};
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

/// Of each engine, the ticks that its state names and its latest orders and deals. Those are few and come by an index: an engine's
/// time does not go back, but orders that the host gave for it may lie a little out of order.
macro_rules! engines_seen {
    ($which:literal) => {
        concat!(
            "SELECT e.id, e.name, e.removed_at, e.forgotten_until, s.last_ticks,
                (SELECT MAX(placed_at) FROM
                    (SELECT placed_at FROM orders WHERE engine = e.id ORDER BY seq DESC LIMIT 64) AS last_orders) AS ordered,
                (SELECT MAX(at) FROM (SELECT at FROM deals WHERE engine = e.id ORDER BY seq DESC LIMIT 64) AS last_deals) AS dealt
             FROM engines AS e LEFT JOIN engine_states AS s ON s.engine = e.id ",
            $which
        )
    };
}

/// How far an engine has seen the market.
struct Seen {
    until: Option<Time>,
    /// The same without what it was told to forget: no market begins before that.
    binding: Option<Time>,
}

fn seen(row: &DbRow) -> Result<Seen> {
    // A damaged state is that engine's affair, which its start names; it must not keep all others from starting.
    let ticks: Option<String> = row.try_get("last_ticks")?;
    let ticks: Vec<LastTick> = ticks.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let saved = ticks.iter().map(|tick| tick.time).max();
    let traded = row.try_get::<Option<i64>, _>("ordered")?.max(row.try_get("dealt")?).map(Time);
    let forgotten = Time(row.try_get("forgotten_until")?);
    let is_there = row.try_get::<Option<i64>, _>("removed_at")?.is_none();
    let binding = saved.max(traded.filter(|traded| *traded > forgotten)).filter(|_| is_there);
    Ok(Seen { until: saved.max(traded), binding })
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
            .bind(to_json("last ticks", &save.last_ticks)?)
            .bind(save.saved_at.0)
            .execute(tx.conn())
            .await
            .map_err(|error| inserting(error, ("state", "of the engine"), ("engine", &save.engine)))?;
        }
        tx.commit().await
    }

    pub async fn forget_saved(&self, id: EngineId) -> Result<()> {
        let mut tx = self.write().await?;
        let row = sqlx::query(engines_seen!("WHERE e.id = $1")).bind(i64::from(id.0)).fetch_optional(tx.conn()).await?;
        let until = row.map(|row| seen(&row)).transpose()?.and_then(|seen| seen.until);
        sqlx::query("DELETE FROM engine_states WHERE engine = $1").bind(i64::from(id.0)).execute(tx.conn()).await?;
        if let Some(until) = until {
            sqlx::query("UPDATE engines SET forgotten_until = $2 WHERE id = $1")
                .bind(i64::from(id.0))
                .bind(until.0)
                .execute(tx.conn())
                .await?;
        }
        tx.commit().await
    }

    pub async fn market_seen(&self) -> Result<MarketSeen> {
        let rows = sqlx::query(engines_seen!("ORDER BY e.id")).fetch_all(&self.readers).await?;
        let mut all = MarketSeen::default();
        for row in &rows {
            let Seen { until, binding } = seen(row)?;
            all.latest = all.latest.max(until);
            if let Some(until) = binding {
                all.engines.push(EngineSeen { id: EngineId(number(row, "id")?), name: row.try_get("name")?, until });
            }
        }
        Ok(all)
    }

    pub async fn saved_engine(&self, id: EngineId) -> Result<Option<EngineSave>> {
        Ok(sqlx::query_as("SELECT * FROM engine_states WHERE engine = $1").bind(i64::from(id.0)).fetch_optional(&self.readers).await?)
    }
}
