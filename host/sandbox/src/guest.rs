//! One engine's instance of a component.

use crate::convert;
use crate::exports::Exports;
use crate::fault::{self, Facts};
use crate::in_use::InUse;
use crate::profile::EPOCH;
use crate::seat::Seat;
use crate::state::{State, charge};
use domain::footprint::Footprint;
use domain::guest::{Call, Fault, FaultKind, Guest, GuestHost, Outcome, Place, Reply, Used};
use domain::limits::{FAULT_BYTES_MAX, GuestLimits};
use domain::text::{self, grouped};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use wasmtime::{AsContextMut as _, Result, Store};

/// A deadline is counted in epochs, and the one under way has begun before the call.
const EPOCHS_BEGUN: u64 = 1;
/// Calls that set up, save and stop have more fuel than a tick; their wall clock is longer as well.
const SETUP_DEADLINES: u64 = 10;
/// A batch gets one deadline more for as many rows; fuel by the row ends it long before.
const ROWS_PER_DEADLINE: u64 = 1_000;
/// Bytes around the payload of `save` and `describe`: lengths and pointers.
const ENVELOPE_BYTES: usize = 1 << 10;
/// A state that is too large is read up to this multiple of its maximum, so that its author can be told how large it is.
const STATES_TOLD: usize = 8;
/// Bytes that `describe` may return: 512 parameters with their help.
const DESCRIPTION_BYTES_MAX: usize = 1 << 20;
/// Where wasmtime 48 keeps, before a store's data, what a call into it looks at first; then its budgets and all up to the data.
const STORE_BYTES: usize = 0x348;
const BUDGET_BYTES: usize = 0x160;
/// Handles a guest may hold; only WASI's output streams are any.
const HANDLES_MAX: usize = 1_024;

/// A [`Guest`] in its sandbox, called through `E`. Owns its store: nothing is shared with other engines but compiled code.
///
/// What every tick looks at comes first and lies together.
#[repr(C)]
pub(crate) struct SandboxGuest<H: GuestHost, E> {
    store: Store<State<H>>,
    /// What one event may take.
    of_event: Allowance,
    used: Used,
    /// Why it must not be called again.
    ended: Option<Box<str>>,
    strategy: E,
    limits: GuestLimits,
    /// Its place on the host, given back when it and its engine want it no more.
    seat: Arc<Seat>,
    /// What it runs, which is kept for as long as it is.
    _version: Arc<dyn Send + Sync>,
}

/// What one call may take.
#[derive(Clone, Copy)]
pub(crate) struct Allowance {
    fuel: u64,
    /// What the operator calls it.
    fuel_setting: &'static str,
    deadline_ms: u64,
    lift_bytes: usize,
}

impl Allowance {
    fn setup(limits: &GuestLimits) -> Self {
        Self {
            fuel: limits.fuel_per_setup_call,
            fuel_setting: "limits.fuel_per_setup_call",
            deadline_ms: limits.deadline_ms.saturating_mul(SETUP_DEADLINES),
            lift_bytes: limits.host_call_bytes_max,
        }
    }

    /// For a component's first instance and its description, together.
    pub fn describing(limits: &GuestLimits) -> Self {
        Self { lift_bytes: DESCRIPTION_BYTES_MAX, ..Self::setup(limits) }
    }

    /// For what a shard itself does between ticks, while all its other engines wait.
    fn saving(limits: &GuestLimits) -> Self {
        Self { fuel: limits.fuel_per_save(), fuel_setting: "ten times limits.fuel_per_call", ..Self::setup(limits) }
    }

    fn event(limits: &GuestLimits) -> Self {
        Self {
            fuel: limits.fuel_per_call,
            fuel_setting: "limits.fuel_per_call",
            deadline_ms: limits.deadline_ms,
            lift_bytes: limits.host_call_bytes_max,
        }
    }

    fn of(call: &Call<'_>, limits: &GuestLimits) -> Self {
        match call {
            Call::Init(_) | Call::Start { .. } | Call::Load { .. } | Call::Tester(_) => Self::setup(limits),
            Call::Stop(_) => Self::saving(limits),
            Call::Save => {
                let told = limits.state_bytes_max.saturating_mul(STATES_TOLD);
                Self { lift_bytes: told.saturating_add(ENVELOPE_BYTES), ..Self::saving(limits) }
            }
            Call::Ticks { ticks, .. } => {
                let rows = ticks.len() as u64;
                Self {
                    fuel: limits.fuel_per_call.saturating_add(limits.fuel_per_row.saturating_mul(rows)),
                    fuel_setting: "limits.fuel_per_call, and limits.fuel_per_row for each tick",
                    deadline_ms: limits.deadline_ms.saturating_mul(1 + rows / ROWS_PER_DEADLINE),
                    lift_bytes: limits.host_call_bytes_max,
                }
            }
            _ => Self::event(limits),
        }
    }
}

