//! The port to a strategy: the host calls a [`Guest`], the guest calls its [`GuestHost`].

use crate::contract::*;
use crate::footprint::Footprint;
use crate::ids::Digest;
use crate::limits::GuestLimits;
use crate::memory::OverQuota;
use crate::symbol::SymbolSpec;
use crate::tick::{Bar, Tick, TickColumns, Timeframe};
use crate::wake::Wake;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// One call into a guest. Symbols are the guest's own indices, ids the guest's own numbers.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Call<'a> {
    Init(&'a [Param]),
    Start {
        mode: RunMode,
        account: &'a AccountView,
        restored: bool,
    },
    Tick {
        symbol: u32,
        tick: &'a Tick,
        skipped: u32,
    },
    /// Answered by [`Reply::Consumed`].
    Ticks {
        symbol: u32,
        ticks: TickColumns<'a>,
    },
    Bar {
        symbol: u32,
        bar: &'a Bar,
    },
    Timer(u32),
    Order {
        id: u64,
        event: SeenEvent,
    },
    Position {
        position: &'a SeenPosition,
        change: PositionChange,
    },
    TradingState(TradingState),
    Stop(StopReason),
    /// Answered by [`Reply::State`].
    Save,
    Load {
        schema: u32,
        state: &'a [u8],
    },
    /// Answered by [`Reply::Criterion`].
    Tester(&'a TesterStats),
}

/// What a call gave back.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Nothing but its effects.
    Done,
    /// Rows handled, of `Call::Ticks`.
    Consumed(u32),
    /// What `Call::Save` saved.
    State(Vec<u8>),
    /// What `Call::Tester` thinks of the run.
    Criterion(f64),
}

/// How a call ended. All but the first two end the instance: it must not be called again.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It returned.
    Decided(Reply),
    /// It returned an error, in its author's words (`init`, `on-start`, `load`).
    Refused(String),
    /// It trapped or broke the contract; the message holds the guest's backtrace.
    Trapped(String),
    /// It used up its fuel; the message says where.
    OutOfFuel(String),
    /// It ran longer than the wall clock allows; the message says where.
    DeadlineExceeded(String),
    /// It asked for more memory than it may have; the message says how much.
    OutOfMemory(String),
    /// It asked for more memory than all engines of its owner may have together; the message says how much.
    OverQuota(String),
    /// It asked for more memory than this host has left; the message says how much.
    NoRoom(String),
}

impl Outcome {
    /// The reply, or the fault as a kind and a message.
    ///
    /// # Errors
    /// Every outcome but `Decided`.
    pub fn into_reply(self) -> Result<Reply, Fault> {
        let (kind, message) = match self {
            Self::Decided(reply) => return Ok(reply),
            Self::Refused(message) => (FaultKind::Refused, message),
            Self::Trapped(message) => (FaultKind::Trapped, message),
            Self::OutOfFuel(message) => (FaultKind::OutOfFuel, message),
            Self::DeadlineExceeded(message) => (FaultKind::DeadlineExceeded, message),
            Self::OutOfMemory(message) => (FaultKind::OutOfMemory, message),
            Self::OverQuota(message) => (FaultKind::OverQuota, message),
            Self::NoRoom(message) => (FaultKind::NoRoom, message),
        };
        Err(Fault { kind, message })
    }
}

words! {
    /// What went wrong in a guest.
    FaultKind {
        Refused = "refused", Trapped = "trapped", OutOfFuel = "out-of-fuel",
        DeadlineExceeded = "deadline-exceeded", OutOfMemory = "out-of-memory",
        Flooding = "flooding", OverQuota = "over-quota",
        NoRoom = "no-room", HostFailed = "host-failed",
    }
}

impl FaultKind {
    /// Whether the same inputs lead to it again. A deadline is the machine's doing, a quota its owner's other engines'.
    pub fn is_its_own(self) -> bool {
        !matches!(self, Self::DeadlineExceeded | Self::OverQuota) && !self.is_hosts()
    }

    /// Whether the host is to blame and not the guest: no place, no memory, or a part of the host that failed. Such a fault never
    /// counts towards an engine's quarantine; the engine waits and goes on by itself.
    pub fn is_hosts(self) -> bool {
        matches!(self, Self::NoRoom | Self::HostFailed)
    }
}

/// A fault of a guest: what its owner is told.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// Where and why, with the guest's backtrace where there is one.
    pub message: String,
}

/// What a guest has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Fuel of the last call.
    pub fuel_last_call: u64,
    /// Fuel of all calls so far.
    pub fuel_total: u64,
    /// Linear memory now, bytes.
    pub memory_bytes: u64,
}

/// A running strategy with its host `H` inside.
///
/// Calls are synchronous; nothing is called from within a call.
pub trait Guest<H: GuestHost>: Send {
    /// The host part, between calls.
    fn host(&mut self) -> &mut H;
    /// Makes one call. After an outcome other than `Decided` and `Refused` every further call is `Trapped`.
    fn call(&mut self, call: Call<'_>) -> Outcome;
    /// What it has used.
    fn used(&self) -> Used;
    /// The place that it has.
    fn place(&self) -> Place {
        Place::default()
    }
    /// Adds what a tick touches, its host's part included: with the guest's call, or without it.
    fn footprint(&mut self, _into: &mut Footprint, _is_called: bool) {}
}

/// A guest's place on the host, taken for as long as a clone of this is kept: by the guest, or by its engine while it has none.
#[derive(Clone, Default)]
pub struct Place(Option<Arc<dyn Any + Send + Sync>>);

impl Place {
    /// Whatever stands for a place at the factory that gives it.
    pub fn new(held: Arc<dyn Any + Send + Sync>) -> Self {
        Self(Some(held))
    }

