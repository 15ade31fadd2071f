//! What the journal did not take: closes and cancels that left all the same, and what the broker reported. It is kept in order and
//! written before anything else when the journal works again. A line that the journal refuses for good, while it takes others,
//! is set aside with an alarm, and its account opens nothing until a person has looked.

use crate::events::Event;
use crate::meter::add_shared;
use crate::pipeline::{Pipeline, Promise, append, halt};
use crate::shared::{Shared, lock};
use domain::broker::Report;
use domain::contract::TradingState;
use domain::ids::{AccountId, EngineId, HOSTS_ORDERS_FROM, OrderId};
use domain::journal::{Entry, JournalError, Recorded, Refused, SetAside, owe};
use domain::numbering::sent_max;
use domain::order::{Action, Command};
use domain::risk::Approved;
use domain::time::{SECOND_US, Time};
use std::collections::{BTreeMap, VecDeque};
use std::sync::PoisonError;

/// How long the pipeline waits before it tries a journal that has failed again.
const TRY_AGAIN_US: i64 = SECOND_US;
/// How many commands one account may owe the journal: nobody's flood takes the room from the others.
const OWED_BY_ACCOUNT_MAX: u32 = 4_096;
/// Lines that were refused and are kept for a person to look at; the oldest go, and are in the log.
const LINES_ASIDE_MAX: usize = 256;
/// Characters of a refused line and of the reason that are kept.
const LINE_CHARS_MAX: usize = 2_000;

/// Who asked for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Guest,
    /// A kill switch, for which there is always room: it asks for no more than there is open.
    Host,
}

/// Whether a command that was not recorded may be in the journal all the same, now or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    No,
    Perhaps,
}

/// A line that the journal refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineAside {
    /// When, by the host's clock.
    pub at: Time,
    /// Of which account.
    pub account: AccountId,
    /// All of it, in words: what a person needs to book it by hand.
    pub line: String,
    /// Why it was refused.
    pub why: String,
}

/// What the journal does not have yet.
pub(crate) enum Line {
    Command(Command),
    Report(Report),
}

/// Lines that wait for the journal, and what may still be owed to it.
#[derive(Default)]
pub(crate) struct Unwritten {
    /// Oldest first.
    lines: Vec<Line>,
    /// Of each account, how many of them are commands.
    owed: BTreeMap<AccountId, u32>,
    try_again: Option<Time>,
    /// The journal has not answered, and that has been told.
    is_late: bool,
    /// Another host has taken over: what leaves from here would come on top of what that one does.
    fenced: bool,
    /// The highest number of a guest's order that the journal has since the start.
    recorded: BTreeMap<EngineId, u32>,
    /// The same of the orders that the host gave on an account by itself, and where their numbers began.
    hosts_recorded: BTreeMap<AccountId, u32>,
    hosts_begun: BTreeMap<AccountId, u32>,
}

impl Unwritten {
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// An account was taken on whose orders of the host's own are numbered after `begun`.
    pub(crate) fn hosts_begin(&mut self, account: AccountId, begun: u32) {
        self.hosts_begun.insert(account, begun);
    }

    /// The journal has a command.
    pub(crate) fn note_recorded(&mut self, command: &Command) {
        let Action::Place(_) = command.action else { return };
        let number = command.order.number();
        let highest = if command.order.is_hosts() {
            (self.hosts_recorded.entry(command.account).or_default(), number - HOSTS_ORDERS_FROM)
        } else {
            (self.recorded.entry(command.order.engine()).or_default(), number)
        };
        *highest.0 = highest.1.max(*highest.0);
    }

    /// Whether a host that starts after this one died would give nothing the number of this command again.
    fn is_numbered_safely(&self, shared: &Shared, command: &Command) -> bool {
        let Action::Place(_) = command.action else { return true };
        let (account, order) = (command.account, command.order);
        let of = |counts: &BTreeMap<AccountId, u32>| counts.get(&account).copied().unwrap_or_default();
        if order.is_hosts() {
            return order.number() - HOSTS_ORDERS_FROM <= sent_max(of(&self.hosts_begun), of(&self.hosts_recorded));
        }
        let begun = shared.engine(order.engine()).map_or(0, |entry| entry.setup.orders_before);
        order.number() <= sent_max(begun, self.recorded.get(&order.engine()).copied().unwrap_or_default())
    }
}

impl Pipeline {
    /// Lines that the journal does not have yet.
    pub(crate) fn owes_journal(&self) -> usize {
        self.unwritten.len()
    }

