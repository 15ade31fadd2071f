//! After a crash: orders that were recorded and of which nothing more is known are asked about, never sent again. Until that
//! is done an account is not open, so nothing trades on it. The first start takes the same way and finds nothing to ask.

use crate::error::HostError;
use crate::pipeline::append;
use domain::account::Account;
use domain::broker::{Happened, LiveBroker, Report, Whereabouts, retcode};
use domain::ids::OrderId;
use domain::journal::Journal;
use domain::ledger::Change;
use domain::number::Points;
use domain::order::OrderState;
use domain::symbol::{SymbolId, SymbolTable};
use domain::time::Time;

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
