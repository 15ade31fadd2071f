//! After a crash: orders that were recorded and of which nothing more is known are asked about, never sent again; then what the
//! account has is held against what the broker says. Until that is done nothing is opened on it. The first start takes the same
//! way and finds nothing to ask, and so does a person who wants to know.

use crate::error::HostError;
use crate::pipeline::{Pipeline, append};
use crate::shared::lock;
use domain::account::Account;
use domain::broker::{Happened, LiveBroker, Report, Whereabouts, retcode};
use domain::ids::{AccountId, OrderId};
use domain::journal::Journal;
use domain::ledger::Change;
use domain::number::Points;
use domain::order::OrderState;
use domain::reconcile::{Reconciliation, compare};
use domain::symbol::{SymbolId, SymbolTable};
use domain::time::{SECOND_US, Time};

/// What opening an account brought to light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Orders that were recorded and of which nothing more was known.
    pub doubtful: usize,
    /// Of these: never reached the broker, and were given up.
    pub missing: usize,
    /// Of these: the broker said what became of them.
    pub reported: usize,
    /// Of these: nobody knows yet. The account opens nothing.
    pub unresolved: usize,
}

/// Whether nobody knows yet what became of an order in this state.
pub(crate) fn doubtful(state: OrderState) -> bool {
    matches!(state, OrderState::Recorded | OrderState::Submitted | OrderState::Unknown)
}

/// How often a broker that could not say what an account has is asked again.
const COMPARE_AGAIN_US: i64 = SECOND_US;

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
        append(journal, &reports).map_err(|error| HostError::Recovery { account: account.id, reason: error.to_string() })?;
    }
    let mut changes = Vec::new();
    for report in &reports {
        changes.extend(account.apply(report, table, quote).into_iter().map(|change| (change, report.at)));
    }
    account.reconciling = recovered.unresolved > 0;
    Ok((recovered, changes))
}

impl Pipeline {
    /// Holds what an account has against what its broker says. What differs is told, and the
    /// account opens nothing more until a person has looked; what somebody else has there counts at the gate from now on. As
    /// long as an order is unknown, what differs may come of it: the account waits, and is compared again.
    pub(crate) fn reconcile(&mut self, id: AccountId) -> Result<Reconciliation, HostError> {
        let account = self.shared.account(id).ok_or(HostError::NoSuchAccount(id))?;
        self.take_reports();
        let snapshot = self.broker.snapshot(id).ok_or(HostError::BrokerSilent(id))?;
        let found = {
            let mut account = lock(&account);
            let found = compare(&account.ledger, snapshot);
            account.foreign.clone_from(&found.foreign);
            account.uncompared = !found.unknown.is_empty() && (account.uncompared || found.differences() > 0);
            if account.uncompared {
                self.uncompared.insert(id, self.shared.clock.now().plus_us(COMPARE_AGAIN_US));
            } else {
                self.uncompared.remove(&id);
            }
            found
        };
        let count = found.differences();
        if count > 0 && found.unknown.is_empty() {
            let text = format!(
                "account {id}: {count} orders, positions or balances differ from what its broker says; it opens nothing until a person has \
                 looked: `stockade reconcile --account {id}` shows them"
            );
            self.shared.alarm("broker-differs", text);
            self.open_nothing(id, "it differs from what its broker says");
        }
        Ok(found)
    }

    /// Reconciles the accounts whose broker could not say before what they have.
    pub(crate) fn compare_overdue(&mut self) {
        let now = self.shared.clock.now();
        let due: Vec<AccountId> = self.uncompared.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
        for id in due {
            if self.reconcile(id).is_err() {
                self.uncompared.insert(id, now.plus_us(COMPARE_AGAIN_US));
            }
        }
    }
}
