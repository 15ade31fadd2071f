//! [`Sandbox`]: takes components in, keeps them compiled, and makes guests of them.

use crate::bindings::TradingStrategyPre;
use crate::cache::{DiskCache, Stored};
use crate::check::Found;
use crate::compile::{CompileCost, CompileError, Compiler, Workplace};
use crate::describing::{self, Describing};
use crate::direct::{self, Direct};
use crate::guest::SandboxGuest;
use crate::in_use::InUse;
use crate::profile::{Addresses, Codegen, DENSE_BYTES, EpochClock, Numbers, Profile};
use crate::room::{self, Room};
use crate::seat::{Host, Seat};
use crate::state::{MEMORIES_MAX, State};
use crate::{imports, wasi};
use domain::contract::Description;
use domain::guest::{Fault, FaultKind, Guest, GuestFactory, GuestHost, Place};
use domain::ids::Digest;
use domain::limits::{FAULT_BYTES_MAX, GuestLimits};
use domain::text;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

/// How a sandbox is set up.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// How NaNs come out of guests' arithmetic.
    pub numbers: Numbers,
    /// How many addresses guests' memories get.
    pub addresses: Addresses,
    /// Where components are compiled.
    pub compiler: Compiler,
    /// Where compiled code is kept over restarts; the directory is made if need be, and must be nobody else's. None keeps
    /// it in memory only.
    pub cache_dir: Option<PathBuf>,
    /// Bytes of compiled code kept there; what was not used for longest goes first, and nothing that is in memory for an engine.
    pub cache_bytes_max: u64,
    /// Versions kept compiled in memory: a Rust strategy takes 0.1 MB, a Python one 40 MB. Those that run are never dropped.
    pub versions_max: usize,
    /// Bytes of machine code of versions in memory that no engine needs: those not used for longest go first.
    pub idle_code_bytes_max: u64,
    /// Guests alive at once; none takes what the machine has [room](Room) for, and more than that is refused.
    pub guests_max: Option<usize>,
    /// Resident memory of this process, what is mapped from files aside, bytes: near it no further guest is let in, and none grows
    /// beyond it.
    pub resident_bytes_max: Option<u64>,
    /// How guests are called.
    pub calls: Calls,
}

/// How guests are called. Both ways lead to the same decisions, but for a strategy that looks at what fuel it has left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calls {
    /// Past the component model where a component is one bare module, as our tool builds them: three times as fast.
    #[default]
    Direct,
    /// Through the component model, whatever they are: to compare with.
    Component,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            numbers: Numbers::Fast,
            addresses: Addresses::Dense,
            compiler: Compiler::Here,
            cache_dir: None,
            cache_bytes_max: 1 << 30,
            versions_max: 512,
            idle_code_bytes_max: 256 << 20,
            guests_max: None,
            resident_bytes_max: None,
            calls: Calls::Direct,
        }
    }
}

/// A version that is ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its name.
    pub digest: Digest,
    /// How its instances are laid out.
    pub profile: Profile,
    /// How its guests are called.
    pub calls: Calls,
    /// The interfaces it imports, with their versions.
    pub imports: Vec<String>,
    /// Core modules within.
    pub core_modules: u32,
    /// Functions within.
    pub functions: u32,
    /// Linear memories and tables within.
    pub memories: u32,
    /// Tables within.
    pub tables: u32,
    /// Linear memory that every instance starts with, bytes.
    pub memory_bytes: u64,
    /// Bytes of the component.
    pub component_bytes: usize,
    /// Bytes of its machine code.
    pub compiled_bytes: usize,
    /// Where the machine code came from.
    pub source: Source,
    /// What compiling it took, now or when this host compiled it.
    pub compile: CompileCost,
    /// How long its first instance took, which describes it.
    pub first_look: Duration,
    /// How long it took to get ready, the checks included.
    pub took: Duration,
}

