//! What the tests put into a store.

use domain::broker::{AccountTerms, Deal, Entry as DealEntry, Happened, Reason, Report};
use domain::contract::{AccountMode, Callbacks, DataNeed, Description, Filling, OrderKind, Param, ParamSpec, ParamValue, RunMode, Side};
use domain::ids::{AccountId, DealId, EngineId, OrderId, PositionId, UserId};
use domain::journal::{Entry, Journal};
use domain::number::{Money, Points, Steps};
use domain::order::{Action, Command, OrderRequest, Tag};
use domain::risk::RiskLimits;
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::tick::Timeframe;
use domain::time::Time;
use stockade_store::{EngineRecord, Location, NewEngine, NewVersion, Store};
use tempfile::TempDir;

/// An empty SQLite store and the folder it lives in.
pub async fn sqlite() -> (Store, TempDir) {
    let folder = TempDir::new().expect("the machine has a folder for temporary files");
    let store = Store::open(&folder.path().join("stockade.db")).await.expect("an empty folder takes a database");
    (store, folder)
}

/// An empty store on the test server, and nothing that must be kept.
pub async fn postgres() -> (Store, ()) {
    let server = testkit::postgres::server();
    let location = Location::parse(&server.url(&server.fresh_database())).expect("it is a URL");
    (Store::open_at(&location).await.expect("an empty database takes tables"), ())
}

pub fn terms() -> AccountTerms {
    AccountTerms { mode: AccountMode::Netting, currency: "EUR".into(), currency_digits: 3, leverage: 30, deposit: Money(5_000_000_000) }
}

pub fn limits() -> RiskLimits {
    RiskLimits { symbols: vec!["EURUSD".into()], order_centilots_max: 7, commands_per_minute: 8, ..RiskLimits::default() }
}

pub fn description() -> Description {
    Description {
        name: "ema-cross".into(),
        version: "0.2.0".into(),
        about: "Two averages \"cross\".".into(),
        params: vec![ParamSpec {
            name: "fast".into(),
            help: "Bars of the fast average.".into(),
            default: ParamValue::Integer(9),
            min: Some(2.0),
            max: Some(50.5),
            step: None,
            choices: vec!["a".into()],
        }],
        needs: vec![DataNeed { symbol: String::new(), timeframes: vec![Timeframe::M5], bars_before_start: 50, ticks_before_start: 3 }],
        latest_tick_only: true,
        callbacks: Callbacks { tick: true, bar: false, timer: true, order: false, position: true },
        state_schema: 4,
        memory_bytes: 1 << 20,
    }
}

pub fn params() -> Vec<Param> {
    vec![
        Param { name: "fast".into(), value: ParamValue::Integer(-3) },
        Param { name: "risk".into(), value: ParamValue::Number(0.1 + 0.2) },
        Param { name: "on".into(), value: ParamValue::Flag(true) },
        Param { name: "note".into(), value: ParamValue::Text("a\n\"b\"".into()) },
        Param { name: "which".into(), value: ParamValue::Choice(2) },
    ]
}

pub fn symbols() -> SymbolTable {
    SymbolTable::new(vec![common::forex("EUR", "USD"), common::gold()]).expect("both specs are sound")
}

/// A user with an account, a strategy with a version, and an engine.
pub async fn engine(store: &Store, user: &str) -> EngineRecord {
    let owner = store.create_user(user, Time(1)).await.unwrap().id;
    store.open_account(owner, "main", &terms(), &limits(), Time(2)).await.unwrap();
    another_engine(store, owner, "first").await
}

/// One more engine on the owner's account "main".
pub async fn another_engine(store: &Store, owner: UserId, name: &str) -> EngineRecord {
    let account = store.find_account(owner, "main").await.unwrap().expect("it was opened").id;
    let strategy = match store.find_strategy(owner, "ema").await.unwrap() {
        Some(strategy) => strategy.id,
        None => store.create_strategy(owner, "ema", Time(3)).await.unwrap().id,
    };
    let report = serde_json::json!({ "imports": ["trading"] });
    let upload = NewVersion { strategy, component: b"\0asm component", description: &description(), report: &report };
    let version = store.upload_version(owner, upload, Time(4)).await.unwrap().digest;
    let new = NewEngine {
        account,
        strategy,
        version,
        name: name.into(),
        params: params(),
        symbols: vec!["EURUSD".into(), "XAUUSD".into()],
        mode: RunMode::Paper,
        seed: u64::MAX - 1,
    };
    store.add_engine(owner, &new, Time(5)).await.unwrap()
}

/// A journal on a thread that may block, as the engine has it.
pub async fn append(store: &Store, lines: Vec<Line>) -> Result<(), domain::journal::JournalError> {
    let mut journal = store.journal(&symbols(), 0).await.unwrap();
    tokio::task::spawn_blocking(move || append_to(journal.as_mut(), &lines)).await.expect("a journal does not panic")
}

pub fn append_to(journal: &mut dyn Journal, lines: &[Line]) -> Result<(), domain::journal::JournalError> {
    let entries: Vec<Entry<'_>> = lines.iter().map(Line::entry).collect();
    journal.append(&entries)
}

/// An entry that owns what it holds.
#[derive(Clone, Debug)]
pub enum Line {
    Command(Command),
    Report(Report),
}

impl Line {
    pub fn entry(&self) -> Entry<'_> {
        match self {
            Self::Command(command) => Entry::Command(command),
            Self::Report(report) => Entry::Report(report),
        }
    }
}

pub fn request() -> OrderRequest {
    OrderRequest {
        symbol: SymbolId(0),
        side: Side::Buy,
        kind: OrderKind::Market,
        volume: Steps(10),
        price: None,
        stop_limit_price: None,
        stop_loss: None,
        take_profit: None,
        filling: Filling::Any,
        deviation: None,
        expires: None,
        position: None,
        reduce_only: false,
        tag: Tag::default(),
    }
}

pub fn place(account: AccountId, order: OrderId, at: i64, request: OrderRequest) -> Line {
    Line::Command(Command { account, order, at: Time(at), action: Action::Place(request) })
}

pub fn report(account: AccountId, order: OrderId, at: i64, happened: Happened) -> Line {
    Line::Report(Report { account, order: Some(order), at: Time(at), happened })
}

/// A deal of 10 steps that opens a long position at 1.30000 for `order`.
pub fn deal(id: u64, order: OrderId, at: i64) -> Deal {
    Deal {
        id: DealId(id),
        order: Some(order),
        position: PositionId(order),
        symbol: SymbolId(0),
        side: Side::Buy,
        entry: DealEntry::In,
        reason: Reason::Expert,
        volume: Steps(10),
        price: Points(130_000),
        profit: Money(0),
        commission: Money(-70_000),
        swap: Money(0),
        time: Time(at),
    }
}

pub fn filled(account: AccountId, deal: Deal) -> Line {
    let order = deal.order;
    Line::Report(Report { account, order, at: deal.time, happened: Happened::Deal { deal, rest: Steps(0) } })
}

pub fn nth(engine: EngineId, number: u32) -> OrderId {
    OrderId::new(engine, number)
}
