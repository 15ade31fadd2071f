//! An engine in JSON: what is stored of it, with what the host counts.

use crate::accounts::restriction_on;
use crate::restriction::{Restriction, strictest};
use crate::show::At;
use crate::state::AppState;
use crate::words;
use domain::contract::{Description, Param, ParamValue, RunMode, TradingState};
use domain::ids::{AccountId, Digest, StrategyId, UserId};
use domain::life::EngineState;
use domain::time::Time;
use engine::{EngineSnapshot, Scope, Starving};
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::PoisonError;
use store::{EngineRecord, StoreError, Wanted};
use utoipa::ToSchema;

/// An engine. Counts are since the host started unless it says otherwise; money is in its account's currency.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Engine)]
pub(crate) struct EngineView {
    id: u32,
    /// Unique among its owner's.
    name: String,
    /// Name of its owner.
    user: String,
    /// Name of its account.
    account: String,
    account_id: u32,
    /// Name of its strategy.
    strategy: String,
    /// Digest of the version it runs.
    version: String,
    /// The symbol for each of the strategy's needs.
    symbols: Vec<String>,
    /// Parameters that are not left at their defaults, as text.
    params: BTreeMap<String, String>,
    #[schema(value_type = words::RunMode)]
    mode: RunMode,
    seed: u64,
    #[schema(value_type = words::Wanted)]
    wanted: Wanted,
    #[schema(value_type = words::EngineState)]
    state: EngineState,
    /// Why it is in this state; may be empty.
    state_reason: String,
    /// Since when, by the host's clock.
    state_at: At,
    /// Set while it runs and is given no ticks although its market has them: of which symbol, and since when in market time.
    starves: Option<String>,
    /// Times it was started anew after a fault, since the host started.
    restarts: u64,
    /// Whether its version has just taken over and is on trial: its first fault brings the one before back.
    on_trial: bool,
    /// When its state was saved last.
    saved_at: Option<At>,
    /// How large that state is.
    saved_bytes: u64,
    /// Its own state.
    #[schema(value_type = words::TradingState)]
    trading: TradingState,
    /// What it may do now: the strictest of its own state, its account's and the host's.
    #[schema(value_type = words::TradingState)]
    trading_now: TradingState,
    /// Who says so, since when and why; empty when it may do everything.
    restrictions: Vec<Restriction>,
    /// Ticks that it was handed, or that went by since it did not wait for them; of one that waits for long, as of some seconds ago.
    ticks: u64,
    /// Ticks it was told it missed.
    skipped: u64,
    /// Calls into its guests since the host started: ticks, bars, timers, news of its orders, and those of its start and its saves.
    calls: u64,
    /// Orders that the gate let through since it was added, closes among them.
    orders: u64,
    /// Changes of orders and positions, and cancels, that the gate let through since the host started.
    changes: u64,
    /// Orders, changes and cancels that the gate refused since its guest was started. Its log has each with the reason.
    denied: u64,
    /// Since it was added.
    deals: u64,
    /// Open positions.
    positions: usize,
    working_orders: usize,
    /// What its deals have earned, costs included, since it was added.
    realised: f64,
    /// What its open positions would earn now, without costs.
    floating: f64,
    /// Both together.
    profit: f64,
    faults: u64,
    fuel_total: u64,
    /// Fuel for each tick of its market, on average, whatever it was used for.
    fuel_per_tick: u64,
    /// Fuel of a call, on average.
    fuel_per_call: u64,
    /// Fuel of the last call.
    fuel_last: u64,
    /// Fuel since midnight UTC, or since the host started.
    fuel_today: u64,
    /// Log lines, signals and plots that were kept, bytes.
    log_bytes: u64,
    /// Log lines, signals and plots that its bounds cut off.
    remarks_dropped: u64,
    /// Ticks that went by because its owner's fuel of that second was used up.
    throttled: u64,
    /// Whether it is served after all others, since it takes more than its share of its shard.
    slow: bool,
    /// How often that began since the host started.
    slowed: u64,
    /// Ticks that went by because they came faster than it could be served so.
    gone_by: u64,
    /// Linear memory of its guest.
    memory_bytes: u64,
    /// The most that any of its guests had since the host started.
    memory_bytes_peak: u64,
    /// From a tick's arrival to the guest's return, microseconds: half were faster.
    decision_us_p50: f64,
    /// The same: 99 of 100 were faster.
    decision_us_p99: f64,
    /// Time of the last tick of any of its symbols.
    last_tick_at: Option<At>,
    created_at: At,
}

