//! The journal on PostgreSQL: one transaction per call on a connection of its own, on disk when it returns.

use super::book::Book;
use super::open::settle;
use super::{Database, DbConnection, Server};
use crate::{Result, StoreError};
use domain::journal::{Entry, Journal, JournalError};
use domain::symbol::SymbolTable;
use sqlx::Connection;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Longest a call waits for the server. A commit takes milliseconds; after this long nobody is there, and orders that wait
/// are better denied.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Writes the journal of one host. Blocks its thread, which must not be one of an async runtime.
#[derive(Debug)]
pub struct PostgresJournal {
    server: Server,
    /// `None` before the first call and after one that failed.
    conn: Option<DbConnection>,
    book: Book,
    /// Its own, on the thread that calls: an answer wakes nobody else first. `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Database {
    pub async fn journal(&self, symbols: &SymbolTable, owner_epoch: i64) -> Result<PostgresJournal> {
        self.note_symbols(symbols).await?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| StoreError::Internal(error.into()))?;
        let book = Book::new(symbols.clone(), owner_epoch);
        Ok(PostgresJournal { server: self.server.clone(), conn: None, book, runtime: Some(runtime) })
    }
}

impl Journal for PostgresJournal {
    fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError> {
        if entries.is_empty() {
            return Ok(());
        }
        let Self { server, conn, book, runtime } = self;
        let runtime = runtime.as_ref().expect("it is there until the journal is dropped");
        let written = runtime.block_on(async {
            let attempt = write(server, conn, book, entries);
            let late = || StoreError::Unreachable(format!("{server}: no answer within {} s", ANSWER_MAX.as_secs()));
            tokio::time::timeout(ANSWER_MAX, attempt).await.unwrap_or_else(|_| Err(late()))
        });
        if written.is_err() {
            // Whatever state it is in: a new connection begins without any.
            *conn = None;
            book.clear();
        }
        Ok(written?)
    }
}

async fn write(server: &Server, conn: &mut Option<DbConnection>, book: &mut Book, entries: &[Entry<'_>]) -> Result<()> {
    if conn.is_none() {
        let mut fresh = server.connect().await?;
        settle(&mut fresh).await?;
        *conn = Some(fresh);
    }
    let mut tx = conn.as_mut().expect("it was just made").begin().await?;
    for entry in entries {
        book.write(&mut tx, entry).await?;
    }
    Ok(tx.commit().await?)
}

impl Drop for PostgresJournal {
    fn drop(&mut self) {
        self.conn = None;
        // Waiting for its tasks, of which there are none, is not allowed on every thread.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
