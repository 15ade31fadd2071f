//! Which numbers orders get, so that none is ever given twice: also not by a host that starts after one that died with orders
//! sent and not written down, as [`owe`](crate::journal::owe) lets them go while the journal is broken.
//!
//! There is one count for each engine's guest and one for the orders that the host gives on an account by itself. Where a host
//! begins is written down before it gives a number. An order that the journal does not have is sent only up to [`sent_max`] of
//! that beginning and of what the journal has; and the next host begins after [`sent_max`] of the same beginning and of what is
//! on disk, which is no less. So it begins after everything that was sent, written down or not.

/// How far beyond what is on disk an order may be numbered that is sent without being in the journal.
pub const AHEAD: u32 = 4_096;

/// The highest number that may have been sent by a host whose count began after `begun` and whose journal has `recorded` of it, 0
/// when it has none: up to here it may send while the journal is broken, and after it the next host begins.
pub fn sent_max(begun: u32, recorded: u32) -> u32 {
    begun.max(recorded).saturating_add(AHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a host does between two numbers: gives one that is written down, one that is owed, one that is never sent, or dies.
    #[derive(Clone, Debug)]
    enum Deed {
        Records,
        Owes,
        Wastes(u32),
        WritesWhatItOwes,
        Dies,
    }

    fn deeds() -> impl Strategy<Value = Vec<Deed>> {
        let wastes = (0..2 * AHEAD).prop_map(Deed::Wastes);
        let deed = prop_oneof![3 => Just(Deed::Records), 4 => Just(Deed::Owes), 1 => wastes, 1 => Just(Deed::WritesWhatItOwes), 2 => Just(Deed::Dies)];
        proptest::collection::vec(deed, 1..60)
    }

    proptest::proptest! {
        #[test]
        fn no_number_is_sent_twice_whenever_hosts_die(deeds in deeds()) {
            let (mut sent, mut owed) = (std::collections::BTreeSet::new(), Vec::new());
            let (mut highest, mut recorded) = (0, 0);
            let (mut begun, mut last) = (0, 0);
            for deed in deeds {
                match deed {
                    Deed::Wastes(many) => last += many,
                    // What is owed is written before anything else.
                    Deed::Records | Deed::WritesWhatItOwes => {
                        recorded = owed.drain(..).max().unwrap_or(0).max(recorded);
                        if matches!(deed, Deed::Records) {
                            last += 1;
                            prop_assert!(sent.insert(last), "{} was sent twice", last);
                            recorded = last;
                        }
                        highest = recorded.max(highest);
                    }
                    Deed::Owes => {
                        last += 1;
                        if last <= sent_max(begun, recorded) {
                            prop_assert!(sent.insert(last), "{} was sent twice", last);
                            owed.push(last);
                        }
                    }
                    Deed::Dies => {
                        owed.clear();
                        begun = sent_max(begun, highest);
                        (recorded, last) = (0, begun);
                    }
                }
            }
        }
    }
}