/// Names of what engines refer to, each looked up once for a list.
#[derive(Debug, Default)]
pub(crate) struct Names {
    users: BTreeMap<UserId, String>,
    accounts: BTreeMap<AccountId, String>,
    strategies: BTreeMap<StrategyId, String>,
    choices: BTreeMap<(StrategyId, Digest), BTreeMap<String, Vec<String>>>,
    of_host: Option<Option<Restriction>>,
    of_accounts: BTreeMap<AccountId, Option<Restriction>>,
}

impl Names {
    /// An engine of the database with what the host knows of it, if it has it.
    pub(crate) async fn view(&mut self, state: &AppState, record: &EngineRecord, running: Option<&EngineSnapshot>) -> EngineView {
        let (now, state_reason, state_at) = standing(record, running);
        // What has taken over a moment ago is at the host before it is in the database.
        let (version, given) = running.map_or((record.version, &record.params), |engine| (engine.version, &engine.given));
        let trading = running.map_or(record.trading, |engine| engine.trading);
        let restrictions = self.restrictions(state, record, trading).await;
        let count = |of: fn(&EngineSnapshot) -> u64| running.map_or(0, of);
        let money = |of: fn(&EngineSnapshot) -> domain::number::Money| running.map_or(0.0, |engine| of(engine).to_units());
        EngineView {
            id: record.id.0,
            name: record.name.clone(),
            user: self.user(state, record.owner).await,
            account: self.account(state, record).await,
            account_id: record.account.0,
            strategy: self.strategy(state, record).await,
            version: version.to_string(),
            symbols: record.symbols.clone(),
            params: self.params(state, record, version, given).await,
            mode: record.mode,
            seed: record.seed,
            wanted: record.wanted,
            state: now,
            state_reason,
            state_at: At(state_at),
            starves: running.and_then(|engine| engine.starving).map(|starving| starves(state, &starving)),
            restarts: count(|engine| engine.restarts),
            on_trial: running.is_some_and(|engine| engine.on_trial),
            saved_at: running.and_then(|engine| engine.saved_at).map(At),
            saved_bytes: count(|engine| engine.saved_bytes),
            trading,
            trading_now: strictest(&restrictions),
            restrictions,
            ticks: count(|engine| engine.ticks),
            skipped: count(|engine| engine.skipped),
            calls: count(|engine| engine.calls),
            orders: count(|engine| engine.orders),
            changes: count(|engine| engine.changes),
            denied: count(|engine| engine.denied),
            deals: count(|engine| engine.deals),
            positions: running.map_or(0, |engine| engine.positions),
            working_orders: running.map_or(0, |engine| engine.working_orders),
            realised: money(|engine| engine.realised),
            floating: money(|engine| engine.floating),
            profit: money(|engine| engine.realised + engine.floating),
            faults: count(|engine| engine.faults),
            fuel_total: count(|engine| engine.fuel_total),
            fuel_per_tick: count(|engine| engine.fuel_total / engine.ticks.max(1)),
            fuel_per_call: count(|engine| engine.fuel_total / engine.calls.max(1)),
            fuel_last: count(|engine| engine.fuel_last),
            fuel_today: count(|engine| engine.fuel_today),
            log_bytes: count(|engine| engine.log_bytes),
            remarks_dropped: count(|engine| engine.remarks_dropped),
            throttled: count(|engine| engine.throttled),
            slow: running.is_some_and(|engine| engine.slow),
            slowed: count(|engine| engine.slowed),
            gone_by: count(|engine| engine.gone_by),
            memory_bytes: count(|engine| engine.memory_bytes),
            memory_bytes_peak: count(|engine| engine.memory_bytes_peak),
            decision_us_p50: running.map_or(0.0, |engine| engine.decision_us_p50),
            decision_us_p99: running.map_or(0.0, |engine| engine.decision_us_p99),
            last_tick_at: last_tick(state, record),
            created_at: At(record.created_at),
        }
    }

