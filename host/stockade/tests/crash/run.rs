//! A host's many lives: a fault, an audit at rest, a start, a look at what came back.

use crate::audit::{self, Life, Memory, audit};
use crate::checks::{Check, Finding};
use crate::crowd::Crowd;
use crate::facts;
use crate::faults::Fault;
use crate::host::{Host, Odd, Starting, last_line, wait_for};
use crate::program::Ran;
use crate::random::Random;
use crate::site::{Disk, Kind, Site};
use crate::tally::Tally;
use serde_json::{Value, json};
use std::time::Duration;

/// Whose trading is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Host,
    Account(u64),
    Engine(u64),
}

/// One site, and everything that is known of it.
pub struct Run<'a> {
    // Ended before its folder goes.
    pub host: Option<Host>,
    pub site: Site,
    pub crowd: Crowd,
    pub random: &'a mut Random,
    pub tally: &'a mut Tally,
    memory: Memory,
    /// Halts that were answered with 200 and not lifted since.
    pub halted: Vec<Scope>,
    /// The host's halt was lifted, which was answered with 200.
    pub lifted: bool,
    /// What the last life did can't all be on a disk that was full: its record has holes, and says so.
    pub has_holes: bool,
    /// Engines that were told what to do, which was answered with 200, and what they must do after the next start.
    pub wished: Vec<(u64, String)>,
}

/// Longer than engines start in, on a busy machine too.
const SETTLES_WITHIN: Duration = Duration::from_secs(30);
/// Longer than it takes until an order is sent.
const TRADES_WITHIN: Duration = Duration::from_secs(60);
/// How many engines' records of a life that was killed are replayed.
const REPLAYS: usize = 2;
const ORDERS_BETWEEN_FAULTS_MAX: usize = 20;

impl<'a> Run<'a> {
    /// A host with its crowd, trading.
    pub fn begin(kind: Kind, engines: usize, random: &'a mut Random, tally: &'a mut Tally) -> Self {
        let site = Site::new(kind);
        let host = match Starting::begin(&site, &Odd::default()).ready() {
            Ok(host) => host,
            Err((status, why)) => panic!("a host on an empty database does not start ({status:?}): {why}"),
        };
        let crowd = Crowd::arrive(&host, engines);
        let mut run = Self {
            host: Some(host),
            site,
            crowd,
            random,
            tally,
            memory: Memory::default(),
            halted: Vec::new(),
            lifted: false,
            has_holes: false,
            wished: Vec::new(),
        };
        run.settle();
        run
    }

    /// One fault with all that follows. `false` when the host does not come back.
    pub fn round(&mut self, fault: Fault) -> bool {
        self.tally.begin_round(fault);
        self.trade();
        if self.random.one_in(3) {
            let engine = *self.random.pick(&self.crowd.sound());
            self.replay(engine, Check::ReplaysBeside);
        }
        let life = self.inflict(fault);
        self.rest(life);
        let came_back = self.rise();
        self.tally.end_round(self.memory.facts.orders.len());
        came_back
    }

    pub fn host(&mut self) -> &mut Host {
        self.host.as_mut().expect("it runs until a fault has ended it")
    }

    pub fn sent(&self) -> Vec<i64> {
        facts::sent(&self.site.counts())
    }

    pub fn disk(&self, act: impl FnOnce(&Disk)) {
        self.site.disk().map(act);
    }

    /// Waits for some more orders.
    pub fn trade(&mut self) {
        let wanted = self.sent().len() + 1 + self.random.below(ORDERS_BETWEEN_FAULTS_MAX);
        let traded = wait_for(TRADES_WITHIN, || self.sent().len() >= wanted);
        self.tally.check(Check::Lives, traded, || format!("nothing is traded within {} s", TRADES_WITHIN.as_secs()));
    }

    pub fn kill(&mut self) -> Life {
        if let Some(host) = self.host.take() {
            host.kill();
        }
        Life { was_ready: true, ended_clean: false }
    }

    pub fn stop(&mut self) -> Life {
        let (status, took) = self.host.take().expect("it runs").stop();
        self.tally.stopped(took);
        let code = status.and_then(|status| status.code());
        let clean = matches!(code, Some(0 | 7));
        self.tally.check(Check::StopsClean, clean, || format!("it ended with {status:?}"));
        Life { was_ready: true, ended_clean: code == Some(0) }
    }

    /// The audit of what a life has left behind.
    pub fn rest(&mut self, life: Life) {
        self.site.database.start_again();
        self.disk(Disk::free);
        let (sent, now) = (self.sent(), self.site.database.facts());
        let since = self.memory.facts.latest();
        let findings = audit(&mut self.memory, now, &sent, life);
        self.memory.sent_before = sent.len();
        self.tally.audited(findings);
        self.tally.repeated = self.tally.repeated_earlier + audit::told_ticks(&self.memory);
        self.tally.unjournaled = self.tally.unjournaled_earlier + audit::told(&self.memory, Check::SentIsRecorded);
        self.look_for_panics();
        let has_holes = std::mem::take(&mut self.has_holes);
        if life.was_ready && !life.ended_clean && !has_holes {
            for _ in 0..REPLAYS {
                let engine = self.random.pick(&self.crowd.members).id;
                self.replay_since(engine, Check::LifeReplays, since);
            }
        }
    }

