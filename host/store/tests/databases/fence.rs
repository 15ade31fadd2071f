//! Two hosts on one database: the one that was followed writes nothing, and whoever follows waits until it can send nothing more.

use crate::samples::{append_to, engine, limits, nth, params, place, request, symbols, terms};
use domain::contract::TradingState;
use domain::ids::DealId;
use domain::journal::JournalError;
use domain::life::EngineState;
use domain::limits::CLOSE_MS_MAX;
use domain::risk::GateMemory;
use domain::time::Time;
use std::process::{Child, Command};
use std::time::Duration;
use stockade_store::{
    Closed, EngineSave, EngineStep, Follows, Location, LogClock, NewAudit, NewLog, NewSignal, NewVersion, StepKind, Store, StoreError,
    Wanted,
};
use tempfile::TempDir;

/// A database whose lock can be taken from the host that has it.
pub struct Place {
    pub location: Location,
    /// Of PostgreSQL its name, of SQLite its folder.
    pub kind: Kind,
}

pub enum Kind {
    Sqlite(TempDir),
    Postgres(String),
}

impl Place {
    pub fn sqlite() -> Self {
        let folder = TempDir::new().expect("the machine has a folder for temporary files");
        Self { location: Location::Sqlite(folder.path().join("stockade.db")), kind: Kind::Sqlite(folder) }
    }

    pub fn postgres() -> Self {
        let server = testkit::postgres::server();
        let database = server.fresh_database();
        Self { location: Location::parse(&server.url(&database)).expect("it is a URL"), kind: Kind::Postgres(database) }
    }

    pub async fn open(&self) -> Store {
        Store::open_at(&self.location).await.expect("nobody else has it")
    }

    /// Takes the lock away from whoever has it.
    fn unlock(&self) {
        match &self.kind {
            Kind::Sqlite(folder) => std::fs::remove_file(folder.path().join("stockade.db.lock")).expect("it is there"),
            Kind::Postgres(database) => {
                let ended = "SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE l.locktype = 'advisory' AND l.database =
                    (SELECT oid FROM pg_database WHERE datname = current_database())";
                testkit::postgres::server().sql(database, ended);
                // It ends a moment after it was told to.
                let left = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND database =
                    (SELECT oid FROM pg_database WHERE datname = current_database())";
                while testkit::postgres::server().sql(database, left) != "0" {}
            }
        }
    }

    /// Runs a statement behind everybody's back.
    pub async fn sql(&self, statement: &str) {
        match &self.kind {
            Kind::Sqlite(folder) => crate::opening::tamper(&folder.path().join("stockade.db"), statement).await,
            Kind::Postgres(database) => drop(testkit::postgres::server().sql(database, statement)),
        }
    }

    /// What a query of one text gives.
    pub async fn text(&self, query: &'static str) -> String {
        use sqlx::Connection;
        match &self.kind {
            Kind::Sqlite(folder) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("stockade.db"));
                let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
                sqlx::query_scalar(query).fetch_one(&mut conn).await.unwrap()
            }
            Kind::Postgres(database) => testkit::postgres::server().sql(database, query),
        }
    }
}

