//! The journal on PostgreSQL: one transaction per call on a connection of its own, on disk when it returns.

use super::book::{Book, Failure, Tries, may_be_set_aside, refusal};
use super::open::settle;
use super::{Database, DbConnection, Server};
use crate::hold::Hold;
use crate::{Result, StoreError};
use domain::journal::{Entry, Journal, JournalError, Lease, SetAside};
use domain::symbol::SymbolTable;
use sqlx::Connection;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Longest a call waits for the server. A commit takes milliseconds; after this long nobody is there.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How much longer for each entry: a few statements of a millisecond, and ten times that on a machine that is busy. What waited
/// for an hour is written in one call.
const ANSWER_MAX_PER_ENTRY: Duration = Duration::from_millis(40);
/// How often the server is asked about a transaction that it has not finished.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Writes the journal of one host. Blocks its thread, which must not be one of an async runtime.
#[derive(Debug)]
pub struct PostgresJournal {
    link: Link,
    book: Book,
    set_aside: Vec<SetAside>,
    hold: Arc<Hold>,
    /// Its own, on the thread that calls: an answer wakes nobody else first. `None` only while it is dropped.
    runtime: Option<Runtime>,
}

/// The connection.
#[derive(Debug)]
struct Link {
    server: Server,
    /// `None` before the first call and after one that failed.
    conn: Option<DbConnection>,
    /// The transaction that was told to commit and has not answered.
    committing: Option<i64>,
}

impl Database {
    pub async fn journal(&self, symbols: &SymbolTable, owner_epoch: i64) -> Result<PostgresJournal> {
        self.note_symbols(symbols).await?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| StoreError::Internal(error.into()))?;
        let link = Link { server: self.server.clone(), conn: None, committing: None };
        let (book, hold) = (Book::new(symbols.clone(), owner_epoch), Arc::clone(&self.hold));
        Ok(PostgresJournal { link, book, set_aside: Vec::new(), hold, runtime: Some(runtime) })
    }
}

impl Journal for PostgresJournal {
    fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError> {
        if entries.is_empty() {
            return Ok(());
        }
        let Self { link, book, hold, runtime, .. } = self;
        let runtime = runtime.as_ref().expect("it is there until the journal is dropped");
        let aside = runtime.block_on(async {
            let (mut aside, mut tries) = (BTreeMap::new(), Tries::default());
            loop {
                let Err(failure) = link.answered(entries, book, &aside).await else { return Ok(aside) };
                // Whatever state it is in: a new connection begins without any.
                link.conn = None;
                book.clear();
                hold.lose_if_fenced(&failure.1);
                // Before it was told to commit, nothing of it can have been.
                if link.committing.is_none()
                    && let Some(pause) = tries.after(&failure)
                {
                    tokio::time::sleep(pause).await;
                    continue;
                }
                if let Some(at) = may_be_set_aside(entries, &failure, &aside) {
                    aside.insert(at, failure.1.to_string());
                    tries = Tries::default();
                    continue;
                }
                match link.has_committed().await {
                    Some(true) => return Ok(aside),
                    Some(false) => return Err(refusal(entries, failure)),
                    None => return Err(JournalError::Unanswered(failure.1.to_string())),
                }
            }
        })?;
        self.set_aside.extend(SetAside::of(entries, &aside));
        Ok(())
    }

    fn set_aside(&mut self) -> Vec<SetAside> {
        std::mem::take(&mut self.set_aside)
    }

    fn lease(&self) -> Option<Arc<dyn Lease>> {
        Some(Arc::clone(&self.hold) as _)
    }
}

impl Link {
    /// Writes entries, and gives up when the server does not answer in time.
    async fn answered(&mut self, entries: &[Entry<'_>], book: &mut Book, aside: &BTreeMap<usize, String>) -> Result<(), Failure> {
        let patience = ANSWER_MAX + ANSWER_MAX_PER_ENTRY * u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let server = self.server.clone();
        let late = || (None, StoreError::Unreachable(format!("{server}: no answer within {} s", patience.as_secs())));
        tokio::time::timeout(patience, self.write(entries, book, aside)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn write(&mut self, entries: &[Entry<'_>], book: &mut Book, aside: &BTreeMap<usize, String>) -> Result<(), Failure> {
        let whole = |error: sqlx::Error| (None, error.into());
        self.committing = None;
        if self.conn.is_none() {
            let mut fresh = self.server.connect().await.map_err(|error| (None, error))?;
            settle(&mut fresh).await.map_err(whole)?;
            self.conn = Some(fresh);
        }
        let mut tx = self.conn.as_mut().expect("it was just made").begin().await.map_err(whole)?;
        let number = book.write_all(&mut tx, entries, aside).await?;
        self.committing = Some(number);
        tx.commit().await.map_err(whole)?;
        self.committing = None;
        Ok(())
    }

    /// Whether the transaction that was told to commit, and whose answer got lost, has done so: the server remembers. `None` when
    /// it can't be asked.
    async fn has_committed(&mut self) -> Option<bool> {
        let Some(number) = self.committing.take() else { return Some(false) };
        let asked = async {
            let mut conn = self.server.connect().await?;
            loop {
                let status: Option<String> = sqlx::query_scalar("SELECT pg_xact_status(CAST(CAST($1 AS TEXT) AS xid8))")
                    .bind(number.to_string())
                    .fetch_one(&mut conn)
                    .await?;
                match status.as_deref() {
                    Some("in progress") => tokio::time::sleep(ASK_AGAIN).await,
                    status => return Ok::<bool, StoreError>(status == Some("committed")),
                }
            }
        };
        tokio::time::timeout(ANSWER_MAX, asked).await.ok()?.ok()
    }
}

impl Drop for PostgresJournal {
    fn drop(&mut self) {
        self.link.conn = None;
        // Waiting for its tasks is not allowed on every thread, and it has none.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
