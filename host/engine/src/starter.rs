//! Starting guests: their set-up code runs here, not on a shard, where it would hold the others up.

use crate::shard::ShardRequest;
use crate::shared::{Entry, Shared, panic_text};
use domain::actor::{Actor, FailedStart, SavedState};
use domain::desk::{Desk, DeskSetup};
use domain::guest::{Fault, FaultKind};
use domain::ids::EngineId;
use domain::tape::{Beginning, Tape};
use domain::time::Time;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// An engine to start.
pub(crate) struct Job {
    pub(crate) entry: Arc<Entry>,
    /// Which of the engine's starts it is: an engine that was stopped meanwhile does not want its guest any more.
    pub(crate) generation: u32,
    pub(crate) saved: Option<Arc<SavedState>>,
    pub(crate) orders_before: u32,
    pub(crate) trading: domain::contract::TradingState,
}

/// How that went.
pub(crate) struct Started {
    pub(crate) engine: EngineId,
    pub(crate) generation: u32,
    pub(crate) actor: Result<Actor, Box<FailedStart>>,
    /// The last tick of each symbol that history had at the start: older ones that still wait are not for this guest.
    pub(crate) seen: Vec<u64>,
    /// Market time at the start.
    pub(crate) now: Time,
    /// What history did not have, in words.
    pub(crate) history: String,
}

/// One of the starter threads: takes jobs until the queue is closed.
pub(crate) fn run(shared: &Shared, jobs: &std::sync::Mutex<std::sync::mpsc::Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // The host is stopping: what still waits needs no guest any more.
        if shared.starters.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_none() {
            continue;
        }
        let started = start(shared, &job);
        shared.shard_of(job.entry.whose.account).inbox.push_urgent(ShardRequest::Started(Box::new(started)));
    }
}

fn start(shared: &Shared, job: &Job) -> Started {
    let setup = &job.entry.setup;
    let (now, seen, history) = look(shared, job);
    let begin = || {
        let mut desk = Desk::new(DeskSetup {
            engine: setup.engine,
            mode: setup.mode,
            table: shared.table.clone(),
            symbols: setup.symbols.clone(),
            market: shared.market.clone(),
            account: Arc::clone(&job.entry.account),
            switch: Arc::clone(&shared.switch),
            queue: Arc::clone(&shared.queue),
            orders_before: job.orders_before,
            seed: setup.seed,
            orders_per_call_max: setup.limits.orders_per_call_max,
            log_bytes_per_minute: setup.limits.log_bytes_per_minute,
        });
        desk.set_trading(job.trading);
        if shared.records {
            let symbols = setup.symbols.iter().map(|&symbol| shared.table.spec(symbol).name.clone()).collect();
            desk.record(Tape::new(Beginning { engine: setup.engine, version: setup.version, symbols, limits: setup.limits }));
        }
        let guest = shared.factory.instantiate(&setup.version, desk, setup.limits).map_err(|fault| nothing_asked(fault, job))?;
        Actor::begin(guest, &setup.description, &setup.params, job.saved.as_deref(), now)
    };
    let actor = catch_unwind(AssertUnwindSafe(begin)).unwrap_or_else(|panic| {
        crate::meter::add_shared(&shared.counters.panics, 1);
        let message = format!("the host panicked while starting this engine: {}", panic_text(&*panic));
        Err(nothing_asked(Fault { kind: FaultKind::Trapped, message }, job))
    });
    Started { engine: setup.engine, generation: job.generation, actor, seen, now, history }
}

fn nothing_asked(fault: Fault, job: &Job) -> Box<FailedStart> {
    Box::new(FailedStart { fault, commands: Vec::new(), remarks: (Vec::new(), 0), tape: Vec::new(), orders: job.orders_before })
}

/// The market as the guest finds it: its time is that of the last tick of the engine's symbols; before any tick, 1970.
fn look(shared: &Shared, job: &Job) -> (Time, Vec<u64>, String) {
    use domain::bars::MarketView;
    let setup = &job.entry.setup;
    let last: Vec<_> = {
        let market = shared.market();
        setup.symbols.iter().map(|&symbol| market.symbol(symbol).last().copied()).collect()
    };
    let now = last.iter().flatten().map(|tick| tick.time).max().unwrap_or_default();
    let mut short = Vec::new();
    for (need, &symbol) in setup.description.needs.iter().zip(&setup.symbols) {
        let name = &shared.table.spec(symbol).name;
        for &timeframe in &need.timeframes {
            let wanted = need.bars_before_start as usize;
            let there = shared.market.bars(symbol, timeframe, wanted, now).len();
            if there < wanted {
                short.push(format!("{there} of {wanted} {timeframe:?} bars of {name}"));
            }
        }
        let wanted = need.ticks_before_start as usize;
        let there = shared.market.ticks(symbol, wanted, u64::MAX).len();
        if there < wanted {
            short.push(format!("{there} of {wanted} ticks of {name}"));
        }
    }
    let history = if short.is_empty() { "history is complete".to_owned() } else { format!("history has {}", short.join(", ")) };
    (now, last.iter().map(|tick| tick.map_or(0, |tick| tick.sequence)).collect(), history)
}
