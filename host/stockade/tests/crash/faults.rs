//! Everything that is done to a host. Each fault leaves it ended, and says how that went.

use crate::audit::Life;
use crate::checks::Check;
use crate::host::{Host, Odd, Starting, let_live, wait_for};
use crate::run::{Run, Scope};
use crate::site::Kind;
use rustix::process::Signal;
use serde_json::json;
use std::fmt;
use std::sync::Barrier;
use std::time::Duration;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Kill,
    KillWhileStarting,
    KillAfterHalt,
    KillAfterLift,
    KillAfterWish,
    Stop,
    StopWhileStarting,
    Freeze,
    DiskFull,
    LogCut,
    FeedLost,
    OlderDatabase,
    DatabaseGone,
    SecondHost,
    LockLost,
    WishRace,
    ClockStep,
    ServerStops,
    ServerStopsWithHost,
    ServerCrashes,
    ServerCuts,
}

/// Faults with SQLite, each as often as it is to come up in a long run.
const WITH_SQLITE: &[(Fault, usize)] = &[
    (Fault::Kill, 3),
    (Fault::KillWhileStarting, 1),
    (Fault::KillAfterHalt, 6),
    (Fault::KillAfterLift, 1),
    (Fault::KillAfterWish, 1),
    (Fault::Stop, 2),
    (Fault::StopWhileStarting, 1),
    (Fault::Freeze, 1),
    (Fault::DiskFull, 2),
    (Fault::LogCut, 1),
    (Fault::FeedLost, 1),
    (Fault::OlderDatabase, 1),
    (Fault::DatabaseGone, 1),
    (Fault::SecondHost, 1),
    (Fault::LockLost, 1),
    (Fault::WishRace, 1),
    (Fault::ClockStep, 1),
];
/// The same with PostgreSQL.
const WITH_POSTGRES: &[(Fault, usize)] = &[
    (Fault::Kill, 2),
    (Fault::KillAfterHalt, 4),
    (Fault::OlderDatabase, 1),
    (Fault::LockLost, 1),
    (Fault::SecondHost, 1),
    (Fault::WishRace, 1),
    (Fault::ServerStops, 1),
    (Fault::ServerStopsWithHost, 2),
    (Fault::ServerCrashes, 1),
    (Fault::ServerCuts, 1),
];
/// What the usual tests have time for with PostgreSQL.
const SHORT_WITH_POSTGRES: &[Fault] =
    &[Fault::KillAfterHalt, Fault::ServerStops, Fault::ServerStopsWithHost, Fault::ServerCrashes, Fault::ServerCuts, Fault::LockLost];

impl Fault {
    /// Those of the usual tests: each once.
    pub fn short(kind: Kind) -> Vec<Self> {
        match kind {
            Kind::Sqlite => WITH_SQLITE.iter().map(|(fault, _)| *fault).collect(),
            Kind::Postgres => SHORT_WITH_POSTGRES.to_vec(),
        }
    }

    /// Those of a list of names as they stand in this file, such as `Kill,DiskFull`.
    pub fn named(names: &str) -> Vec<Self> {
        let all = || WITH_SQLITE.iter().chain(WITH_POSTGRES).map(|(fault, _)| *fault);
        let named = |name: &str| all().find(|fault| format!("{fault:?}") == name).unwrap_or_else(|| panic!("there is no fault {name}"));
        names.split(',').map(named).collect()
    }

    /// Those that a long run draws from.
    pub fn long(kind: Kind) -> Vec<Self> {
        let all = match kind {
            Kind::Sqlite => WITH_SQLITE,
            Kind::Postgres => WITH_POSTGRES,
        };
        all.iter().flat_map(|(fault, times)| std::iter::repeat_n(*fault, *times)).collect()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "killed",
            Self::KillWhileStarting => "killed while starting",
            Self::KillAfterHalt => "killed right after a halt",
            Self::KillAfterLift => "killed right after a halt was lifted",
            Self::KillAfterWish => "killed right after an engine was stopped or paused",
            Self::Stop => "stopped",
            Self::StopWhileStarting => "stopped while starting",
            Self::Freeze => "frozen for a while",
            Self::DiskFull => "its disk is full",
            Self::LogCut => "nobody reads its log",
            Self::FeedLost => "feed.json is gone",
            Self::OlderDatabase => "an older database is put back",
            Self::DatabaseGone => "its database file vanishes",
            Self::SecondHost => "a second host starts",
            Self::LockLost => "its lock is lost and a second host starts",
            Self::WishRace => "two requests on one engine at once",
            Self::ClockStep => "the clock steps",
            Self::ServerStops => "the server stops and comes back",
            Self::ServerStopsWithHost => "the host stops while the server is down",
            Self::ServerCrashes => "the server crashes and comes back",
            Self::ServerCuts => "the server cuts every connection",
        })
    }
}

