//! The ways wasmtime is set up, and the thread that makes its clock go.

use domain::limits::GuestLimits;
use rustix::process::{Resource, getrlimit};
use std::num::NonZeroUsize;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;
use wasmtime::{Config, Engine, EngineWeak, InstanceAllocationStrategy, OptLevel, RegallocAlgorithm, WasmBacktraceDetails};

use crate::fault::FRAMES_MAX;

/// What a component is made of, and so how its instances are laid out. Found out at load, by size and number of modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Profile {
    /// Compiled languages: Rust, C, Zig. Small memories, packed closely.
    Native,
    /// The same with memories that start larger than such a slot, or a description that asks for more: far apart, and never moved
    /// when they grow.
    Roomy,
    /// Languages that bring their interpreter: JavaScript, Python. Large memories whose first content is shared.
    Scripted,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Native, Self::Roomy, Self::Scripted];

    /// The word for it, in logs and reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Roomy => "roomy",
            Self::Scripted => "scripted",
        }
    }

    /// What guests of this kind get where nothing else is said.
    pub fn limits(self) -> GuestLimits {
        match self {
            Self::Native | Self::Roomy => GuestLimits::default(),
            Self::Scripted => GuestLimits::default().scripted(),
        }
    }

    /// The engine's configuration. Every setting is made here, also where it is the default: defaults change between
    /// releases, and the environment can change some of them.
    pub(crate) fn config(self, Codegen { numbers, addresses }: Codegen) -> Config {
        let mut config = Config::new();
        budgets(&mut config);
        language(&mut config);
        code(&mut config, numbers);
        self.memory(&mut config);
        if addresses == Addresses::Wide {
            config.memory_reservation(WIDE_BYTES).memory_guard_size(WIDE_GUARD_BYTES).memory_may_move(false);
            // Nothing else stands between a guest and the host, should the compiler be wrong; it costs addresses only.
            config.guard_before_linear_memory(true);
        }
        config
    }

    fn memory(self, config: &mut Config) {
        // Live engines are long-lived, so instantiating on demand costs nothing that counts, and no memory is ever handed
        // from one tenant to the next.
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        // Faults on guard pages are caught: without it every Spectre mitigation of memory accesses would go too.
        config.signals_based_traps(true);
        // A memory that outgrows its reservation moves; that is rare, bounded by the memory limit, and lets reservations
        // be small.
        config.memory_may_move(true);
        // Offsets up to a page need no check of their own. Part of the same mapping, so it costs addresses only.
        config.memory_guard_size(64 << 10);
        config.guard_before_linear_memory(false);
        config.table_lazy_init(true);
        match self {
            // Memories far apart miss the TLB: a pass over 10,000 engines costs 2.1 us each with 64 MiB between them and
            // 0.75 us with 128 KiB. Strategies built by our tool have 32 KiB of stack and fit their memory here; bounds
            // checks, which such small reservations need, cost 3 % where a tick has indicators to work on.
            // Without copy-on-write an instance is two mappings fewer, and a small memory is copied in microseconds.
            Self::Native => config.memory_reservation(DENSE_BYTES).memory_reservation_for_growth(DENSE_BYTES).memory_init_cow(false),
            // What does not fit such a slot is copied each time it grows by one. Where it is known beforehand, it gets addresses
            // for all that it may ask for.
            Self::Roomy => config.memory_reservation(ROOMY_BYTES).memory_reservation_for_growth(ROOMY_BYTES).memory_init_cow(false),
            // An interpreter's first 3 to 10 MiB are the same in all its instances: sharing them until they are written
            // instantiates ten times faster and keeps 8 MiB of each.
            Self::Scripted => config.memory_reservation(64 << 20).memory_reservation_for_growth(16 << 20).memory_init_cow(true),
        };
    }
}

/// Addresses of a dense slot, bytes.
pub(crate) const DENSE_BYTES: u64 = 256 << 10;
/// Addresses of a roomy one, bytes.
const ROOMY_BYTES: u64 = 64 << 20;

/// Addresses of a wide slot, bytes: all that a guest's pointer can name.
const WIDE_BYTES: u64 = 4 << 30;
/// And behind it, bytes: what an instruction may add to a pointer by itself without a check.
const WIDE_GUARD_BYTES: u64 = 32 << 20;

