//! The store on SQLite: one connection that writes, a few that read, one process.

mod accounts;
mod audit;
mod deals;
mod engine_states;
mod engines;
mod error;
#[cfg(test)]
mod faults;
mod health;
mod journal;
mod ledger;
mod logs;
mod open;
mod orders;
mod positions;
mod row;
mod signals;
mod strategies;
mod symbols;
mod users;
mod versions;
mod writer;

use crate::{Result, StoreError};
use sqlx::{SqliteConnection, SqlitePool};
use std::fs::File;
use std::sync::Arc;
use writer::{Tx, Writer};

/// An open database.
#[derive(Clone, Debug)]
pub struct Database {
    writer: Arc<Writer>,
    readers: SqlitePool,
    /// Locked for as long as somebody may write.
    _lock: Arc<File>,
}

impl Database {
    async fn write(&self) -> Result<Tx<'_>> {
        self.writer.begin().await
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// The next id of a kind, as `counters` has it. Within a transaction, so that it is given once.
async fn next_id(conn: &mut SqliteConnection, kind: &'static str) -> Result<u32> {
    let last: i64 =
        sqlx::query_scalar("UPDATE counters SET last = last + 1 WHERE name = $1 RETURNING last").bind(kind).fetch_one(conn).await?;
    u32::try_from(last).map_err(|_| StoreError::Invalid(format!("this database has given out all ids for {kind}")))
}

/// `NotFound` unless a statement changed its one row.
fn changed(done: &sqlx::sqlite::SqliteQueryResult, what: &'static str, name: impl ToString) -> Result<()> {
    if done.rows_affected() == 0 { Err(StoreError::not_found(what, name)) } else { Ok(()) }
}
