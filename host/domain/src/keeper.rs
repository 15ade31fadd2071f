//! The port to the host's keeper: the little that must not be forgotten whatever becomes of the database.
//!
//! What people allow at the market, lines that were sent or have happened without being in the journal, and how far numbers were
//! given. It is all of one host and small; whoever keeps it does so in a file of the host's own, apart from the database.

use crate::contract::TradingState;
use crate::ids::{AccountId, EngineId};
use crate::journal::Line;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// For whom a trading state holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Everyone on this host.
    Host,
    /// Everyone on an account.
    Account(AccountId),
    /// One engine.
    Engine(EngineId),
}

/// Something to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Note {
    /// What may be done at the market from now on.
    Trading(Scope, TradingState),
    /// These were sent or have happened, and the journal does not have them: after all that were noted before.
    Owed(Vec<Line>),
    /// The journal has everything that was owed.
    Paid,
    /// No number beyond these is given before another note says so.
    Given(Given),
}

/// The highest numbers that a host may have given. A database that was restored from a copy does not know the latest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Given {
    /// Of orders that guests asked for, over all engines.
    pub orders: u32,
    /// Of orders that the host gave by itself, over all accounts, counted from 1.
    pub hosts_orders: u32,
    /// Of engines.
    pub engines: u32,
}

impl Given {
    /// The higher of both, each by itself.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            orders: self.orders.max(other.orders),
            hosts_orders: self.hosts_orders.max(other.hosts_orders),
            engines: self.engines.max(other.engines),
        }
    }
}

/// Why a note was not kept; whoever is told that it was must not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotKept(pub String);

/// Keeps notes. Called by several threads.
pub trait Keeper: Send + Sync {
    /// Takes a note, which then outlives this process; after [`sync`](Self::sync) it outlives the machine's next crash as well.
    /// Does not wait for the disk.
    ///
    /// # Errors
    /// The process's end would take the note with it. It is kept in memory, and the next [`sync`](Self::sync) tries again.
    fn note(&self, note: Note) -> Result<(), NotKept>;

    /// Returns when everything noted before is on disk.
    ///
    /// # Errors
    /// Some of it is not.
    fn sync(&self) -> Result<(), NotKept>;

    /// What all notes so far come to.
    fn kept(&self) -> Kept;
}

/// What all notes so far come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// What may be done at the market, where that is less than everything.
    #[serde(with = "as_pairs")]
    pub trading: BTreeMap<Scope, TradingState>,
    /// Lines that the journal lacks, oldest first.
    pub owed: Vec<Line>,
    /// How far numbers were given.
    pub given: Given,
}

impl Kept {
    /// Takes a note in.
    pub fn take(&mut self, note: Note) {
        match note {
            Note::Trading(scope, TradingState::Active) => drop(self.trading.remove(&scope)),
            Note::Trading(scope, state) => drop(self.trading.insert(scope, state)),
            Note::Owed(lines) => self.owed.extend(lines),
            Note::Paid => self.owed.clear(),
            Note::Given(given) => self.given = self.given.max(given),
        }
    }

    /// Takes in what another keeper has of the same database: of trading states the stricter, of numbers the higher, and what it owes
    /// after what is owed here.
    pub fn inherit(&mut self, other: Self) {
        for (scope, state) in other.trading {
            let own = self.trading.entry(scope).or_insert(state);
            *own = state.max(*own);
        }
        self.owed.extend(other.owed);
        self.given = self.given.max(other.given);
    }

    /// What may be done there, as far as notes say.
    pub fn trading(&self, scope: Scope) -> TradingState {
        self.trading.get(&scope).copied().unwrap_or(TradingState::Active)
    }
}

/// Keeps notes for as long as it lives: for hosts that nobody will start again.
#[derive(Debug, Default)]
pub struct InMemory(Mutex<Kept>);

impl Keeper for InMemory {
    fn note(&self, note: Note) -> Result<(), NotKept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(note);
        Ok(())
    }

    fn sync(&self) -> Result<(), NotKept> {
        Ok(())
    }

    fn kept(&self) -> Kept {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A map whose keys are no texts, in formats whose keys are.
mod as_pairs {
    use super::{BTreeMap, Scope, TradingState};
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<Scope, TradingState>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Scope, TradingState>, D::Error> {
        Ok(Vec::<(Scope, TradingState)>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TradingState::{Active, Halted, Reducing};

    #[test]
    fn a_lift_takes_back_what_was_set_there_and_nothing_else() {
        let keeper = InMemory::default();
        let account = Scope::Account(AccountId(1));
        for (scope, state) in [(Scope::Host, Halted), (account, Reducing), (account, Halted), (Scope::Host, Active)] {
            keeper.note(Note::Trading(scope, state)).unwrap();
        }
        let kept = keeper.kept();
        assert_eq!((kept.trading(account), kept.trading(Scope::Host), kept.trading.len()), (Halted, Active, 1));
    }

    #[test]
    fn of_two_keepers_the_stricter_holds() {
        let [account, engine] = [Scope::Account(AccountId(1)), Scope::Engine(EngineId(1))];
        let kept = |trading: &[(Scope, TradingState)], orders| Kept {
            trading: trading.iter().copied().collect(),
            given: Given { orders, ..Given::default() },
            ..Kept::default()
        };
        let mut own = kept(&[(Scope::Host, Reducing), (account, Halted)], 7);
        own.inherit(kept(&[(Scope::Host, Halted), (account, Reducing), (engine, Reducing)], 5));
        assert_eq!(own, kept(&[(Scope::Host, Halted), (account, Halted), (engine, Reducing)], 7));
    }

    #[test]
    fn numbers_that_were_given_are_never_fewer() {
        let mut kept = Kept::default();
        kept.take(Note::Given(Given { orders: 7, hosts_orders: 2, engines: 3 }));
        kept.take(Note::Given(Given { orders: 5, hosts_orders: 9, engines: 1 }));
        assert_eq!(kept.given, Given { orders: 7, hosts_orders: 9, engines: 3 });
    }
}
