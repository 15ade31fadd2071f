//! What was tried and what was found, told as it comes and in a table in the end.

use crate::checks::{Check, Finding};
use crate::faults::Fault;
use crate::run::shown;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest that a stop may take.
const STOP_MAX: Duration = Duration::from_secs(20);
/// How many findings of each check are kept.
const KEPT_MAX: usize = 5;
/// What an audit at rest looks at, whatever the fault.
const AT_REST: [Check; 9] = [
    Check::NothingLost,
    Check::SentOnce,
    Check::NumbersOnce,
    Check::SentIsRecorded,
    Check::LedgerExact,
    Check::ContractKept,
    Check::TickOnce,
    Check::MarketGoesOn,
    Check::ChangesEnd,
];

/// The counts of a run.
pub struct Tally {
    name: &'static str,
    begun: Instant,
    rounds: u64,
    fault: Option<Fault>,
    faults: BTreeMap<Fault, u64>,
    left_out: BTreeMap<String, u64>,
    looked_at: BTreeMap<Check, u64>,
    failed: BTreeMap<Check, u64>,
    kept: BTreeMap<Check, Vec<String>>,
    halts: u64,
    halts_forgotten: u64,
    lives: u64,
    lives_replayed: u64,
    orders: usize,
    stop_longest: Duration,
    /// Orders given at a tick of an earlier life, and orders that the journal lacks: of this site, and of those before it.
    pub repeated: usize,
    pub repeated_earlier: usize,
    pub unjournaled: usize,
    pub unjournaled_earlier: usize,
}

impl Tally {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            begun: Instant::now(),
            rounds: 0,
            fault: None,
            faults: BTreeMap::new(),
            left_out: BTreeMap::new(),
            looked_at: BTreeMap::new(),
            failed: BTreeMap::new(),
            kept: BTreeMap::new(),
            halts: 0,
            halts_forgotten: 0,
            lives: 0,
            lives_replayed: 0,
            orders: 0,
            stop_longest: Duration::ZERO,
            repeated: 0,
            repeated_earlier: 0,
            unjournaled: 0,
            unjournaled_earlier: 0,
        }
    }

    pub fn begin_round(&mut self, fault: Fault) {
        self.rounds += 1;
        self.fault = Some(fault);
        *self.faults.entry(fault).or_default() += 1;
        println!("{}, {:.0} s, round {}: {fault}", self.name, self.begun.elapsed().as_secs_f64(), self.rounds);
    }

    pub fn end_round(&mut self, orders: usize) {
        self.orders = orders;
    }

    /// The counts of a site that is given up are kept.
    pub fn begin_site(&mut self) {
        (self.repeated_earlier, self.unjournaled_earlier) = (self.repeated, self.unjournaled);
    }

    /// Something was looked at.
    pub fn check(&mut self, check: Check, holds: bool, seen: impl FnOnce() -> String) {
        *self.looked_at.entry(check).or_default() += 1;
        if !holds {
            self.fail(Finding::new(check, seen()));
        }
    }

    /// An audit at rest was done.
    pub fn audited(&mut self, findings: Vec<Finding>) {
        AT_REST.into_iter().chain([Check::OrdersEnd]).for_each(|check| *self.looked_at.entry(check).or_default() += 1);
        findings.into_iter().for_each(|finding| self.fail(finding));
    }

    pub fn halt(&mut self, kept: bool, seen: impl FnOnce() -> String) {
        self.halts += 1;
        self.halts_forgotten += u64::from(!kept);
        self.check(Check::HaltKept, kept, seen);
    }

    pub fn replayed(&mut self, check: Check, kept: bool, seen: impl FnOnce() -> String) {
        if check == Check::LifeReplays {
            self.lives += 1;
            self.lives_replayed += u64::from(kept);
        }
        self.check(check, kept, seen);
    }

    pub fn stopped(&mut self, took: Duration) {
        self.stop_longest = self.stop_longest.max(took);
        self.check(Check::StopsInTime, took <= STOP_MAX, || format!("it took {:.1} s", took.as_secs_f64()));
    }

    pub fn leave_out(&mut self, why: &str) {
        println!("{}: LEFT OUT: {why}", self.name);
        *self.left_out.entry(why.to_owned()).or_default() += 1;
    }

    fn fail(&mut self, finding: Finding) {
        let fault = self.fault.map_or_else(|| "the start".to_owned(), |fault| fault.to_string());
        let line = format!("round {}, {fault}: {}", self.rounds, shown(&finding));
        println!("{}: FOUND: {line}", self.name);
        *self.failed.entry(finding.check).or_default() += 1;
        let kept = self.kept.entry(finding.check).or_default();
        if kept.len() < KEPT_MAX {
            kept.push(line);
        }
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut table = format!(
            "{}: {} faults in {:.0} s, {} orders on the last site, longest stop {:.1} s\n",
            self.name,
            self.rounds,
            self.begun.elapsed().as_secs_f64(),
            self.orders,
            self.stop_longest.as_secs_f64()
        );
        for (fault, times) in &self.faults {
            _ = writeln!(table, "  {times:>5} x {fault}");
        }
        for (why, times) in &self.left_out {
            _ = writeln!(table, "  {times:>5} x LEFT OUT: {why}");
        }
        _ = writeln!(table, "{:>9} {:>7}  what must hold", "looked at", "failed");
        for check in Check::ALL {
            let count = |of: &BTreeMap<Check, u64>| of.get(check).copied().unwrap_or_default();
            _ = writeln!(table, "{:>9} {:>7}  {check}", count(&self.looked_at), count(&self.failed));
        }
        table
    }

    /// Leaves the counts for whoever asked for them in a folder.
    pub fn write(&self, folder: &Path) {
        let counts = json!({
            "halts": self.halts, "halts_forgotten": self.halts_forgotten, "lives": self.lives, "lives_replayed": self.lives_replayed,
            "orders_repeated": self.repeated, "sent_not_in_journal": self.unjournaled, "stop_longest_s": self.stop_longest.as_secs_f64(),
        });
        std::fs::write(folder.join(format!("{}.json", self.name)), counts.to_string()).expect("the folder can be written to");
    }

    /// What was found, as far as it was kept.
    pub fn found(&self) -> Vec<&String> {
        self.kept.values().flatten().collect()
    }
}