/// Where machine code came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Compiled now.
    Compiled,
    /// Compiled by this host before, and found on disk.
    Disk,
}

/// Why a component was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The component is at fault; the message says in one line what is wrong and what to do.
    #[error("{0}")]
    Unfit(String),
    /// The machine could not compile it now, through no fault of the component: it had no memory or no process to spare.
    #[error("{0}")]
    Busy(String),
    /// The host could not compile it, through no fault of the component.
    #[error("{0}")]
    Failed(String),
    /// Every version kept in memory is needed by an engine and there is no room for another.
    #[error("this host keeps at most {0} versions and engines need all of them: stop some engines, or raise sandbox.versions_max")]
    Full(usize),
    /// The host has no memory left for it.
    #[error("{0}")]
    NoRoom(String),
}

/// Why a sandbox can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The directory for compiled code can't be used.
    #[error("the cache directory {path}: {problem}")]
    Cache {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// More guests are wanted than there is room for.
    #[error("{wanted} engines are wanted and {} is {room}; {}, or want fewer", room.bound_by, room.mend(*wanted))]
    Room {
        /// How many.
        wanted: usize,
        /// What there is.
        room: Room,
    },
    /// The machine lacks something wasmtime needs.
    #[error("wasmtime can't be set up on this machine: {0}")]
    Engine(String),
}

/// Makes guests with hosts of type `H`.
pub struct Sandbox<H: GuestHost> {
    workshops: HashMap<Profile, Workshop<H>>,
    versions: Mutex<HashMap<Digest, Kept<H>>>,
    versions_max: usize,
    idle_code_bytes_max: u64,
    disk: Option<DiskCache>,
    workplace: Workplace,
    calls: Calls,
    /// Counts loads and uses, to know which version has been idle for longest.
    uses: AtomicU64,
    host: Arc<Host>,
}

/// One profile's engine with what its guests may import.
struct Workshop<H: 'static> {
    engine: Engine,
    linker: Linker<State<H>>,
    describing: Linker<State<Describing>>,
    /// For bare modules.
    modules: wasmtime::Linker<State<H>>,
}

struct Kept<H: 'static> {
    version: Arc<Version<H>>,
    last_use: u64,
}

impl<H> Kept<H> {
    /// Whether no engine needs it.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.version) == 1
    }
}

struct Version<H: 'static> {
    component: Component,
    profile: Profile,
    /// Mappings of one guest.
    maps: u64,
    pre: TradingStrategyPre<State<H>>,
    /// What its instances are made of when it is a bare module.
    direct: Option<direct::Bare<H>>,
    /// What it said of itself when it was loaded.
    description: Option<Description>,
}

impl<H> Version<H> {
    /// Bytes of its machine code.
    fn code_bytes(&self) -> usize {
        let range = self.component.image_range();
        range.end as usize - range.start as usize
    }
}

/// A version before it is kept, what was found in it and what it took.
struct Ready<H: 'static> {
    version: Arc<Version<H>>,
    found: Found,
    source: Source,
    compile: CompileCost,
    first_look: Duration,
}