/// Longer than a host starts, to end it at any moment of that.
const STARTING: Duration = Duration::from_millis(1_500);
const FULL_FOR: Duration = Duration::from_secs(2);
const FROZEN_FOR: Duration = Duration::from_secs(3);
const DOWN_FOR: Duration = Duration::from_secs(3);
/// What is broken for a while works again within this time after it was mended.
const MENDS_WITHIN: Duration = Duration::from_secs(40);
/// Of two hosts one has ended within this time.
const FENCED_WITHIN: Duration = Duration::from_secs(20);
/// A file that is gone is noticed within a second; a busy machine needs longer.
const NOTICED_WITHIN: Duration = Duration::from_secs(5);
const RACES: usize = 4;
const COMMANDS: [&str; 4] = ["start", "stop", "pause", "resume"];
/// Steps of the wall clock, as libfaketime reads them.
const STEPS: [&str; 4] = ["-1h", "+1h", "-400d", "+1d"];
/// Ticks are counted for so long before a step and after it.
const PACE_OVER: Duration = Duration::from_secs(3);
/// How much slower or faster a busy machine may make it.
const PACE_WITHIN: f64 = 5.0;
const IN_USE: i32 = 5;

impl Run<'_> {
    /// Does it. The host has ended afterwards.
    pub fn inflict(&mut self, fault: Fault) -> Life {
        match fault {
            Fault::Kill => self.kill(),
            Fault::KillWhileStarting => self.while_starting(drop),
            Fault::KillAfterHalt => self.kill_after_halt(),
            Fault::KillAfterLift => self.kill_after_lift(),
            Fault::KillAfterWish => self.kill_after_wish(),
            Fault::Stop => self.stop(),
            Fault::StopWhileStarting => self.stop_while_starting(),
            Fault::Freeze => self.freeze(),
            Fault::DiskFull => self.fill_disk(),
            Fault::LogCut => self.cut_log(),
            Fault::FeedLost => self.lose_feed(),
            Fault::OlderDatabase => self.put_older_back(),
            Fault::DatabaseGone => self.remove_database(),
            Fault::SecondHost => self.start_second(),
            Fault::LockLost => self.lose_lock(),
            Fault::WishRace => self.race_wishes(),
            Fault::ClockStep => self.step_clock(),
            Fault::ServerStops => self.break_server(|database| database.stop()),
            Fault::ServerCrashes => self.break_server(|database| database.crash()),
            Fault::ServerStopsWithHost => self.stop_without_server(),
            Fault::ServerCuts => self.cut_connections(),
        }
    }

    /// However a life ends that nothing special is to end.
    fn end(&mut self) -> Life {
        if self.random.one_in(2) { self.kill() } else { self.stop() }
    }

    fn while_starting(&mut self, end: impl FnOnce(Starting)) -> Life {
        let life = self.kill();
        self.rest(life);
        let starting = Starting::begin(&self.site, &Odd::default());
        let_live(self.random.up_to(STARTING));
        end(starting);
        Life { was_ready: false, ended_clean: false }
    }

    fn stop_while_starting(&mut self) -> Life {
        let mut ended = None;
        let life = self.while_starting(|starting| {
            starting.signal(Signal::TERM);
            ended = Some(starting.ended());
        });
        let code = ended.flatten().and_then(|status| status.code());
        self.tally.check(Check::StopsWhileStarting, code.is_some(), || "it died by the signal, or went on".to_owned());
        life
    }

    /// One halt or several, and the end right after the last was answered.
    fn kill_after_halt(&mut self) -> Life {
        let (account, engine) = (*self.random.pick(&self.crowd.accounts), *self.random.pick(&self.crowd.sound()));
        let mut scopes = [Scope::Host, Scope::Account(account), Scope::Engine(engine)];
        self.random.shuffle(&mut scopes);
        let many = 1 + self.random.below(scopes.len());
        for scope in scopes.into_iter().take(many) {
            if self.set_trading(scope, "halted") {
                self.halted.push(scope);
            }
        }
        self.kill()
    }

    fn kill_after_wish(&mut self) -> Life {
        let engine = *self.random.pick(&self.crowd.sound());
        let (command, state) = *self.random.pick(&[("stop", "stopped"), ("pause", "paused")]);
        if let Ok((200, _)) = self.host().post(&format!("/engines/{engine}/{command}"), &json!({})) {
            self.wished.push((engine, state.to_owned()));
        }
        self.kill()
    }

    fn kill_after_lift(&mut self) -> Life {
        if self.set_trading(Scope::Host, "halted") && self.set_trading(Scope::Host, "active") {
            self.lifted = true;
        }
        self.kill()
    }

    fn freeze(&mut self) -> Life {
        self.host().signal(Signal::STOP);
        let_live(self.random.up_to(FROZEN_FOR));
        self.host().signal(Signal::CONT);
        self.trades_again("it was frozen");
        self.end()
    }

    fn fill_disk(&mut self) -> Life {
        if self.site.disk().is_none() {
            return self.leave_out("no disk was filled: only root may mount a small one");
        }
        self.disk(|disk| disk.fill());
        self.has_holes = true;
        let_live(FULL_FOR);
        if self.random.one_in(3) {
            self.flatten();
        }
        match self.random.below(3) {
            0 => self.kill(),
            1 => self.stop(),
            _ => {
                self.disk(|disk| disk.free());
                self.trades_again("its disk was full");
                self.end()
            }
        }
    }

    fn cut_log(&mut self) -> Life {
        let life = self.kill();
        self.rest(life);
        let odd = Odd { log_is_cut: true, ..Odd::default() };
        if !self.start(&odd) {
            return Life { was_ready: false, ended_clean: false };
        }
        // The kill switch writes a line of its own.
        let answered = self.set_trading(Scope::Host, "reducing") && self.set_trading(Scope::Host, "active");
        let lives = answered && self.host().get("/health").is_ok();
        self.tally.check(Check::Lives, lives, || "it died of a log line that nobody reads".to_owned());
        if lives { self.end() } else { self.kill() }
    }

    fn lose_feed(&mut self) -> Life {
        let life = self.kill();
        self.rest(life);
        let feed = self.site.data().join("feed.json");
        match self.random.one_in(2) {
            true => _ = std::fs::remove_file(feed),
            false => _ = std::fs::write(feed, ""),
        }
        self.rise();
        self.kill()
    }

    fn put_older_back(&mut self) -> Life {
        self.with_older(|run| run.trade())
    }

    /// Keeps a copy, goes on, and puts it back in the end.
    fn with_older(&mut self, goes_on: impl FnOnce(&mut Self)) -> Life {
        let life = self.kill();
        self.rest(life);
        let folder = tempfile::tempdir().expect("a folder");
        self.site.database.back_up(folder.path());
        if !self.start(&Odd::default()) {
            return Life { was_ready: false, ended_clean: false };
        }
        goes_on(self);
        self.kill();
        self.site.database.restore(folder.path());
        self.forgive();
        Life { was_ready: false, ended_clean: false }
    }

    fn remove_database(&mut self) -> Life {
        self.with_older(|run| {
            run.trade();
            let data = run.site.data();
            for part in ["stockade.db", "stockade.db-wal", "stockade.db-shm"] {
                _ = std::fs::remove_file(data.join(part));
            }
            let mut said = String::new();
            let noticed = wait_for(NOTICED_WITHIN, || {
                if run.host().has_ended().is_some() {
                    return true;
                }
                let health = run.host().get("/health");
                said = format!("{health:?}");
                health.is_ok_and(|(_, health)| health["status"] != "ok")
            });
            run.tally.check(Check::LossIsSeen, noticed, || format!("its health is still {}", &said[..said.len().min(60)]));
        })
    }

    fn start_second(&mut self) -> Life {
        let second = Starting::begin(&self.site, &self.beside()).ready();
        let code = match second {
            Ok(second) => {
                second.kill();
                None
            }
            Err((status, _)) => status.and_then(|status| status.code()),
        };
        self.tally.check(Check::OneHost, code == Some(IN_USE), || format!("a second host was not refused: {code:?}"));
        self.trades_again("a second host had been refused");
        self.end()
    }

    fn lose_lock(&mut self) -> Life {
        match self.site.kind {
            Kind::Sqlite => _ = std::fs::remove_file(self.site.data().join("stockade.db.lock")),
            Kind::Postgres => self.site.database.cut(true),
        }
        let second = match Starting::begin(&self.site, &self.beside()).ready() {
            Ok(second) => second,
            Err((status, _)) => {
                // The first has taken its lock again, and goes on.
                let code = status.and_then(|status| status.code());
                self.tally.check(Check::OneHost, code == Some(IN_USE), || format!("a second host ended with {code:?}"));
                self.trades_again("it had lost its lock");
                return self.end();
            }
        };
        let first_ended = wait_for(FENCED_WITHIN, || self.host().has_ended().is_some());
        let code = self.host().has_ended().and_then(|status| status.code());
        self.tally.check(Check::OneHost, first_ended && code == Some(IN_USE), || match first_ended {
            true => format!("the host that was taken over from ended with {code:?}"),
            false => "the host that was taken over from goes on".to_owned(),
        });
        self.kill();
        second.kill();
        Life { was_ready: false, ended_clean: false }
    }

    /// Where a second host has its data: with PostgreSQL only the database is shared.
    fn beside(&self) -> Odd {
        let other = self.site.place.path("other-data");
        Odd { data: (self.site.kind == Kind::Postgres).then_some(other), ..Odd::default() }
    }

    fn race_wishes(&mut self) -> Life {
        let mut raced = Vec::new();
        for _ in 0..RACES {
            let engine = *self.random.pick(&self.crowd.sound());
            raced.push(engine);
            let pair = [*self.random.pick(&COMMANDS), *self.random.pick(&COMMANDS)];
            let barrier = Barrier::new(pair.len());
            let host = self.host.as_ref().expect("it runs");
            std::thread::scope(|scope| {
                for command in pair {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        _ = host.post(&format!("/engines/{engine}/{command}"), &json!({}));
                    });
                }
            });
        }
        self.agrees("two requests at once");
        // Which of the two won is the host's affair, but it must be the same one after a restart.
        let state = |engine: &serde_json::Value| Some((engine["id"].as_u64()?, engine["wanted"].as_str()?.to_owned()));
        self.wished = self.engines().iter().filter_map(state).filter(|(id, _)| raced.contains(id)).collect();
        self.end()
    }

    fn step_clock(&mut self) -> Life {
        let Some((library, file)) = self.site.faketime() else {
            return self.leave_out("no clock was stepped: libfaketime is not installed");
        };
        let life = self.kill();
        self.rest(life);
        std::fs::write(&file, "+0").expect("a file");
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let file_name = file.to_str().expect("a plain path");
        let environment = vec![
            set("LD_PRELOAD", library),
            set("FAKETIME_TIMESTAMP_FILE", file_name),
            set("FAKETIME_NO_CACHE", "1"),
            // A clock that somebody sets is the wall clock; the steady one goes on.
            set("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            set("DONT_FAKE_MONOTONIC", "1"),
        ];
        if !self.start(&Odd { environment, ..Odd::default() }) {
            return Life { was_ready: false, ended_clean: false };
        }
        let before = self.pace();
        let step = *self.random.pick(&STEPS);
        std::fs::write(&file, step).expect("a file");
        let after = self.pace();
        let steady = after >= before / PACE_WITHIN && after <= before * PACE_WITHIN;
        self.tally.check(Check::SteadyPace, steady, || format!("{before:.0} ticks a second before a step of {step}, {after:.0} after it"));
        self.end()
    }

    /// Ticks a second.
    fn pace(&mut self) -> f64 {
        let ticks = |host: &mut Host| match host.get("/health") {
            Ok((_, health)) => health["feed"]["ticks"].as_f64().unwrap_or_default(),
            Err(_) => 0.0,
        };
        let (before, begun) = (ticks(self.host()), std::time::Instant::now());
        let_live(PACE_OVER);
        (ticks(self.host()) - before) / begun.elapsed().as_secs_f64()
    }

    fn break_server(&mut self, break_it: impl FnOnce(&mut crate::database::Database)) -> Life {
        break_it(&mut self.site.database);
        let_live(self.random.up_to(DOWN_FOR));
        if self.random.one_in(3) {
            self.flatten();
        }
        self.site.database.start_again();
        self.trades_again("its database was down");
        self.end()
    }

    fn stop_without_server(&mut self) -> Life {
        self.site.database.stop();
        self.flatten();
        if self.random.one_in(4) { self.kill() } else { self.stop() }
    }

    fn cut_connections(&mut self) -> Life {
        for _ in 0..3 {
            self.site.database.cut(false);
            let_live(self.random.up_to(DOWN_FOR) / 3);
        }
        self.trades_again("its connections were cut");
        self.end()
    }

    /// The kill switch, with everything closed.
    fn flatten(&mut self) {
        let body = json!({ "trading": "halted", "flatten": true, "cancel_orders": true });
        if let Ok((200, _)) = self.host().post("/trading", &body) {
            self.halted.push(Scope::Host);
        }
    }

    /// It goes on trading after what was broken has been mended.
    fn trades_again(&mut self, after: &str) {
        if !self.halted.is_empty() {
            // Nobody trades; what it remembers of that is looked at after the next start.
            return;
        }
        let before = self.sent().len();
        let goes_on = wait_for(MENDS_WITHIN, || {
            self.lift_its_own_halt();
            self.sent().len() > before
        });
        self.tally.check(Check::Lives, goes_on, || format!("nothing is traded {} s after {after}", MENDS_WITHIN.as_secs()));
    }

    /// A host whose journal failed halts until a person lifts it.
    fn lift_its_own_halt(&mut self) {
        if matches!(self.host().get("/trading"), Ok((200, now)) if now["trading"] == "halted") {
            // Refused while its database is still away; it is asked again.
            _ = self.host().post("/trading", &json!({ "trading": "active" }));
        }
    }

    /// A fault that can't be done here.
    fn leave_out(&mut self, why: &str) -> Life {
        self.tally.leave_out(why);
        self.end()
    }
}