/// A store for one guest, with its budgets set for instantiating; its memory grows as far as `in_use` lets it.
pub(crate) fn store<H: GuestHost>(engine: &wasmtime::Engine, host: H, limits: &GuestLimits, in_use: Arc<InUse>) -> Result<Store<State<H>>> {
    let mut store = Store::try_new(engine, State::new(host, limits, in_use))?;
    store.limiter(|state| state);
    store.set_max_component_handles(HANDLES_MAX);
    store.set_hostcall_fuel(limits.host_call_bytes_max);
    grant(&mut store, &Allowance::setup(limits))?;
    Ok(store)
}

/// Begins a call: what an earlier one may have left unused counts no more.
pub(crate) fn begin<H: GuestHost>(store: &mut Store<State<H>>, allowance: &Allowance) -> Result<()> {
    store.data_mut().begin_call(allowance.fuel, allowance.lift_bytes);
    store.set_hostcall_fuel(allowance.lift_bytes);
    grant(store, allowance)
}

fn grant<H>(store: &mut Store<State<H>>, allowance: &Allowance) -> Result<()> {
    store.set_fuel(allowance.fuel)?;
    store.set_epoch_deadline(allowance.deadline_ms / EPOCH.as_millis() as u64 + EPOCHS_BEGUN);
    Ok(())
}

/// Runs `work` in a store; a failure, a panic of the host's own code included, comes back as its kind.
pub(crate) fn attempt<H: GuestHost, R>(
    store: &mut Store<State<H>>,
    allowance: &Allowance,
    work: impl FnOnce(&mut Store<State<H>>) -> Result<R>,
) -> std::result::Result<R, Outcome> {
    // After a panic the store is never entered again, so that it may be in any state does not matter.
    match catch_unwind(AssertUnwindSafe(|| work(store))) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            let state = store.data();
            let facts = Facts {
                fuel: allowance.fuel,
                fuel_setting: allowance.fuel_setting,
                deadline_ms: allowance.deadline_ms,
                lift_bytes: allowance.lift_bytes,
                refused: state.room.refused,
                last_error: state.last_error.as_deref(),
            };
            Err(fault::outcome(&error, &facts))
        }
        Err(panic) => {
            let said = text::line(panic_message(&*panic), FAULT_BYTES_MAX / 2);
            tracing::error!(panic = said, "the host panicked in a call of a guest");
            Err(Outcome::Trapped(format!("the host failed in a call of this strategy: {said}")))
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a message")
}

impl<H: GuestHost, E: Exports<H>> SandboxGuest<H, E> {
    /// A guest that `instantiate` makes in a store of its own.
    pub fn new(
        engine: &wasmtime::Engine,
        instantiate: impl FnOnce(&mut Store<State<H>>) -> Result<E>,
        host: H,
        limits: GuestLimits,
        seat: Arc<Seat>,
        version: Arc<dyn Send + Sync>,
    ) -> std::result::Result<Self, Fault> {
        let allowance = Allowance::setup(&limits);
        let mut store = store(engine, host, &limits, seat.in_use()).map_err(no_room)?;
        let strategy = attempt(&mut store, &allowance, instantiate).map_err(into_fault)?;
        let memory_bytes = store.data().room.memory_bytes;
        let used = Used { memory_bytes, ..Used::default() };
        Ok(Self { store, of_event: Allowance::event(&limits), used, ended: None, strategy, limits, seat, _version: version })
    }

    /// One call within its allowance. Anything but a return ends the instance.
    fn run<R>(
        &mut self,
        allowance: &Allowance,
        work: impl FnOnce(&E, &mut Store<State<H>>) -> Result<R>,
    ) -> std::result::Result<R, Outcome> {
        if let Some(why) = &self.ended {
            return Err(Outcome::Trapped(format!("instance ended: {why}")));
        }
        self.store.data_mut().begin_call(allowance.fuel, allowance.lift_bytes);
        let strategy = &self.strategy;
        let done = attempt(&mut self.store, allowance, |store| {
            grant(store, allowance)?;
            E::bound(store, allowance.lift_bytes);
            let returned = work(strategy, store)?;
            if store.data().owed() > 0 {
                charge(&mut store.as_context_mut(), 0)?;
            }
            Ok(returned)
        });
        self.account(allowance);
        done.inspect_err(|outcome| self.end(outcome))
    }

    fn account(&mut self, allowance: &Allowance) {
        // Fuel is on in every engine, so there is always an answer.
        let left = self.store.get_fuel().unwrap_or(0).saturating_sub(self.store.data().owed());
        self.used.fuel_last_call = allowance.fuel.saturating_sub(left);
        self.used.fuel_total += self.used.fuel_last_call;
        self.used.memory_bytes = self.store.data().room.memory_bytes;
    }