impl<H: GuestHost> Sandbox<H> {
    /// A sandbox without versions.
    ///
    /// # Errors
    /// The cache directory can't be used, or the machine can't run wasmtime.
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        let engine_error = |error: wasmtime::Error| SandboxError::Engine(format!("{error:#}"));
        let codegen = Codegen { numbers: config.numbers, addresses: config.addresses.that_there_are() };
        let mut workshops = HashMap::new();
        for profile in Profile::ALL {
            workshops.insert(profile, Workshop::new(profile, codegen).map_err(engine_error)?);
        }
        let engines: Vec<Engine> = workshops.values().map(|workshop| workshop.engine.clone()).collect();
        let epochs = EpochClock::start(&engines).map_err(|error| SandboxError::Engine(format!("no thread for deadlines: {error}")))?;
        let disk = config.cache_dir.map(|path| DiskCache::open(path, config.cache_bytes_max)).transpose()?;
        let room = Room::of_this_machine();
        let guests_max = match config.guests_max {
            Some(wanted) if wanted > room.guests => return Err(SandboxError::Room { wanted, room }),
            wanted => wanted.unwrap_or(room.guests),
        };
        Ok(Self {
            workshops,
            versions: Mutex::default(),
            versions_max: config.versions_max,
            idle_code_bytes_max: config.idle_code_bytes_max,
            disk,
            workplace: Workplace::new(config.compiler, codegen),
            calls: config.calls,
            uses: AtomicU64::new(0),
            host: Arc::new(Host::new(guests_max, room, InUse::new(config.resident_bytes_max), epochs)),
        })
    }

    /// Why no further guest would be let in now, in one line with the way out; `None` when there is room for a usual one.
    pub fn full(&self) -> Option<String> {
        self.host.full()
    }

    /// Checks and compiles a component and keeps it ready. Compiling takes 50 ms for a Rust strategy and half a minute for a
    /// Python one: not for a thread that has something else to do.
    ///
    /// # Errors
    /// The component is refused; or there is no room for another version.
    pub fn load(&self, bytes: &[u8]) -> Result<Loaded, LoadError> {
        self.load_unless(bytes, &AtomicBool::new(false))
    }

    /// [`load`](Self::load) for as long as somebody waits for it: a process that compiles is ended once `given_up` is set.
    ///
    /// # Errors
    /// As `load`'s; [`LoadError::Busy`] when it was given up.
    pub fn load_unless(&self, bytes: &[u8], given_up: &AtomicBool) -> Result<Loaded, LoadError> {
        let started = Instant::now();
        let digest = Digest::of(bytes);
        let mut ready = self.ready(None, &digest, bytes, given_up)?;
        if ready.version.profile == Profile::Native && ready.version.asked_bytes() > DENSE_BYTES {
            let before = ready.first_look;
            ready = self.ready(Some(Profile::Roomy), &digest, bytes, given_up)?;
            ready.first_look += before;
        }
        let Ready { version, found, source, compile, first_look } = ready;
        let calls = if version.direct.is_some() { Calls::Direct } else { Calls::Component };
        let compiled_bytes = version.code_bytes();
        self.keep(digest, version)?;
        Ok(Loaded {
            digest,
            profile: found.profile,
            calls,
            imports: found.imports,
            core_modules: found.core_modules,
            functions: found.functions,
            memories: found.memories,
            tables: found.tables,
            memory_bytes: found.memory_bytes,
            component_bytes: bytes.len(),
            compiled_bytes,
            source,
            compile,
            first_look,
            took: started.elapsed(),
        })
    }

    /// A version laid out in this way, or as its shape says.
    fn ready(&self, profile: Option<Profile>, digest: &Digest, bytes: &[u8], given_up: &AtomicBool) -> Result<Ready<H>, LoadError> {
        let (Stored { component, found, cost }, source) = self.component(profile, digest, bytes, given_up)?;
        let profile = found.profile;
        let workshop = self.workshop(profile);
        let unfit = |error: wasmtime::Error| LoadError::Unfit(one_line(&error));
        let pre = wasi::pre(&workshop.linker, &component).and_then(TradingStrategyPre::new).map_err(unfit)?;
        let began = Instant::now();
        let looked = self.look(profile, &component, found.is_direct && self.calls == Calls::Direct);
        let first_look = began.elapsed();
        let (direct, description) = looked.map_or((None, None), |looked| (looked.module, looked.description.ok()));
        let direct = direct.and_then(|module| direct::Bare::new(&workshop.modules, &module));
        let maps = room::maps(profile, memories(&component));
        let version = Arc::new(Version { component, profile, maps, pre, direct, description });
        Ok(Ready { version, found, source, compile: cost, first_look })
    }

    /// Asks a component what it is, and for its module where that can be called directly.
    fn look(&self, profile: Profile, component: &Component, wants_module: bool) -> Result<describing::Looked, Fault> {
        let workshop = self.workshop(profile);
        let refused = |error: wasmtime::Error| Fault { kind: FaultKind::Refused, message: one_line(&error) };
        let pre = wasi::pre(&workshop.describing, component).and_then(TradingStrategyPre::new).map_err(refused)?;
        describing::look(&workshop.engine, &pre, &profile.limits(), wants_module)
    }

    /// Whether a version is loaded.
    pub fn has(&self, version: &Digest) -> bool {
        lock(&self.versions).contains_key(version)
    }

    /// How a loaded version's instances are laid out.
    pub fn profile(&self, version: &Digest) -> Option<Profile> {
        lock(&self.versions).get(version).map(|kept| kept.version.profile)
    }

    /// Guests alive, and how many there may be.
    pub fn guests(&self) -> (usize, usize) {
        self.host.guests()
    }

    fn workshop(&self, profile: Profile) -> &Workshop<H> {
        self.workshops.get(&profile).expect("every profile has its workshop from the start")
    }

    fn component(
        &self,
        profile: Option<Profile>,
        digest: &Digest,
        bytes: &[u8],
        given_up: &AtomicBool,
    ) -> Result<(Stored, Source), LoadError> {
        let engine = |profile: Profile| &self.workshop(profile).engine;
        // The one it asked for before the one its shape says, which may both be there.
        let candidates = profile.map_or(vec![Profile::Roomy, Profile::Native, Profile::Scripted], |profile| vec![profile]);
        let on_disk = candidates.iter().filter_map(|&profile| self.disk.as_ref()?.code_bytes(engine(profile), digest));
        if let Some(bytes) = on_disk.max() {
            self.room_for_code(bytes)?;
        }
        let mut found = candidates.iter().filter_map(|&profile| self.disk.as_ref()?.find(engine(profile), profile, digest));
        if let Some(stored) = found.next() {
            return Ok((stored, Source::Disk));
        }
        let packs = self.disk.iter().flat_map(|disk| candidates.iter().map(|&profile| (profile, disk.pack(engine(profile), profile))));
        let compiled = self.workplace.compile(profile, bytes, packs.collect(), given_up).map_err(|error| match error {
            CompileError::Unfit(why) => LoadError::Unfit(why),
            CompileError::Busy(why) => LoadError::Busy(why),
            CompileError::Failed(why) => LoadError::Failed(why),
        })?;
        let engine = engine(compiled.found.profile);
        within_measure(compiled.code.len(), bytes.len())?;
        if let Some(disk) = &self.disk {
            disk.put(engine, digest, &compiled, |digest| self.is_needed(digest));
        }
        self.room_for_code(compiled.code.len() as u64)?;
        let component = crate::cache::adopt(engine, &compiled.code).map_err(|error| LoadError::Failed(one_line(&error)))?;
        Ok((Stored { component, found: compiled.found, cost: compiled.cost }, Source::Compiled))
    }

    fn keep(&self, digest: Digest, version: Arc<Version<H>>) -> Result<(), LoadError> {
        let mut versions = lock(&self.versions);
        if let Some(kept) = versions.get_mut(&digest).filter(|kept| kept.version.profile == version.profile) {
            // Engines hold on to the one that is there.
            kept.last_use = self.next_use();
            return Ok(());
        }
        if !versions.contains_key(&digest) && versions.len() >= self.versions_max {
            let oldest = oldest_idle(&versions).ok_or(LoadError::Full(self.versions_max))?;
            versions.remove(&oldest);
        }
        versions.insert(digest, Kept { version, last_use: self.next_use() });
        self.drop_idle(&mut versions);
        Ok(())
    }

    /// Drops what no engine needs and nobody has used for longest, until the rest is within its bound. What was loaded just now stays
    /// until it has been looked at, however large it is.
    fn drop_idle(&self, versions: &mut HashMap<Digest, Kept<H>>) {
        let idle = versions.iter().filter(|(_, kept)| kept.is_idle());
        let mut idle: Vec<_> = idle.map(|(digest, kept)| (kept.last_use, *digest, kept.version.code_bytes() as u64)).collect();
        idle.sort_unstable_by_key(|&(last_use, ..)| std::cmp::Reverse(last_use));
        let mut all = 0;
        for (at, (_, digest, bytes)) in idle.into_iter().enumerate() {
            all += bytes;
            if at > 0 && all > self.idle_code_bytes_max {
                versions.remove(&digest);
            }
        }
    }

    /// Whether an engine needs a version.
    fn is_needed(&self, digest: &Digest) -> bool {
        lock(&self.versions).get(digest).is_some_and(|kept| !kept.is_idle())
    }

    /// Room in the host's memory for machine code of this size, bytes: versions that no engine needs make way.
    fn room_for_code(&self, bytes: u64) -> Result<(), LoadError> {
        while let Err(refused) = self.host.take_memory(bytes) {
            let mut versions = lock(&self.versions);
            let oldest = oldest_idle(&versions).ok_or(LoadError::NoRoom(refused))?;
            versions.remove(&oldest);
        }
        Ok(())
    }

    /// The seat that is held already, if it will do for a version, or one of its own.
    fn seat(&self, version: &Version<H>, held: Option<&Place>) -> Result<Arc<Seat>, Fault> {
        match held.and_then(Place::get::<Seat>) {
            Some(seat) => seat.suit(version.maps).map(|()| seat),
            None => Seat::take(&self.host, version.maps),
        }
    }

    fn version(&self, digest: &Digest) -> Result<Arc<Version<H>>, Fault> {
        let mut versions = lock(&self.versions);
        let Some(kept) = versions.get_mut(digest) else {
            return Err(Fault { kind: FaultKind::HostFailed, message: format!("version {digest} is not loaded") });
        };
        kept.last_use = self.next_use();
        Ok(Arc::clone(&kept.version))
    }

    fn next_use(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }
}

