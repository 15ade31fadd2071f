//! The one connection that writes, and its transactions.

use crate::{Result, StoreError};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};

/// The one connection that writes. SQLite has one writer at a time; waiting here is fair and wakes at once, where waiting
/// in SQLite polls.
#[derive(Debug)]
pub struct Writer(Mutex<Link>);

#[derive(Debug)]
struct Link {
    /// `None` after `close`.
    conn: Option<SqliteConnection>,
    /// A transaction was begun and not committed.
    open: bool,
}

/// A transaction. Dropped without [`commit`](Tx::commit) it leaves nothing behind: whoever writes next rolls it back first.
///
/// sqlx's own `Transaction` is not used here: it counts its depth, and when SQLite has rolled back by itself, as it does
/// on a full disk, that count stays at 1 and no `BEGIN IMMEDIATE` ever succeeds again on the connection.
#[derive(Debug)]
pub struct Tx<'a>(MutexGuard<'a, Link>);

impl Writer {
    pub fn new(conn: SqliteConnection) -> Self {
        Self(Mutex::new(Link { conn: Some(conn), open: false }))
    }

    pub async fn begin(&self) -> Result<Tx<'_>> {
        let mut link = self.0.lock().await;
        let Link { conn, open } = &mut *link;
        let conn = conn.as_mut().ok_or_else(|| StoreError::Internal("the store has been closed".into()))?;
        if *open {
            // Fails when SQLite has rolled back already; either way nothing is left of it.
            let _ = sqlx::query("ROLLBACK").execute(&mut *conn).await;
        }
        *open = true;
        sqlx::query("BEGIN IMMEDIATE").execute(conn).await?;
        Ok(Tx(link))
    }

    pub async fn close(&self) {
        if let Some(conn) = self.0.lock().await.conn.take() {
            // An open transaction ends with its connection.
            let _ = conn.close().await;
        }
    }
}

impl Tx<'_> {
    pub fn conn(&mut self) -> &mut SqliteConnection {
        self.0.conn.as_mut().expect("begin saw it and close waits for the lock that is held here")
    }

    /// Returns when it is on disk.
    pub async fn commit(mut self) -> Result<()> {
        sqlx::query("COMMIT").execute(self.conn()).await?;
        self.0.open = false;
        Ok(())
    }
}
