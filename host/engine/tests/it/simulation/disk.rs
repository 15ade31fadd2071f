//! The journal on a disk that outlives the host: lines with their length, closed by a mark for each write. A crash may leave a
//! torn tail, which is not there any more when it is read.

use super::run::Fate;
use domain::broker::Report;
use domain::ids::{AccountId, EngineId, OrderId};
use domain::journal::{Entry, Journal, JournalError};
use domain::keeper::{self, Keeper, NotKept, Note};
use domain::ledger::Ledger;
use domain::number::Money;
use domain::numbering::sent_max;
use domain::order::Command;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

const MARK: u8 = b'\n';

/// What lies on the disk.
#[derive(Default)]
pub struct Disk {
    bytes: Vec<u8>,
    /// Commands of which the journal has said that it has them.
    pub recorded: BTreeSet<(OrderId, String)>,
    /// It takes nothing at the moment.
    pub full: bool,
    /// It takes a write and does not answer.
    hangs: bool,
    /// The write that it has not answered.
    under_way: Option<Write>,
    /// Such writes that came to be in the end.
    pub landed_late: u64,
    /// The last write failed or was not answered: until one succeeds the host may send ways out that it owes.
    pub failed: bool,
    /// Where the numbers of orders began for the last host: of an engine's guest, and of its own on an account.
    begun: BTreeMap<EngineId, u32>,
    hosts_begun: BTreeMap<AccountId, u32>,
    pub writes: u64,
}

/// Lines on their way to the disk, with the commands among them.
#[derive(Default)]
struct Write {
    bytes: Vec<u8>,
    commands: Vec<(OrderId, String)>,
}

impl Write {
    fn of(entries: &[Entry<'_>]) -> Self {
        let mut write = Self::default();
        for entry in entries {
            let (kind, text) = match entry {
                Entry::Command(command) => {
                    write.commands.push(name(command));
                    (b'c', serde_json::to_vec(command).unwrap())
                }
                Entry::Report(report) => (b'r', serde_json::to_vec(report).unwrap()),
            };
            write.bytes.push(kind);
            write.bytes.extend(text.into_iter().map(|byte| if byte == b';' { 1 } else { byte }));
            write.bytes.push(b';');
        }
        write
    }
}

/// A line that was read back.
pub enum Kept {
    Command(Command),
    Report(Report),
}

/// What names a command: the same order may be canceled and modified.
pub fn name(command: &Command) -> (OrderId, String) {
    (command.order, format!("{:?} {:?}", command.at, command.action))
}

impl Disk {
    /// Everything up to the last write that was finished.
    pub fn read(&self) -> Vec<Kept> {
        let mut lines = Vec::new();
        let whole = self.bytes.iter().rposition(|&byte| byte == MARK).map_or(0, |end| end + 1);
        for write in self.bytes[..whole].split_inclusive(|&byte| byte == MARK) {
            for line in write.split(|&byte| byte == b';' || byte == MARK).filter(|line| !line.is_empty()) {
                let text = String::from_utf8(line[1..].iter().map(|&byte| if byte == 1 { b';' } else { byte }).collect()).unwrap();
                lines.push(match line[0] {
                    b'c' => Kept::Command(serde_json::from_str(&text).unwrap()),
                    _ => Kept::Report(serde_json::from_str(&text).unwrap()),
                });
            }
        }
        lines
    }

    /// Cuts off what a crash left half written, as whoever opens the journal does, and waits for the write that `lands` or does
    /// not. No host starts on a disk that takes nothing.
    pub fn mend(&mut self, lands: bool) {
        let whole = self.bytes.iter().rposition(|&byte| byte == MARK).map_or(0, |end| end + 1);
        self.bytes.truncate(whole);
        self.answer(lands);
        (self.full, self.failed) = (false, false);
    }

    /// From now on it does not answer.
    pub fn hang(&mut self) {
        self.hangs = true;
    }

    pub fn hangs(&self) -> bool {
        self.hangs
    }

    /// It answers again; the write that it did not answer has come to be, or has not.
    pub fn answer(&mut self, lands: bool) {
        self.hangs = false;
        if let Some(write) = self.under_way.take().filter(|_| lands) {
            self.landed_late += 1;
            self.keep(write);
        }
    }

    fn keep(&mut self, write: Write) {
        self.bytes.extend(write.bytes);
        self.bytes.push(MARK);
        self.writes += 1;
        self.recorded.extend(write.commands);
    }

