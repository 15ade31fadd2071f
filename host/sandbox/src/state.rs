//! What a guest's store holds: its host, its memory account and what is remembered of the call under way.

use crate::direct::Parts;
use crate::in_use::InUse;
use crate::wasi::Lines;
use domain::contract::LogLevel;
use domain::guest::{ContractBroken, GuestHost};
use domain::limits::{GuestLimits, LOG_LINE_BYTES_MAX};
use domain::text::{self, grouped};
use std::fmt;
use std::sync::Arc;
use wasmtime::{ResourceLimiter, StoreContextMut, Trap};

/// Core instances, memories and tables of one engine. A Python component has 38 modules; a Rust one 1 to 3.
const CORE_INSTANCES_MAX: usize = 64;
pub(crate) const MEMORIES_MAX: usize = 4;
const TABLES_MAX: usize = 128;

/// Data of one store. What every call looks at comes first, beside what its host does.
#[repr(C)]
pub(crate) struct State<H> {
    /// Fuel that WASI's answers may still take in this call, and what they took that the store has not paid yet: their
    /// bindings do not reach the store.
    wasi_left: u64,
    wasi_owed: u64,
    /// What was logged as an error in this call, lately: a panic's message comes this way just before its trap.
    pub last_error: Option<String>,
    /// Bytes that one call may copy out of the guest.
    pub lift_bytes: usize,
    /// Unset while a helper of the guest's runs, which may ask for nothing.
    pub may_ask: bool,
    pub room: Room,
    pub host: H,
    /// Where a bare module keeps what crosses; a component's engine knows that itself.
    pub parts: Option<Arc<Parts>>,
    pub std: Lines,
    /// What the host has to spare.
    in_use: Arc<InUse>,
}

impl<H: GuestHost> State<H> {
    pub fn new(host: H, limits: &GuestLimits, in_use: Arc<InUse>) -> Self {
        Self {
            host,
            room: Room::new(limits),
            std: Lines::default(),
            wasi_left: limits.fuel_per_setup_call,
            wasi_owed: 0,
            last_error: None,
            parts: None,
            lift_bytes: limits.host_call_bytes_max,
            may_ask: true,
            in_use,
        }
    }

    /// Forgets what belonged to the call before. `fuel` is what this one may take, `lift_bytes` what it may hand over.
    pub fn begin_call(&mut self, fuel: u64, lift_bytes: usize) {
        self.lift_bytes = lift_bytes;
        self.wasi_left = fuel;
        self.wasi_owed = 0;
        self.room.refused = None;
        self.last_error = None;
    }

    /// Takes the price of an answer of WASI; the store pays it at the next [`charge`], the call's end at the latest.
    ///
    /// # Errors
    /// All such answers together took as much as the call may: it ends like any other that runs out.
    pub fn pay(&mut self, cost: u64) -> wasmtime::Result<()> {
        self.wasi_left = self.wasi_left.checked_sub(cost).ok_or(Trap::OutOfFuel)?;
        self.wasi_owed += cost;
        Ok(())
    }

    /// Fuel that WASI's answers took and the store has not paid.
    pub fn owed(&self) -> u64 {
        self.wasi_owed
    }

    /// One line of the engine's log: bounded, without control characters. A line that would be dropped is not copied.
    pub fn log(&mut self, level: LogLevel, text: &str) {
        let has_room = self.host.has_room_for(text.floor_char_boundary(LOG_LINE_BYTES_MAX));
        if !has_room && level != LogLevel::Error {
            return;
        }
        let line = text::line(text, LOG_LINE_BYTES_MAX);
        if has_room {
            self.host.log(level, &line);
        }
        // A standard library adds advice after the message of a panic, about a variable that no strategy has.
        if level == LogLevel::Error && !line.starts_with("note: run with `RUST_BACKTRACE") {
            self.last_error = Some(match self.last_error.take() {
                Some(before) if before.len() + line.len() < LOG_LINE_BYTES_MAX => format!("{before} {line}"),
                _ => line,
            });
        }
    }
}

