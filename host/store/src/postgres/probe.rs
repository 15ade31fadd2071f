//! Whether connections are sessions of the server, or a pooler hands its sessions from one transaction to the next.
//!
//! Behind such a pooler a statement that one connection has prepared is run on a session that belongs to another by then,
//! and what comes back is now and then the answer to somebody else's question, without any error. So it is refused.

use super::Server;
use super::error::opening;
use crate::{Result, StoreError};
use sqlx::{Connection, PgConnection};

/// Connections that hold a transaction open while the first one is watched. A pooler gives the session that the first one
/// has let go of to the next who asks, so the first of these finds it out; the others are for one that goes round.
const OTHERS: usize = 4;

/// Looks whether the first connection keeps its session while others are busy.
pub async fn check(server: &Server) -> Result<()> {
    let mut first = server.connect().await?;
    let mut others = Vec::new();
    let found = watch(server, &mut first, &mut others).await;
    for conn in others.into_iter().chain([first]) {
        // What they looked at is known; how they end does not matter.
        let _ = conn.close().await;
    }
    match found {
        Ok(true) => Ok(()),
        Ok(false) => Err(StoreError::Unusable {
            database: server.to_string(),
            why: "a pooler stands before it that gives each transaction another session (PgBouncer: pool_mode = transaction or \
                  statement), which mixes up answers; set pool_mode = session for this database, or name the server itself"
                .into(),
        }),
        Err(error) => Err(error),
    }
}

/// Whether every connection has a session of its own.
async fn watch(server: &Server, first: &mut PgConnection, others: &mut Vec<PgConnection>) -> Result<bool> {
    let own = session(first).await.map_err(|error| opening(server, error))?;
    for _ in 0..OTHERS {
        let mut other = server.connect().await?;
        // A pooler in statement mode refuses transactions.
        let begun = sqlx::raw_sql("BEGIN").execute(&mut other).await;
        let Ok(theirs) = session(&mut other).await else { return Ok(false) };
        others.push(other);
        if begun.is_err() || theirs == own {
            return Ok(false);
        }
        if session(first).await.map_err(|error| opening(server, error))? != own {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The process of the server that answers.
async fn session(conn: &mut PgConnection) -> sqlx::Result<i32> {
    // Without preparing anything, which is what goes wrong behind such a pooler.
    let row = sqlx::Executor::fetch_one(conn, sqlx::raw_sql("SELECT pg_backend_pid() AS pid")).await?;
    sqlx::Row::try_get(&row, "pid")
}
