//! Ids, given once, changes that must hit their one row, and rows of which only the last are kept.

use super::DbConnection;
use crate::{Result, StoreError};
use domain::ids::EngineId;
use std::collections::BTreeMap;

/// The next id of a kind, as `counters` has it. Within a transaction, so that it is given once.
pub async fn next_id(conn: &mut DbConnection, kind: &'static str) -> Result<u32> {
    let last: i64 =
        sqlx::query_scalar("UPDATE counters SET last = last + 1 WHERE name = $1 RETURNING last").bind(kind).fetch_one(conn).await?;
    u32::try_from(last).map_err(|_| StoreError::Invalid(format!("this database has given out all ids for {kind}")))
}

/// `NotFound` unless a statement changed its one row.
pub fn changed(rows: u64, what: &'static str, name: impl ToString) -> Result<()> {
    if rows == 0 { Err(StoreError::not_found(what, name)) } else { Ok(()) }
}

/// Deletes all but the last `kept` rows of each engine whose `last` number is given; the statement takes engine and number.
pub async fn forget_older(conn: &mut DbConnection, delete: &'static str, last: BTreeMap<EngineId, i64>, kept: i64) -> Result<()> {
    for (engine, last) in last {
        sqlx::query(delete).bind(i64::from(engine.0)).bind(last - kept).execute(&mut *conn).await?;
    }
    Ok(())
}
