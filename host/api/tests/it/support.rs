//! A host with an API in a test.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::Response;
use domain::bars::MarketHistory;
use domain::broker::{AccountTerms, Broker, Deal, Entry, Happened, LiveBroker, Reason, Report, Whereabouts};
use domain::contract::*;
use domain::desk::Desk;
use domain::guest::{Call, Fault, FaultKind, Guest, GuestFactory, GuestHost, Outcome, Place, Reply, Used};
use domain::ids::{AccountId, DealId, Digest, OrderId, PositionId};
use domain::journal::Recorded;
use domain::keeper::{Keeper, Kept, NotKept, Note};
use domain::ledger::Ledger;
use domain::limits::{GuestLimits, Quotas};
use domain::number::Money;
use domain::order::{Action, Command};
use domain::reconcile::{Foreign, Snapshot};
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::tick::{FLAGS_BID_ASK, Tick, Timeframe};
use domain::time::{Clock, SECOND_US, Steady, Time};
use engine::{Bounds, Event, EventSink, Host, HostSetup};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stockade_api::{AppState, Checked, DoorLimits, Feed, FeedReport, LiveFeed, Parts, Refused, Status, UploadReport, Versions};
use store::{StateFile, Store};
use tempfile::TempDir;
use tower::ServiceExt as _;

pub const TOKEN: &str = "token-of-the-operator";
/// 2025-01-01T00:00:00Z.
const START_US: i64 = 1_735_689_600_000_000;
/// Nothing in these tests takes this long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// A clock that stands still until it is moved.
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Steady {
        Steady(self.0.load(Ordering::SeqCst))
    }
}

/// A state file on a disk that may break.
pub struct Breakable {
    file: StateFile,
    pub broken: AtomicBool,
}

impl Keeper for Breakable {
    fn note(&self, note: Note) -> Result<(), NotKept> {
        self.works().and_then(|()| self.file.note(note))
    }

    fn sync(&self) -> Result<(), NotKept> {
        self.works().and_then(|()| self.file.sync())
    }

    fn kept(&self) -> Kept {
        self.file.kept()
    }
}

impl Breakable {
    fn works(&self) -> Result<(), NotKept> {
        if self.broken.load(Ordering::SeqCst) { Err(NotKept("input/output error".into())) } else { Ok(()) }
    }
}

