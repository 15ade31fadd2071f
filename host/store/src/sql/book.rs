//! What a journal writes: commands and reports become rows.
//!
//! What a report changes is decided by the domain's [`Ledger`], of which the book keeps one per account; here the changes
//! are written down. After a call that failed its owner clears the book, and the ledgers are loaded again from the rows.

use super::orders::Placed;
use super::positions::Held;
use super::{DbConnection, deals, ledger, orders, positions};
use crate::{Result, StoreError};
use domain::broker::{Happened, Report};
use domain::contract::PositionChange;
use domain::ids::{AccountId, OrderId, UserId};
use domain::journal::Entry;
use domain::ledger::{Change, Ledger};
use domain::number::Steps;
use domain::order::{Action, Command, OrderEvent};
use domain::symbol::{SymbolId, SymbolTable};
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

/// What the journal knows of the accounts it writes for.
#[derive(Debug)]
pub struct Book {
    symbols: SymbolTable,
    owner_epoch: i64,
    accounts: HashMap<AccountId, Known>,
}

#[derive(Debug)]
struct Known {
    owner: UserId,
    ledger: Ledger,
}

impl Book {
    /// An empty book for the journal of one host.
    pub fn new(symbols: SymbolTable, owner_epoch: i64) -> Self {
        Self { symbols, owner_epoch, accounts: HashMap::new() }
    }

    /// Forgets what it knows, after a transaction that did not become one.
    pub fn clear(&mut self) {
        self.accounts.clear();
    }

    /// Writes an entry within a transaction.
    pub async fn write(&mut self, conn: &mut DbConnection, entry: &Entry<'_>) -> Result<()> {
        match entry {
            Entry::Command(command) => self.command(conn, command).await,
            Entry::Report(report) => self.report(conn, report).await,
        }
    }

    async fn command(&mut self, conn: &mut DbConnection, command: &Command) -> Result<()> {
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

    async fn report(&mut self, conn: &mut DbConnection, report: &Report) -> Result<()> {
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

    async fn known(&mut self, conn: &mut DbConnection, account: AccountId) -> Result<&mut Known> {
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
async fn correct_ended(conn: &mut DbConnection, id: OrderId, report: &Report) -> Result<()> {
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
async fn note_answers(conn: &mut DbConnection, report: &Report) -> Result<()> {
    match (&report.happened, report.order) {
        (Happened::Accepted { ticket }, Some(id)) => orders::note_ticket(conn, id, *ticket).await,
        (Happened::OrderModified { .. }, Some(id)) => orders::modification_done(conn, id, orders::MODIFY_ORDER).await,
        (Happened::Canceled, Some(id)) => orders::modification_done(conn, id, orders::CANCEL).await,
        (Happened::PositionModified { position, .. }, _) => orders::modification_done(conn, position.0, orders::MODIFY_POSITION).await,
        (Happened::ModifyRejected { retcode }, Some(id)) => orders::modification_refused(conn, id, *retcode).await,
        _ => Ok(()),
    }
}
