//! Changing what an engine is: another version while it works, other parameters while it does not, and its end.

use super::engines::{params, pick, stands};
use super::in_turn::in_turn;
use super::quotas::room_for_version;
use super::setup::{add_to_host, chosen, setup_of, symbols};
use super::{any_engine, audit};
use crate::engines::texts;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use domain::contract::{StopReason, TradingState};
use domain::ids::EngineId;
use domain::life::EngineState;
use domain::params::unknown;
use domain::text::counted;
use engine::{EngineCommand, EngineSetup, HostError, Scope, Swapped};
use std::collections::BTreeMap;
use std::time::Duration;
use store::{EngineRecord, VersionRecord, Wanted};

/// What an engine is to be.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Another version of its strategy: the start of its digest, at least 8 digits.
    pub version: Option<String>,
    /// Parameters, as text; those that are not named keep their values.
    pub params: BTreeMap<String, String>,
    /// Names of parameters that go back to their defaults.
    pub defaults: Vec<String>,
    /// The symbol for each of the strategy's needs.
    pub symbols: Option<Vec<String>>,
    /// Whether it starts afresh, without what it saved.
    pub forget_state: bool,
}

/// Has another version, or other parameters, take an engine over while it works, with its state handed over. One that is
/// stopped is another from its next start on. When no version is named, the one uploaded last.
///
/// # Errors
/// Names what is wrong; then nothing has changed. `NOT_SWAPPED` when the version refused or failed.
pub async fn swap_engine(state: &AppState, record: &EngineRecord, changes: &Changes, reason: &str) -> Result<Swapped, Problem> {
    let (own, id, changes, reason) = (state.clone(), record.id, changes.clone(), reason.to_owned());
    in_turn(state, id, async move { swap_in_turn(&own, id, &changes, &reason).await }).await
}

async fn swap_in_turn(state: &AppState, id: EngineId, changes: &Changes, reason: &str) -> Result<Swapped, Problem> {
    all_told(state).await?;
    let record = &any_engine(state, id.0).await?;
    let (next, setup) = next_setup(state, record, changes).await?;
    let why = reason.to_owned();
    let swapped = state.ask(move |host| host.swap(setup, &why)).await??;
    if swapped == Swapped::AtNextStart {
        keep(state, &next).await?;
    }
    let detail = serde_json::json!({ "from": record.version.to_string(), "to": next.version.to_string(), "reason": reason });
    audit(state, "engine.swap", format!("engine {}", record.id), detail).await;
    Ok(swapped)
}

/// The engine with a version that is picked anew, checked and loaded.
pub(super) async fn next_setup(state: &AppState, record: &EngineRecord, changes: &Changes) -> Result<(EngineRecord, EngineSetup), Problem> {
    let versions = state.store.versions(record.owner, record.strategy).await?;
    let version = pick(versions, changes.version.as_deref())?;
    let next = changed(state, record, version, changes).await?;
    if stands(state, record).has_guest() {
        room_for_version(state, record.owner, next.version).await?;
    }
    add_to_host(state, record).await?;
    let setup = setup_of(state, &next).await?;
    Ok((next, setup))
}

/// Changes an engine that has no guest, for its next start. Everything is checked as when it was added.
///
/// # Errors
/// Names what is wrong; then nothing has changed. `NOT_NOW` while it works.
pub async fn change_engine(state: &AppState, record: &EngineRecord, changes: &Changes, reason: &str) -> Result<(), Problem> {
    let (own, id, changes, reason) = (state.clone(), record.id, changes.clone(), reason.to_owned());
    in_turn(state, id, async move { change_in_turn(&own, id, &changes, &reason).await }).await
}

async fn change_in_turn(state: &AppState, id: EngineId, changes: &Changes, reason: &str) -> Result<(), Problem> {
    all_told(state).await?;
    let record = &any_engine(state, id.0).await?;
    let stands = stands(state, record);
    if matches!(stands, EngineState::Starting | EngineState::WarmingUp | EngineState::Running | EngineState::Paused) {
        let detail = format!("engine {} is {stands}: stop it first, or swap it while it works", record.id);
        return Err(Problem::new(Code::NotNow, detail));
    }
    let version = match &changes.version {
        Some(_) => pick(state.store.versions(record.owner, record.strategy).await?, changes.version.as_deref())?,
        None => state.store.version(record.owner, record.strategy, record.version).await?,
    };
    let next = changed(state, record, version, changes).await?;
    add_to_host(state, record).await?;
    let mut setup = setup_of(state, &next).await?;
    setup.fresh = changes.forget_state;
    let swapped = state.ask(move |host| host.swap(setup, "changed")).await??;
    if swapped == Swapped::AtNextStart {
        keep(state, &next).await?;
    }
    if changes.forget_state {
        state.store.forget_saved(record.id).await?;
    }
    let detail = serde_json::json!({
        "version": next.version.to_string(), "params": changes.params, "defaults": changes.defaults, "symbols": next.symbols,
        "forget_state": changes.forget_state, "reason": reason,
    });
    audit(state, "engine.change", format!("engine {}", record.id), detail).await;
    Ok(())
}