    /// What a restored database does not know was sent before, and is not lost.
    pub fn forgive(&mut self) {
        let facts = self.site.database.facts();
        self.memory.forgiven.extend(self.sent().into_iter().filter(|order| !facts.orders.contains_key(order)));
        self.memory.facts = facts;
    }

    /// Starts the host and looks at what came back. `false` when nothing did.
    pub fn rise(&mut self) -> bool {
        let started = self.start(&Odd::default());
        if started {
            self.remembers_halts();
            self.settle();
            self.remembers_wishes();
        }
        started
    }

    pub fn start(&mut self, odd: &Odd) -> bool {
        _ = std::fs::remove_file(self.site.log());
        let came = Starting::begin(&self.site, odd).ready();
        let why = came.as_ref().err().map(|(status, line)| format!("{status:?}: {line}"));
        self.tally.check(Check::Starts, came.is_ok(), || why.unwrap_or_default());
        self.host = came.ok();
        self.host.is_some()
    }

    fn remembers_halts(&mut self) {
        for scope in std::mem::take(&mut self.halted) {
            let state = self.trading(scope);
            self.tally.halt(state == "halted", || format!("{scope:?} is {state} after a halt that was answered with 200"));
        }
        if std::mem::take(&mut self.lifted) {
            let state = self.trading(Scope::Host);
            self.tally.check(Check::LiftKept, state == "active", || format!("the host is {state} after its halt was lifted"));
        }
        // Some halts are kept although nobody was told so: one that was not answered, or not with 200.
        let accounts: Vec<Scope> = self.crowd.accounts.iter().map(|id| Scope::Account(*id)).collect();
        let engines: Vec<Scope> = self.crowd.sound().into_iter().map(Scope::Engine).collect();
        for scope in [vec![Scope::Host], accounts, engines].concat() {
            if self.trading(scope) != "active" {
                self.set_trading(scope, "active");
            }
        }
    }

    /// Engines do what is wanted of them, each is handed ticks, and accounts are what their brokers say.
    fn settle(&mut self) {
        self.agrees("the start");
        let mut deaf = Vec::new();
        let fed = wait_for(SETTLES_WITHIN, || {
            deaf = self.engines().into_iter().filter(|engine| engine["state"] == "running" && engine["ticks"] == 0).collect();
            deaf.is_empty()
        });
        self.tally.check(Check::NobodyStarves, fed, || format!("{} engines run without a tick: {}", deaf.len(), names(&deaf)));
        let mut differ = Vec::new();
        let same = wait_for(SETTLES_WITHIN, || {
            let Ok((200, found)) = self.host().post("/reconcile?limit=1000", &json!({})) else { return false };
            differ = items(&found).into_iter().filter(|account| account["same"] != true).collect();
            differ.is_empty()
        });
        self.tally.check(Check::Reconciles, same, || format!("{differ:?}"));
    }

    /// What is wanted of each engine is what it does, at the latest when it has come to rest.
    pub fn agrees(&mut self, after: &str) {
        let hostile: Vec<u64> = self.crowd.members.iter().filter(|member| member.is_hostile).map(|member| member.id).collect();
        let mut other = Vec::new();
        let agree = wait_for(SETTLES_WITHIN, || {
            let engines = self.engines();
            let all = engines.len() == self.crowd.members.len();
            other = engines.into_iter().filter(|engine| !does_what_is_wanted(engine, &hostile)).collect();
            all && other.is_empty()
        });
        self.tally.check(Check::WishKept, agree, || format!("after {after}: {}", names(&other)));
    }

    /// Engines do what they were told before the last life ended. Then all of them run again.
    fn remembers_wishes(&mut self) {
        for (id, wished) in std::mem::take(&mut self.wished) {
            let state = self.engines().into_iter().find(|engine| engine["id"] == id).unwrap_or_default()["state"].clone();
            self.tally.check(Check::WishKept, state == *wished, || format!("engine {id} was {wished} before the restart and is {state}"));
            _ = self.host().post(&format!("/engines/{id}/start"), &json!({}));
            _ = self.host().post(&format!("/engines/{id}/resume"), &json!({}));
        }
    }

    pub fn engines(&mut self) -> Vec<Value> {
        self.host().get("/engines?limit=1000").map(|(_, engines)| items(&engines)).unwrap_or_default()
    }

    /// Sets what may be done at the market; whether that was answered with 200.
    pub fn set_trading(&mut self, scope: Scope, trading: &str) -> bool {
        let body = json!({ "trading": trading });
        let answer = match scope {
            Scope::Host => self.host().post("/trading", &body),
            Scope::Account(id) => self.host().patch(&format!("/accounts/{id}"), &body),
            Scope::Engine(id) => self.host().patch(&format!("/engines/{id}"), &body),
        };
        matches!(answer, Ok((200, _)))
    }