    /// What the host's state, the account's and its own forbid.
    async fn restrictions(&mut self, state: &AppState, record: &EngineRecord, trading: TradingState) -> Vec<Restriction> {
        if self.of_host.is_none() {
            self.of_host = Some(Restriction::of(state, Scope::Host, state.host.trading()).await);
        }
        let of_account = match self.of_accounts.entry(record.account) {
            Entry::Occupied(known) => known.get().clone(),
            // One that can't be asked is told by the engine's own state.
            Entry::Vacant(unknown) => unknown.insert(restriction_on(state, record.account).await.unwrap_or_default()).clone(),
        };
        let own = Restriction::of(state, Scope::Engine(record.id), trading).await;
        self.of_host.clone().flatten().into_iter().chain(of_account).chain(own).collect()
    }

    async fn user(&mut self, state: &AppState, id: UserId) -> String {
        match self.users.entry(id) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => {
                let found = state.store.user(id).await.map(|user| user.name);
                unknown.insert(found.unwrap_or_else(|error| unreadable("user", id, &error))).clone()
            }
        }
    }

    async fn account(&mut self, state: &AppState, record: &EngineRecord) -> String {
        match self.accounts.entry(record.account) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => {
                let found = state.store.account(record.owner, record.account).await.map(|account| account.name);
                unknown.insert(found.unwrap_or_else(|error| unreadable("account", record.account, &error))).clone()
            }
        }
    }

    async fn strategy(&mut self, state: &AppState, record: &EngineRecord) -> String {
        match self.strategies.entry(record.strategy) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => {
                let found = state.store.strategy(record.owner, record.strategy).await.map(|strategy| strategy.name);
                unknown.insert(found.unwrap_or_else(|error| unreadable("strategy", record.strategy, &error))).clone()
            }
        }
    }

    async fn params(&mut self, state: &AppState, record: &EngineRecord, version: Digest, given: &[Param]) -> BTreeMap<String, String> {
        let key = (record.strategy, version);
        let has_choice = given.iter().any(|param| matches!(param.value, ParamValue::Choice(_)));
        if has_choice && !self.choices.contains_key(&key) {
            // Without the version's own words a choice is shown by its number.
            let found = state.store.version(record.owner, record.strategy, version).await;
            let choices = found.into_iter().flat_map(|version| version.description.params).map(|spec| (spec.name, spec.choices));
            self.choices.insert(key, choices.collect());
        }
        let choices = self.choices.get(&key);
        given.iter().map(|param| (param.name.clone(), text(param, choices))).collect()
    }
}

/// What stands in the place of a name that can't be read: what an engine refers to is another row, and the engine can be shown.
fn unreadable(what: &str, id: impl std::fmt::Display, error: &StoreError) -> String {
    format!("? ({what} {id}: {error})")
}

/// Parameters as they are given.
pub(crate) fn texts(params: &[Param], description: &Description) -> BTreeMap<String, String> {
    let choices = description.params.iter().map(|spec| (spec.name.clone(), spec.choices.clone())).collect();
    params.iter().map(|param| (param.name.clone(), text(param, Some(&choices)))).collect()
}

/// A value as it is given.
fn text(param: &Param, choices: Option<&BTreeMap<String, Vec<String>>>) -> String {
    match &param.value {
        ParamValue::Integer(number) => number.to_string(),
        ParamValue::Number(number) => number.to_string(),
        ParamValue::Flag(flag) => flag.to_string(),
        ParamValue::Text(text) => text.clone(),
        ParamValue::Choice(at) => {
            let name = choices.and_then(|choices| choices.get(&param.name)?.get(*at as usize));
            name.cloned().unwrap_or_else(|| at.to_string())
        }
    }
}

/// Where an engine stands and why. What the host has not started yet stands where it stood last.
fn standing(record: &EngineRecord, running: Option<&EngineSnapshot>) -> (EngineState, String, Time) {
    match running {
        Some(engine) if engine.state != EngineState::Defined => (engine.state, engine.reason.clone(), engine.since),
        _ => (record.state, record.state_reason.clone(), record.state_at),
    }
}

/// What an engine that starves is told to look at.
fn starves(state: &AppState, starving: &Starving) -> String {
    let symbol = &state.host.table().spec(starving.symbol).name;
    format!("it runs, but was given no tick of {symbol} since {} of its market, which has come to {}", starving.since, starving.market)
}

fn last_tick(state: &AppState, record: &EngineRecord) -> Option<At> {
    let market = state.host.market();
    let market = market.read().unwrap_or_else(PoisonError::into_inner);
    let symbols = record.symbols.iter().filter_map(|name| state.host.table().find(name));
    symbols.filter_map(|symbol| market.symbol(symbol).last().map(|tick| tick.time)).max().map(At)
}