    fn end(&mut self, outcome: &Outcome) {
        let fault = into_fault(outcome.clone());
        let first_line = fault.message.lines().next().unwrap_or_default();
        self.ended = Some(format!("{}: {first_line}", fault.kind).into());
    }

    /// A broken promise in an answer: as much the end of the instance as a trap.
    fn broke(&mut self, what: String) -> Outcome {
        let outcome = Outcome::Trapped(format!("contract broken: {what}"));
        self.end(&outcome);
        outcome
    }

    fn decided<R>(done: std::result::Result<R, Outcome>, reply: impl FnOnce(R) -> Reply) -> Outcome {
        done.map_or_else(|failed| failed, |value| Outcome::Decided(reply(value)))
    }

    fn done(done: std::result::Result<(), Outcome>) -> Outcome {
        Self::decided(done, |()| Reply::Done)
    }

    fn accepted(done: std::result::Result<std::result::Result<(), String>, Outcome>) -> Outcome {
        match done {
            Ok(Ok(())) => Outcome::Decided(Reply::Done),
            Ok(Err(refusal)) => Outcome::Refused(text::line(refusal, FAULT_BYTES_MAX)),
            Err(failed) => failed,
        }
    }
}

/// A store that can't be made.
pub(crate) fn no_room(error: wasmtime::Error) -> Fault {
    Fault { kind: FaultKind::NoRoom, message: text::line(format_args!("this host can't make room for it: {error:#}"), FAULT_BYTES_MAX) }
}

pub(crate) fn into_fault(outcome: Outcome) -> Fault {
    outcome.into_reply().expect_err("only failures are turned into faults")
}

impl<H: GuestHost, E: Exports<H>> Guest<H> for SandboxGuest<H, E> {
    fn host(&mut self) -> &mut H {
        &mut self.store.data_mut().host
    }

    fn used(&self) -> Used {
        self.used
    }

    fn place(&self) -> Place {
        Place::new(Arc::clone(&self.seat) as _)
    }