    /// A command that can't be recorded while the journal works: it is rejected, and everybody else's go on.
    pub(crate) fn refused(&mut self, Refused { command, why }: &Refused) {
        add_shared(&self.shared.counters.commands_unrecorded, 1);
        let command = command.get();
        let (order, account) = (command.order, command.account);
        let text = format!("order {order} of account {account} can't be recorded ({why}) and was not sent; everything else goes on");
        self.shared.alarm("command-refused", text);
        self.apply(&Promise::of(command).rejection());
    }

    /// A command that the journal did not take, or of which it does not say so: sent when it can only get out of something, else
    /// rejected.
    pub(crate) fn way_out(&mut self, command: Approved<Command>, by: By, taken: Taken) -> Option<Recorded<Command>> {
        add_shared(&self.shared.counters.commands_unrecorded, 1);
        let promise = Promise::of(command.get());
        let owed = self.unwritten.owed.get(&promise.account).copied().unwrap_or_default();
        let has_room = self.unwritten.len() < self.shared.bounds.unwritten_reports_max && owed < OWED_BY_ACCOUNT_MAX;
        let may_be_owed =
            !self.unwritten.fenced && (has_room || by == By::Host) && self.unwritten.is_numbered_safely(&self.shared, command.get());
        match owe(command) {
            Some((recorded, command)) if may_be_owed => {
                self.unwritten.owed.insert(promise.account, owed + 1);
                self.unwritten.lines.push(Line::Command(command));
                Some(recorded)
            }
            _ => {
                let rejection = promise.rejection();
                self.apply(&rejection);
                // Nobody outside has heard of this order. Where the journal has not either, the rejection need not be written.
                if taken == Taken::Perhaps {
                    self.unwritten.lines.push(Line::Report(rejection));
                }
                None
            }
        }
    }

    pub(crate) fn write(&mut self, reports: &[Report]) {
        let keep = |lines: &mut Vec<Line>| lines.extend(reports.iter().cloned().map(Line::Report));
        if !self.unwritten.is_empty() {
            keep(&mut self.unwritten.lines);
            self.write_again();
            return;
        }
        let written = match append(&mut *self.journal, reports) {
            Err(JournalError::Refused { .. }) => {
                keep(&mut self.unwritten.lines);
                self.write_unwritten()
            }
            Err(error) => {
                keep(&mut self.unwritten.lines);
                Err(error)
            }
            Ok(()) => Ok(()),
        };
        match written {
            Ok(()) => {
                self.unwritten.lines.clear();
                add_shared(&self.shared.counters.group_commits, 1);
            }
            Err(error) => {
                self.failed(&error);
                if self.unwritten.is_late {
                    return;
                }
                let many = self.unwritten.len();
                let text = format!("{many} reports of the broker are not in the journal yet; they are kept and written first");
                self.shared.alarm("reports-unwritten", text);
            }
        }
    }

    /// A report that can't be booked is its account's affair: that opens nothing more, everybody else goes on.
    pub(crate) fn tell_set_aside(&mut self) {
        for SetAside { account: id, why } in self.journal.set_aside() {
            let text = format!(
                "account {id}: a report of the broker is kept but can't be booked ({why}); it opens nothing until a person has looked"
            );
            self.shared.alarm("report-set-aside", text);
            self.open_nothing(id, "a report of the broker can't be booked");
        }
    }

    /// Tries to write what could not be written, not too often.
    pub(crate) fn write_again(&mut self) -> bool {
        if self.unwritten.try_again.is_some_and(|at| self.shared.clock.now() < at) {
            return false;
        }
        match self.write_unwritten() {
            Ok(()) => {
                add_shared(&self.shared.counters.group_commits, 1);
                let many = self.unwritten.len();
                let is_halted = self.shared.switch.get() == TradingState::Halted;
                let then = if is_halted { "trading stays halted until a person lifts it" } else { "orders that open go out again" };
                self.shared.alarm("journal-works-again", format!("{many} lines that waited are written; {then}"));
                for line in std::mem::take(&mut self.unwritten.lines) {
                    if let Line::Command(command) = line {
                        self.unwritten.note_recorded(&command);
                    }
                }
                self.unwritten.owed.clear();
                self.unwritten.try_again = None;
                self.unwritten.is_late = false;
                true
            }
            Err(error) => {
                self.failed(&error);
                false
            }
        }
    }

