//! The journal on SQLite: one transaction per call, synced when it returns.

use super::Database;
use super::book::Book;
use crate::Result;
use domain::journal::{Entry, Journal, JournalError};
use domain::symbol::SymbolTable;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Writes the journal of one host. Blocks its thread.
#[derive(Debug)]
pub struct SqliteJournal {
    database: Database,
    book: Book,
}

impl Database {
    pub async fn journal(&self, symbols: &SymbolTable, owner_epoch: i64) -> Result<SqliteJournal> {
        self.note_symbols(symbols).await?;
        Ok(SqliteJournal { database: self.clone(), book: Book::new(symbols.clone(), owner_epoch) })
    }
}

impl Journal for SqliteJournal {
    fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError> {
        if entries.is_empty() {
            return Ok(());
        }
        let Self { database, book } = self;
        // Unconstrained: on a runtime's thread, whose budget of wake-ups this wait never renews, it would wait for ever.
        let written = block_on(tokio::task::unconstrained(async {
            let mut tx = database.write().await?;
            for entry in entries {
                book.write(tx.conn(), entry).await?;
            }
            tx.commit().await
        }));
        if written.is_err() {
            book.clear();
        }
        Ok(written?)
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for `future` on this thread. The database's connection has a thread of its own and needs no runtime, and this
/// does not panic where a runtime's own `block_on` would, on one of its threads.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