    fn footprint(&mut self, into: &mut Footprint, is_called: bool) {
        into.add(self, std::mem::offset_of!(Self, strategy));
        let data = self.store.data();
        if !is_called {
            return data.host.footprint(into);
        }
        let address = (&raw const *data).addr();
        into.add_at(address - STORE_BYTES, 16);
        into.add_at(address - BUDGET_BYTES, BUDGET_BYTES + std::mem::offset_of!(State<H>, host));
        data.host.footprint(into);
        self.strategy.footprint(&mut self.store, into);
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        let allowance = if let Call::Tick { .. } = call { self.of_event } else { Allowance::of(&call, &self.limits) };
        match call {
            Call::Tick { symbol, tick, skipped } => Self::done(self.run(&allowance, |strategy, store| {
                let time = tick.time.0;
                strategy.on_tick(store, symbol, time, tick.bid, tick.ask, tick.last, tick.volume, skipped)
            })),
            Call::Ticks { symbol, ticks } => {
                let consumed = self.run(&allowance, |strategy, store| {
                    strategy.on_ticks(store, symbol, ticks.times, ticks.bids, ticks.asks, ticks.lasts, ticks.volumes)
                });
                match consumed {
                    Ok(rows) if rows == 0 || rows as usize > ticks.len() => self.broke(format!(
                        "on-ticks handled {rows} of {} rows; it must handle at least 1 and no more than there are",
                        ticks.len()
                    )),
                    consumed => Self::decided(consumed, Reply::Consumed),
                }
            }
            Call::Bar { symbol, bar } => {
                Self::done(self.run(&allowance, |strategy, store| strategy.on_bar(store, convert::bar(symbol, bar))))
            }
            Call::Timer(id) => Self::done(self.run(&allowance, |strategy, store| strategy.on_timer(store, id))),
            Call::Order { id, event } => {
                Self::done(self.run(&allowance, |strategy, store| strategy.on_order(store, id, convert::event(event))))
            }
            Call::Position { position, change } => {
                Self::done(self.run(&allowance, |strategy, store| strategy.on_position(store, convert::position(position), change.into())))
            }
            Call::TradingState(state) => Self::done(self.run(&allowance, |strategy, store| strategy.on_trading_state(store, state.into()))),
            Call::Init(params) => {
                let params: Vec<_> = params.iter().map(convert::param).collect();
                Self::accepted(self.run(&allowance, |strategy, store| strategy.init(store, &params)))
            }
            Call::Start { mode, account, restored } => Self::accepted(
                self.run(&allowance, |strategy, store| strategy.on_start(store, mode.into(), convert::account(account), restored)),
            ),
            Call::Load { schema, state } => Self::accepted(self.run(&allowance, |strategy, store| strategy.load(store, schema, state))),
            Call::Stop(reason) => Self::done(self.run(&allowance, |strategy, store| strategy.on_stop(store, reason.into()))),
            Call::Save => {
                let max = self.limits.state_bytes_max;
                let too_large = |returned: String| {
                    let max = grouped(max as u64);
                    format!("save returned {returned} bytes; at most {max} (limits.state_bytes_max): save only what can't be had otherwise")
                };
                let save = |strategy: &E, store: &mut Store<State<H>>| {
                    strategy.save(store).map_err(|error| match fault::is_too_much(&error) {
                        true => wasmtime::Error::msg(too_large(format!("more than {}", grouped(allowance.lift_bytes as u64)))),
                        false => error,
                    })
                };
                match self.run(&allowance, save) {
                    Ok(state) if state.len() > max => {
                        let outcome = Outcome::Trapped(too_large(grouped(state.len() as u64)));
                        self.end(&outcome);
                        outcome
                    }
                    saved => Self::decided(saved, Reply::State),
                }
            }
            Call::Tester(stats) => {
                Self::decided(self.run(&allowance, |strategy, store| strategy.on_tester(store, convert::stats(stats))), Reply::Criterion)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Codegen, Profile};
    use domain::account::Account;
    use domain::bars::MarketHistory;
    use domain::broker::AccountTerms;
    use domain::contract::RunMode;
    use domain::desk::{Desk, DeskSetup, QueueGauge, TradingSwitch};
    use domain::ids::{AccountId, EngineId, UserId};
    use domain::ledger::Ledger;
    use domain::risk::RiskLimits;
    use domain::symbol::SymbolTable;
    use std::sync::{Mutex, RwLock};

    /// An engine's host: where a store keeps what lies before its data hangs on the type of that.
    fn desk() -> Desk {
        let (table, terms) = (SymbolTable::new(Vec::new()).expect("none is named twice"), AccountTerms::default());
        let ledger = Ledger::new(terms.deposit);
        let account = Account::new(AccountId(1), UserId(1), terms, ledger, RiskLimits::default());
        Desk::new(DeskSetup {
            engine: EngineId(1),
            mode: RunMode::Paper,
            market: Arc::new(RwLock::new(MarketHistory::new(&table, |_| (Vec::new(), 0)))),
            table,
            symbols: Vec::new(),
            account: Arc::new(Mutex::new(account)),
            switch: Arc::new(TradingSwitch::default()),
            queue: Arc::new(QueueGauge::new(1)),
            orders_before: 0,
            seed: 1,
            orders_per_call_max: 16,
            log_bytes_per_minute: 0,
        })
    }

    /// What a newer wasmtime lays out otherwise costs time and no more, so that nobody would notice.
    #[test]
    #[allow(unsafe_code, reason = "where a store keeps its budgets cannot be learned any other way")]
    fn what_a_call_looks_at_before_a_stores_data_is_asked_ahead_for() {
        let config = Profile::Native.config(Codegen::default());
        let engine = wasmtime::Engine::new(&config).expect("this machine runs wasmtime");
        let mut store = store(&engine, desk(), &GuestLimits::default(), Arc::default()).expect("there is room for one");
        // Numbers that nothing else there can be. Fuel is counted up to 0.
        let (fuel, deadline) = (0x5EED_F00D_u64, 0x0DEA_D11E_u64);
        store.set_fuel(fuel).expect("fuel is on");
        store.set_epoch_deadline(deadline);
        let data = (&raw const *store.data()).addr();
        // SAFETY: a store is one pointer to its box, an engine one to what its clones share; both are read as numbers.
        let (beginning, engine) = unsafe { ((&raw const store).cast::<usize>().read(), (&raw const engine).cast::<usize>().read()) };
        assert!((beginning..beginning + (1 << 12)).contains(&data), "a store's data lies in its box");
        let before_data = |value: usize| {
            // SAFETY: from the beginning of the box up to the data is one allocation of the store's, which nobody writes meanwhile.
            let holds = |at: &usize| unsafe { std::ptr::with_exposed_provenance::<usize>(*at).read() } == value;
            (beginning..data).step_by(size_of::<usize>()).find(holds).map(|at| data - at)
        };
        for (budget, name) in [(engine, "engine"), (fuel.wrapping_neg() as usize, "fuel"), (deadline as usize, "deadline")] {
            let at = before_data(budget).expect("it is within the store");
            assert!(at <= BUDGET_BYTES, "its {name} lies {at:#x} bytes before its data");
        }
    }
}