async fn a_followed_host_writes_nothing(place: Place) {
    let first = place.open().await;
    let epoch = first.take_over("the first host", Time(1)).await.unwrap();
    let engine = engine(&first, "anna").await;
    let (owner, account, id) = (engine.owner, engine.account, engine.id);
    let mut journal = first.journal(&symbols(), epoch).await.unwrap();
    let lease = journal.lease().expect("a host has one");
    assert!(lease.holds());
    first.look().await.expect("nobody else is there");

    place.unlock();
    let second = place.open().await;
    second.take_over("the second host", Time(2)).await.unwrap();
    let row = second.engine(owner, id).await.unwrap();

    let description = crate::samples::description();
    let report = serde_json::Value::Null;
    let version = NewVersion { strategy: engine.strategy, component: b"another", description: &description, report: &report };
    let step = EngineStep { engine: id, at: Time(3), kind: StepKind::State, from: "a".into(), to: "b".into(), reason: String::new() };
    let save = EngineSave {
        engine: id,
        version: engine.version,
        schema: 0,
        bytes: vec![1],
        orders_asked: 9,
        last_ticks: Vec::new(),
        saved_at: Time(3),
    };
    let log = NewLog { engine: id, at: Time(3), clock: LogClock::Market, level: domain::contract::LogLevel::Info, text: "a line".into() };
    let signal =
        NewSignal { engine: id, at: Time(3), symbol: "EURUSD".into(), side: None, confidence: 1.0, reason: String::new(), led_to: None };
    let audit = NewAudit { at: Time(3), actor: "a".into(), action: "b".into(), object: "c".into(), detail: report.clone() };
    let memory = GateMemory::default();
    let new = stockade_store::NewEngine {
        account,
        strategy: engine.strategy,
        version: engine.version,
        name: "another".into(),
        params: params(),
        symbols: Vec::new(),
        mode: domain::contract::RunMode::Paper,
        seed: 0,
    };
    macro_rules! fenced {
        ($($call:expr),* $(,)?) => {
            $({
                let error = $call.await.map(drop).expect_err(stringify!($call));
                assert!(matches!(error, StoreError::Fenced { .. }), "{}: {error:?}", stringify!($call));
                assert!(error.to_string().contains("the second host has taken over with epoch 2; this host had 1"), "{error}");
            })*
        };
    }
    fenced!(
        first.create_user("bob", Time(3)),
        first.open_account(owner, "other", &terms(), &limits(), Time(3)),
        first.set_account_trading(owner, account, TradingState::Halted),
        first.set_account_limits(owner, account, &limits()),
        first.set_host_setting("trading", "halted"),
        first.set_user_limits(owner, &limits()),
        first.save_gate_memories(&[(account, memory)]),
        first.create_strategy(owner, "other", Time(3)),
        first.upload_version(owner, version, Time(3)),
        first.add_engine(owner, &new, Time(3)),
        first.set_engine_wanted(owner, id, Wanted::Running),
        first.set_engine_trading(owner, id, TradingState::Halted),
        first.set_engine_params(owner, id, &params()),
        first.set_engine_state(id, EngineState::Stopped, "the host is stopping", Time(3)),
        first.add_engine_steps(&[(step, Follows::State(EngineState::Stopped))]),
        first.set_engine_setup(owner, id, engine.version, &params(), &[]),
        first.forget_saved(id),
        first.remove_engine(owner, id, Time(3)),
        first.save_engines(&[save]),
        first.add_signals(&[signal]),
        first.add_logs(&[log]),
        first.ledger_to_trade(account, &symbols(), &[]),
        first.append_audit(&audit),
        first.journal(&symbols(), epoch),
    );
    let looked = first.look().await.expect_err("it has neither the lock nor the epoch");
    assert!(matches!(looked, StoreError::InUse { .. } | StoreError::Fenced { .. }), "{looked:?}");
    let (error, _journal) = tokio::task::spawn_blocking(move || {
        (append_to(journal.as_mut(), &[place_one(account, id)]).expect_err("it was followed"), journal)
    })
    .await
    .unwrap();
    assert!(matches!(error, JournalError::Fenced(_)), "{error:?}");
    let lost = tokio::time::timeout(Duration::from_secs(5), first.lost()).await.expect("whoever waits for it is told");
    assert!(lost.contains("the second host has taken over"), "{lost}");
    assert!(!lease.holds(), "nothing leaves any more");

    first.give_up().await.expect("what is not its own it leaves alone");
    assert!(second.predecessor().await.unwrap().is_some_and(|own| own.owner == "the second host"));
    assert_eq!(second.host_setting("trading").await.unwrap(), None);
    assert_eq!(second.engine(owner, id).await.unwrap(), row);
    assert_eq!(second.saved_engine(id).await.unwrap(), None);
    assert_eq!(second.deals_since(account, DealId(0)).await.unwrap(), []);
    second.look().await.expect("it is the second one's now");
    second.create_user("bob", Time(4)).await.unwrap();
    second.close().await;
}

