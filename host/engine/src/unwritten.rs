//! What the journal did not take: closes and cancels that left all the same, and what the broker reported. The keeper has it before it
//! leaves or is told; it is written, in order, before anything else when the journal works again, by this host or the next one.
//! A line that the journal refuses for good, while it takes others, is set aside with an alarm, and its account opens nothing until
//! a person has looked.

use crate::events::Event;
use crate::host::Left;
use crate::keeping::Outlives;
use crate::meter::add_shared;
use crate::pipeline::{Pipeline, Promise, append, halt};
use crate::shared::{Shared, lock};
use domain::broker::Report;
use domain::contract::TradingState;
use domain::ids::{AccountId, EngineId, HOSTS_ORDERS_FROM, OrderId};
use domain::journal::{Entry, JournalError, Lease, Line, Recorded, Refused, SetAside, owe};
use domain::keeper::NotKept;
use domain::limits::JOURNAL_PASSING_S_MAX;
use domain::numbering::sent_max;
use domain::order::{Action, Command};
use domain::risk::Approved;
use domain::time::{SECOND_US, Steady, Time};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How long the pipeline waits before it tries a journal that has failed again.
const TRY_AGAIN_US: i64 = SECOND_US;
/// How many commands one account may owe the journal: nobody's flood takes the room from the others.
const OWED_BY_ACCOUNT_MAX: u32 = 4_096;
/// Lines that were refused and are kept for a person to look at; the oldest go, and are in the log.
const LINES_ASIDE_MAX: usize = 256;
/// Characters of a refused line and of the reason that are kept.
const LINE_CHARS_MAX: usize = 2_000;

/// How many of the lines that wait are written at once: few first, twice as many after each time that the journal answered in
/// time, half as many after each time that it did not.
const AT_ONCE_MIN: usize = 64;
const AT_ONCE_MAX: usize = 4_096;
/// Where nothing else can be done: how long a journal that failed, or has not answered, is left alone before it is asked once more.
const SHORTLY: Duration = Duration::from_millis(100);
/// How long a host that stops waits for a journal that hangs when the keeper has everything: the next host writes it.
const STOPPING_WAITS_MAX: Duration = Duration::from_secs(5);

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

/// Lines that wait for the journal, and what may still be owed to it.
#[derive(Default)]
pub(crate) struct Unwritten {
    /// Oldest first.
    lines: Vec<Line>,
    /// How many of them, from the first on, the keeper was told of, and whether it has them on disk.
    kept: usize,
    is_on_disk: bool,
    /// The keeper was told of lines since it was told that all are paid.
    keeper_waits: bool,
    /// That it could not keep them has been told.
    is_unkept_told: bool,
    /// How many lines are written at once; 0 before the first time.
    at_once: usize,
    /// Of each account, how many of them are commands.
    owed: BTreeMap<AccountId, u32>,
    try_again: Option<Steady>,
    /// The journal has not answered, and that has been told.
    is_late: bool,
    /// Another host has taken over: what leaves from here would come on top of what that one does.
    fenced: bool,
    /// How often the journal could not take it for a passing reason, one after the other.
    passing: u32,
    /// Within it what leaves without the journal can't meet what another host does.
    lease: Option<Arc<dyn Lease>>,
    /// The highest number of a guest's order that the journal has since the start.
    recorded: BTreeMap<EngineId, u32>,
    /// The same of the orders that the host gave on an account by itself, and where their numbers began.
    hosts_recorded: BTreeMap<AccountId, u32>,
    hosts_begun: BTreeMap<AccountId, u32>,
}

impl Unwritten {
    /// What the keeper of the host before has, for a journal with this lease.
    pub(crate) fn of(lines: Vec<Line>, lease: Option<Arc<dyn Lease>>) -> Self {
        let (kept, keeper_waits) = (lines.len(), !lines.is_empty());
        Self { lines, kept, is_on_disk: true, keeper_waits, lease, ..Self::default() }
    }

    /// Whether something may leave without the journal: nobody else can have begun to trade.
    fn may_leave(&self) -> bool {
        !self.fenced && self.lease.as_ref().is_none_or(|lease| lease.holds())
    }

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

