//! The port to the journal: what is not on disk has not happened.

use crate::broker::{Happened, Report};
use crate::ids::AccountId;
use crate::order::{Action, Command};
use crate::risk::Approved;
use crate::symbol::SymbolId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something that is in the journal.
///
/// Only [`record`] builds one, after the journal has it durably, and [`Broker::submit`](crate::broker::Broker::submit)
/// takes nothing else: nothing is sent before it is recorded. The one exception is [`owe`], by which a close or a cancel
/// leaves while the journal is broken.
///
/// ```compile_fail
/// let forged = stockade_domain::journal::Recorded(todo!());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded<T>(T);

impl<T> Recorded<T> {
    /// What was recorded.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// What was recorded.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// A line of the journal.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// A command that will be sent.
    Command(&'a Command),
    /// What a broker reported.
    Report(&'a Report),
}

/// A line of the journal that waits to be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// A command that was sent, or may have been.
    Command(Command),
    /// What a broker reported.
    Report(Report),
}

impl Line {
    /// A copy of an entry.
    pub fn of(entry: &Entry<'_>) -> Self {
        match *entry {
            Entry::Command(command) => Self::Command(command.clone()),
            Entry::Report(report) => Self::Report(report.clone()),
        }
    }

    /// As an entry to write.
    pub fn entry(&self) -> Entry<'_> {
        match self {
            Self::Command(command) => Entry::Command(command),
            Self::Report(report) => Entry::Report(report),
        }
    }

    /// Whether it says the same as an entry.
    pub fn is(&self, entry: &Entry<'_>) -> bool {
        match (self, entry) {
            (Self::Command(own), Entry::Command(other)) => own == *other,
            (Self::Report(own), Entry::Report(other)) => own == *other,
            _ => false,
        }
    }

    /// The symbol that it names: a number that holds for one life of the host.
    pub fn symbol_mut(&mut self) -> Option<&mut SymbolId> {
        match self {
            Self::Command(Command { action: Action::Place(request), .. }) => Some(&mut request.symbol),
            Self::Report(Report { happened: Happened::Deal { deal, .. }, .. }) => Some(&mut deal.symbol),
            Self::Command(_) | Self::Report(_) => None,
        }
    }
}

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk is full, broken or gone: openings must stop.
    #[error("the journal can't be written: {0}; free or replace the disk and start the host again")]
    Disk(String),
    /// Another host owns this shard now; nothing was written.
    #[error("another host has taken over: {0}")]
    Fenced(String),
    /// One command can't be written for a reason of its own; without it the others can.
    #[error("entry {at} can't be recorded: {why}")]
    Refused {
        /// Its place among the entries.
        at: usize,
        /// Why.
        why: String,
    },
    /// Its database could not do it this time, and may the next: nothing was written.
    #[error("the journal's database could not take it for now: {0}")]
    Passing(String),
    /// There is no answer. What it was given may be on disk, or may come to be, all of it or nothing, before anything that is
    /// written later; so it can be repeated, and what is not repeated must be taken back in it.
    #[error("the journal does not answer: {0}; see that its database runs and that its disk keeps up")]
    Unanswered(String),
    /// Anything else.
    #[error("the journal failed: {0}")]
    Internal(String),
}

/// Writes entries durably.
pub trait Journal: Send {
    /// Writes all entries or none, in order, and returns when they are on disk. One call is one group commit. Repeating an
    /// entry (same order and action, or same deal) changes nothing.
    ///
    /// # Errors
    /// Nothing of this call is on disk; after [`Unanswered`](JournalError::Unanswered) all of it may be.
    fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError>;

    /// Reports that were taken since the last call although they can't be booked, for a reason of their own: they are on disk
    /// as they came, their accounts' rows lack what they say, and everybody else's entries were written.
    fn set_aside(&mut self) -> Vec<SetAside> {
        Vec::new()
    }

    /// What a host may count on while the journal does not answer. `None`: nobody else can ever take over.
    fn lease(&self) -> Option<Arc<dyn Lease>> {
        None
    }
}

/// For how long nobody else can have begun to trade in this host's place, measured on this machine's steady clock. What leaves
/// without the journal, whose fence would stop it, leaves only while this holds; whoever takes over waits until it has run out.
pub trait Lease: Send + Sync {
    /// Whether it has not run out.
    fn holds(&self) -> bool;
}

/// A report that was kept without being booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The account that it concerns, which should open nothing until a person has looked.
    pub account: AccountId,
    /// Why it can't be booked.
    pub why: String,
}

