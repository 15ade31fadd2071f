//! After a crash: orders that were recorded and of which nothing more is known are asked about, never sent again; then what the
//! account has is compared with what the broker says. Until that is done nothing is opened on it. The first start takes the same
//! way and finds nothing to ask, and so does a person who wants to know.

use crate::error::HostError;
use crate::events::{Event, Whose};
use crate::pipeline::{ASK_AGAIN_US, Pipeline, Unanswered, append, engine_of};
use domain::account::Account;
use domain::bars::MarketView as _;
use domain::broker::{Happened, LiveBroker, Report, Whereabouts, retcode};
use domain::contract::TradingState;
use domain::ids::OrderId;
use domain::journal::{Journal, JournalError};
use domain::ledger::Change;
use domain::number::Points;
use domain::order::OrderState;
use domain::symbol::{SymbolId, SymbolTable};
use domain::time::Time;
use std::sync::{Arc, Mutex, PoisonError};

/// What opening an account brought to light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Orders that were recorded and of which nothing more was known.
    pub doubtful: usize,
    /// Of these: never reached the broker, and were given up.
    pub missing: usize,
    /// Of these: the broker told their outcome.
    pub reported: usize,
    /// Of these: nobody knows yet. The account opens nothing.
    pub unresolved: usize,
}

/// Whether the outcome of an order in this state is unknown.
pub(crate) fn doubtful(state: OrderState) -> bool {
    matches!(state, OrderState::Recorded | OrderState::Submitted | OrderState::Unknown)
}

/// Asks about everything doubtful, records the answers and applies them. Changes come with their times.
pub(crate) fn resolve(
    account: &mut Account,
    broker: &mut dyn LiveBroker,
    journal: &mut dyn Journal,
    table: &SymbolTable,
    quote: impl Fn(SymbolId) -> Option<(Points, Points)> + Copy,
    now: Time,
) -> Result<(Recovered, Vec<(Change, Time)>), HostError> {
    let orders: Vec<OrderId> = account.ledger.orders.values().filter(|order| doubtful(order.state)).map(|order| order.id).collect();
    let mut recovered = Recovered { doubtful: orders.len(), ..Recovered::default() };
    let mut reports = Vec::new();
    for order in orders {
        let report = |happened| Report { account: account.id, order: Some(order), at: now, happened };
        match broker.ask(account.id, order) {
            Whereabouts::Missing => {
                recovered.missing += 1;
                reports.push(report(Happened::Rejected { retcode: retcode::REJECT }));
            }
            // Reports that leave the order open, as the refusal of a cancel does, are no answer.
            Whereabouts::Reported(found) if found.iter().any(|report| report.happened.answers_order()) => {
                recovered.reported += 1;
                reports.extend(found);
            }
            Whereabouts::Reported(_) | Whereabouts::Unanswered => {
                recovered.unresolved += 1;
                reports.push(report(Happened::AnswerMissing));
            }
        }
    }
    if !reports.is_empty() {
        let account = account.id;
        append(journal, &reports).map_err(|error| match error {
            JournalError::Refused { .. } => HostError::Recovery { account, reason: error.to_string() },
            passing => HostError::NotRecorded { account, why: passing.to_string() },
        })?;
    }
    let mut changes = Vec::new();
    for report in &reports {
        changes.extend(account.apply(report, table, quote).into_iter().map(|change| (change, report.at)));
    }
    account.reconciling = recovered.unresolved > 0;
    Ok((recovered, changes))
}

impl Pipeline {
    /// Takes an account on, and holds it against what its broker says.
    pub(crate) fn open(&mut self, mut account: Account) -> Result<Recovered, HostError> {
        let id = account.id;
        // Asked here as well: of two callers at once the second would put the first one's orders out of sight.
        if self.shared.account(id).is_some() {
            return Err(HostError::AccountExists(id));
        }
        let hosts_begun = account.ledger.hosts_orders;
        let refused = |reason: String| HostError::Recovery { account: id, reason };
        let (shared, now) = (&self.shared, self.shared.clock.steady());
        let quote = |symbol| shared.market.quote(symbol);
        let (recovered, changes) = resolve(&mut account, &mut *self.broker, &mut *self.journal, &shared.table, quote, shared.clock.now())?;
        self.broker.open(id, &account.terms, &account.ledger).map_err(refused)?;
        if recovered.unresolved > 0 {
            let text = format!(
                "account {id}: the outcome of {} orders is unknown; it opens no positions until the broker has told it",
                recovered.unresolved
            );
            self.shared.alarm("order-unresolved", text);
        }
        let ask_at = now.plus_us(ASK_AGAIN_US);
        let unknown = account.ledger.orders.values().filter(|order| doubtful(order.state));
        self.unanswered.extend(unknown.map(|order| (order.id, Unanswered { account: id, ask_at })));
        let owner = account.owner;
        for (change, at) in changes {
            let Some(engine) = engine_of(&change) else { continue };
            self.shared.herald.tell(Event::Changed { engine: Whose { engine, account: id, owner }, change, at });
        }
        account.uncompared = true;
        // What the host before owed and the journal refused was told before the account was there.
        if self.shared.lines_aside.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|aside| aside.account == id) {
            account.trading = account.trading.max(TradingState::Reducing);
        }
        let mut accounts = self.shared.accounts.write().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(id, Arc::new(Mutex::new(account)));
        drop(accounts);
        self.unwritten.hosts_begin(id, hosts_begun);
        self.comparisons.waiting.insert(id, now);
        self.compare_overdue();
        Ok(recovered)
    }
}