impl<H: GuestHost> GuestFactory<H> for Sandbox<H> {
    fn describe(&self, version: &Digest) -> Result<Description, Fault> {
        let version = self.version(version)?;
        let description = match &version.description {
            Some(description) => description.clone(),
            // It failed when it was loaded, perhaps for want of time; what it fails of now is told.
            None => self.look(version.profile, &version.component, false)?.description?,
        };
        domain::params::check_description(&description).map_err(|message| Fault { kind: FaultKind::Refused, message })?;
        Ok(description)
    }

    fn keep_ready(&self, version: &Digest) -> Option<Arc<dyn Send + Sync>> {
        Some(self.version(version).ok()? as Arc<dyn Send + Sync>)
    }

    fn place(&self, version: &Digest, held: Option<&Place>) -> Result<Place, Fault> {
        Ok(Place::new(self.seat(&*self.version(version)?, held)? as _))
    }

    fn instantiate(&self, version: &Digest, host: H, limits: GuestLimits) -> Result<Box<dyn Guest<H>>, Fault> {
        self.instantiate_in(&Place::default(), version, host, limits)
    }

    fn instantiate_in(&self, place: &Place, version: &Digest, host: H, limits: GuestLimits) -> Result<Box<dyn Guest<H>>, Fault> {
        let version = self.version(version)?;
        let seat = self.seat(&version, Some(place))?;
        let engine = &self.workshop(version.profile).engine;
        let kept = Arc::clone(&version) as Arc<dyn Send + Sync>;
        Ok(match &version.direct {
            Some(bare) => Box::new(SandboxGuest::new(engine, |store| Direct::new(bare, store), host, limits, seat, kept)?),
            None => Box::new(SandboxGuest::new(engine, |store| version.pre.instantiate(store), host, limits, seat, kept)?),
        })
    }
}

