//! The real program under faults, from outside: many engines trade, something goes wrong, and everything that must hold is audited
//! from the database and from the broker's own count.
//!
//! ```text
//! trade a while -> a fault (faults) -> at rest: audit (facts, audit), replay -> start: halts, wishes, ticks, brokers (run) -> ...
//! ```
//! Each database has one test. In the usual tests it takes about a minute; `cargo xtask crash --minutes 60` has it go on for longer,
//! with faults drawn at random. Every run prints its seed; `CRASH_SEED` repeats what was drawn, and `CRASH_FAULTS=Kill,DiskFull` has
//! only these happen, once each, in this order.

mod audit;
mod checks;
mod crowd;
mod database;
mod facts;
mod faults;
mod host;
#[allow(dead_code, reason = "the other tests of the program use all of it")]
#[path = "../it/program.rs"]
mod program;
mod random;
mod run;
mod site;
mod tally;

use faults::Fault;
use random::Random;
use run::Run;
use site::Kind;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use tally::Tally;

/// Engines of a host in the usual tests.
const ENGINES: usize = 24;
/// A host gets a new place after this many faults of a long run: its database and records stay small.
const FAULTS_OF_A_SITE: usize = 40;

#[test]
fn a_host_on_sqlite_keeps_what_it_knows_whatever_happens() {
    survives(Kind::Sqlite, "sqlite");
}

#[test]
fn a_host_on_postgresql_keeps_what_it_knows_whatever_happens() {
    survives(Kind::Postgres, "postgresql");
}

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} can't be {text:?}")))
}

fn survives(kind: Kind, name: &'static str) {
    let now = || SystemTime::UNIX_EPOCH.elapsed().expect("it is after 1970").as_micros() as u64;
    let seed = setting("CRASH_SEED").unwrap_or_else(now);
    let until = setting("CRASH_MINUTES").map(|minutes: f64| Instant::now() + Duration::from_secs_f64(minutes * 60.0));
    let engines = setting("CRASH_ENGINES").unwrap_or(ENGINES);
    println!("{name}: CRASH_SEED={seed}, {engines} engines");
    let mut random = Random::new(seed);
    let mut tally = Tally::new(name);
    if until.is_none() {
        let mut faults = Fault::short(kind);
        random.shuffle(&mut faults);
        let chosen = setting("CRASH_FAULTS").map_or(faults, |names: String| Fault::named(&names));
        one_site(kind, engines, &chosen, &mut random, &mut tally, None);
    }
    while until.is_some_and(|until| Instant::now() < until) {
        let all = Fault::long(kind);
        let faults: Vec<Fault> = (0..FAULTS_OF_A_SITE).map(|_| *random.pick(&all)).collect();
        one_site(kind, engines, &faults, &mut random, &mut tally, until);
    }
    println!("{}", tally.table());
    if let Ok(folder) = std::env::var("CRASH_FIGURES") {
        tally.write(Path::new(&folder));
    }
    let found = tally.found();
    assert!(found.is_empty(), "CRASH_SEED={seed}: {found:#?}");
}

/// A host at one place, until all of that has happened to it, it does not come back, or the time is over.
fn one_site(kind: Kind, engines: usize, faults: &[Fault], random: &mut Random, tally: &mut Tally, until: Option<Instant>) {
    tally.begin_site();
    let mut run = Run::begin(kind, engines, random, tally);
    for fault in faults {
        if until.is_some_and(|until| Instant::now() >= until) || !run.round(*fault) {
            break;
        }
    }
}
