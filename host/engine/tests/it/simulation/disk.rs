//! The journal on a disk that outlives the host: lines with their length, closed by a mark for each write. A crash may leave a
//! torn tail, which is not there any more when it is read.

use super::run::Fate;
use domain::broker::Report;
use domain::ids::{AccountId, EngineId, OrderId};
use domain::journal::{Entry, Journal, JournalError};
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
    /// The last write failed: until one succeeds the host may send ways out that it owes.
    pub failed: bool,
    /// Where the numbers of orders began for the last host: of an engine's guest, and of its own on an account.
    begun: BTreeMap<EngineId, u32>,
    hosts_begun: BTreeMap<AccountId, u32>,
    pub writes: u64,
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

    /// Cuts off what a crash left half written, as whoever opens the journal does. No host starts on a disk that takes nothing.
    pub fn mend(&mut self) {
        (self.full, self.failed) = (false, false);
        let whole = self.bytes.iter().rposition(|&byte| byte == MARK).map_or(0, |end| end + 1);
        self.bytes.truncate(whole);
    }

    /// The ledger of an account, from the beginning.
    pub fn ledger(&self, account: AccountId, deposit: Money) -> Ledger {
        let mut ledger = Ledger::new(deposit);
        for line in self.read() {
            match line {
                Kept::Command(command) if command.account == account => ledger.recorded(&command),
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
        *begun = sent_max(*begun, ledger.hosts_orders);
        ledger.hosts_orders = *begun;
        ledger
    }

    /// After which number a host goes on that takes an engine on, as the store gives it.
    pub fn orders_begin(&mut self, engine: EngineId) -> u32 {
        let number = |line: &Kept| match line {
            Kept::Command(command) if command.order.engine() == engine && !command.order.is_hosts() => command.order.number(),
            _ => 0,
        };
        let highest = self.read().iter().map(number).max().unwrap_or_default();
        let begun = self.begun.entry(engine).or_default();
        *begun = sent_max(*begun, highest);
        *begun
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
        disk.failed = disk.full;
        if disk.full {
            return Err(JournalError::Disk("no space left on device".into()));
        }
        let mut bytes = Vec::new();
        for entry in entries {
            let (kind, text) = match entry {
                Entry::Command(command) => (b'c', serde_json::to_vec(command).unwrap()),
                Entry::Report(report) => (b'r', serde_json::to_vec(report).unwrap()),
            };
            bytes.push(kind);
            bytes.extend(text.into_iter().map(|byte| if byte == b';' { 1 } else { byte }));
            bytes.push(b';');
        }
        // Whatever the cut leaves, the mark is not among it.
        if self.fate.is_due("in the middle of a write") {
            let torn = self.fate.below(bytes.len() as u64) as usize;
            disk.bytes.extend_from_slice(&bytes[..torn]);
            drop(disk);
            self.fate.die();
        }
        bytes.push(MARK);
        disk.bytes.extend(bytes);
        disk.writes += 1;
        for entry in entries {
            if let Entry::Command(command) = entry {
                disk.recorded.insert(name(command));
            }
        }
        drop(disk);
        self.fate.point("after a write");
        Ok(())
    }
}