impl<H> Version<H> {
    /// Linear memory that it asks for in its description; 0 where it can't be asked.
    fn asked_bytes(&self) -> u64 {
        self.description.as_ref().map_or(0, |description| description.memory_bytes)
    }
}

impl<H: GuestHost> Workshop<H> {
    fn new(profile: Profile, codegen: Codegen) -> wasmtime::Result<Self> {
        let engine = Engine::new(&profile.config(codegen))?;
        let (mut linker, mut describing) = (Linker::new(&engine), Linker::new(&engine));
        imports::link(&mut linker)?;
        wasi::link(&mut linker)?;
        imports::link(&mut describing)?;
        wasi::link(&mut describing)?;
        let modules = direct::linker(&engine)?;
        Ok(Self { engine, linker, describing, modules })
    }
}

/// The version that no engine needs and nobody has used for longest.
fn oldest_idle<H>(versions: &HashMap<Digest, Kept<H>>) -> Option<Digest> {
    let idle = versions.iter().filter(|(_, kept)| kept.is_idle());
    idle.min_by_key(|(_, kept)| kept.last_use).map(|(digest, _)| *digest)
}

/// Memories of one instance. A module may be instantiated more than once, so that those of its modules say nothing.
fn memories(component: &Component) -> u32 {
    // Unknown only where modules are imported, which no strategy is granted.
    component.resources_required().map_or(MEMORIES_MAX as u32, |required| required.num_memories)
}