impl SetAside {
    /// Those of `entries` that stand in `aside` under their places, with the reasons there.
    pub fn of(entries: &[Entry<'_>], aside: &BTreeMap<usize, String>) -> Vec<Self> {
        let of = |(at, why): (&usize, &String)| match entries.get(*at) {
            Some(Entry::Report(report)) => Some(Self { account: report.account, why: why.clone() }),
            _ => None,
        };
        aside.iter().filter_map(of).collect()
    }
}

/// Records what the gate let through; the only maker of [`Recorded`]. One that can't be recorded for a reason of its own is refused
/// in its place, and keeps none of the others.
///
/// # Errors
/// Nothing was recorded and nothing may be sent.
pub fn record(
    journal: &mut (impl Journal + ?Sized),
    commands: Vec<Approved<Command>>,
) -> Result<Vec<Result<Recorded<Command>, Refused>>, NotRecorded> {
    let mut refused = BTreeMap::new();
    loop {
        let going: Vec<usize> = (0..commands.len()).filter(|at| !refused.contains_key(at)).collect();
        if going.is_empty() {
            break;
        }
        let entries: Vec<Entry<'_>> = going.iter().map(|&at| Entry::Command(commands[at].get())).collect();
        match journal.append(&entries) {
            Ok(()) => break,
            Err(JournalError::Refused { at, why }) if at < going.len() => drop(refused.insert(going[at], why)),
            Err(error) => return Err(NotRecorded { error, commands }),
        }
    }
    let mut outcomes = Vec::with_capacity(commands.len());
    for (at, command) in commands.into_iter().enumerate() {
        outcomes.push(match refused.remove(&at) {
            Some(why) => Err(Refused { command, why }),
            None => Ok(Recorded(command.into_inner())),
        });
    }
    Ok(outcomes)
}

/// A command that the journal can't take, while it works.
#[derive(Debug)]
pub struct Refused {
    /// Which.
    pub command: Approved<Command>,
    /// Why.
    pub why: String,
}

/// Commands that the journal did not take, given back.
#[derive(Debug)]
pub struct NotRecorded {
    /// Why.
    pub error: JournalError,
    /// What was to be recorded.
    pub commands: Vec<Approved<Command>>,
}

/// Sends a way out although the journal does not work: a position must never be stuck behind a broken disk. What comes back
/// beside it is owed to the journal: the caller writes it before anything else that is written. `None` when it may add risk.
pub fn owe(command: Approved<Command>) -> Option<(Recorded<Command>, Command)> {
    let command = command.into_inner();
    command.is_way_out().then(|| (Recorded(command.clone()), command))
}

/// The journal of a run that nobody will ever recover, a backtest: counts and forgets.
#[derive(Debug, Default)]
pub struct Forgetful {
    /// Entries seen.
    pub entries: u64,
}

impl Journal for Forgetful {
    fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError> {
        self.entries += entries.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::tests::{account, approve};
    use crate::contract::{AccountMode, Side};
    use crate::risk::RiskLimits;
    use crate::risk::tests::market;

    /// Takes no order of engine 13, and nothing at all when `broken`.
    struct Choosy {
        kept: Vec<u32>,
        broken: bool,
    }

    impl Journal for Choosy {
        fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError> {
            let engine = |entry: &Entry<'_>| if let Entry::Command(command) = entry { command.order.engine().0 } else { 0 };
            if let Some(at) = entries.iter().position(|entry| engine(entry) == 13) {
                return Err(JournalError::Refused { at, why: "there is no engine 13".into() });
            }
            if self.broken {
                return Err(JournalError::Disk("no space left on device".into()));
            }
            self.kept.extend(entries.iter().map(engine));
            Ok(())
        }
    }

    fn approved(engines: &[u32]) -> Vec<Approved<Command>> {
        let mut account = account(AccountMode::Hedging, RiskLimits::default());
        engines.iter().map(|&engine| approve(&mut account, engine, 1, market(Side::Buy, 5)).unwrap()).collect()
    }

    #[test]
    fn a_command_that_is_refused_keeps_none_of_the_others() {
        let mut journal = Choosy { kept: Vec::new(), broken: false };
        let outcomes = record(&mut journal, approved(&[13, 1, 13, 2])).unwrap();
        let word = |outcome: &Result<Recorded<Command>, Refused>| match outcome {
            Ok(recorded) => format!("recorded {}", recorded.get().order),
            Err(Refused { command, why }) => format!("refused {}: {why}", command.get().order),
        };
        let words: Vec<String> = outcomes.iter().map(word).collect();
        assert_eq!(words, ["refused 13-1: there is no engine 13", "recorded 1-1", "refused 13-1: there is no engine 13", "recorded 2-1"]);
        assert_eq!(journal.kept, [1, 2]);
        assert_eq!(record(&mut journal, approved(&[13])).unwrap().len(), 1, "with nothing left there is nothing to write");

        let mut broken = Choosy { kept: Vec::new(), broken: true };
        let NotRecorded { error, commands } = record(&mut broken, approved(&[13, 1])).unwrap_err();
        assert!(matches!(error, JournalError::Disk(_)) && commands.len() == 2);
    }
}
