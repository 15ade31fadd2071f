//! `GET /health`: how the host is, part by part.

use crate::operations::any_engine;
use crate::operator::Operator;
use crate::restriction::Restriction;
use crate::show::At;
use crate::state::{AppState, RecordReport, Status};
use crate::words;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::contract::TradingState;
use domain::life::EngineState;
use engine::{HostSnapshot, LineAside, Scope};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
use utoipa::ToSchema;

/// A database that takes longer than this to answer at all holds every order up.
const PING_MAX: Duration = Duration::from_secs(2);
/// A database that takes longer than this is slow: a ping reads nothing.
const PING_SLOW_MS: f64 = 100.0;

/// Engines that are given no ticks and are named.
const STARVING_NAMED_MAX: usize = 5;

/// How the host is. Without the token only the first fields.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// The worst of its parts.
    status: Status,
    version: &'static str,
    uptime_s: u64,
    /// The parts that are not well, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(flatten)]
    parts: Option<Parts>,
}

/// The parts of the host, each with its status and why it is not well.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HealthParts)]
pub(crate) struct Parts {
    /// What everyone on the host may do at the market.
    #[schema(value_type = words::TradingState)]
    trading: TradingState,
    /// Who set that, since when and why; empty when everything may be done.
    restrictions: Vec<Restriction>,
    database: DatabaseHealth,
    journal: JournalHealth,
    feed: FeedHealth,
    engines: EnginesHealth,
    record: RecordHealth,
    process: ProcessHealth,
    /// The last things that an operator had to look at, oldest first.
    alarms: Vec<AlarmLine>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DatabaseHealth {
    status: Status,
    reason: Option<String>,
    /// How long it took to answer, milliseconds.
    ping_ms: Option<f64>,
    size_bytes: Option<i64>,
    users: Option<i64>,
    accounts: Option<i64>,
    strategies: Option<i64>,
    orders: Option<i64>,
    orders_working: Option<i64>,
    deals: Option<i64>,
    positions_open: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JournalHealth {
    status: Status,
    reason: Option<String>,
    commands_recorded: u64,
    commands_unrecorded: u64,
    commands_waiting: usize,
    group_commits: u64,
    reports: u64,
    contradictions: u64,
    /// Lines that it refused for good since the host started.
    lines_refused: u64,
    /// The last of them, oldest first: what was to be written, and why it was refused. A person has to book them.
    lines_aside: Vec<LineAsideView>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LineAside)]
pub(crate) struct LineAsideView {
    at: At,
    account: u32,
    line: String,
    why: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FeedHealth {
    status: Status,
    reason: Option<String>,
    /// What feeds the host.
    kind: String,
    /// Ticks since the host started.
    ticks: u64,
    /// In the last full second.
    ticks_per_second: u64,
    ticks_refused: u64,
    /// Times the feed had to wait for a full queue.
    stalls: u64,
    last_tick_at: Option<At>,
    symbols: Vec<SymbolHealth>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SymbolHealth {
    symbol: String,
    bid: Option<f64>,
    ask: Option<f64>,
    /// Market time of the last tick.
    last_tick_at: Option<At>,
    /// How old it is by the host's clock, seconds; of replayed ticks it says nothing.
    age_s: Option<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EnginesHealth {
    status: Status,
    reason: Option<String>,
    total: usize,
    /// Engines in each state that has any.
    states: BTreeMap<&'static str, usize>,
    running: usize,
    faulted: usize,
    /// Engines that the host has no room for now; each starts by itself when it has.
    waiting: usize,
    quarantined: usize,
    /// Engines whose own trading state forbids something.
    restricted: usize,
    accounts: usize,
    /// Panics in the host's own code.
    panics: u64,
    decision_us_p50: f64,
    decision_us_p99: f64,
    views_dropped: u64,
}

/// The record of what engines are fed and decide.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordHealth {
    status: Status,
    reason: Option<String>,
    /// Whether one is kept.
    on: bool,
    /// Holes in engines' records since the host started: each reaches up to the engine's next start.
    holes: u64,
    /// Ticks that it lacks since the host started.
    ticks_lost: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProcessHealth {
    status: Status,
    reason: Option<String>,
    /// Of one core since health was last asked for; 200 is two cores.
    cpu_percent: f32,
    /// Resident memory.
    memory_bytes: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlarmLine {
    at: At,
    code: &'static str,
    text: String,
}

/// How the host is, part by part.
///
/// Open to everybody as a summary; with the operator's token, all parts. 503 when a part is down.
///
/// Codes: `UNAUTHORIZED` when the token is wrong.
#[utoipa::path(get, path = "/health", tag = "host", operation_id = "health", security((), ("operator" = [])),
    responses((status = 200, description = "It works, perhaps degraded.", body = Health), (status = 503, description = "A part is down.", body = Health)))]
pub(crate) async fn health(operator: Option<Operator>, State(state): State<AppState>) -> Response {
    let known = operator.is_some();
    let parts = parts(&state, known).await;
    let all = [
        ("database", parts.database.status, &parts.database.reason),
        ("journal", parts.journal.status, &parts.journal.reason),
        ("feed", parts.feed.status, &parts.feed.reason),
        ("engines", parts.engines.status, &parts.engines.reason),
        ("record", parts.record.status, &parts.record.reason),
        ("process", parts.process.status, &parts.process.reason),
    ];
    let status = all.iter().map(|(_, status, _)| *status).max().unwrap_or(Status::Ok);
    let ill = all.iter().filter(|(_, status, _)| *status != Status::Ok);
    let ill: Vec<String> = ill.map(|(name, _, why)| format!("{name}: {}", why.as_deref().unwrap_or("not well"))).collect();
    let health = Health {
        status,
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: state.since.elapsed().as_secs(),
        detail: (known && !ill.is_empty()).then(|| ill.join("; ")),
        parts: known.then_some(parts),
    };
    let code = if status == Status::Down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (code, Json(health)).into_response()
}

/// What is costly to count is left out when nobody will see it.
async fn parts(state: &AppState, counted: bool) -> Parts {
    let database = database(state, counted).await;
    let asked = state.ask(|host| host.snapshot()).await;
    let alarms = state.live.alarms();
    let snapshot =
        asked.unwrap_or_else(|_| HostSnapshot { trading: state.host.trading(), engines: Vec::new(), totals: Default::default() });
    Parts {
        trading: snapshot.trading,
        restrictions: if counted { Restriction::of(state, Scope::Host, snapshot.trading).await.into_iter().collect() } else { Vec::new() },
        database,
        journal: journal(&snapshot, alarms.journal, state.host.lines_aside()),
        feed: feed(state, &snapshot),
        engines: engines(&snapshot, &starving(state, &snapshot, counted).await, state.stranded.line(state).await),
        record: record(state, &snapshot),
        process: state.process.read(),
        alarms: alarms.last.into_iter().map(|(at, code, text)| AlarmLine { at: At(at), code, text }).collect(),
    }
}

async fn database(state: &AppState, counted: bool) -> DatabaseHealth {
    let began = Instant::now();
    let ping = tokio::time::timeout(PING_MAX, state.store.ping()).await;
    let ping_ms = began.elapsed().as_secs_f64() * 1e3;
    let (status, reason) = match ping {
        Err(_) => (Status::Down, Some(format!("no answer within {} s", PING_MAX.as_secs()))),
        Ok(Err(error)) => (Status::Down, Some(error.to_string())),
        Ok(Ok(())) if ping_ms > PING_SLOW_MS => (Status::Degraded, Some(format!("took {ping_ms:.0} ms to answer"))),
        Ok(Ok(())) => (Status::Ok, None),
    };
    let (status, reason) = state.store.troubles().into_iter().fold((status, reason), |(status, reason), trouble| {
        let reason = reason.map_or_else(|| trouble.words.clone(), |before| format!("{before}; {}", trouble.words));
        (status.max(if trouble.is_down { Status::Down } else { Status::Degraded }), Some(reason))
    });
    let counts = match status {
        Status::Ok | Status::Degraded if counted => state.store.counts().await.ok(),
        _ => None,
    };
    let count = |of: fn(&store::Counts) -> i64| counts.as_ref().map(of);
    DatabaseHealth {
        status,
        reason,
        ping_ms: (status != Status::Down).then_some(ping_ms),
        size_bytes: count(|counts| counts.size_bytes),
        users: count(|counts| counts.users),
        accounts: count(|counts| counts.accounts),
        strategies: count(|counts| counts.strategies),
        orders: count(|counts| counts.orders),
        orders_working: count(|counts| counts.orders_working),
        deals: count(|counts| counts.deals),
        positions_open: count(|counts| counts.positions_open),
    }
}

fn journal(snapshot: &HostSnapshot, failing: Option<String>, aside: Vec<LineAside>) -> JournalHealth {
    let totals = &snapshot.totals;
    let (status, reason) = match (failing, totals.lines_refused) {
        (Some(why), _) => (Status::Down, Some(why)),
        (None, 0) => (Status::Ok, None),
        (None, many) => {
            (Status::Degraded, Some(format!("it refused {many} lines; `lines_aside` has them, and their accounts open nothing")))
        }
    };
    let view = |LineAside { at, account, line, why }| LineAsideView { at: At(at), account: account.0, line, why };
    JournalHealth {
        status,
        reason,
        commands_recorded: totals.commands_recorded,
        commands_unrecorded: totals.commands_unrecorded,
        commands_waiting: totals.commands_waiting,
        group_commits: totals.group_commits,
        reports: totals.reports,
        contradictions: totals.contradictions,
        lines_refused: totals.lines_refused,
        lines_aside: aside.into_iter().map(view).collect(),
    }
}

fn feed(state: &AppState, snapshot: &HostSnapshot) -> FeedHealth {
    let report = state.feed.report();
    let (now, market) = (state.clock.now(), state.host.market());
    let market = market.read().unwrap_or_else(PoisonError::into_inner);
    let symbol = |(id, spec): (_, &domain::symbol::SymbolSpec)| {
        let last = market.symbol(id).last();
        SymbolHealth {
            symbol: spec.name.clone(),
            bid: last.map(|tick| tick.bid),
            ask: last.map(|tick| tick.ask),
            last_tick_at: last.map(|tick| At(tick.time)),
            age_s: last.map(|tick| now.since_us(tick.time) as f64 / 1e6),
        }
    };
    let symbols: Vec<SymbolHealth> = state.host.table().iter().map(symbol).collect();
    FeedHealth {
        status: report.status,
        reason: report.reason,
        kind: report.kind,
        ticks: snapshot.totals.ticks,
        ticks_per_second: snapshot.totals.ticks_per_second,
        ticks_refused: snapshot.totals.ticks_refused,
        stalls: snapshot.totals.feed_stalls,
        last_tick_at: symbols.iter().filter_map(|symbol| symbol.last_tick_at.map(|at| at.0)).max().map(At),
        symbols,
    }
}

/// The names of engines that are given no ticks although their market has them; of those that are not named, how many.
async fn starving(state: &AppState, snapshot: &HostSnapshot, named: bool) -> Vec<String> {
    let ids: Vec<_> = snapshot.engines.iter().filter(|engine| engine.starving.is_some()).map(|engine| engine.whose.engine).collect();
    let mut names = Vec::new();
    for id in ids.iter().take(STARVING_NAMED_MAX) {
        let record = tokio::time::timeout(PING_MAX, any_engine(state, id.0));
        // A database that does not answer must not hide them.
        let name = if named { record.await.ok().and_then(Result::ok).map(|record| format!("{} (id {id})", record.name)) } else { None };
        names.push(name.unwrap_or_else(|| format!("id {id}")));
    }
    if ids.len() > names.len() {
        names.push(format!("{} more", ids.len() - names.len()));
    }
    names
}

/// A fault of a strategy is its owner's; only the host's own panics, and engines that ticks don't reach, are the host's.
fn engines(snapshot: &HostSnapshot, starving: &[String], stranded: Option<String>) -> EnginesHealth {
    let mut states = BTreeMap::new();
    snapshot.engines.iter().for_each(|engine| *states.entry(engine.state.word()).or_insert(0) += 1);
    let count = |state: EngineState| states.get(state.word()).copied().unwrap_or(0);
    let totals = &snapshot.totals;
    let waiting = count(EngineState::Waiting);
    let mut ill = Vec::new();
    if !starving.is_empty() {
        ill.push(format!("given no ticks although their market has them: {}; stop and start them, and report it", starving.join(", ")));
    }
    if totals.panics > 0 {
        ill.push(format!("{} panics in the host's own code; its log has them", totals.panics));
    }
    if let Some(first) = snapshot.engines.iter().find(|engine| engine.state == EngineState::Waiting) {
        ill.push(format!("{waiting} engines wait for the host, engine {} for this: {}", first.whose.engine, first.reason));
    }
    ill.extend(stranded);
    let (status, reason) = if ill.is_empty() { (Status::Ok, None) } else { (Status::Degraded, Some(ill.join("; "))) };
    EnginesHealth {
        status,
        reason,
        total: snapshot.engines.len(),
        running: count(EngineState::Running),
        faulted: count(EngineState::Faulted),
        waiting,
        quarantined: count(EngineState::Quarantined),
        restricted: snapshot.engines.iter().filter(|engine| engine.trading != TradingState::Active).count(),
        states,
        accounts: totals.accounts,
        panics: totals.panics,
        decision_us_p50: totals.decision_us_p50,
        decision_us_p99: totals.decision_us_p99,
        views_dropped: totals.views_dropped,
    }
}

/// What it lost before is told by a replay; that it loses more now is for somebody to look at.
fn record(state: &AppState, snapshot: &HostSnapshot) -> RecordHealth {
    let kept = state.record.as_ref().map(|record| record.report());
    let on = kept.is_some();
    let RecordReport { failing, holes, ticks_lost } = kept.unwrap_or_default();
    RecordHealth {
        status: if failing.is_some() { Status::Degraded } else { Status::Ok },
        reason: failing.map(|why| format!("it can't be written, and has holes: {why}")),
        on,
        holes: holes + snapshot.totals.record_gaps,
        ticks_lost: ticks_lost + snapshot.totals.record_ticks_lost,
    }
}

/// Measures this process. The share of the processor is that since the last look.
pub(crate) struct ProcessMeter {
    system: Mutex<System>,
    pid: Pid,
}

impl Default for ProcessMeter {
    fn default() -> Self {
        let meter = Self { system: Mutex::new(System::new()), pid: Pid::from_u32(std::process::id()) };
        meter.read();
        meter
    }
}

impl ProcessMeter {
    fn read(&self) -> ProcessHealth {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = ProcessRefreshKind::nothing().with_cpu().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[self.pid]), true, wanted);
        match system.process(self.pid) {
            Some(process) => {
                ProcessHealth { status: Status::Ok, reason: None, cpu_percent: process.cpu_usage(), memory_bytes: process.memory() }
            }
            None => {
                let reason = Some("the system does not show this process; is /proc mounted?".into());
                ProcessHealth { status: Status::Degraded, reason, cpu_percent: 0.0, memory_bytes: 0 }
            }
        }
    }
}
