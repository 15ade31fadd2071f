//! What SQLite says of a file's own order, and whether its rows can be read.

use super::error::opening;
use super::{Database, examine, open};
use crate::{Examined, Result, StoreError};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::path::Path;
use std::time::{Duration, Instant};

/// Steps of SQLite's machine between two looks at the clock: some ten microseconds.
const STEPS: i32 = 10_000;

/// See [`Store::examine`](crate::Store::examine).
pub async fn examine(path: &Path, patience: Duration) -> Result<Examined> {
    let until = Instant::now() + patience;
    let mut conn = open::options(path).pragma("query_only", "ON").connect().await.map_err(|error| opening(path, error))?;
    let verdict = quick_check(&mut conn, until).await?;
    let (damaged, is_cut_short) = examine::examine(&mut conn, until).await?;
    conn.close().await?;
    Ok(Examined { damage: verdict.damage, damaged, is_cut_short: is_cut_short || verdict.is_cut_short })
}

impl Database {
    pub async fn quick_check(&self, patience: Duration) -> Result<Examined> {
        let path = self.place.path();
        let mut conn = open::options(path).pragma("query_only", "ON").connect().await.map_err(|error| opening(path, error))?;
        let verdict = quick_check(&mut conn, Instant::now() + patience).await?;
        conn.close().await?;
        self.hold.set_damage(verdict.damage.clone());
        Ok(verdict)
    }
}

/// Has SQLite look at every page.
async fn quick_check(conn: &mut SqliteConnection, until: Instant) -> Result<Examined> {
    conn.lock_handle().await?.set_progress_handler(STEPS, move || Instant::now() < until);
    let said = sqlx::query_scalar::<_, String>("PRAGMA quick_check(3)").fetch_all(&mut *conn).await.map_err(StoreError::from);
    conn.lock_handle().await?.remove_progress_handler();
    let found = |damage| Ok(Examined { damage, ..Examined::default() });
    match said {
        Ok(lines) if lines == ["ok"] => found(None),
        Ok(lines) => found(Some(StoreError::Damaged(lines.join("; ").replace('\n', " ")).to_string())),
        Err(damaged @ StoreError::Damaged(_)) => found(Some(damaged.to_string())),
        Err(StoreError::Passing { .. }) if Instant::now() >= until => Ok(Examined { is_cut_short: true, ..Examined::default() }),
        Err(error) => Err(error),
    }
}