/// What code is compiled for, besides a component's own [`Profile`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Codegen {
    pub numbers: Numbers,
    pub addresses: Addresses,
}

/// How many addresses a guest's memory gets. Decides how fast its code is and how many there can be, never what it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Addresses {
    /// A slot little larger than the memory; each access of the guest is checked first. Ten thousand guests of which each
    /// gets a tick at a time: what counts is how near to each other their memories lie.
    #[default]
    Dense,
    /// All that a pointer can name, of which nothing behind the memory's end can be read or written: no access needs a check, which
    /// takes a third off a loop over a batch. A few guests that get whole columns: backtests. Where addresses are limited
    /// (`ulimit -v`), dense.
    Wide,
}

impl Addresses {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Dense, Self::Wide];

    /// The word for it, to the process that compiles.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Wide => "wide",
        }
    }

    /// As wide as this process may have them.
    pub(crate) fn that_there_are(self) -> Self {
        if getrlimit(Resource::As).current.is_none() { self } else { Self::Dense }
    }
}

/// How NaNs come out of arithmetic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Numbers {
    /// As this processor makes them: the same on every run of the same compiled code. Live and backtests.
    #[default]
    Fast,
    /// The same bits on every processor, at twice the cost of indicator code. To replay on another kind of machine.
    Canonical,
}

impl Numbers {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Fast, Self::Canonical];

    /// The word for it, in settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Canonical => "canonical",
        }
    }
}

fn budgets(config: &mut Config) {
    // Deterministic: the same call always ends at the same instruction.
    config.consume_fuel(true);
    // The wall clock behind it, for what fuel counts too cheaply.
    config.epoch_interruption(true);
    // A fourth of the smallest stack of a thread that calls guests (2 MiB): hitting the thread's own guard page would
    // end the process, hitting this traps.
    config.max_wasm_stack(512 << 10);
    // Synchronous calls and no tasks in guests: a call costs 150 ns instead of 490.
    config.concurrency_support(false);
}

/// What a guest may be written in: WebAssembly 2.0 as compilers emit it.
fn language(config: &mut Config) {
    config.wasm_simd(true).wasm_bulk_memory(true).wasm_multi_value(true);
    // Fused adapters of composed components have two memories, and wasmtime panics on them when this is off. Guests' own
    // modules are held to one memory by the check before compiling.
    config.wasm_multi_memory(true);
    // Its results differ between processors.
    config.wasm_relaxed_simd(false).relaxed_simd_deterministic(true);
    // Not needed, each with a history of soundness bugs or a cost at run time.
    config.wasm_memory64(false).wasm_tail_call(false).wasm_custom_page_sizes(false).wasm_wide_arithmetic(false);
}

fn code(config: &mut Config, numbers: Numbers) {
    config.cranelift_opt_level(OptLevel::Speed);
    // The single-pass allocator compiles faster and its code runs slower; compiled code is cached, so speed counts.
    config.cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking);
    config.cranelift_nan_canonicalization(numbers == Numbers::Canonical);
    // Two cores of a host that is trading are not one upload's to take.
    config.parallel_compilation(false);
    // Names in backtraces come from the name section. Set here because the default follows an environment variable.
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(FRAMES_MAX));
    // Where in the module a trap happened; without it backtraces would be addresses.
    config.generate_address_map(true);
    // Registering thousands of modules for native unwinding takes quadratic time, and nothing unwinds through guests.
    config.native_unwind_info(false);
    config.debug_info(false);
}

/// Length of an epoch: the grain of deadlines. One thread for all engines; it sleeps otherwise.
pub(crate) const EPOCH: Duration = Duration::from_millis(1);

/// The thread that counts epochs. Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct EpochClock {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EpochClock {
    pub fn start(engines: &[Engine]) -> std::io::Result<Self> {
        let engines: Vec<EngineWeak> = engines.iter().map(Engine::weak).collect();
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("epoch".into()).spawn(move || {
            while stopped.recv_timeout(EPOCH) == Err(RecvTimeoutError::Timeout) {
                engines.iter().filter_map(EngineWeak::upgrade).for_each(|engine| engine.increment_epoch());
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for EpochClock {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It runs nothing that could panic.
            let _ = thread.join();
        }
    }
}
