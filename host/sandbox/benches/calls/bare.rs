//! The same component in wasmtime as it comes: no fuel, no deadline, no limits. What remains of a call then is wasmtime's own.

use domain::tick::Tick;
use std::time::{Duration, Instant};
use wasmtime::component::{Component, Linker, TypedFunc, Val};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

type OnTick = TypedFunc<(u32, i64, f64, f64, f64, f64, u32), ()>;

/// An instance whose host answers nothing.
pub struct Bare {
    store: Store<()>,
    on_tick: OnTick,
}

impl Bare {
    pub fn new(component: &[u8]) -> Self {
        let mut config = Config::new();
        config.concurrency_support(false);
        let engine = Engine::new(&config).expect("an engine");
        let component = Component::from_binary(&engine, component).expect("a sample compiles");
        let mut linker = Linker::new(&engine);
        linker.define_unknown_imports_as_traps(&component).expect("imports are functions");
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &component).expect("a sample starts");
        let init = instance.get_func(&mut store, "init").expect("it has init");
        init.call(&mut store, &[Val::List(vec![])], &mut [Val::Bool(false)]).expect("default parameters will do");
        let on_tick = instance.get_typed_func(&mut store, "on-tick").expect("it has on-tick");
        Self { store, on_tick }
    }

    pub fn tick(&mut self, tick: &Tick) {
        let arguments = (0, tick.time.0, tick.bid, tick.ask, tick.last, tick.volume, 0);
        self.on_tick.call(&mut self.store, arguments).expect("nothing is asked of the host");
    }
}

/// Where instances come from.
#[derive(Clone, Copy, Debug)]
pub enum Allocation {
    /// Mapped when they start, given back when they end.
    OnDemand,
    /// Slots that are mapped once and handed from one to the next.
    Pooled,
}

/// How long starting and ending an instance takes at best, and what one that waits keeps resident, KiB.
pub fn instances(component: &[u8], allocation: Allocation, count: u32, resident_kib: impl Fn() -> f64) -> (Duration, f64) {
    const SLOT_BYTES: usize = 256 << 10;
    let mut config = Config::new();
    config.concurrency_support(false).memory_init_cow(false).memory_reservation(SLOT_BYTES as u64).memory_guard_size(64 << 10);
    config.guard_before_linear_memory(false);
    if let Allocation::Pooled = allocation {
        let mut pool = PoolingAllocationConfig::new();
        let all = 4 * count;
        pool.total_component_instances(all).total_core_instances(all).total_memories(all).total_tables(all);
        pool.max_memory_size(SLOT_BYTES).table_elements(1_000).max_tables_per_module(2);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    let engine = Engine::new(&config).expect("an engine");
    let component = Component::from_binary(&engine, component).expect("a sample compiles");
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&component).expect("imports are functions");
    let pre = linker.instantiate_pre(&component).expect("imports are there");
    let start = || {
        let mut store = Store::new(&engine, ());
        pre.instantiate(&mut store).expect("there is room");
        store
    };
    let best = (0..count).map(|_| {
        let started = Instant::now();
        drop(start());
        started.elapsed()
    });
    let best = best.min().expect("there are some");
    let before = resident_kib();
    let alive: Vec<_> = (0..count).map(|_| start()).collect();
    let each = (resident_kib() - before) / f64::from(count);
    drop(alive);
    (best, each)
}