fn place_one(account: domain::ids::AccountId, engine: domain::ids::EngineId) -> crate::samples::Line {
    place(account, nth(engine, 1), 3, request())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_hangs_holds_a_close_up_for_its_bound_and_no_longer() {
    let place = Place::postgres();
    let store = place.open().await;
    let Kind::Postgres(database) = &place.kind else { unreachable!("it is a server") };
    let backends = "SELECT string_agg(CAST(pid AS TEXT), ' ') FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let backends = testkit::postgres::server().sql(database, backends);
    // A call is under way: it waits for a table that somebody else holds for longer than a close may take.
    let held = format!("BEGIN; LOCK TABLE users; SELECT pg_sleep({}); ROLLBACK", 2 * CLOSE_MS_MAX / 1_000);
    let holder = database.clone();
    let holds = std::thread::spawn(move || testkit::postgres::server().sql(&holder, &held));
    let count = |granted: bool| {
        let locks = format!("SELECT COUNT(*) FROM pg_locks WHERE relation = 'users'::regclass AND granted = {granted}");
        testkit::postgres::server().sql(database, &locks)
    };
    while count(true) == "0" {}
    let asked = store.clone();
    let waits = tokio::spawn(async move { asked.create_user("anna", Time(1)).await });
    while count(false) == "0" {
        tokio::task::yield_now().await;
    }
    // And the server's processes are stopped: they answer nothing, and no bound of the server's own ends the call.
    let signal = |signal: &str| {
        let told = Command::new("kill").arg(signal).args(backends.split(' ')).status().expect("kill runs");
        assert!(told.success());
    };
    signal("-STOP");
    let closed = tokio::time::timeout(Duration::from_millis(2 * CLOSE_MS_MAX), store.close()).await;
    signal("-CONT");
    assert_eq!(closed.expect("a close has a bound"), Closed::Hung);
    drop(waits.await);
    drop(holds.join());
}

async fn a_lost_lock_is_taken_again(place: Place) {
    let first = place.open().await;
    first.take_over("the first host", Time(1)).await.unwrap();
    place.unlock();
    while let Err(error) = first.look().await {
        // A server may say once that the connection broke.
        assert!(matches!(error, StoreError::Unreachable(_)), "{error:?}");
        assert_eq!(first.troubles().len(), 1);
    }
    assert_eq!(first.troubles(), []);
    let refused = Store::open_at(&place.location).await.expect_err("the first has it again");
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused:?}");
    first.create_user("anna", Time(2)).await.expect("it goes on");

    place.unlock();
    let second = place.open().await;
    let error = first.look().await.expect_err("the second was faster");
    assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
    let lost = tokio::time::timeout(Duration::from_secs(5), first.lost()).await.expect("whoever waits for it is told");
    assert!(lost.contains("in use by process"), "{lost}");
    // Not followed yet, so that it can still say that nobody need wait for it.
    first.give_up().await.unwrap();
    assert_eq!(second.predecessor().await.unwrap(), None);
    second.close().await;
}

/// Something that runs, as a host that nobody can be sure of.
fn a_process() -> Child {
    Command::new("sleep").arg("100").spawn().expect("every system has sleep")
}

async fn whoever_follows_waits(place: Place) {
    let store = place.open().await;
    assert_eq!(store.predecessor().await.unwrap(), None, "nobody had it before");
    store.take_over("the first host", Time(1)).await.unwrap();
    let own = store.predecessor().await.unwrap().expect("it did not give up");
    assert!(own.is_dead && own.lease_ms == domain::limits::LEASE_MS, "a process does not wait for itself: {own:?}");
    store.give_up().await.unwrap();
    assert_eq!(store.predecessor().await.unwrap(), None);

    // Somewhere else: only time helps.
    place.sql("UPDATE owners SET process = 'another-boot pid:[1] 7 7', lease_ms = 300").await;
    let (began, mut told) = (std::time::Instant::now(), Vec::new());
    store.outlive_predecessor(|why| told.push(why.to_owned())).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(300 + domain::limits::LEASE_MARGIN_MS));
    assert!(told.len() == 1 && told[0].starts_with("the first host did not give the database up and may be alive"), "{told:?}");

    // Here: until it has ended.
    let mut child = a_process();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let started = stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap().to_owned();
    let name = format!("{} {} {} {started}", boot.trim(), space.display(), child.id());
    place.sql(&format!("UPDATE owners SET process = '{name}', lease_ms = 60000")).await;
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.outlive_predecessor(|_| ()).await }
    });
    assert!(!store.predecessor().await.unwrap().expect("it did not give up").is_dead);
    child.kill().unwrap();
    child.wait().unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("it is seen to be dead, long before its lease ends");
    waited.unwrap().unwrap();
    store.close().await;
}

/// Each case on each database.
macro_rules! on_both {
    ($($case:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case($crate::fence::Place::sqlite()).await })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case($crate::fence::Place::postgres()).await })*
        }
    };
}
pub(crate) use on_both;

on_both! { a_followed_host_writes_nothing a_lost_lock_is_taken_again whoever_follows_waits }
