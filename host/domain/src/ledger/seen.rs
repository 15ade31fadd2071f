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
        let mut place = match self.0.back() {
            Some(&last) if deal <= last => match self.0.binary_search(&deal) {
                Ok(_) => return false,
                Err(place) => place,
            },
            _ => self.0.len(),
        };
        if is_full {
            // First, so that it never needs room for one more. Whatever is inserted now lies behind the oldest.
            self.0.pop_front();
            place -= 1;
        }
        self.0.insert(place, deal);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_number_is_new_once_in_whatever_order_they_come(numbers in prop::collection::vec(0_u64..5_000, 0..6_000)) {
            let (mut seen, mut model) = (SeenDeals::default(), BTreeSet::new());
            for number in numbers {
                let forgotten = model.len() == SEEN_DEALS_MAX && model.first().is_some_and(|&oldest| number < oldest);
                prop_assert_eq!(seen.insert(DealId(number)), !forgotten && model.insert(number));
                if model.len() > SEEN_DEALS_MAX {
                    model.pop_first();
                }
            }
            prop_assert!(seen.0.iter().map(|deal| deal.0).eq(model));
        }

        #[test]
        fn the_largest_stay(numbers in Just((0_u64..6_000).collect::<Vec<_>>()).prop_shuffle()) {
            let mut seen = SeenDeals::default();
            numbers.into_iter().for_each(|number| _ = seen.insert(DealId(number)));
            prop_assert!(seen.0.iter().map(|deal| deal.0).eq(6_000 - SEEN_DEALS_MAX as u64..6_000));
            prop_assert!(seen.0.capacity() <= SEEN_DEALS_MAX);
        }
    }
}