    /// A command is written down: in the journal, or with the keeper.
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
            self.unwritten.may_leave() && (has_room || by == By::Host) && self.unwritten.is_numbered_safely(&self.shared, command.get());
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
            if !self.write_again() {
                self.keep_unwritten();
            }
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
        if let Err(error) = written {
            self.failed(&error);
            self.keep_unwritten();
            if !self.unwritten.is_late {
                let many = self.unwritten.len();
                let text = format!("{many} reports of the broker are not in the journal yet; they are kept and written first");
                self.shared.alarm("reports-unwritten", text);
            }
        } else {
            add_shared(&self.shared.counters.group_commits, 1);
        }
    }

    /// Hands the keeper the lines that wait and that it was not told of, before any of them leaves or is applied. A keeper that fails
    /// keeps nobody from getting out of anything, but that is told.
    pub(crate) fn keep_unwritten(&mut self) {
        let from = self.unwritten.kept;
        let fresh = self.unwritten.lines[from..].to_vec();
        if fresh.is_empty() {
            return;
        }
        let kept = self.shared.keeping.owe(fresh, Duration::from_millis(self.shared.bounds.journal_answer_ms));
        // Whatever it answered: what it could not write it tries again.
        (self.unwritten.kept, self.unwritten.keeper_waits) = (self.unwritten.len(), true);
        self.note_kept(from, kept);
    }

    /// The keeper has answered for the lines from this one on.
    fn note_kept(&mut self, from: usize, kept: Result<Outlives, NotKept>) {
        self.unwritten.is_on_disk = kept == Ok(Outlives::Machine);
        match kept {
            Ok(Outlives::Machine) => {
                self.unwritten.is_unkept_told = false;
                for at in from..self.unwritten.len() {
                    if let Line::Command(command) = self.unwritten.lines[at].clone() {
                        self.unwritten.note_recorded(&command);
                    }
                }
            }
            Ok(Outlives::Process) => {}
            Err(why) => {
                if !std::mem::replace(&mut self.unwritten.is_unkept_told, true) {
                    let text = format!(
                        "neither the journal nor the data folder takes what is sent now ({why}): if the host ends before one of them works, the                          next one does not know of it"
                    );
                    self.shared.alarm("owed-not-kept", text);
                }
            }
        }
    }

    /// Writes what the host before owed, and says how many lines that were.
    pub(crate) fn pay(&mut self) -> Result<usize, JournalError> {
        let many = self.unwritten.len();
        if many > 0 {
            let end = Instant::now() + Duration::from_millis(self.shared.bounds.answer_ms / 2);
            while let Err(error) = self.write_unwritten() {
                if !matches!(error, JournalError::Unanswered(_) | JournalError::Passing(_)) || Instant::now() >= end {
                    return Err(error);
                }
                std::thread::sleep(SHORTLY);
            }
            self.all_written();
            self.tell_set_aside();
        }
        Ok(many)
    }

    /// The last thing before the end: writes what waits, or sees that the keeper has it, or else says each line in the log.
    pub(crate) fn settle_up(&mut self) -> Left {
        let soon = Instant::now() + STOPPING_WAITS_MAX;
        let end = self.shared.stop_by.get().copied().unwrap_or(soon);
        let mut is_last = false;
        while let Err(error) = self.write_unwritten() {
            let until = if self.unwritten.is_on_disk { end.min(soon) } else { end };
            if is_last || Instant::now() >= until {
                break;
            }
            is_last = !matches!(error, JournalError::Unanswered(_));
            std::thread::sleep(SHORTLY);
        }
        let owed = self.unwritten.len();
        if owed == 0 {
            self.all_written();
            return Left { owed, kept: true };
        }
        self.keep_unwritten();
        let synced = self.shared.keeping.sync(end.saturating_duration_since(Instant::now()).max(SHORTLY));
        for line in self.unwritten.lines.iter().filter(|_| synced.is_err()) {
            tracing::error!(line = text(line), "sent or reported, and neither in the journal nor kept in the data folder: book it by hand");
        }
        Left { owed, kept: synced.is_ok() }
    }

    /// The journal has everything.
    fn all_written(&mut self) {
        if std::mem::take(&mut self.unwritten.keeper_waits) {
            self.shared.keeping.paid();
        }
        self.unwritten.owed.clear();
        (self.unwritten.try_again, self.unwritten.is_late, self.unwritten.is_unkept_told) = (None, false, false);
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
        if self.unwritten.try_again.is_some_and(|at| self.shared.clock.steady() < at) {
            return false;
        }
        let many = self.unwritten.len();
        match self.write_unwritten() {
            Ok(()) => {
                add_shared(&self.shared.counters.group_commits, 1);
                let is_halted = self.shared.switch.get() == TradingState::Halted;
                let then = if is_halted { "trading stays halted until a person lifts it" } else { "orders that open go out again" };
                self.shared.alarm("journal-works-again", format!("{many} lines that waited are written; {then}"));
                self.all_written();
                self.unwritten.passing = 0;
                true
            }
            Err(error) => {
                self.failed(&error);
                if self.unwritten.keeper_waits && !self.unwritten.is_on_disk {
                    let synced = self.shared.keeping.sync(SHORTLY);
                    self.note_kept(0, synced.map(|()| Outlives::Machine));
                }
                false
            }
        }
    }

    /// Writes all that waits, but for lines that are refused for a reason of their own; what was written waits no longer. In parts, so that
    /// a journal that is late has less to do the next time, and gets on.
    fn write_unwritten(&mut self) -> Result<(), JournalError> {
        while !self.unwritten.is_empty() {
            let part = self.unwritten.at_once.clamp(AT_ONCE_MIN, AT_ONCE_MAX).min(self.unwritten.len());
            let entries: Vec<Entry<'_>> = self.unwritten.lines[..part].iter().map(Line::entry).collect();
            match self.journal.append(&entries) {
                Ok(()) => {
                    self.unwritten.at_once = 2 * part;
                    self.written(part);
                }
                Err(JournalError::Refused { at, why }) if at < part => {
                    let line = self.unwritten.lines.remove(at);
                    self.unwritten.kept = self.unwritten.kept.saturating_sub(usize::from(at < self.unwritten.kept));
                    self.set_aside(&line, &why);
                }
                Err(error) => {
                    self.unwritten.at_once = part / 2;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// The journal has the first lines that waited.
    fn written(&mut self, many: usize) {
        self.unwritten.kept = self.unwritten.kept.saturating_sub(many);
        for line in self.unwritten.lines.drain(..many).collect::<Vec<_>>() {
            if let Line::Command(command) = line {
                self.unwritten.note_recorded(&command);
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
        let (line, why, at) = (cut(&text(line)), cut(why), self.shared.clock.now());
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
        self.unwritten.try_again = Some(self.shared.clock.steady().plus_us(TRY_AGAIN_US));
        self.unwritten.passing = if matches!(error, JournalError::Passing(_)) { self.unwritten.passing + 1 } else { 0 };
        if matches!(error, JournalError::Unanswered(_)) || (1..=JOURNAL_PASSING_S_MAX).contains(&self.unwritten.passing) {
            if !std::mem::replace(&mut self.unwritten.is_late, true) {
                let text = format!("{error}; until it does, closes and cancels go out without it and everything else is rejected");
                self.shared.alarm("journal-late", text);
            }
            return;
        }
        if let JournalError::Fenced(_) = error {
            // Not told as a halt, which would be kept: what is kept is the other host's now.
            if self.shared.switch.get() != TradingState::Halted {
                self.shared.switch.set(TradingState::Halted);
                self.shared.alarm("journal-failed", format!("{error}; this host sends nothing more and ends"));
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

/// All of a line, in words.
fn text(line: &Line) -> String {
    match line {
        Line::Command(command) => format!("{command:?}"),
        Line::Report(report) => format!("{report:?}"),
    }
}

/// What was set aside since the host started, oldest first, at most the last [`LINES_ASIDE_MAX`].
pub(crate) type LinesAside = VecDeque<LineAside>;
