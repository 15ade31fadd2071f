//! Adding engines and telling them what to do.

use super::accounts::open_if_closed;
use super::in_turn::in_turn;
use super::quotas::{room_for_engine, room_for_guest, room_for_version};
use super::setup::{add_to_host, chosen, load, symbols};
use super::{Pulled, any_engine, audit};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use domain::contract::{Param, RunMode, StopReason, TradingState};
use domain::ids::EngineId;
use domain::life::{EngineEvent, EngineState};
use domain::params::resolve;
use engine::{EngineCommand, HostError, WoundDown};
use std::collections::BTreeMap;
use store::{EngineRecord, Listed, NewEngine, UserRecord, VersionRecord, Wanted};

/// An engine as its owner wants it.
#[derive(Clone, Debug)]
pub struct EngineWanted {
    /// Unique among its owner's.
    pub name: String,
    /// Name of one of the owner's accounts.
    pub account: String,
    /// Name of one of the owner's strategies.
    pub strategy: String,
    /// Which version: the start of its digest, at least 8 digits. `None`: the one uploaded last.
    pub version: Option<String>,
    /// The symbol for each of the strategy's needs; none: those that it names itself.
    pub symbols: Vec<String>,
    /// Parameters that are not left at their defaults, as text; a choice by its name.
    pub params: BTreeMap<String, String>,
    /// Where ticks come from and orders go.
    pub mode: RunMode,
    /// Start of its random numbers.
    pub seed: u64,
    /// Whether it starts at once.
    pub start: bool,
}

/// Adds an engine after checking everything that could keep it from starting.
///
/// # Errors
/// Names what is wrong; then there is no engine. When only its start fails, there is one.
pub async fn add_engine(state: &AppState, owner: &UserRecord, wanted: &EngineWanted) -> Result<EngineRecord, Problem> {
    if wanted.mode != RunMode::Paper {
        let detail = format!(
            "mode: an engine of this host trades on paper, not {}; for tests on old ticks there is `stockade backtest`",
            wanted.mode
        );
        return Err(Problem::new(Code::InvalidValue, detail));
    }
    let missing = |what: &str, name: &str| {
        let user = &owner.name;
        Problem::new(Code::NotFound, format!("{user} has no {what} {name:?}; `stockade {what} list --user {user}` shows them"))
    };
    let account = state.store.find_account(owner.id, &wanted.account).await?;
    let account = account.ok_or_else(|| missing("account", &wanted.account))?;
    let strategy = state.store.find_strategy(owner.id, &wanted.strategy).await?;
    let strategy = strategy.ok_or_else(|| missing("strategy", &wanted.strategy))?;
    let version = pick(state.store.versions(owner.id, strategy.id).await?, wanted.version.as_deref())?;

    let names = chosen(&wanted.symbols, &version.description.needs)?;
    symbols(&names, &version.description, state.host.table())?;
    let engine = NewEngine {
        account: account.id,
        strategy: strategy.id,
        version: version.digest,
        name: wanted.name.clone(),
        params: params(&version, &wanted.params)?,
        symbols: names,
        mode: wanted.mode,
        seed: wanted.seed,
    };
    if state.host.account(account.id).is_none() {
        return Err(HostError::NoSuchAccount(account.id).into());
    }
    room_for_engine(state, owner.id).await?;
    let _kept = load(state, Some(owner.id), version.digest).await?;
    let record = state.store.add_engine(owner.id, &engine, state.clock.now()).await?;
    let detail = serde_json::json!({ "owner": owner.name, "name": record.name, "version": record.version.to_string() });
    audit(state, "engine.add", format!("engine {}", record.id), detail).await;
    add_to_host(state, &record).await?;
    if wanted.start {
        command_engine(state, &record, EngineCommand::Start, "started when it was added").await?;
    }
    Ok(record)
}

/// The version with this start of its digest, or the last.
pub(super) fn pick(versions: Listed<VersionRecord>, wanted: Option<&str>) -> Result<VersionRecord, Problem> {
    let Some(wanted) = wanted else {
        let none = || Problem::new(Code::NotFound, "the strategy has no version yet; upload one");
        let last = versions.last_number();
        if let Some(damaged) = versions.damaged().iter().find(|version| Some(version.number) == last) {
            let detail = format!("{}, the last one, can't be read ({}); name another version by its digest", damaged.what, damaged.why);
            return Err(Problem::new(Code::RowDamaged, detail));
        }
        return versions.into_iter().next_back().ok_or_else(none);
    };
    if wanted.len() < 8 || !wanted.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let detail = format!("version: {wanted:?} is no digest; give at least 8 of its hexadecimal digits");
        return Err(Problem::new(Code::InvalidValue, detail));
    }
    let wanted = wanted.to_ascii_lowercase();
    let mut fitting = versions.into_iter().filter(|version| version.digest.to_string().starts_with(&wanted));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(Problem::new(Code::InvalidValue, format!("version: {wanted} begins several digests; give more of it"))),
        (None, _) => Err(Problem::new(Code::NotFound, format!("the strategy has no version {wanted}"))),
    }
}

/// The parameters that are set, checked against what the version has.
pub(super) fn params(version: &VersionRecord, given: &BTreeMap<String, String>) -> Result<Vec<Param>, Problem> {
    let texts = given.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let mut all = resolve(&version.description.params, texts).map_err(|why| Problem::new(Code::InvalidParams, why))?;
    all.retain(|param| given.contains_key(&param.name));
    Ok(all)
}