    fn trading(&mut self, scope: Scope) -> String {
        let path = match scope {
            Scope::Host => "/trading".to_owned(),
            Scope::Account(id) => format!("/accounts/{id}"),
            Scope::Engine(id) => format!("/engines/{id}"),
        };
        match self.host().get(&path) {
            Ok((_, document)) => document["trading"].as_str().unwrap_or("not to be seen").to_owned(),
            Err(why) => why,
        }
    }

    fn replay(&mut self, engine: u64, check: Check) {
        let since = self.memory.facts.latest();
        self.replay_since(engine, check, since);
    }

    /// Does the last life of an engine again.
    fn replay_since(&mut self, engine: u64, check: Check, since: Option<i64>) {
        let number = engine.to_string();
        let mut arguments = vec!["replay", "--engine", &number, "--json"];
        let from = since.map(minute);
        if let Some(from) = &from {
            arguments.extend(["--from", from]);
        }
        let ran = Ran::of(&mut self.site.command(&arguments));
        if ran.err.contains("no record of engine") {
            return;
        }
        let kept = ran.code == 0 || last_life_is_the_same(&ran.out);
        self.tally.replayed(check, kept, || format!("engine {engine}: exit code {}, {}", ran.code, ran.err.trim_end()));
    }

    fn look_for_panics(&mut self) {
        let log = std::fs::read(self.site.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        // A guest that panics is a line of JSON like all others; what the standard library says of the host is not.
        let line = log.lines().find(|line| line.starts_with("thread '") && line.contains("panicked at"));
        let said = line.map(ToOwned::to_owned);
        self.tally.check(Check::NoPanic, said.is_none(), || said.unwrap_or_else(|| last_line(&self.site.log())));
    }
}

/// Other lives may have lost their ticks to the bounds; the last one is the one that was ended.
fn last_life_is_the_same(report: &str) -> bool {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    let last = report["lives"].as_array().and_then(|lives| lives.last());
    last.is_some_and(|life| life["not_replayed"].is_null() && life["difference"].is_null())
}

/// The minute of a moment, as the command line takes it: all days of these markets are in one month.
fn minute(at: i64) -> String {
    let minutes = at / 60_000_000;
    // 2024-01-01 00:00 UTC.
    let since = minutes - 28_401_120;
    let (day, hour, minute) = (since / 1_440, since / 60 % 24, since % 60);
    format!("2024-01-{:02} {hour:02}:{minute:02}", (day + 1).clamp(1, 31))
}

fn does_what_is_wanted(engine: &Value, hostile: &[u64]) -> bool {
    let (wanted, state) = (engine["wanted"].as_str().unwrap_or_default(), engine["state"].as_str().unwrap_or_default());
    let fails = engine["id"].as_u64().is_some_and(|id| hostile.contains(&id));
    wanted == state || (fails && wanted == "running" && state != "stopped" && state != "paused")
}

fn items(page: &Value) -> Vec<Value> {
    page["items"].as_array().cloned().unwrap_or_default()
}

fn names(engines: &[Value]) -> String {
    let one = |engine: &Value| format!("engine {} is wanted {} and is {}", engine["id"], engine["wanted"], engine["state"]);
    engines.iter().take(4).map(one).collect::<Vec<_>>().join("; ")
}

/// What [`Finding`]s of a run's own look like in its table.
pub fn shown(finding: &Finding) -> String {
    let line: String = finding.seen.chars().take(240).collect();
    format!("{}: {line}", finding.check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_does_something_else_is_seen() {
        let engine = |wanted: &str, state: &str| json!({ "id": 3, "wanted": wanted, "state": state });
        for (wanted, state, sound, hostile) in [
            ("running", "running", true, true),
            ("paused", "paused", true, true),
            ("stopped", "running", false, false),
            ("running", "stopped", false, false),
            ("running", "faulted", false, true),
            ("running", "quarantined", false, true),
        ] {
            let engine = engine(wanted, state);
            assert_eq!((does_what_is_wanted(&engine, &[]), does_what_is_wanted(&engine, &[3])), (sound, hostile), "{engine}");
        }
    }

    #[test]
    fn the_last_life_counts() {
        let report = |last: Value| json!({ "lives": [{ "not_replayed": "gone" }, last] }).to_string();
        assert!(last_life_is_the_same(&report(json!({ "not_replayed": null, "difference": null }))));
        assert!(!last_life_is_the_same(&report(json!({ "not_replayed": "ticks are missing" }))));
        assert!(!last_life_is_the_same(&report(json!({ "difference": "other" }))));
        assert!(!last_life_is_the_same(""));
    }

    #[test]
    fn moments_are_minutes_on_the_command_line() {
        assert_eq!(minute(1_704_704_459_000_000), "2024-01-08 09:00");
    }
}