    /// Writes all that waits, but for lines that are refused for a reason of their own.
    fn write_unwritten(&mut self) -> Result<(), JournalError> {
        loop {
            let entries: Vec<Entry<'_>> = self.unwritten.lines.iter().map(Line::entry).collect();
            if entries.is_empty() {
                return Ok(());
            }
            match self.journal.append(&entries) {
                Err(JournalError::Refused { at, why }) if at < self.unwritten.len() => {
                    let line = self.unwritten.lines.remove(at);
                    self.set_aside(&line, &why);
                }
                written => return written,
            }
        }
    }

    /// Keeps a line that the journal refuses where a person sees it. What it tells of has happened all the same, so its account
    /// is not what the journal will say.
    fn set_aside(&mut self, line: &Line, why: &str) {
        let cut = |text: &str| text.chars().take(LINE_CHARS_MAX).collect::<String>();
        let (account, order, what) = match line {
            Line::Command(command) => (command.account, Some(command.order), "command that was sent while the journal failed"),
            Line::Report(report) => (report.account, report.order, "report of the broker"),
        };
        let (line, why, at) = (cut(&line.text()), cut(why), self.shared.clock.now());
        let of = order.map_or_else(String::new, |order: OrderId| format!(" on order {order}"));
        let text = format!(
            "account {account}: the journal refuses a {what}{of} ({why}); it is set aside, and the account opens nothing until a person has \
             looked: {line}"
        );
        self.shared.alarm("line-refused", text);
        add_shared(&self.shared.counters.lines_refused, 1);
        let mut aside = self.shared.lines_aside.lock().unwrap_or_else(PoisonError::into_inner);
        if aside.len() == LINES_ASIDE_MAX {
            aside.pop_front();
        }
        aside.push_back(LineAside { at, account, line, why });
        drop(aside);
        self.open_nothing(account, "the journal refuses a line of it");
    }

    /// The journal does not work: nobody opens anything until a person says so. One that only has not answered yet may be
    /// slow for once: until it does, nothing that opens is sent, and nobody has to lift anything afterwards.
    pub(crate) fn failed(&mut self, error: &JournalError) {
        self.unwritten.fenced |= matches!(error, JournalError::Fenced(_));
        self.unwritten.try_again = Some(self.shared.clock.now().plus_us(TRY_AGAIN_US));
        if let JournalError::Unanswered(_) = error {
            if !std::mem::replace(&mut self.unwritten.is_late, true) {
                let text = format!("{error}; until it does, closes and cancels go out without it and everything else is rejected");
                self.shared.alarm("journal-late", text);
            }
            return;
        }
        if self.shared.switch.get() != TradingState::Halted {
            self.shared.alarm("journal-failed", format!("{error}; trading is halted"));
            halt(&self.shared, "the journal failed");
        }
    }

    /// Has an account open nothing more until a person has looked.
    pub(crate) fn open_nothing(&self, id: AccountId, reason: &str) {
        let Some(account) = self.shared.account(id) else { return };
        let (owner, state) = {
            let mut account = lock(&account);
            account.trading = account.trading.max(TradingState::Reducing);
            (Some(account.owner), account.trading)
        };
        let (scope, at) = (crate::Scope::Account(id), self.shared.clock.now());
        self.shared.herald.tell(Event::Trading { scope, owner, state, reason: reason.to_owned(), at });
        self.shared.homes.of(id).ask(crate::shard::ShardRequest::TradingChanged, &self.shared);
    }
}

impl Line {
    pub(crate) fn of(entry: &Entry<'_>) -> Self {
        match *entry {
            Entry::Command(command) => Self::Command(command.clone()),
            Entry::Report(report) => Self::Report(report.clone()),
        }
    }

    pub(crate) fn entry(&self) -> Entry<'_> {
        match self {
            Self::Command(command) => Entry::Command(command),
            Self::Report(report) => Entry::Report(report),
        }
    }

    pub(crate) fn is(&self, entry: &Entry<'_>) -> bool {
        match (self, entry) {
            (Self::Command(own), Entry::Command(other)) => own == *other,
            (Self::Report(own), Entry::Report(other)) => own == *other,
            _ => false,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Command(command) => format!("{command:?}"),
            Self::Report(report) => format!("{report:?}"),
        }
    }
}

/// What was set aside since the host started, oldest first, at most the last [`LINES_ASIDE_MAX`].
pub(crate) type LinesAside = VecDeque<LineAside>;
