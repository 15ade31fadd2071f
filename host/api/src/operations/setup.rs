//! From what is stored of an engine to what the host runs.

use crate::problem::{Code, Problem};
use crate::state::AppState;
use domain::actor::SavedState;
use domain::contract::{DataNeed, Description, Param};
use domain::ids::{Digest, UserId};
use domain::limits::GuestLimits;
use domain::symbol::{SymbolId, SymbolTable};
use engine::{EngineSetup, HostError, Saved, Scope, Seen, Traded};
use std::sync::Arc;
use store::{EngineRecord, EngineSave, LastTick, VersionRecord, Wanted};

/// Most symbols that an error names.
const NAMED_SYMBOLS_MAX: usize = 20;

/// Sees to it that the host has this engine.
pub(super) async fn add_to_host(state: &AppState, record: &EngineRecord) -> Result<(), Problem> {
    if state.host.engine(record.id).is_some() {
        return Ok(());
    }
    let setup = setup_of(state, record).await?;
    match state.ask(|host| host.add(setup)).await? {
        // Somebody else was faster.
        Err(HostError::EngineExists(_)) => Ok(()),
        added => Ok(added?),
    }
}

/// What the host needs to run an engine; its version is loaded by then.
pub(super) async fn setup_of(state: &AppState, record: &EngineRecord) -> Result<EngineSetup, Problem> {
    let store = &state.store;
    let version = store.version(record.owner, record.strategy, record.version).await?;
    let symbols = symbols(&record.symbols, &version.description, state.host.table())?;
    let _kept = load(state, Some(record.owner), record.version).await?;
    let limits = limits(state.limits, &version)?;
    // Perhaps an earlier version's: `load` is told the schema and knows what it can read.
    let saved = store.saved_engine(record.id).await?;
    // Where its numbers begin is written down when its account is taken on: asked before that, it would be the last host's.
    if state.host.account(record.account).is_none() {
        return Err(HostError::NoSuchAccount(record.account).into());
    }
    let orders_before = store.orders_begun(record.id).await?;
    // What the database was not told while it did not work.
    let kept = state.host.kept_trading(Scope::Engine(record.id));
    if kept > record.trading {
        store.set_engine_trading(record.owner, record.id, kept).await?;
    }
    Ok(EngineSetup {
        engine: record.id,
        owner: record.owner,
        account: record.account,
        version: record.version,
        params: params(&version.description, &record.params),
        given: record.params.clone(),
        description: version.description,
        symbols,
        mode: record.mode,
        trading: record.trading.max(kept),
        seed: record.seed,
        limits,
        restored: saved.map(|saved| restored(saved, state.host.table())),
        fresh: false,
        paused: record.wanted == Wanted::Paused,
        orders_before,
        traded_before: traded(state, record).await?,
    })
}

/// What an engine saved, as the host goes on from it. Numbers of ticks are the old host's: only their times still count.
fn restored(saved: EngineSave, table: &SymbolTable) -> Saved {
    let seen = |last: &LastTick| Some((table.find(&last.symbol)?, Seen { time: last.time, sequence: None }));
    let seen = saved.last_ticks.iter().filter_map(seen).collect();
    Saved { state: SavedState { schema: saved.schema, bytes: saved.bytes }, at: saved.saved_at, seen }
}

/// Keeps a version ready, whatever others load meanwhile.
pub(super) type Kept = Option<Arc<dyn Send + Sync>>;

/// Makes a version ready to be run, on behalf of a user or, at its start, of the host; it stays so for as long as what this gives is kept.
pub(super) async fn load(state: &AppState, whose: Option<UserId>, version: Digest) -> Result<Kept, Problem> {
    if let Some(kept) = state.versions.keep_ready(&version) {
        return Ok(Some(kept));
    }
    let component = state.store.component(version).await?;
    state.compile(whose, move |versions, given_up| versions.load(&version, &component, given_up)).await
}

/// What the engine may use: as configured, with what its kind needs and its description asks for.
fn limits(usual: GuestLimits, version: &VersionRecord) -> Result<GuestLimits, Problem> {
    let scripted = version.report["profile"] == "scripted";
    let limits = if scripted { usual.scripted() } else { usual };
    limits.with_memory(version.description.memory_bytes).map_err(|why| Problem::new(Code::ComponentRefused, why))
}