async fn keep(state: &AppState, next: &EngineRecord) -> Result<(), Problem> {
    Ok(state.store.set_engine_setup(next.owner, next.id, next.version, &next.params, &next.symbols).await?)
}

/// How long the host's events are waited for before an engine's row is read and written past them.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

/// Has all be written that the host has to tell so far: the version that took over before, the state that the last stop saved. What
/// changes next goes on from there, and must not be written over by them.
pub(super) async fn all_told(state: &AppState) -> Result<(), Problem> {
    let told = state.ask(|host| host.told(TOLD_WITHIN)).await?;
    let late = || Problem::new(Code::Busy, "what engines did before is not written yet; look at the database, and try again in a moment");
    told.then_some(()).ok_or_else(late)
}

/// The engine as it is to be, checked. Parameters keep their values where the new version still has them.
async fn changed(state: &AppState, record: &EngineRecord, version: VersionRecord, changes: &Changes) -> Result<EngineRecord, Problem> {
    let before = state.store.version(record.owner, record.strategy, record.version).await?;
    let known = |name: &String| version.description.params.iter().any(|spec| spec.name == *name);
    let mut given: BTreeMap<String, String> = texts(&record.params, &before.description);
    given.retain(|name, _| known(name) && !changes.defaults.contains(name));
    if let Some(name) = changes.defaults.iter().find(|name| !known(name)) {
        return Err(Problem::new(Code::InvalidParams, format!("defaults: {}", unknown(&version.description.params, name))));
    }
    given.extend(changes.params.clone());
    let names = match &changes.symbols {
        Some(given) => chosen(given, &version.description.needs)?,
        None => record.symbols.clone(),
    };
    symbols(&names, &version.description, state.host.table())?;
    Ok(EngineRecord { version: version.digest, params: params(&version, &given)?, symbols: names, ..record.clone() })
}

/// Removes an engine for good. Its orders and deals stay in its account's ledger.
///
/// # Errors
/// `NOT_NOW` while it has open positions or working orders, unless they are to be abandoned: nobody would look after them.
pub async fn remove_engine(state: &AppState, record: &EngineRecord, abandon: bool, reason: &str) -> Result<(), Problem> {
    let (own, id, reason) = (state.clone(), record.id, reason.to_owned());
    in_turn(state, id, async move { remove_in_turn(&own, id, abandon, &reason).await }).await
}

async fn remove_in_turn(state: &AppState, id: EngineId, abandon: bool, reason: &str) -> Result<(), Problem> {
    let record = &any_engine(state, id.0).await?;
    let (positions, orders) = held(state, record).await?;
    if positions + orders > 0 && !abandon {
        let detail = format!(
            "engine {} has {} and {}, which nobody would look after: have it close them, or abandon them (`stockade engine remove \
             --abandon`, or abandon=true)",
            record.id,
            counted(positions as u64, "open position"),
            counted(orders as u64, "working order"),
        );
        return Err(Problem::new(Code::NotNow, detail));
    }
    // Stored first: should the host die before its row is gone, it does not come back at work.
    state.store.set_engine_wanted(record.owner, id, Wanted::Stopped).await?;
    let why = reason.to_owned();
    let stop = state.ask(move |host| host.command(id, EngineCommand::Stop(StopReason::ByOperator), &why)).await?;
    match stop {
        Ok(_) | Err(HostError::NoSuchEngine(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let why = reason.to_owned();
    state.ask(move |host| host.remove(id, &why)).await??;
    state.store.remove_engine(record.owner, id, state.clock.now()).await?;
    if state.host.kept_trading(Scope::Engine(id)) != TradingState::Active {
        // Its number is never given again: there is nobody to halt.
        drop(state.host.keep_trading(Scope::Engine(id), TradingState::Active));
    }
    let detail = serde_json::json!({ "name": record.name, "reason": reason, "positions": positions, "orders": orders });
    audit(state, "engine.remove", format!("engine {id}"), detail).await;
    Ok(())
}

/// Open positions and working orders of an engine.
async fn held(state: &AppState, record: &EngineRecord) -> Result<(usize, usize), Problem> {
    if let Some(engine) = state.host.engine(record.id) {
        return Ok((engine.positions, engine.working_orders));
    }
    let ledger = state.store.ledger(record.account, state.host.table()).await?;
    let positions = ledger.positions.keys().filter(|position| position.0.engine() == record.id).count();
    Ok((positions, ledger.orders.keys().filter(|order| order.engine() == record.id).count()))
}