/// Starts, stops, pauses or resumes an engine. Repeating changes nothing.
///
/// # Errors
/// It makes no sense in the engine's state, or the engine can't be made ready; then nothing has changed.
pub async fn command_engine(state: &AppState, record: &EngineRecord, command: EngineCommand, reason: &str) -> Result<(), Problem> {
    let (own, id, reason) = (state.clone(), record.id, reason.to_owned());
    in_turn(state, id, async move { command_in_turn(&own, id, command, &reason).await }).await
}

async fn command_in_turn(state: &AppState, id: EngineId, command: EngineCommand, reason: &str) -> Result<(), Problem> {
    // As it stands now that it is its turn.
    let record = any_engine(state, id.0).await?;
    match command {
        EngineCommand::Stop(_) => stop(state, &record, command, reason).await?,
        EngineCommand::Pause => pause(state, &record, reason).await?,
        EngineCommand::Start => start(state, &record, reason).await?,
        EngineCommand::Resume => go_on(state, &record, reason).await?,
    }
    let action = match command {
        EngineCommand::Start => "engine.start",
        EngineCommand::Stop(_) => "engine.stop",
        EngineCommand::Pause => "engine.pause",
        EngineCommand::Resume => "engine.resume",
    };
    audit(state, action, format!("engine {id}"), serde_json::json!({ "reason": reason })).await;
    Ok(())
}

/// Stored first, as all that is stricter ([`super::in_turn`]).
async fn stop(state: &AppState, record: &EngineRecord, command: EngineCommand, reason: &str) -> Result<(), Problem> {
    want(state, record, Wanted::Stopped).await?;
    match tell(state, record, command, reason).await? {
        // The host does not even have it.
        Ok(_) | Err(HostError::NoSuchEngine(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn pause(state: &AppState, record: &EngineRecord, reason: &str) -> Result<(), Problem> {
    stands(state, record).after(EngineEvent::Pause).map_err(HostError::from)?;
    add_to_host(state, record).await?;
    want(state, record, Wanted::Paused).await?;
    let paused = tell(state, record, EngineCommand::Pause, reason).await?;
    if let Err(HostError::NotNow(_)) = paused {
        // It has failed for good a moment ago.
        let back = EngineRecord { wanted: Wanted::Paused, ..record.clone() };
        want(state, &back, record.wanted).await?;
    }
    paused?;
    Ok(())
}

/// Stored afterwards, as all that is less strict.
async fn start(state: &AppState, record: &EngineRecord, reason: &str) -> Result<(), Problem> {
    let stood = stands(state, record);
    let mut _kept = None;
    if !stood.has_guest() {
        // One that starts again by itself has its place, or its turn.
        if !stood.needs_version() {
            state.versions.room()?;
        }
        room_for_guest(state, record.owner).await?;
        room_for_version(state, record.owner, record.version).await?;
        // It may have made room for others' while nobody ran it.
        _kept = load(state, Some(record.owner), record.version).await?;
    }
    open_if_closed(state, record.account).await?;
    add_to_host(state, record).await?;
    // A start does not end a pause: it is paused as soon as it is there.
    let wanted = if record.wanted == Wanted::Paused { Wanted::Paused } else { Wanted::Running };
    let started = tell(state, record, EngineCommand::Start, reason).await?;
    loosened(state, record, started, wanted, EngineCommand::Stop(StopReason::ByOperator)).await
}

async fn go_on(state: &AppState, record: &EngineRecord, reason: &str) -> Result<(), Problem> {
    add_to_host(state, record).await?;
    let resumed = tell(state, record, EngineCommand::Resume, reason).await?;
    loosened(state, record, resumed, Wanted::Running, EngineCommand::Pause).await
}

/// Stores what is wanted of an engine that does it already. What can't be stored is taken back.
async fn loosened(
    state: &AppState,
    record: &EngineRecord,
    done: Result<EngineState, HostError>,
    wanted: Wanted,
    back: EngineCommand,
) -> Result<(), Problem> {
    let late = match done {
        Ok(_) => None,
        // It will do it all the same.
        Err(HostError::Busy) => Some(HostError::Busy),
        Err(error) => return Err(error.into()),
    };
    if let Err(problem) = want(state, record, wanted).await {
        if let Err(error) = tell(state, record, back, "what was asked of it could not be stored").await? {
            tracing::error!(engine = %record.id, "what was asked of it could not be stored, nor taken back: {error}");
        }
        return Err(problem);
    }
    late.map_or(Ok(()), |late| Err(late.into()))
}

async fn want(state: &AppState, record: &EngineRecord, wanted: Wanted) -> Result<(), Problem> {
    if record.wanted != wanted {
        state.store.set_engine_wanted(record.owner, record.id, wanted).await?;
    }
    Ok(())
}

async fn tell(
    state: &AppState,
    record: &EngineRecord,
    command: EngineCommand,
    reason: &str,
) -> Result<Result<EngineState, HostError>, Problem> {
    let (id, why) = (record.id, reason.to_owned());
    state.ask(move |host| host.command(id, command, &why)).await
}

/// Where an engine stands on this host; where it stood last when the host does not have it.
pub(super) fn stands(state: &AppState, record: &EngineRecord) -> EngineState {
    state.host.engine(record.id).map_or(record.state, |engine| engine.state)
}

/// Keeps what an engine may do at the market, which holds at the gate already.
pub(crate) async fn keep_engine_trading(
    state: &AppState,
    record: &EngineRecord,
    pulled: Pulled,
    trading: TradingState,
    reason: &str,
) -> Result<WoundDown, Problem> {
    let id = record.id;
    let done = pulled.keep(state, |trading| state.store.set_engine_trading(record.owner, id, trading)).await?;
    audit(state, "engine.trading", format!("engine {id}"), serde_json::json!({ "state": trading, "reason": reason })).await;
    Ok(done)
}