/// Every parameter, the set ones over the defaults.
fn params(description: &Description, set: &[Param]) -> Vec<Param> {
    let value = |name: &str| set.iter().find(|param| param.name == name).map(|param| param.value.clone());
    let specs = description.params.iter();
    specs.map(|spec| Param { name: spec.name.clone(), value: value(&spec.name).unwrap_or_else(|| spec.default.clone()) }).collect()
}

async fn traded(state: &AppState, record: &EngineRecord) -> Result<Traded, Problem> {
    let store::Traded { orders, deals, realised } = state.store.traded(record.id).await?;
    Ok(Traded { orders, deals, realised })
}

/// The names of the symbols for what a strategy needs: those given, or those it names itself when none are given.
pub(super) fn chosen(given: &[String], needs: &[DataNeed]) -> Result<Vec<String>, Problem> {
    let wanted = || {
        let names = needs.iter().map(|need| if need.symbol.is_empty() { "one that you pick" } else { need.symbol.as_str() });
        names.collect::<Vec<_>>().join(", ")
    };
    let mismatch = |detail: String| Err(Problem::new(Code::SymbolsMismatch, detail));
    if given.is_empty() {
        let own: Vec<String> = needs.iter().map(|need| need.symbol.clone()).filter(|name| !name.is_empty()).collect();
        if own.len() < needs.len() {
            return mismatch(format!("symbols: the strategy leaves the choice to you; name {} ({})", needs.len(), wanted()));
        }
        return Ok(own);
    }
    if given.len() != needs.len() {
        return mismatch(format!("symbols: {} given, the strategy needs {} ({})", given.len(), needs.len(), wanted()));
    }
    Ok(given.to_vec())
}

/// The symbols with these names.
pub(super) fn symbols(names: &[String], description: &Description, table: &SymbolTable) -> Result<Vec<SymbolId>, Problem> {
    if names.len() != description.needs.len() {
        let detail = format!("symbols: {} given, the strategy needs {}", names.len(), description.needs.len());
        return Err(Problem::new(Code::SymbolsMismatch, detail));
    }
    let find = |name: &String| table.find(name).ok_or_else(|| unknown(name, table));
    names.iter().map(find).collect()
}

fn unknown(name: &str, table: &SymbolTable) -> Problem {
    let mut known: Vec<&str> = table.iter().take(NAMED_SYMBOLS_MAX).map(|(_, spec)| spec.name.as_str()).collect();
    if table.len() > known.len() {
        known.push("...");
    }
    Problem::new(Code::UnknownSymbol, format!("symbols: there is no symbol {name:?}; this host has {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(symbol: &str) -> DataNeed {
        DataNeed { symbol: symbol.into(), timeframes: Vec::new(), bars_before_start: 0, ticks_before_start: 0 }
    }

    fn check(given: &[&str], needs: &[&str], expected: Result<&[&str], &str>) {
        let given: Vec<String> = given.iter().map(|&name| name.into()).collect();
        let needs: Vec<DataNeed> = needs.iter().map(|name| need(name)).collect();
        let got = chosen(&given, &needs).map_err(|problem| problem.detail);
        match expected {
            Ok(names) => assert_eq!(got, Ok(names.iter().map(|&name| name.to_owned()).collect())),
            Err(part) => assert!(got.clone().is_err_and(|detail| detail.contains(part)), "{got:?} has no {part:?}"),
        }
    }

    #[test]
    fn symbols_are_those_given_or_those_the_strategy_names() {
        check(&["EURUSD"], &[""], Ok(&["EURUSD"]));
        check(&[], &["XAUUSD"], Ok(&["XAUUSD"]));
        check(&["XAUUSD.m"], &["XAUUSD"], Ok(&["XAUUSD.m"]));
        check(&[], &["XAUUSD", ""], Err("name 2 (XAUUSD, one that you pick)"));
        check(&["EURUSD"], &["", "XAUUSD"], Err("1 given, the strategy needs 2"));
    }
}