/// A host, its API, and what a test moves by hand.
pub struct World {
    pub state: AppState,
    pub store: Store,
    pub host: Arc<Host>,
    pub live: LiveFeed,
    pub feed: Arc<ScriptedFeed>,
    /// How many guests there is room for.
    pub places_max: Arc<AtomicUsize>,
    /// What somebody else has on every account.
    pub foreign: Arc<Mutex<Vec<Foreign>>>,
    /// Orders of ours that the broker says it has had; `None` when it can't say.
    pub seen: Arc<Mutex<Option<Vec<OrderId>>>>,
    /// The data folder's state file.
    pub keeper: Arc<Breakable>,
    clock: Arc<HandClock>,
    ticks: AtomicU64,
    folder: TempDir,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl World {
    pub async fn new() -> Self {
        Self::with(Quotas::default()).await
    }

    pub async fn with(quotas: Quotas) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), quotas, DoorLimits::default()).await
    }

    /// A world whose clients may take this of it.
    pub async fn behind(doors: DoorLimits) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), Quotas::default(), doors).await
    }

    async fn in_folder(folder: TempDir, quotas: Quotas, doors: DoorLimits) -> Self {
        let table = SymbolTable::new(vec![common::forex("EUR", "USD"), common::gold()]).unwrap();
        let store = Store::open(&folder.path().join("stockade.db")).await.unwrap();
        let clock = Arc::new(HandClock(AtomicI64::new(START_US)));
        let live = LiveFeed::new(table.clone(), &doors);
        let places_max = Arc::new(AtomicUsize::new(usize::MAX));
        let guests = Arc::new(Guests { places_max: Arc::clone(&places_max), ..Guests::default() });
        let foreign: Arc<Mutex<Vec<Foreign>>> = Arc::default();
        let seen = Arc::new(Mutex::new(Some(Vec::new())));
        let (file, _) = StateFile::open(folder.path(), "test", &table).unwrap();
        file.begin(1, domain::keeper::Given::default()).unwrap();
        let keeper = Arc::new(Breakable { file, broken: AtomicBool::new(false) });
        let setup = HostSetup {
            history: MarketHistory::new(&table, |_| (Timeframe::ALL.to_vec(), 1_024)),
            journal: store.journal(&table, 0).await.unwrap(),
            table,
            factory: guests.clone(),
            keeper: keeper.clone(),
            broker: Box::new(Filler { foreign: foreign.clone(), seen: seen.clone(), ..Filler::default() }),
            clock: clock.clone(),
            sink: Box::new(Sink(live.clone())),
            trading: TradingState::Active,
            bounds: Bounds { shards: 1, quotas, ..Bounds::default() },
        };
        let host = Arc::new(Host::start(setup).unwrap());
        let feed = Arc::new(ScriptedFeed(Mutex::new((Status::Ok, None))));
        let parts = Parts {
            record: None,
            store: store.clone(),
            host: host.clone(),
            token: TOKEN.into(),
            versions: guests,
            feed: feed.clone(),
            live: live.clone(),
            clock: clock.clone(),
            limits: GuestLimits::default(),
            ceiling: domain::risk::RiskLimits::operators(),
            doors,
        };
        Self {
            state: AppState::new(parts),
            store,
            host,
            live,
            feed,
            places_max,
            foreign,
            seen,
            keeper,
            clock,
            ticks: AtomicU64::new(0),
            folder,
        }
    }

    /// Stops this host and starts another on the same data.
    pub async fn restarted(self) -> Self {
        let Self { state, store, host, folder, .. } = self;
        drop(state);
        tokio::task::block_in_place(|| host.stop());
        drop(host);
        store.close().await;
        drop(store);
        Self::in_folder(folder, Quotas::default(), DoorLimits::default()).await
    }

    /// A world with user `ann`, her account `paper` and her strategy `cross`.
    pub async fn furnished() -> Self {
        let world = Self::new().await;
        world.furnish().await;
        world
    }

    pub async fn furnish(&self) {
        self.post("/users", json(r#"{"name":"ann"}"#)).await.created();
        self.post("/accounts?user=ann", json(r#"{"name":"paper"}"#)).await.created();
        self.upload("ann", "cross", "trader").await.created();
    }

    /// The same with a running engine, which has id 1.
    pub async fn running() -> Self {
        let world = Self::furnished().await;
        let engine = json(r#"{"name":"one","account":"paper","strategy":"cross","symbols":["EURUSD"],"start":true}"#);
        assert_eq!(world.post("/engines?user=ann", engine).await.created()["id"], 1);
        world.settle();
        world
    }

    pub fn settle(&self) {
        assert!(tokio::task::block_in_place(|| self.host.settle(PATIENCE)), "the host does not come to rest");
    }

    /// Moves the clock.
    pub fn forward(&self, us: i64) {
        self.clock.0.fetch_add(us, Ordering::SeqCst);
    }

    /// Feeds ticks of `EURUSD`, one a second, and waits for what follows from each.
    pub fn ticks(&self, count: i64) {
        let table = self.host.table().clone();
        let price = |points| table.spec(SymbolId(0)).price(domain::number::Points(points));
        let first = self.ticks.fetch_add(count as u64, Ordering::SeqCst) as i64;
        for n in first..first + count {
            let (time, bid, ask) = (Time(START_US + n * SECOND_US), price(110_000 + n), price(110_002 + n));
            let tick = Tick { symbol: SymbolId(0), sequence: 0, time, bid, ask, last: 0.0, volume: 0.0, flags: FLAGS_BID_ASK };
            tokio::task::block_in_place(|| self.host.feed(tick)).unwrap();
            self.settle();
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, Some(TOKEN), Body::empty(), None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(TOKEN), body.to_string().into(), Some("application/json")).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PATCH, path, Some(TOKEN), body.to_string().into(), Some("application/json")).await
    }

    /// Uploads a component: the name of a script, in this world.
    pub async fn upload(&self, user: &str, name: &str, component: &str) -> Answer {
        let path = format!("/strategies?user={user}&name={name}");
        self.ask(Method::POST, &path, Some(TOKEN), component.to_owned().into(), Some("application/wasm")).await
    }

    pub async fn ask(&self, method: Method, path: &str, token: Option<&str>, body: Body, kind: Option<&str>) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        self.send(request.body(body).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.response(request).await;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 16 << 20).await.unwrap();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn response(&self, request: Request<Body>) -> Response {
        stockade_api::router(self.state.clone()).oneshot(request).await.unwrap()
    }
}

impl Answer {
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body
    }

    #[track_caller]
    pub fn created(self) -> Value {
        assert_eq!(self.status, StatusCode::CREATED, "{}", self.body);
        self.body
    }

    /// Checks that this is a problem of this code whose detail has `part`.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str, part: &str) -> Value {
        assert_eq!((self.status.as_u16(), &self.body["code"]), (status, &Value::from(code)), "{}", self.body);
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["type"], format!("urn:stockade:problem:{code}"));
        assert!(self.body["instance"].as_str().unwrap().starts_with("/"), "{}", self.body);
        let detail = self.body["detail"].as_str().unwrap();
        assert!(detail.contains(part) && !detail.contains('\n'), "{detail:?} has no {part:?}");
        self.body
    }
}

