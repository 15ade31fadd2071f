//! The port to the journal: what is not on disk has not happened.

use crate::broker::Report;
use crate::ids::AccountId;
use crate::order::Command;
use crate::risk::Approved;
use std::collections::BTreeMap;

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

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk is full, broken or gone: openings must stop.
    #[error("the journal can't be written: {0}; free or replace the disk and start the host again")]
    Disk(String),
    /// Another host owns this shard now; nothing was written.
    #[error("another host has taken over: {0}")]
    Fenced(String),
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
    /// Nothing of this call is on disk; or, where the disk or the way to it broke in the very last step, all of it may be.
    fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError>;

    /// Reports that were taken since the last call although they can't be booked, for a reason of their own: they are on disk
    /// as they came, their accounts' rows lack what they say, and everybody else's entries were written.
    fn set_aside(&mut self) -> Vec<SetAside> {
        Vec::new()
    }
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

/// Records what the gate let through; the only maker of [`Recorded`].
///
/// # Errors
/// Nothing was recorded and nothing may be sent.
pub fn record(journal: &mut (impl Journal + ?Sized), commands: Vec<Approved<Command>>) -> Result<Vec<Recorded<Command>>, NotRecorded> {
    let entries: Vec<Entry<'_>> = commands.iter().map(|command| Entry::Command(command.get())).collect();
    match journal.append(&entries) {
        Ok(()) => Ok(commands.into_iter().map(|command| Recorded(command.into_inner())).collect()),
        Err(error) => Err(NotRecorded { error, commands }),
    }
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