    /// The ledger of an account, from the beginning.
    pub fn ledger(&self, account: AccountId, deposit: Money) -> Ledger {
        let mut ledger = Ledger::new(deposit);
        // A command that is repeated, as after a write that was given up, changes nothing.
        let mut recorded = BTreeSet::new();
        for line in self.read() {
            match line {
                Kept::Command(command) if command.account == account => {
                    if recorded.insert(name(&command)) {
                        ledger.recorded(&command);
                    }
                }
                Kept::Report(report) if report.account == account => drop(ledger.apply(&report)),
                Kept::Command(_) | Kept::Report(_) => {}
            }
        }
        ledger
    }

    /// The same for a host that takes the account on, as the store gives it.
    pub fn ledger_to_trade(&mut self, account: AccountId, deposit: Money) -> Ledger {
        let mut ledger = self.ledger(account, deposit);
        let begun = self.hosts_begun.entry(account).or_default();
        *begun = ledger.hosts_orders.max(*begun);
        ledger.hosts_orders = *begun;
        ledger
    }

    /// Has all counts go on after what a host may have sent that wrote nothing of it down, as the store does.
    pub fn skip_numbers(&mut self, accounts: &[AccountId], engines: &[EngineId], deposit: Money) {
        for &account in accounts {
            let highest = self.ledger(account, deposit).hosts_orders;
            let begun = self.hosts_begun.entry(account).or_default();
            *begun = sent_max(*begun, highest);
        }
        for &engine in engines {
            let highest = self.orders_begin(engine);
            self.begun.insert(engine, sent_max(highest, 0));
        }
    }

    /// After which number a host goes on that takes an engine on, as the store gives it.
    pub fn orders_begin(&mut self, engine: EngineId) -> u32 {
        let number = |line: &Kept| match line {
            Kept::Command(command) if command.order.engine() == engine && !command.order.is_hosts() => command.order.number(),
            _ => 0,
        };
        let highest = self.read().iter().map(number).max().unwrap_or_default();
        let begun = self.begun.entry(engine).or_default();
        *begun = highest.max(*begun);
        *begun
    }
}

/// The keeper's file, which outlives the host as well, and breaks apart from the journal.
#[derive(Default)]
pub struct Notes(Mutex<OnFile>);

#[derive(Default)]
struct OnFile {
    kept: keeper::Kept,
    /// What could not be written.
    waiting: Vec<Note>,
    broken: bool,
    has_lost: bool,
    stopped: bool,
}

impl Notes {
    fn lock(&self) -> std::sync::MutexGuard<'_, OnFile> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The host has died, and with it what could not be written.
    pub fn host_died(&self) {
        let mut file = self.lock();
        file.has_lost |= !file.waiting.is_empty();
        file.waiting.clear();
    }

    /// Whether something that was owed went with a host.
    pub fn has_lost(&self) -> bool {
        self.lock().has_lost
    }

    /// A host begins; whether the one before had stopped cleanly.
    pub fn begin(&self) -> bool {
        let mut file = self.lock();
        file.broken = false;
        std::mem::take(&mut file.stopped)
    }

    /// The host has stopped with everything written down.
    pub fn stopped(&self) {
        self.lock().stopped = true;
    }

    pub fn breaks(&self, broken: bool) {
        self.lock().broken = broken;
    }
}

impl Keeper for Notes {
    fn note(&self, note: Note) -> Result<(), NotKept> {
        self.lock().waiting.push(note);
        self.sync()
    }

    fn sync(&self) -> Result<(), NotKept> {
        let mut file = self.lock();
        if file.broken {
            return Err(NotKept("told to".into()));
        }
        for note in std::mem::take(&mut file.waiting) {
            file.kept.take(note);
        }
        Ok(())
    }

    fn kept(&self) -> keeper::Kept {
        self.lock().kept.clone()
    }
}

/// The port.
pub struct OnDisk {
    pub disk: Arc<Mutex<Disk>>,
    pub fate: Arc<Fate>,
}

impl Journal for OnDisk {
    fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError> {
        self.fate.point("before a write");
        let mut disk = self.disk.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        disk.failed = disk.full || disk.hangs;
        if disk.hangs {
            // One write is under way at most: what comes after it is not taken.
            disk.under_way.get_or_insert_with(|| Write::of(entries));
            return Err(JournalError::Unanswered("told to".into()));
        }
        if disk.full {
            return Err(JournalError::Disk("no space left on device".into()));
        }
        let write = Write::of(entries);
        // Whatever the cut leaves, the mark is not among it.
        if self.fate.is_due("in the middle of a write") {
            let torn = self.fate.below(write.bytes.len() as u64) as usize;
            disk.bytes.extend_from_slice(&write.bytes[..torn]);
            drop(disk);
            self.fate.die();
        }
        disk.keep(write);
        drop(disk);
        self.fate.point("after a write");
        Ok(())
    }
}