/// Takes `cost`, and what is owed, from the fuel of the call under way.
///
/// # Errors
/// Less is left: the call ends like any other that runs out. Or nothing may be asked for now.
pub(crate) fn charge<H>(store: &mut StoreContextMut<'_, State<H>>, cost: u64) -> wasmtime::Result<()> {
    if !store.data().may_ask {
        return Err(wasmtime::Error::msg("called the host while it was to give out or take back memory"));
    }
    let cost = cost + std::mem::take(&mut store.data_mut().wasi_owed);
    let left = store.get_fuel()?;
    if left < cost {
        store.set_fuel(0)?;
        return Err(Trap::OutOfFuel.into());
    }
    store.set_fuel(left - cost)
}

/// A broken contract as the error that ends the call.
pub(crate) fn fault(broken: ContractBroken) -> wasmtime::Error {
    wasmtime::Error::new(broken)
}

/// The memories and tables of one guest, all together, against its limits.
pub(crate) struct Room {
    pub memory_bytes: u64,
    memory_bytes_max: u64,
    table_elements: u64,
    table_elements_max: u64,
    /// What was refused in the call under way. Guests see a failed `memory.grow` and usually trap soon after, in a way
    /// that does not tell why.
    pub refused: Option<Refused>,
}

/// A growth that went over a limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    pub what: Scarce,
    /// What it was to grow by.
    pub more: u64,
    /// What there would have been of it then.
    pub wanted: u64,
    pub max: u64,
}

/// What there was not enough of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scarce {
    /// By the guest's own limit.
    Memory,
    TableElements,
    /// The host's: its guests together use what it has.
    HostMemory,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, more, wanted, max } = self;
        match what {
            Scarce::Memory => write!(
                f,
                "asked for {} bytes of memory; it may have {}: keep less at once, or ask for more in the description (Manifest::memory_bytes)",
                grouped(*wanted),
                grouped(*max)
            ),
            Scarce::TableElements => write!(f, "asked for {wanted} table elements; it may have {max}"),
            Scarce::HostMemory => write!(
                f,
                "asked for {more} more bytes of memory when this host was short of it, through no fault of the strategy: \
                 {} of {} MiB were in use (sandbox.memory_mib_max): stop some engines, or let the host have more",
                (wanted - more) >> 20,
                max >> 20
            ),
        }
    }
}

impl Room {
    fn new(limits: &GuestLimits) -> Self {
        Self {
            memory_bytes: 0,
            memory_bytes_max: limits.memory_bytes_max,
            table_elements: 0,
            table_elements_max: u64::from(limits.table_elements_max),
            refused: None,
        }
    }

    /// Bytes it may still grow by.
    pub fn memory_bytes_left(&self) -> u64 {
        self.memory_bytes_max.saturating_sub(self.memory_bytes)
    }

    fn grow(total: &mut u64, current: usize, desired: usize, what: Scarce, max: u64) -> Result<(), Refused> {
        let wanted = total.saturating_sub(current as u64).saturating_add(desired as u64);
        if wanted > max {
            return Err(Refused { what, more: desired.saturating_sub(current) as u64, wanted, max });
        }
        *total = wanted;
        Ok(())
    }

    fn answer(&mut self, grown: Result<(), Refused>) -> bool {
        if let Err(refused) = grown {
            self.refused = Some(refused);
        }
        grown.is_ok()
    }
}

impl<H: GuestHost> ResourceLimiter for State<H> {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // A guest's own maximum is its own affair: growing past it fails whatever we say, and must not be counted.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let room = &mut self.room;
        let grown = Room::grow(&mut room.memory_bytes, current, desired, Scarce::Memory, room.memory_bytes_max);
        if !room.answer(grown) {
            return Ok(false);
        }
        // Asked after the guest's own limit: what that refuses is not about to be used.
        let more = desired.saturating_sub(current) as u64;
        let spared = self.in_use.grow(more);
        if !room.answer(spared) {
            room.memory_bytes = room.memory_bytes.saturating_sub(more);
            return Ok(false);
        }
        self.host.grow_memory(more).map_err(wasmtime::Error::new)?;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let room = &mut self.room;
        let grown = Room::grow(&mut room.table_elements, current, desired, Scarce::TableElements, room.table_elements_max);
        Ok(room.answer(grown))
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }
}