/// A JSON document.
pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Some fields of an object, as an array.
pub fn fields(object: &Value, names: &str) -> Value {
    names.split(' ').map(|name| object[name].clone()).collect()
}

/// A feed that is as a test says.
pub struct ScriptedFeed(pub Mutex<(Status, Option<&'static str>)>);

impl Feed for ScriptedFeed {
    fn report(&self) -> FeedReport {
        let (status, reason) = *self.0.lock().unwrap();
        FeedReport { kind: "scripted".into(), status, reason: reason.map(str::to_owned) }
    }

    /// One tick came 0.3 s after its time.
    fn late(&self) -> engine::Latencies {
        let late = engine::Fine::default();
        late.add(Duration::from_millis(300));
        late.read()
    }
}

struct Sink(LiveFeed);

impl EventSink for Sink {
    fn events(&mut self, events: Vec<Event>) {
        self.0.publish(&events);
    }
}

/// Components are the names of scripts: `trader...` buys a lot at its first tick and says so, or at every one, `trapper...` traps at it; those
/// that are `forgetful` do not look at what they saved. For one that `takes all room` all others have to go.
#[derive(Default)]
struct Guests {
    loaded: Mutex<BTreeMap<Digest, String>>,
    places: Arc<AtomicUsize>,
    places_max: Arc<AtomicUsize>,
}

/// One of the places.
struct Taken(Arc<AtomicUsize>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Versions for Guests {
    fn check(&self, component: &[u8], given_up: &Arc<AtomicBool>) -> Result<Checked, Refused> {
        let name = String::from_utf8_lossy(component).into_owned();
        assert!(!name.starts_with("panic"), "told to");
        if name.starts_with("full") {
            return Err(Refused::Full("this host keeps at most 1 version; stop some engines".into()));
        }
        if !name.starts_with("tra") {
            return Err(Refused::Unfit("this is text, not a component: build the strategy with `stockade strategy build`".into()));
        }
        if name.contains("takes all room") {
            self.loaded.lock().unwrap().clear();
        }
        self.load(&Digest::of(component), component, given_up)?;
        Ok(Checked {
            description: description(if name.contains("renamed") { "renamed" } else { "scripted" }),
            report: UploadReport { functions: 1, compiled_bytes: 10 * component.len() as u64, ..UploadReport::default() },
        })
    }

    fn load(&self, version: &Digest, component: &[u8], _given_up: &AtomicBool) -> Result<Option<Arc<dyn Send + Sync>>, Refused> {
        self.loaded.lock().unwrap().insert(*version, String::from_utf8_lossy(component).into_owned());
        Ok(None)
    }
}

fn description(name: &str) -> Description {
    let param = |name: &str, default, choices: &[&str]| ParamSpec {
        name: name.into(),
        help: "as its name says".into(),
        default,
        min: Some(1.0),
        max: Some(200.0),
        step: None,
        choices: choices.iter().map(|&choice| choice.into()).collect(),
    };
    let bounded = |spec: ParamSpec| ParamSpec { min: None, max: None, ..spec };
    Description {
        name: name.into(),
        version: "1.0".into(),
        about: "does as it is told".into(),
        params: vec![param("fast", ParamValue::Integer(12), &[]), bounded(param("mood", ParamValue::Choice(0), &["calm", "wild"]))],
        needs: vec![DataNeed { symbol: String::new(), timeframes: Vec::new(), bars_before_start: 0, ticks_before_start: 0 }],
        latest_tick_only: false,
        callbacks: Callbacks { tick: true, bar: false, timer: false, order: true, position: true },
        state_schema: 1,
        memory_bytes: 0,
    }
}

impl GuestFactory<Desk> for Guests {
    fn describe(&self, version: &Digest) -> Result<Description, Fault> {
        self.name(version).map(|_| description("scripted"))
    }

    fn place(&self, _: &Digest, held: Option<&Place>) -> Result<Place, Fault> {
        if let Some(held) = held.filter(|held| held.get::<Taken>().is_some()) {
            return Ok(held.clone());
        }
        let max = self.places_max.load(Ordering::SeqCst);
        let taken = self.places.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |taken| (taken < max).then_some(taken + 1));
        let full = |_| Fault { kind: FaultKind::NoRoom, message: format!("this host has room for {max} guests and all are taken") };
        taken.map_err(full).map(|_| Place::new(Arc::new(Taken(Arc::clone(&self.places)))))
    }

    fn instantiate(&self, version: &Digest, mut host: Desk, _: GuestLimits) -> Result<Box<dyn Guest<Desk>>, Fault> {
        host.grow_memory(MEMORY_BYTES).map_err(|over| Fault { kind: FaultKind::OverQuota, message: over.to_string() })?;
        let name = self.name(version)?;
        let (traps, forgets) = (name.starts_with("trapper"), name.contains("forgetful"));
        let eager = name.contains("at every tick");
        Ok(Box::new(Scripted { desk: host, traps, forgets, eager, bought: false, calls: 0 }))
    }
}

impl Guests {
    fn name(&self, version: &Digest) -> Result<String, Fault> {
        let loaded = self.loaded.lock().unwrap().get(version).cloned();
        loaded.ok_or_else(|| Fault { kind: FaultKind::Refused, message: "this version is not loaded".into() })
    }
}

/// Linear memory of each, from its start.
const MEMORY_BYTES: u64 = 65_536;

struct Scripted {
    desk: Desk,
    traps: bool,
    forgets: bool,
    /// Buys at every tick.
    eager: bool,
    bought: bool,
    calls: u64,
}

impl Scripted {
    fn buy(&mut self) {
        self.bought = !self.eager;
        self.desk.log(LogLevel::Info, "buying a lot");
        let order = AskedOrder {
            symbol: 0,
            side: Side::Buy,
            kind: OrderKind::Market,
            volume: 1.0,
            price: None,
            stop_limit_price: None,
            stop_loss: None,
            take_profit: None,
            filling: Filling::Any,
            deviation: None,
            expires: None,
            position: None,
            reduce_only: false,
            tag: "test".into(),
        };
        if let Err(code) = self.desk.submit(order) {
            self.desk.log(LogLevel::Warn, code.word());
        }
    }
}

impl Guest<Desk> for Scripted {
    fn host(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        self.calls += 1;
        match call {
            Call::Tick { .. } | Call::Ticks { .. } if self.traps => return Outcome::Trapped("unreachable, in on_tick".into()),
            Call::Tick { .. } if !self.bought => self.buy(),
            Call::Ticks { ticks, .. } => {
                let row = if self.bought { ticks.len() as u32 } else { 1 };
                self.desk.at(row - 1).unwrap();
                if !self.bought {
                    self.buy();
                }
                return Outcome::Decided(Reply::Consumed(row));
            }
            Call::Save => return Outcome::Decided(Reply::State(vec![u8::from(self.bought)])),
            Call::Load { state, .. } if !self.forgets => self.bought = state == [1],
            _ => {}
        }
        Outcome::Decided(Reply::Done)
    }

    fn used(&self) -> Used {
        Used { fuel_last_call: 10, fuel_total: 10 * self.calls, memory_bytes: MEMORY_BYTES }
    }
}

/// A broker that fills market orders at the last ask, also those that close a position, for a commission of one.
#[derive(Default)]
struct Filler {
    last: BTreeMap<SymbolId, Tick>,
    reports: Vec<Report>,
    deals: BTreeSet<DealId>,
    has: BTreeMap<AccountId, Ledger>,
    /// Beside what it has.
    foreign: Arc<Mutex<Vec<Foreign>>>,
    seen: Arc<Mutex<Option<Vec<OrderId>>>>,
}

impl Broker for Filler {
    fn submit(&mut self, command: Recorded<Command>) {
        let command = command.into_inner();
        let Action::Place(request) = &command.action else { return };
        let last = self.last[&request.symbol];
        let id = DealId(self.deals.last().map_or(1, |last| last.0 + 1));
        self.deals.insert(id);
        self.has.entry(command.account).or_default().recorded(&command);
        let deal = Deal {
            id,
            order: Some(command.order),
            position: request.position.unwrap_or(PositionId(command.order)),
            symbol: request.symbol,
            side: request.side,
            entry: if request.position.is_some() { Entry::Out } else { Entry::In },
            reason: Reason::Expert,
            volume: request.volume,
            price: domain::number::Points((last.ask * 1e5).round() as i64),
            profit: Money::ZERO,
            commission: Money(-1_000_000),
            swap: Money::ZERO,
            time: last.time,
        };
        let report = |happened| Report { account: command.account, order: Some(command.order), at: last.time, happened };
        let reports = [report(Happened::Accepted { ticket: 7 }), report(Happened::Deal { deal, rest: domain::number::Steps(0) })];
        reports.iter().for_each(|report| _ = self.has.entry(command.account).or_default().apply(report));
        self.reports.extend(reports);
    }

    fn reports(&mut self, into: &mut Vec<Report>) {
        into.append(&mut self.reports);
    }
}

impl LiveBroker for Filler {
    fn orders_seen(&mut self, _: AccountId) -> Option<Vec<OrderId>> {
        self.seen.lock().unwrap().clone()
    }

    fn open(&mut self, account: AccountId, _: &AccountTerms, known: &Ledger) -> Result<(), String> {
        self.deals.insert(known.last_deal);
        self.has.insert(account, known.clone());
        Ok(())
    }

    fn ask(&mut self, _: AccountId, _: OrderId) -> Whereabouts {
        Whereabouts::Missing
    }

    fn snapshot(&mut self, account: AccountId) -> Option<Snapshot> {
        let foreign = self.foreign.lock().unwrap().clone();
        Some(Snapshot { foreign, ..Snapshot::of(self.has.get(&account)?) })
    }

    fn on_tick(&mut self, tick: &Tick) {
        self.last.insert(tick.symbol, *tick);
    }
}
