//! Adding engines and telling them what to do.

use super::quotas::{room_for_engine, room_for_guest, room_for_version};
use super::setup::{add_to_host, chosen, load, symbols};
use super::{Pulled, audit};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use domain::contract::{Param, RunMode, TradingState};
use domain::life::EngineState;
use domain::params::resolve;
use engine::{EngineCommand, HostError, WoundDown};
use std::collections::BTreeMap;
use store::{EngineRecord, NewEngine, UserRecord, VersionRecord, Wanted};

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
    let missing = |what: &str, name: &str| Problem::new(Code::NotFound, format!("{} has no {what} {name:?}", owner.name));
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
    load(state, version.digest).await?;
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
pub(super) fn pick(versions: Vec<VersionRecord>, wanted: Option<&str>) -> Result<VersionRecord, Problem> {
    let Some(wanted) = wanted else {
        let none = || Problem::new(Code::NotFound, "the strategy has no version yet; upload one");
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
/// It makes no sense in the engine's state, or the engine can't be made ready.
pub async fn command_engine(state: &AppState, record: &EngineRecord, command: EngineCommand, reason: &str) -> Result<(), Problem> {
    let (id, why) = (record.id, reason.to_owned());
    let stops = matches!(command, EngineCommand::Stop(_));
    if command == EngineCommand::Start && !stands(state, record).has_guest() {
        state.versions.room()?;
        room_for_guest(state, record.owner).await?;
        room_for_version(state, record.owner, record.version).await?;
        // It may have made room for others' while nobody ran it.
        load(state, record.version).await?;
    }
    // Before it is done: a host that dies in between does, when it starts again, what was wanted last. A pause is wanted when
    // it holds, and a start does not end it.
    match command {
        EngineCommand::Stop(_) => state.store.set_engine_wanted(record.owner, id, Wanted::Stopped).await?,
        EngineCommand::Start if stands(state, record) != EngineState::Paused => {
            state.store.set_engine_wanted(record.owner, id, Wanted::Running).await?;
        }
        EngineCommand::Start | EngineCommand::Pause | EngineCommand::Resume => {}
    }
    if !stops {
        add_to_host(state, record).await?;
    }
    match state.ask(move |host| host.command(id, command, &why)).await? {
        // The host does not even have it.
        Err(HostError::NoSuchEngine(_)) if stops => {}
        done => drop(done?),
    }
    match command {
        EngineCommand::Pause => state.store.set_engine_wanted(record.owner, id, Wanted::Paused).await?,
        EngineCommand::Resume => state.store.set_engine_wanted(record.owner, id, Wanted::Running).await?,
        EngineCommand::Start | EngineCommand::Stop(_) => {}
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
    let done = pulled.keep(state, state.store.set_engine_trading(record.owner, id, trading)).await?;
    audit(state, "engine.trading", format!("engine {id}"), serde_json::json!({ "state": trading, "reason": reason })).await;
    Ok(done)
}
