//! Which numbers orders get, so that none is ever given twice: also not by a host that starts after one that died with orders
//! sent and not written down, as [`owe`](crate::journal::owe) lets them go while the journal is broken.
//!
//! There is one count for each engine's guest and one for the orders that the host gives on an account by itself. A host goes on
//! after the highest number that is written down anywhere: in the journal, or with the [keeper](crate::keeper), whose lines
//! are written to the journal first. That is every number that was sent, but for those of a host that had neither: its journal
//! and its keeper had both failed, and its closes left all the same. Such an order is sent only up to [`sent_max`] of what is
//! written down, and a host that starts after one that did not stop cleanly begins after that. So numbers are skipped only
//! after a crash, and an engine has enough of them for two million crashes.
//!
//! A database that was restored from a copy has forgotten numbers. [`Given`](crate::keeper::Given) says how far they may have gone.

/// How far beyond what is written down an order may be numbered that is sent without being written down anywhere. More than an
/// account has positions, all of which its owner must be able to close.
pub const AHEAD: u32 = 1_024;

/// How far ahead of the last number that was given the keeper is told that it may be. Told again when half of it is used up, so that
/// nobody waits for that.
pub const GIVEN_AHEAD: u32 = 65_536;

/// The highest number that may have been sent by a host whose count began after `begun` and of which `written` is written down, 0
/// when nothing is. After it begins the host that starts when this one did not stop cleanly.
pub fn sent_max(begun: u32, written: u32) -> u32 {
    begun.max(written).saturating_add(AHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// What a host does between two numbers.
    #[derive(Clone, Debug)]
    enum Deed {
        /// Gives one that the journal has.
        Records,
        /// Gives one that the keeper has.
        Keeps,
        /// Gives one that nobody has written down.
        Sends,
        /// Gives some that are never sent.
        Wastes(u32),
        /// Writes all that it owes to the journal.
        Pays,
        /// Ends without a word.
        Dies,
        /// Ends after it has written down all that was sent; otherwise it is no clean stop.
        Stops,
    }

    fn deeds() -> impl Strategy<Value = Vec<Deed>> {
        let wastes = (0..2 * AHEAD).prop_map(Deed::Wastes);
        let deed = prop_oneof![
            3 => Just(Deed::Records), 3 => Just(Deed::Keeps), 4 => Just(Deed::Sends), 1 => wastes, 1 => Just(Deed::Pays),
            2 => Just(Deed::Dies), 2 => Just(Deed::Stops),
        ];
        proptest::collection::vec(deed, 1..60)
    }

    /// What outlives a host.
    #[derive(Default)]
    struct Disk {
        recorded: u32,
        kept: u32,
        begun: u32,
    }

    proptest::proptest! {
        #[test]
        fn no_number_is_sent_twice_whenever_hosts_end(deeds in deeds()) {
            let (mut sent, mut unwritten) = (BTreeSet::new(), Vec::<u32>::new());
            let mut disk = Disk::default();
            let mut last = 0;
            for deed in deeds {
                let written = disk.recorded.max(disk.kept);
                match deed {
                    Deed::Wastes(many) => last += many,
                    Deed::Records | Deed::Pays => {
                        // What is owed is written before anything else.
                        disk.recorded = unwritten.drain(..).max().unwrap_or(0).max(written);
                        if matches!(deed, Deed::Records) {
                            last += 1;
                            prop_assert!(sent.insert(last), "{} was sent twice", last);
                            disk.recorded = last;
                        }
                    }
                    Deed::Keeps => {
                        last += 1;
                        prop_assert!(sent.insert(last), "{} was sent twice", last);
                        disk.kept = last;
                    }
                    Deed::Sends => {
                        last += 1;
                        if last <= sent_max(disk.begun, written) {
                            prop_assert!(sent.insert(last), "{} was sent twice", last);
                            unwritten.push(last);
                        }
                    }
                    Deed::Dies | Deed::Stops => {
                        let is_clean = matches!(deed, Deed::Stops) && unwritten.is_empty();
                        unwritten.clear();
                        disk.recorded = written;
                        disk.begun = if is_clean { disk.begun.max(written) } else { sent_max(disk.begun, written) };
                        last = disk.begun;
                    }
                }
            }
        }
    }
}
