//! The journal on SQLite: one transaction per call, synced when it returns.

use super::Database;
use super::book::{Book, Failure, Tries, may_be_set_aside, refusal};
use crate::Result;
use domain::journal::{Entry, Journal, JournalError, Lease, SetAside};
use domain::symbol::SymbolTable;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Writes the journal of one host. Blocks its thread.
#[derive(Debug)]
pub struct SqliteJournal {
    database: Database,
    book: Book,
    set_aside: Vec<SetAside>,
}

impl Database {
    pub async fn journal(&self, symbols: &SymbolTable, owner_epoch: i64) -> Result<SqliteJournal> {
        self.note_symbols(symbols).await?;
        Ok(SqliteJournal { database: self.clone(), book: Book::new(symbols.clone(), owner_epoch), set_aside: Vec::new() })
    }
}

impl Journal for SqliteJournal {
    fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError> {
        if entries.is_empty() {
            return Ok(());
        }
        let Self { database, book, .. } = self;
        // Unconstrained: on a runtime's thread, whose budget of wake-ups this wait never renews, it would wait for ever.
        let written = block_on(tokio::task::unconstrained(async {
            let (mut aside, mut tries) = (BTreeMap::new(), Tries::default());
            loop {
                match write(database, book, entries, &aside).await {
                    Ok(()) => return Ok(aside),
                    Err(failure) => {
                        book.clear();
                        database.hold.lose_if_fenced(&failure.1);
                        if let Some(pause) = tries.after(&failure) {
                            // This thread is the journal's own, and waits for nothing else.
                            std::thread::sleep(pause);
                            continue;
                        }
                        let Some(at) = may_be_set_aside(entries, &failure, &aside) else { return Err(refusal(entries, failure)) };
                        aside.insert(at, failure.1.to_string());
                        tries = Tries::default();
                    }
                }
            }
        }));
        self.set_aside.extend(SetAside::of(entries, &written?));
        Ok(())
    }

    fn set_aside(&mut self) -> Vec<SetAside> {
        std::mem::take(&mut self.set_aside)
    }

    fn lease(&self) -> Option<Arc<dyn Lease>> {
        Some(Arc::clone(&self.database.hold) as _)
    }
}

async fn write(database: &Database, book: &mut Book, entries: &[Entry<'_>], aside: &BTreeMap<usize, String>) -> Result<(), Failure> {
    let whole = |error| (None, error);
    // The book asks itself, for the epoch of its own host.
    let mut tx = database.begin().await.map_err(whole)?;
    book.write_all(tx.conn(), entries, aside).await?;
    tx.commit().await.map_err(whole)
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
