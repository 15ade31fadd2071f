//! What is counted, by engine and for the host: written by the thread that does the work, read by whoever looks.

use crate::latency::Rough;
use crate::setup::{Saved, Traded};
use crate::shadow::{ShadowReport, ShadowState};
use crate::starving::Fed;
use crate::usage::Sum;
use domain::contract::TradingState;
use domain::footprint::Footprint;
use domain::guest::Used;
use domain::ids::Digest;
use domain::life::EngineState;
use domain::number::Money;
use domain::time::Time;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// One engine's counts. Each has one writer, so that counting is a load and a store. What every tick counts comes first.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Meter {
    pub(crate) ticks: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) calls: AtomicU64,
    pub(crate) orders: AtomicU64,
    pub(crate) changes: AtomicU64,
    pub(crate) denied: AtomicU64,
    pub(crate) deals: AtomicU64,
    pub(crate) faults: AtomicU64,
    pub(crate) remarks_dropped: AtomicU64,
    pub(crate) fuel_total: AtomicU64,
    pub(crate) fuel_last: AtomicU64,
    pub(crate) memory_bytes: AtomicU64,
    /// The most of that since the host started.
    pub(crate) memory_bytes_peak: AtomicU64,
    /// By the UTC day of the host's clock.
    pub(crate) fuel_of_day: Sum,
    /// Log lines, signals and plots that were kept; several threads write it.
    pub(crate) log_bytes: AtomicU64,
    /// Ticks that were not handed over because its owner's fuel of that second was used up.
    pub(crate) throttled: AtomicU64,
    /// Whether it is served after all others, how often that began, and ticks that went by meanwhile.
    pub(crate) slow: AtomicBool,
    pub(crate) slowed: AtomicU64,
    pub(crate) gone_by: AtomicU64,
    pub(crate) realised: AtomicI64,
    pub(crate) latency: Rough,
    /// Guests that were started after a fault.
    pub(crate) restarts: AtomicU64,
    /// When its state was saved last, by the host's clock, and how large it was; 0: never.
    pub(crate) saved_at: AtomicI64,
    pub(crate) saved_bytes: AtomicU64,
    /// Whether a version is on trial.
    pub(crate) on_trial: AtomicBool,
    /// Whether ticks reach it.
    pub(crate) fed: Fed,
    /// The shadow run it has or had last.
    shadow: Mutex<Option<ShadowReport>>,
    since: AtomicI64,
    state: AtomicU8,
    trading: AtomicU8,
    reason: Mutex<String>,
}

/// Adds to a count that only the calling thread writes.
pub(crate) fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Relaxed) + more, Relaxed);
}

impl Meter {
    /// Adds what a tick counts; of the histogram the place where most are.
    pub(crate) fn footprint(&self, into: &mut Footprint) {
        into.add(self, std::mem::offset_of!(Self, orders));
        into.add(self.latency.fullest(), 1);
    }

    pub(crate) fn set_state(&self, state: EngineState, reason: &str, at: Time) {
        self.state.store(state as u8, Relaxed);
        self.since.store(at.0, Relaxed);
        self.set_reason(reason);
    }

    /// Its state is the same, for another reason.
    pub(crate) fn set_reason(&self, reason: &str) {
        let mut last = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        last.clear();
        last.push_str(reason);
    }

    pub(crate) fn state(&self) -> EngineState {
        EngineState::ALL[usize::from(self.state.load(Relaxed))]
    }

    /// Its state was saved.
    pub(crate) fn set_saved(&self, saved: &Saved) {
        self.saved_at.store(saved.at.0, Relaxed);
        self.saved_bytes.store(saved.state.bytes.len() as u64, Relaxed);
    }

    /// Since when it is in its state, by the host's clock.
    pub(crate) fn since(&self) -> Time {
        Time(self.since.load(Relaxed))
    }

    pub(crate) fn reason(&self) -> String {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_shadow(&self, report: ShadowReport) {
        *self.shadow.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
    }

    pub(crate) fn note_shadow(&self, note: impl FnOnce(&mut ShadowReport)) {
        if let Some(report) = &mut *self.shadow.lock().unwrap_or_else(PoisonError::into_inner) {
            note(report);
        }
    }

    /// The version that runs in its shadow.
    pub(crate) fn shadow_version(&self) -> Option<Digest> {
        let shadow = self.shadow.lock().unwrap_or_else(PoisonError::into_inner);
        shadow.as_ref().filter(|report| report.state != ShadowState::Ended).map(|report| report.version)
    }

    pub(crate) fn shadow(&self) -> Option<ShadowReport> {
        self.shadow.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_trading(&self, state: TradingState) {
        self.trading.store(state as u8, Relaxed);
    }

    pub(crate) fn trading(&self) -> TradingState {
        TradingState::ALL[usize::from(self.trading.load(Relaxed))]
    }

    /// What the guest has used; `before` is the fuel of the guests this engine had before.
    pub(crate) fn set_used(&self, used: Used, before: u64) {
        self.fuel_total.store(before + used.fuel_total, Relaxed);
        self.fuel_last.store(used.fuel_last_call, Relaxed);
        self.memory_bytes.store(used.memory_bytes, Relaxed);
        self.memory_bytes_peak.store(used.memory_bytes.max(self.memory_bytes_peak.load(Relaxed)), Relaxed);
    }

    pub(crate) fn realised(&self) -> Money {
        Money(self.realised.load(Relaxed))
    }

    /// What it has traded before counts on.
    pub(crate) fn go_on_from(&self, before: Traded) {
        add(&self.orders, before.orders);
        add(&self.deals, before.deals);
        self.earn(before.realised);
    }

    pub(crate) fn earn(&self, net: Money) {
        self.realised.store(self.realised.load(Relaxed) + net.0, Relaxed);
    }
}

/// The host's own counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) ticks: AtomicU64,
    pub(crate) ticks_per_second: AtomicU64,
    pub(crate) ticks_refused: AtomicU64,
    pub(crate) feed_stalls: AtomicU64,
    pub(crate) feed_stalled_us: AtomicU64,
    pub(crate) ticks_merged: AtomicU64,
    pub(crate) ticks_by_columns: AtomicU64,
    pub(crate) column_calls: AtomicU64,
    pub(crate) ticks_withheld: AtomicU64,
    pub(crate) commands_recorded: AtomicU64,
    pub(crate) commands_unrecorded: AtomicU64,
    pub(crate) group_commits: AtomicU64,
    pub(crate) reports: AtomicU64,
    pub(crate) contradictions: AtomicU64,
    pub(crate) lines_refused: AtomicU64,
    pub(crate) saves_put_off: AtomicU64,
    pub(crate) engines_slowed: AtomicU64,
    pub(crate) panics: AtomicU64,
}

/// Adds to a count that several threads write.
pub(crate) fn add_shared(count: &AtomicU64, more: u64) -> u64 {
    count.fetch_add(more, Relaxed) + more
}