    /// What its factory made it of.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(self.0.as_ref()?).downcast().ok()
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Place(taken)" } else { "Place(unbounded)" })
    }
}

/// Makes guests of versions it has been given.
pub trait GuestFactory<H: GuestHost>: Send + Sync {
    /// Describes a version without starting an engine.
    ///
    /// # Errors
    /// The version is not loaded, or its `describe` failed.
    fn describe(&self, version: &Digest) -> Result<Description, Fault>;
    /// Keeps a version ready for as long as what this gives is kept. Nothing where all versions are.
    fn keep_ready(&self, _version: &Digest) -> Option<Arc<dyn Send + Sync>> {
        None
    }
    /// Takes a place for a guest of a version, or makes sure that the one `held` will do. Cheap: nothing is instantiated.
    ///
    /// # Errors
    /// There is no place now ([`FaultKind::NoRoom`]), or the version is not loaded ([`FaultKind::HostFailed`]).
    fn place(&self, _version: &Digest, held: Option<&Place>) -> Result<Place, Fault> {
        Ok(held.cloned().unwrap_or_default())
    }
    /// Instantiates a version in a place of its own; nothing has been called yet.
    ///
    /// # Errors
    /// The version is not loaded, or it can't be instantiated within the limits.
    fn instantiate(&self, version: &Digest, host: H, limits: GuestLimits) -> Result<Box<dyn Guest<H>>, Fault>;
    /// The same in a place that [`place`](Self::place) gave, which nobody can take meanwhile.
    ///
    /// # Errors
    /// As [`instantiate`](Self::instantiate).
    fn instantiate_in(&self, _place: &Place, version: &Digest, host: H, limits: GuestLimits) -> Result<Box<dyn Guest<H>>, Fault> {
        self.instantiate(version, host, limits)
    }
}

/// A guest broke the contract in a call of the host; its call ends as [`Outcome::Trapped`] with this message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("contract broken: {0}")]
pub struct ContractBroken(pub String);

/// What a guest may ask of the host: the imports of `sdk/wit` but `limits`' fuel and memory, which the sandbox knows.
///
/// Numbers come as the guest gave them: nothing has been checked.
#[allow(missing_docs)]
pub trait GuestHost: Send + 'static {
    fn submit(&mut self, order: AskedOrder) -> Result<u64, DenyCode>;
    fn modify_order(&mut self, id: u64, price: Option<f64>, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode>;
    fn modify_position(&mut self, id: u64, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode>;
    fn cancel(&mut self, id: u64) -> Result<(), DenyCode>;
    fn close(&mut self, id: u64, volume: Option<f64>) -> Result<u64, DenyCode>;
    fn orders(&mut self) -> Vec<SeenOrder>;
    fn positions(&mut self) -> Vec<SeenPosition>;
    fn account(&mut self) -> AccountView;

    /// The spec and what one tick on one lot is worth, in the account's currency.
    ///
    /// # Errors
    /// No such symbol index.
    fn spec(&mut self, symbol: u32) -> Result<(SymbolSpec, f64), ContractBroken>;
    /// # Errors
    /// No such symbol index.
    fn bars(&mut self, symbol: u32, timeframe: Timeframe, count: u32) -> Result<Vec<Bar>, ContractBroken>;
    /// # Errors
    /// No such symbol index.
    fn ticks(&mut self, symbol: u32, count: u32) -> Result<Vec<Tick>, ContractBroken>;
    /// # Errors
    /// No such symbol index.
    fn last_gap(&mut self, symbol: u32) -> Result<Option<Gap>, ContractBroken>;
    /// Microseconds since 1970 UTC.
    fn now(&mut self) -> i64;
    /// # Errors
    /// The row goes back or does not exist.
    fn at(&mut self, row: u32) -> Result<(), ContractBroken>;
    fn random(&mut self) -> u64;

    fn log(&mut self, level: LogLevel, text: &str);
    /// Whether a report of this many bytes would be kept; one that would not counts as dropped, and is not handed over. Asked before
    /// anything is copied or formatted, so that a flood costs next to nothing.
    fn has_room_for(&mut self, _bytes: usize) -> bool {
        true
    }
    /// # Errors
    /// No such symbol index.
    fn signal(&mut self, symbol: u32, side: Option<Side>, confidence: f64, reason: &str) -> Result<(), ContractBroken>;
    fn plot(&mut self, series: &str, value: f64);

    /// # Errors
    /// The timer would be the 17th, or repeats too fast.
    fn set_timer(&mut self, id: u32, at: i64, every: Option<u64>) -> Result<(), ContractBroken>;
    fn clear_timer(&mut self, id: u32);
    /// # Errors
    /// No such symbol index.
    fn set_wake(&mut self, symbol: u32, wake: Wake) -> Result<(), ContractBroken>;
    /// Orders and log bytes left; fuel and memory are the sandbox's to fill in.
    fn budget(&mut self) -> Budget;

    /// Its guest's linear memory is to grow by this many bytes, which its own limit allows.
    ///
    /// # Errors
    /// All guests of its owner together may not have that much: the call ends as [`Outcome::OverQuota`] with this message.
    fn grow_memory(&mut self, _bytes: u64) -> Result<(), OverQuota> {
        Ok(())
    }

    /// Adds what it looks at itself when its guest is called with a tick.
    fn footprint(&self, _into: &mut Footprint) {}
}
