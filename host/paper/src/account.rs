//! One account at the venue: its ledger, and what it takes to answer a repeated order.

use crate::margin::Exposure;
use crate::track::EquityTrack;
use domain::broker::{AccountTerms, Report};
use domain::ids::{AccountId, EngineId, OrderId, PositionId};
use domain::ledger::Ledger;
use domain::order::OrderState;
use std::collections::{BTreeMap, VecDeque};

/// Final reports kept to answer repetitions with. Repetitions come right after an order, so a few dozen are plenty, and
/// ten thousand accounts keep them in 100 MB at worst.
const FINISHED_MAX: usize = 64;

#[derive(Clone, Debug)]
pub(crate) struct PaperAccount {
    pub id: AccountId,
    pub terms: AccountTerms,
    pub ledger: Ledger,
    pub track: EquityTrack,
    pub exposure: Exposure,
    /// Positions or balance have changed since `exposure` was fitted.
    pub stale: bool,
    /// Per engine, the highest number of an order seen: an engine numbers its orders upwards and they come in that order.
    /// Those that the host gives in its name count for themselves.
    numbers: BTreeMap<(EngineId, bool), u32>,
    finished: VecDeque<Report>,
}

/// How an order that may be a repetition is known.
pub(crate) enum Known {
    New,
    Working,
    /// With its last report, while that is remembered.
    Finished(Option<Report>),
}

impl PaperAccount {
    pub(crate) fn new(id: AccountId, terms: AccountTerms, restored: Option<Ledger>) -> Self {
        let mut ledger = restored.unwrap_or_else(|| Ledger::new(terms.deposit));
        // What had not been accepted has never been here: its command will come, or come again.
        ledger.orders.retain(|_, order| matches!(order.state, OrderState::Accepted | OrderState::PartiallyFilled));
        Self {
            id,
            terms,
            track: EquityTrack::new(ledger.balance),
            ledger,
            exposure: Exposure::default(),
            stale: true,
            numbers: BTreeMap::new(),
            finished: VecDeque::new(),
        }
    }

    /// Whether the order has been here before; remembers that it has now.
    pub(crate) fn meet(&mut self, order: OrderId) -> Known {
        let highest = self.numbers.entry((order.engine(), order.is_hosts())).or_default();
        let seen = order.number() <= *highest;
        *highest = order.number().max(*highest);
        if self.ledger.orders.contains_key(&order) {
            Known::Working
        } else if seen || self.ledger.positions.contains_key(&PositionId(order)) {
            Known::Finished(self.finished.iter().rev().find(|report| report.order == Some(order)).cloned())
        } else {
            Known::New
        }
    }

    /// Remembers the report that ended an order.
    pub(crate) fn remember(&mut self, report: Report) {
        if self.finished.len() == FINISHED_MAX {
            self.finished.pop_front();
        }
        self.finished.push_back(report);
    }
}
