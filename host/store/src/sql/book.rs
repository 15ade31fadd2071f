//! What a journal writes: commands and reports become rows.
//!
//! What a report changes is decided by the domain's [`Ledger`], of which the book keeps one per account; here the changes
//! are written down. After a call that failed its owner clears the book, and the ledgers are loaded again from the rows.

use super::orders::Placed;
use super::positions::Held;
use super::{DbConnection, deals, ledger, modifications, orders, owners, positions, set_aside};
use crate::{Result, StoreError};
use domain::broker::{Happened, Report};
use domain::contract::PositionChange;
use domain::ids::{AccountId, OrderId, UserId};
use domain::journal::{Entry, JournalError};
use domain::ledger::{Change, Ledger};
use domain::limits::JOURNAL_TRIES;
use domain::number::Steps;
use domain::order::{Action, Command, OrderEvent};
use domain::symbol::{SymbolId, SymbolTable};
use std::collections::hash_map::Entry as Slot;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// How many deals of an account may come before its balance is noted: that many are added up at a start.
const BALANCE_EVERY_DEALS: i64 = 256;

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
    /// Deals booked since the account's balance was noted.
    fresh: i64,
}

/// An entry that can't be written, or `None` when it was none of them that failed.
pub type Failure = (Option<usize>, StoreError);

impl Book {
    /// An empty book for the journal of one host.
    pub fn new(symbols: SymbolTable, owner_epoch: i64) -> Self {
        Self { symbols, owner_epoch, accounts: HashMap::new() }
    }

    /// Forgets what it knows, after a transaction that did not become one.
    pub fn clear(&mut self) {
        self.accounts.clear();
    }

    /// Writes entries within a transaction, after making sure that this host may. Those in `aside` are kept as they are, with
    /// the reason. Gives the transaction's number, where the database numbers them.
    pub async fn write_all(
        &mut self,
        conn: &mut DbConnection,
        entries: &[Entry<'_>],
        aside: &BTreeMap<usize, String>,
    ) -> Result<i64, Failure> {
        let number = owners::hold(conn, self.owner_epoch).await.map_err(|error| (None, error))?;
        for (at, entry) in entries.iter().enumerate() {
            let written = match (entry, aside.get(&at)) {
                (Entry::Report(report), Some(why)) => set_aside::keep(conn, &self.symbols, report, why).await,
                _ => self.write(conn, entry).await,
            };
            written.map_err(|error| (Some(at), error))?;
        }
        Ok(number)
    }

    async fn write(&mut self, conn: &mut DbConnection, entry: &Entry<'_>) -> Result<()> {
        match entry {
            Entry::Command(command) => self.command(conn, command).await,
            Entry::Report(report) => self.report(conn, report).await,
        }
    }

    async fn command(&mut self, conn: &mut DbConnection, command: &Command) -> Result<()> {
        let Action::Place(request) = &command.action else {
            return modifications::note(conn, command).await;
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

    /// Writes what a report says.
    pub async fn report(&mut self, conn: &mut DbConnection, report: &Report) -> Result<()> {
        let symbols = self.symbols.clone();
        let known = self.known(conn, report.account).await?;
        let deal = match &report.happened {
            Happened::Deal { deal, .. } => Some(deal),
            _ => None,
        };
        if let Some(deal) = deal {
            let new = deals::insert(conn, known.owner, report.account, name(&symbols, deal.symbol)?, deal).await?;
            let Some(seq) = new else { return Ok(()) };
            known.fresh += 1;
            if known.fresh >= BALANCE_EVERY_DEALS {
                ledger::note_balance(conn, report.account, seq).await?;
                known.fresh = 0;
            }
        }
        let order = deal.map_or(report.order, |deal| deal.order);
        let ended = order.filter(|id| !known.ledger.knows(*id));
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
                let (owner, ledger, fresh) = ledger::load(conn, account, &self.symbols).await?;
                Ok(slot.insert(Known { owner, ledger, fresh }))
            }
        }
    }
}

/// How often a write that failed for a passing reason is tried again at once, and after which pause.
#[derive(Debug, Default)]
pub struct Tries(u32);

impl Tries {
    /// The pause before the next try; `None` when it would not help, or there were enough.
    pub fn after(&mut self, (_, error): &Failure) -> Option<Duration> {
        self.0 += 1;
        // Doubled each time, so that two that meet again and again drift apart: 5 to 40 ms.
        (error.is_passing() && self.0 < JOURNAL_TRIES).then(|| Duration::from_millis(5 << (self.0 - 1)))
    }
}

/// Whether an entry that failed may be set aside, and the others tried again: a report, for a reason of its own.
pub fn may_be_set_aside(entries: &[Entry<'_>], (entry, error): &Failure, aside: &BTreeMap<usize, String>) -> Option<usize> {
    let at = (*entry)?;
    let is_report = matches!(entries.get(at), Some(Entry::Report(_)));
    (is_report && error.is_of_one_entry() && !aside.contains_key(&at)).then_some(at)
}

/// Why nothing was written; a command that failed for a reason of its own is named by its place.
pub fn refusal(entries: &[Entry<'_>], (entry, error): Failure) -> JournalError {
    let of_command = entry.filter(|&at| error.is_of_one_entry() && matches!(entries.get(at), Some(Entry::Command(_))));
    let why = JournalError::from(error);
    match of_command {
        Some(at) => JournalError::Refused { at, why: why.to_string() },
        None => why,
    }
}

fn name(symbols: &SymbolTable, id: SymbolId) -> Result<&str> {
    if usize::from(id.0) >= symbols.len() {
        return Err(StoreError::Symbol {
            name: format!("number {}", id.0),
            why: "the table the journal was opened with does not have it".into(),
        });
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
        (Happened::PositionModified { position, .. }, _) => modifications::answered(conn, position.0, report).await,
        (Happened::OrderModified { .. } | Happened::Canceled | Happened::ModifyRejected { .. }, Some(id)) => {
            modifications::answered(conn, id, report).await
        }
        _ => Ok(()),
    }
}
