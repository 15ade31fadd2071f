//! The paper venue as the broker of a running host.

use domain::broker::{AccountTerms, Broker, LiveBroker, Report, Whereabouts};
use domain::ids::{AccountId, OrderId};
use domain::journal::Recorded;
use domain::ledger::Ledger;
use domain::order::{Action, Command};
use domain::reconcile::Snapshot;
use domain::tick::Tick;
use paper::Venue;
use std::fs::File;
use std::io::Write as _;

/// A venue that lives and dies with the host: what the journal knows is all there is.
pub struct PaperBroker {
    venue: Venue,
    /// Where a test counts what it is sent; see [`COUNTS_IN`].
    counts: Option<File>,
}

/// Set by the test that kills hosts: a file to which the name of each order is written before it is carried out, so that somebody
/// who outlives the host knows what was sent.
const COUNTS_IN: &str = "TEST_BROKER_COUNTS_IN";

impl PaperBroker {
    /// A venue without accounts.
    pub fn new(venue: Venue) -> Self {
        let open = |path| File::options().create(true).append(true).open(path).expect("the test gives a file that can be written");
        Self { venue, counts: std::env::var_os(COUNTS_IN).map(open) }
    }

    /// What a symbol cost last, so that accounts that are opened before the first tick have prices.
    pub fn quote(&mut self, tick: &Tick) {
        self.venue.on_tick(tick);
    }
}

impl Broker for PaperBroker {
    fn submit(&mut self, command: Recorded<Command>) {
        if let (Some(counts), Action::Place(_)) = (&mut self.counts, &command.get().action) {
            counts.write_all(format!("{}\n", command.get().order.0).as_bytes()).expect("the test's file can be written");
        }
        self.venue.submit(command);
    }

    fn reports(&mut self, into: &mut Vec<Report>) {
        self.venue.reports(into);
    }
}

impl LiveBroker for PaperBroker {
    fn open(&mut self, account: AccountId, terms: &AccountTerms, known: &Ledger) -> Result<(), String> {
        self.venue.open(account, terms.clone(), Some(known.clone()));
        Ok(())
    }

    fn orders_seen(&mut self, _: AccountId) -> Option<Vec<OrderId>> {
        // It has seen what is in the journal, and nothing else.
        Some(Vec::new())
    }

    fn ask(&mut self, _: AccountId, _: OrderId) -> Whereabouts {
        // Whatever of it is not in the journal never happened.
        Whereabouts::Missing
    }

    fn snapshot(&mut self, account: AccountId) -> Option<Snapshot> {
        self.venue.ledger(account).map(Snapshot::of)
    }

    fn on_tick(&mut self, tick: &Tick) {
        self.venue.on_tick(tick);
    }
}
