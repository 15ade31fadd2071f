//! What the host tells the world: one stream of events to one sink.

use crate::setup::Saved;
use domain::contract::{Param, StopReason, TradingState};
use domain::desk::Remark;
use domain::guest::Fault;
use domain::ids::{AccountId, Digest, EngineId, UserId};
use domain::keeper::Scope;
use domain::ledger::Change;
use domain::life::{EngineState, Verdict};
use domain::risk::GateMemory;
use domain::tape::Entry;
use domain::tick::Tick;
use domain::time::Time;
use std::sync::Arc;
use std::time::Duration;

/// An engine with those it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whose {
    /// Which engine.
    pub engine: EngineId,
    /// Its account.
    pub account: AccountId,
    /// Its owner.
    pub owner: UserId,
}

/// Something that happened in the host.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An engine is in another state. Never dropped.
    State {
        /// Which.
        engine: Whose,
        /// Before.
        from: EngineState,
        /// Now.
        to: EngineState,
        /// Why, in words for the owner.
        reason: String,
        /// Set when it stopped: who wanted that. What stops with the host is meant to go on with it again.
        stopped: Option<StopReason>,
        /// When, by the host's clock.
        at: Time,
    },
    /// A guest failed. Never dropped.
    Fault {
        /// Whose.
        engine: Whose,
        /// How.
        fault: Fault,
        /// What follows from it.
        verdict: Verdict,
        /// When, by the host's clock.
        at: Time,
    },
    /// An engine's state, to be kept: it starts from here again. Never dropped; a newer one replaces one that still waits.
    Saved {
        /// Whose.
        engine: Whose,
        /// The version that saved it.
        version: Digest,
        /// The state, and what the engine had been handed by then.
        saved: Arc<Saved>,
        /// Orders it had asked for by then.
        orders: u32,
    },
    /// Another version of an engine's strategy was to take over. Never dropped.
    Swap {
        /// Whose.
        engine: Whose,
        /// The version before.
        from: Digest,
        /// The version that was to take over.
        to: Digest,
        /// How that went.
        outcome: SwapOutcome,
        /// The parameters, of those that were given, with which the engine goes on.
        given: Vec<Param>,
        /// When, by the host's clock.
        at: Time,
    },
    /// What a risk gate remembers of an account has changed, to be kept: it survives a restart. Never dropped; newer replaces
    /// what still waits.
    Gate {
        /// Which account.
        account: AccountId,
        /// What must be kept.
        memory: GateMemory,
    },
    /// What may be done at the market has changed. Never dropped.
    Trading {
        /// For whom.
        scope: Scope,
        /// Whose account or engine that is; `None`: everybody is meant.
        owner: Option<UserId>,
        /// Now.
        state: TradingState,
        /// Why.
        reason: String,
        /// When, by the host's clock.
        at: Time,
    },
    /// Something that an operator must look at. Never dropped.
    Alarm {
        /// A stable word: `journal-failed`, `journal-works-again`, `reports-unwritten`, `owed-not-kept`, `broker-contradicts`,
        /// `order-unresolved`, `report-set-aside`, `feed-stalled`, `host-panicked`.
        code: &'static str,
        /// What is wrong and what would mend it.
        text: String,
        /// When, by the host's clock.
        at: Time,
    },
    /// Log lines, signals and plot points of an engine. A view: dropped when the sink falls behind.
    Remarks {
        /// Whose.
        engine: Whose,
        /// In order.
        remarks: Vec<Remark>,
        /// How many more the engine's own bounds cut off.
        dropped: u64,
    },
    /// An order or position has changed; it is journaled already. A view: dropped when the sink falls behind.
    Changed {
        /// Whose.
        engine: Whose,
        /// What.
        change: Change,
        /// When, by the broker's clock.
        at: Time,
    },
    /// What crossed the border between an engine and its guest, for sinks that keep a record. When there is no room for it a
    /// [`Gap`](Entry::Gap) is told in its place.
    Taped {
        /// Whose guest.
        engine: Whose,
        /// In order.
        entries: Vec<Entry>,
    },
    /// Ticks as the market numbered them, for sinks that keep a record: what [`Taped`](Self::Taped) refers to. Dropped when the
    /// sink falls behind; their numbers show that.
    Ticks(Vec<Tick>),
    /// Views dropped since the last time.
    Dropped {
        /// How many.
        views: u64,
    },
}

impl Event {
    /// Whether it may be dropped when the sink falls behind.
    pub fn is_view(&self) -> bool {
        matches!(self, Self::Remarks { .. } | Self::Changed { .. })
    }

    /// The engine it is about.
    pub fn engine(&self) -> Option<Whose> {
        match self {
            Self::State { engine, .. }
            | Self::Fault { engine, .. }
            | Self::Saved { engine, .. }
            | Self::Swap { engine, .. }
            | Self::Remarks { engine, .. }
            | Self::Taped { engine, .. }
            | Self::Changed { engine, .. } => Some(*engine),
            Self::Gate { .. } | Self::Trading { .. } | Self::Alarm { .. } | Self::Ticks(_) | Self::Dropped { .. } => None,
        }
    }
}

/// How the swap of a version went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwapOutcome {
    /// It has taken over and is on trial.
    TakenOver {
        /// For how long the engine's events waited.
        pause: Duration,
    },
    /// It has passed its trial.
    Confirmed,
    /// It never took over; the version before goes on as if nothing had been.
    Refused {
        /// Why.
        reason: String,
    },
    /// It failed on trial; the version before goes on from the state that it had handed over.
    RolledBack {
        /// Why.
        reason: String,
    },
}

impl SwapOutcome {
    /// The stable word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::TakenOver { .. } => "taken-over",
            Self::Confirmed => "confirmed",
            Self::Refused { .. } => "refused",
            Self::RolledBack { .. } => "rolled-back",
        }
    }
}

/// The port to whoever keeps and shows what happens.
pub trait EventSink: Send {
    /// Takes events in order. Called on a thread of its own, with all that wait at once, so it may take its time and write
    /// them in one transaction; what it misses meanwhile is told by [`Event::Dropped`].
    fn events(&mut self, events: Vec<Event>);

    /// Whether it keeps a record: then it is told [`Event::Taped`] and [`Event::Ticks`]. Asked once, at the start.
    fn keeps_record(&self) -> bool {
        false
    }
}
