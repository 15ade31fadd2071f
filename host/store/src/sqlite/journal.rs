//! The journal: commands and reports become rows, in one transaction per call.
//!
//! What a report changes is decided by the domain's [`Ledger`], of which the journal keeps one per account; here the
//! changes are written down. A call that failed leaves nothing behind, neither in the database nor here: the ledgers are
//! dropped and loaded again from the rows.

use super::orders::Placed;
use super::positions::Held;
use super::writer::Tx;
use super::{Database, deals, ledger, orders, positions};
use crate::{Result, StoreError};
use domain::broker::{Happened, Report};
use domain::contract::PositionChange;
use domain::ids::{AccountId, OrderId, UserId};
use domain::journal::{Entry, Journal, JournalError};
use domain::ledger::{Change, Ledger};
use domain::number::Steps;
use domain::order::{Action, Command, OrderEvent};
use domain::symbol::{SymbolId, SymbolTable};
use sqlx::SqliteConnection;
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Writes the journal of one shard. Blocks its thread.
#[derive(Debug)]
pub struct SqliteJournal {
    database: Database,
    book: Book,
}

/// What the journal knows of the accounts it writes for.
#[derive(Debug)]
struct Book {
    symbols: SymbolTable,
    owner_epoch: i64,
    accounts: HashMap<AccountId, Known>,
}

#[derive(Debug)]
struct Known {
    owner: UserId,
    ledger: Ledger,
}

impl Database {
    pub async fn journal(&self, symbols: &SymbolTable, owner_epoch: i64) -> Result<SqliteJournal> {
        self.note_symbols(symbols).await?;
        let book = Book { symbols: symbols.clone(), owner_epoch, accounts: HashMap::new() };
        Ok(SqliteJournal { database: self.clone(), book })
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
                book.write(&mut tx, entry).await?;
            }
            tx.commit().await
        }));
        if written.is_err() {
            book.accounts.clear();
        }
        Ok(written?)
    }
}

impl Book {
    async fn write(&mut self, tx: &mut Tx<'_>, entry: &Entry<'_>) -> Result<()> {
        match entry {
            Entry::Command(command) => self.command(tx.conn(), command).await,
            Entry::Report(report) => self.report(tx.conn(), report).await,
        }
    }

    async fn command(&mut self, conn: &mut SqliteConnection, command: &Command) -> Result<()> {
        let Action::Place(request) = &command.action else {
            return orders::note_modification(conn, command).await;
        };
        let symbols = self.symbols.clone();
        let owner_epoch = self.owner_epoch;
        let known = self.known(conn, command.account).await?;
        let symbol = name(&symbols, request.symbol)?;
        let placed = Placed { owner: known.owner, owner_epoch, symbol, command, request };
        if orders::insert(conn, &placed).await? {
            known.ledger.recorded(command);
        }
        Ok(())
    }

    async fn report(&mut self, conn: &mut SqliteConnection, report: &Report) -> Result<()> {
        let symbols = self.symbols.clone();
        let known = self.known(conn, report.account).await?;
        let deal = match &report.happened {
            Happened::Deal { deal, .. } => Some(deal),
            _ => None,
        };
        if let Some(deal) = deal {
            let new = deals::insert(conn, known.owner, report.account, name(&symbols, deal.symbol)?, deal).await?;
            if !new {
                return Ok(());
            }
        }
        let order = deal.map_or(report.order, |deal| deal.order);
        let ended = order.filter(|id| !known.ledger.orders.contains_key(id));
        for change in known.ledger.apply(report) {
            match change {
                Change::Order { order, retcode, .. } => orders::advance(conn, &order, retcode, report.at).await?,
                Change::OrderModified(id) => orders::reprice(conn, &known.ledger.orders[&id], report.at).await?,
                Change::Position(position, change) => {
                    let held = Held { owner: known.owner, account: report.account, symbol: name(&symbols, position.symbol)? };
                    positions::write(conn, &held, &position, change, deal).await?;
                }
                Change::Swap(position) => {
                    let held = Held { owner: known.owner, account: report.account, symbol: name(&symbols, position.symbol)? };
                    positions::write(conn, &held, &position, PositionChange::StopsMoved, None).await?;
                }
                // Refusals are noted below. Contradictions change nothing; the engine, which sees them too, reports them.
                Change::ModifyRejected(..) | Change::Contradiction(_) => {}
            }
        }
        if let Some(id) = ended {
            correct_ended(conn, id, report).await?;
        }
        note_answers(conn, report).await
    }

    async fn known(&mut self, conn: &mut SqliteConnection, account: AccountId) -> Result<&mut Known> {
        match self.accounts.entry(account) {
            Slot::Occupied(known) => Ok(known.into_mut()),
            Slot::Vacant(slot) => {
                let (owner, ledger) = ledger::load(conn, account, &self.symbols).await?;
                Ok(slot.insert(Known { owner, ledger }))
            }
        }
    }
}

fn name(symbols: &SymbolTable, id: SymbolId) -> Result<&str> {
    if usize::from(id.0) >= symbols.len() {
        return Err(StoreError::Internal(format!("symbol number {} is not in the table the journal was opened with", id.0).into()));
    }
    Ok(&symbols.spec(id).name)
}

/// The ledger has forgotten orders that ended; their rows still learn what a late report says.
async fn correct_ended(conn: &mut SqliteConnection, id: OrderId, report: &Report) -> Result<()> {
    let (event, more) = match &report.happened {
        Happened::Accepted { .. } => (OrderEvent::Accepted, Steps(0)),
        Happened::Rejected { .. } => (OrderEvent::Rejected, Steps(0)),
        Happened::AnswerMissing => (OrderEvent::AnswerMissing, Steps(0)),
        Happened::Canceled => (OrderEvent::Canceled, Steps(0)),
        Happened::Expired => (OrderEvent::Expired, Steps(0)),
        Happened::Deal { deal, rest: Steps(0) } => (OrderEvent::Filled, deal.volume),
        Happened::Deal { deal, .. } => (OrderEvent::PartiallyFilled, deal.volume),
        Happened::OrderModified { .. }
        | Happened::PositionModified { .. }
        | Happened::SwapCharged { .. }
        | Happened::ModifyRejected { .. } => return Ok(()),
    };
    let Some((before, filled)) = orders::standing(conn, id).await? else {
        return Ok(());
    };
    // A deal is a fact even where the state does not allow for it.
    let after = before.after(event).unwrap_or(before);
    if (after, more) == (before, Steps(0)) {
        return Ok(());
    }
    orders::correct(conn, id, after, filled + more, report.at).await
}

/// Notes what the report answers beside the order's state: its ticket, and modifications.
async fn note_answers(conn: &mut SqliteConnection, report: &Report) -> Result<()> {
    match (&report.happened, report.order) {
        (Happened::Accepted { ticket }, Some(id)) => orders::note_ticket(conn, id, *ticket).await,
        (Happened::OrderModified { .. }, Some(id)) => orders::modification_done(conn, id, orders::MODIFY_ORDER).await,
        (Happened::Canceled, Some(id)) => orders::modification_done(conn, id, orders::CANCEL).await,
        (Happened::PositionModified { position, .. }, _) => orders::modification_done(conn, position.0, orders::MODIFY_POSITION).await,
        (Happened::ModifyRejected { retcode }, Some(id)) => orders::modification_refused(conn, id, *retcode).await,
        _ => Ok(()),
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
