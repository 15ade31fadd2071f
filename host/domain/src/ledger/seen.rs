//! Numbers of deals that were booked lately: a broker repeats what it reports, and a repetition books nothing.

use crate::ids::DealId;
use std::collections::VecDeque;

/// How many deal numbers a ledger remembers to tell repetitions; brokers repeat reports within seconds.
pub const SEEN_DEALS_MAX: usize = 4_096;

/// The largest numbers that were booked, in their order, which is nearly always that in which they come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SeenDeals(VecDeque<DealId>);

impl SeenDeals {
    /// Remembers a deal; `false` when it was there before. A number below all that are remembered has been forgotten, not
    /// missed: numbers grow.
    pub fn insert(&mut self, deal: DealId) -> bool {
        let is_full = self.0.len() >= SEEN_DEALS_MAX;
        if is_full && self.0.front().is_some_and(|&oldest| deal < oldest) {
            return false;
        }
        let place = match self.0.back() {
            Some(&last) if deal <= last => match self.0.binary_search(&deal) {
                Ok(_) => return false,
                Err(place) => place,
            },
            _ => self.0.len(),
        };
        self.0.insert(place, deal);
        if is_full {
            self.0.pop_front();
        }
        true
    }
}
