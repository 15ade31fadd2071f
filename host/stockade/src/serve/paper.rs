//! The paper venue as the broker of a running host.

use domain::broker::{AccountTerms, Broker, LiveBroker, Report, Whereabouts};
use domain::ids::{AccountId, OrderId};
use domain::journal::Recorded;
use domain::ledger::Ledger;
use domain::order::Command;
use domain::tick::Tick;
use paper::Venue;

/// A venue that lives and dies with the host: what the journal knows is all there is.
pub struct PaperBroker(Venue);

impl PaperBroker {
    /// A venue without accounts.
    pub fn new(venue: Venue) -> Self {
        Self(venue)
    }

    /// What a symbol cost last, so that accounts that are opened before the first tick have prices.
    pub fn quote(&mut self, tick: &Tick) {
        self.0.on_tick(tick);
    }
}

impl Broker for PaperBroker {
    fn submit(&mut self, command: Recorded<Command>) {
        self.0.submit(command);
    }

    fn reports(&mut self, into: &mut Vec<Report>) {
        self.0.reports(into);
    }
}

impl LiveBroker for PaperBroker {
    fn open(&mut self, account: AccountId, terms: &AccountTerms, known: &Ledger) -> Result<(), String> {
        self.0.open(account, terms.clone(), Some(known.clone()));
        Ok(())
    }

    fn ask(&mut self, _: AccountId, _: OrderId) -> Whereabouts {
        // Whatever of it is not in the journal never happened.
        Whereabouts::Missing
    }

    fn on_tick(&mut self, tick: &Tick) {
        self.0.on_tick(tick);
    }
}