/// Machine code of any component, bytes: what small ones take that are far from the ratio below.
const CODE_BYTES_FREE: usize = 2 << 20;
/// Machine code for each byte of a component beyond that. What compilers make of strategies has two to four; many empty functions have
/// sixty, and cost the host that much for a small upload.
const CODE_BYTES_PER_BYTE: usize = 20;

/// Refuses a component whose machine code is out of all proportion.
fn within_measure(code_bytes: usize, component_bytes: usize) -> Result<(), LoadError> {
    let max = CODE_BYTES_FREE + CODE_BYTES_PER_BYTE * component_bytes;
    if code_bytes <= max {
        return Ok(());
    }
    Err(LoadError::Unfit(format!(
        "its {component_bytes} bytes become {code_bytes} bytes of machine code; at most {max}: {CODE_BYTES_PER_BYTE} for each byte and 2 MiB. \
         Have the compiler leave out functions that do nothing"
    )))
}

fn one_line(error: &wasmtime::Error) -> String {
    text::line(format_args!("{error:#}"), FAULT_BYTES_MAX)
}

/// What a lock here guards is whole at every moment, so that a panic elsewhere does not matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_out_of_all_proportion_to_its_component_is_refused_by_both_sizes() {
        assert_eq!(within_measure(2 << 20, 0), Ok(()));
        // What compilers make of strategies, with an interpreter and without.
        assert_eq!((within_measure(300 << 10, 75 << 10), within_measure(40 << 20, 17 << 20)), (Ok(()), Ok(())));
        let Err(LoadError::Unfit(why)) = within_measure(11_400_000, 199 << 10) else { panic!("50,000 empty functions") };
        assert!(
            why.starts_with("its 203776 bytes become 11400000 bytes of machine code; at most 6172672: 20 for each byte and 2 MiB."),
            "{why}"
        );
    }

    #[test]
    fn memories_are_counted_over_what_is_instantiated_and_not_over_what_is_written() {
        let engine = Engine::default();
        let check = |text: &str, expected: u32| {
            let component = Component::new(&engine, wat::parse_str(text).expect("it is text")).expect("it is valid");
            assert_eq!(memories(&component), expected, "{text}");
        };
        check("(component (core module $m (memory 1)))", 0);
        check("(component (core module $m (memory 1)) (core instance (instantiate $m)))", 1);
        let four = "(core instance (instantiate $m))".repeat(4);
        check(&format!("(component (core module $m (memory 1)) {four})"), 4);
    }
}
