//! A host's hold on the database: whether it still has it, for how long it may count on that, and what keeps it from writing.

use crate::StoreError;
use domain::journal::Lease;
use domain::limits::LEASE_MS;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Shared by everything that uses one opened database.
#[derive(Debug)]
pub(crate) struct Hold {
    state: Mutex<State>,
    /// Why the host has lost the database, once it has.
    lost: watch::Sender<Option<String>>,
}

#[derive(Debug, Default)]
struct State {
    /// What the host's take-over gave; `None` before, and for whoever is no host.
    epoch: Option<i64>,
    /// Until when nobody else can have begun to trade.
    lease_until: Option<Instant>,
    /// Why nothing may be written: the files are not where they were.
    gone: Option<String>,
    /// Why the lock is not held at the moment.
    unlocked: Option<String>,
    /// What the database says is wrong with itself.
    damage: Option<String>,
}

/// The host that had the database before and did not give it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Predecessor {
    /// Who, in its own words.
    pub owner: String,
    /// Whether it is certainly dead.
    pub is_dead: bool,
    /// For how long after it lost the lock it may still send something.
    pub lease_ms: u64,
}

/// What is wrong with a database, for `GET /health`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Whether nothing can be written.
    pub is_down: bool,
    /// What is wrong, and the way out.
    pub words: String,
}

impl Default for Hold {
    fn default() -> Self {
        Self { state: Mutex::default(), lost: watch::Sender::new(None) }
    }
}

impl Hold {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A host has taken over with this epoch; it asked at `since`.
    pub fn begin(&self, epoch: i64, since: Instant) {
        self.state().epoch = Some(epoch);
        self.renew(since);
    }

    /// The epoch of the host that uses this database, if one does.
    pub fn epoch(&self) -> Option<i64> {
        self.state().epoch
    }

    /// Nobody else had the lock at `since`.
    pub fn renew(&self, since: Instant) {
        let mut state = self.state();
        state.unlocked = None;
        state.lease_until = Some(since + Duration::from_millis(LEASE_MS));
    }

    /// The lock is not held now; the lease runs out.
    pub fn unlocked(&self, why: &StoreError) {
        self.state().unlocked = Some(why.to_string());
    }

    /// Whether the lock is held, as far as the last look knows.
    pub fn is_locked(&self) -> bool {
        self.state().unlocked.is_none()
    }

    /// Somebody else has the database now. The lease is over.
    pub fn lose(&self, why: &StoreError) {
        // One that this process has followed itself is only an old journal's affair.
        let is_own = matches!(why, StoreError::Fenced { epoch, .. } if self.epoch() == Some(*epoch));
        if self.epoch().is_none() || is_own {
            return;
        }
        self.state().lease_until = None;
        self.lost.send_if_modified(|lost| {
            let is_new = lost.is_none();
            lost.get_or_insert_with(|| why.to_string());
            is_new
        });
    }

    /// Somebody else has the database now, if that is what an error says.
    pub fn lose_if_fenced(&self, error: &StoreError) {
        if matches!(error, StoreError::Fenced { .. }) {
            self.lose(error);
        }
    }

    /// Waits until somebody else has the database, and says who.
    pub async fn lost(&self) -> String {
        let mut lost = self.lost.subscribe();
        // It ends only with this hold, which is borrowed.
        let found = lost.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        found.unwrap_or_default()
    }

    /// The files are, or are not, where they were when they were opened.
    pub fn set_gone(&self, why: Option<String>) {
        self.state().gone = why;
    }

    /// Refuses writing to files that nobody will find again.
    ///
    /// # Errors
    /// [`Gone`](StoreError::Gone).
    pub fn in_place(&self) -> Result<(), StoreError> {
        self.state().gone.clone().map_or(Ok(()), |why| Err(StoreError::Gone(why)))
    }

    pub fn set_damage(&self, why: Option<String>) {
        self.state().damage = why;
    }

    pub fn troubles(&self) -> Vec<Trouble> {
        let state = self.state();
        let gone = state.gone.iter().map(|why| Trouble { is_down: true, words: StoreError::Gone(why.clone()).to_string() });
        let unlocked = state.unlocked.iter().map(|why| Trouble {
            is_down: false,
            words: format!(
                "the lock that keeps other hosts away is not held ({why}); until the host has it again, orders only reduce: it tries twice a second"
            ),
        });
        let damage = state.damage.iter().map(|words| Trouble { is_down: false, words: words.clone() });
        gone.chain(unlocked).chain(damage).collect()
    }
}

impl Lease for Hold {
    fn holds(&self) -> bool {
        let state = self.state();
        // Without a host there is nobody who could be followed.
        state.epoch.is_none() || state.lease_until.is_some_and(|until| Instant::now() < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_runs_out_unless_the_lock_was_seen_since_and_ends_with_the_database() {
        let (hold, now) = (Hold::default(), Instant::now());
        assert!(hold.holds(), "nobody has taken over, so that nobody can be followed");
        let long_ago = now.checked_sub(Duration::from_millis(LEASE_MS)).expect("the machine has run for a minute");
        hold.begin(7, long_ago);
        assert!(!hold.holds());
        hold.renew(now);
        assert!(hold.holds());
        let followed = |epoch| StoreError::Fenced { owner: "another host".into(), epoch, own: 6 };
        hold.lose(&followed(7));
        assert!(hold.holds(), "an old journal's end is not this host's");
        hold.lose(&followed(8));
        assert!(!hold.holds());
    }
}
