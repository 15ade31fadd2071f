//! How engines and the host stand, for whoever looks.

use crate::Host;
use crate::events::Whose;
use crate::latency::{Latencies, Rough};
use crate::shared::{Entry, lock};
use crate::starving::Starving;
use crate::unwritten::LineAside;
use crate::usage::{UserUsage, second};
use domain::bars::MarketView;
use domain::contract::{Param, TradingState};
use domain::ids::{Digest, EngineId, UserId};
use domain::ledger::floating_of;
use domain::life::EngineState;
use domain::limits::Quotas;
use domain::number::Money;
use domain::time::Time;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

/// One engine.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineSnapshot {
    /// Which, and whose.
    pub whose: Whose,
    /// What it runs.
    pub version: Digest,
    /// Parameters that were given, the others being at their defaults.
    pub given: Vec<Param>,
    /// Name of the strategy.
    pub strategy: String,
    /// Where it stands.
    pub state: EngineState,
    /// Why it stands there.
    pub reason: String,
    /// Since when, by the host's clock.
    pub since: Time,
    /// Times its guest was started anew after a fault.
    pub restarts: u64,
    /// When its state was saved last, by the host's clock.
    pub saved_at: Option<Time>,
    /// How large that state was.
    pub saved_bytes: u64,
    /// Whether its version has taken over just now and is on trial.
    pub on_trial: bool,
    /// Its own trading state; the host's and the account's count as well.
    pub trading: TradingState,
    /// Whether it is given no ticks although its market has them.
    pub starving: Option<Starving>,
    /// Ticks that it was handed, or that went by since it did not wait for them; of one that waits for long, as of when it was looked at
    /// last.
    pub ticks: u64,
    /// Ticks it was told it missed.
    pub skipped: u64,
    /// Calls into its guests since the host started: ticks, bars, timers, news of its orders, and those of its start and its saves.
    pub calls: u64,
    /// Orders that were sent since it was added, closes among them.
    pub orders: u64,
    /// Changes of orders and positions, and cancels, that were sent since the host started.
    pub changes: u64,
    /// What the gate refused since its guest was started.
    pub denied: u64,
    /// Deals since it was added.
    pub deals: u64,
    /// Faults since the host started.
    pub faults: u64,
    /// Log lines, signals and plot points that its bounds cut off.
    pub remarks_dropped: u64,
    /// Fuel of all calls since the host started.
    pub fuel_total: u64,
    /// Fuel of the last call.
    pub fuel_last: u64,
    /// Linear memory of its guest, bytes.
    pub memory_bytes: u64,
    /// The most that any of its guests had since the host started.
    pub memory_bytes_peak: u64,
    /// Fuel since midnight UTC, or since the host started.
    pub fuel_today: u64,
    /// Log lines, signals and plot points that were kept since the host started, bytes.
    pub log_bytes: u64,
    /// Ticks that were not handed over because its owner's fuel of that second was used up.
    pub throttled: u64,
    /// Whether it is served after all others, since it takes more than its share of its shard.
    pub slow: bool,
    /// How often that began.
    pub slowed: u64,
    /// Ticks that went by because they came faster than it could be served so.
    pub gone_by: u64,
    /// From the arrival of a tick at the host to the return of the guest, microseconds: half were faster.
    pub decision_us_p50: f64,
    /// The same: 99 of 100 were faster.
    pub decision_us_p99: f64,
    /// What its deals have earned, costs included.
    pub realised: Money,
    /// What its open positions would earn now, without costs.
    pub floating: Money,
    /// Its open positions.
    pub positions: usize,
    /// Its working orders.
    pub working_orders: usize,
}

/// The host as a whole. Counts since its start, named like the bounds in [`Bounds`](crate::Bounds).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names are those of the bounds they belong to")]
pub struct HostTotals {
    pub ticks: u64,
    /// Ticks in the last full second.
    pub ticks_per_second: u64,
    /// Ticks of no symbol, without a price or older than the one before.
    pub ticks_refused: u64,
    /// Times the feed had to wait for a full queue, and how long, microseconds.
    pub feed_stalls: u64,
    pub feed_stalled_us: u64,
    /// Ticks that engines which want the latest only did not get.
    pub ticks_merged: u64,
    /// Ticks handed over by columns, and in how many calls.
    pub ticks_by_columns: u64,
    pub column_calls: u64,
    /// Ticks the broker did not hear while too many reports could not be journaled.
    pub ticks_withheld: u64,
    pub commands_recorded: u64,
    /// Commands the journal failed to record; they were rejected.
    pub commands_unrecorded: u64,
    /// Times the journal was written, each with all that waited.
    pub group_commits: u64,
    pub reports: u64,
    /// Reports that contradict what is known.
    pub contradictions: u64,
    /// Lines that the journal refused for good, each set aside with an alarm.
    pub lines_refused: u64,
    pub views_dropped: u64,
    /// Times an engine's record got a gap because too much waited for the disk, and ticks that it lacks for the same reason.
    pub record_gaps: u64,
    pub record_ticks_lost: u64,
    /// Times an engine saved later because too many saved states waited.
    pub saves_put_off: u64,
    /// Engines that are served after all others now, and how often that began.
    pub engines_slow: usize,
    pub engines_slowed: u64,
    /// Panics in the host's own code, each counted as a fault of the engine it was busy with.
    pub panics: u64,
    /// Waiting now.
    pub commands_waiting: usize,
    pub pipeline_ticks_waiting: usize,
    pub shard_ticks_waiting: Vec<usize>,
    pub shard_engines: Vec<usize>,
    /// Of the last full second with ticks: how much of it each shard was busy with them.
    pub shard_busy_percent: Vec<f64>,
    /// Times an account's engines went to another shard.
    pub accounts_moved: u64,
    /// Shards that have been asked for something (start, stop, pause) and have not looked at it yet.
    pub shards_asked: usize,
    /// Over all engines, microseconds.
    pub decision_us_p50: f64,
    pub decision_us_p99: f64,
    pub engines: usize,
    pub engines_running: usize,
    pub accounts: usize,
}

/// All of it.
#[derive(Clone, Debug, PartialEq)]
pub struct HostSnapshot {
    /// What everyone on the host may do at the market.
    pub trading: TradingState,
    /// The engines, in order of id.
    pub engines: Vec<EngineSnapshot>,
    /// The host.
    pub totals: HostTotals,
}

/// The versions that an engine runs, or will run again by itself.
fn versions_of(entry: &Entry) -> impl Iterator<Item = Digest> {
    let works = entry.meter.state().needs_version().then_some(entry.setup.version);
    works.into_iter().chain(works.and_then(|_| entry.meter.shadow_version()))
}

impl Host {
    /// How everything stands. Reads counts that others write, and computes floating profit, since somebody looks.
    pub fn snapshot(&self) -> HostSnapshot {
        let entries: Vec<_> = self.shared.engines.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let engines: Vec<_> = entries.iter().map(|entry| self.look_at(entry)).collect();
        let totals = self.totals(&engines, &self.latencies());
        HostSnapshot { trading: self.trading(), engines, totals }
    }

    /// How one engine stands.
    pub fn engine(&self, engine: EngineId) -> Option<EngineSnapshot> {
        self.shared.engine(engine).map(|entry| self.look_at(&entry))
    }

    /// How long it took from the arrival of a tick to an engine's decision, over all engines since the host's start.
    pub fn latencies(&self) -> Latencies {
        let mut all = Latencies::default();
        self.shared.shards.iter().for_each(|shard| shard.latency.add_to(&mut all));
        all
    }

    /// The time within which `share` (0 to 1) of the decisions of some engines lay, microseconds, since they were added.
    pub fn decided_within_us(&self, share: f64, whose: impl Fn(&Whose) -> bool) -> f64 {
        let engines = self.shared.engines.read().unwrap_or_else(PoisonError::into_inner);
        Rough::all_within_us(engines.values().filter(|entry| whose(&entry.whose)).map(|entry| &entry.meter.latency), share)
    }

    /// What a user's engines use together.
    pub fn usage(&self, user: UserId) -> UserUsage {
        let usage = self.shared.usage(user);
        let now = self.shared.clock.now();
        let mut seen = UserUsage {
            fuel_per_second: usage.fuel.before(second(self.shared.clock.steady())),
            fuel_today: usage.fuel_of_day.of(now.day()),
            ticks_throttled: usage.throttled.load(Relaxed),
            memory_bytes: usage.memory.bytes(),
            log_bytes_today: usage.log_bytes_of_day.of(now.day()),
            ..UserUsage::default()
        };
        let engines = self.shared.engines.read().unwrap_or_else(PoisonError::into_inner);
        let mut versions = BTreeSet::new();
        for entry in engines.values().filter(|entry| entry.whose.owner == user) {
            seen.engines += 1;
            seen.engines_running += usize::from(entry.meter.state().has_guest());
            versions.extend(versions_of(entry));
        }
        seen.versions_running = versions.len();
        seen
    }

    /// The versions that a user's engines run or will run again by themselves, those in a shadow included.
    pub fn versions_running(&self, user: UserId) -> BTreeSet<Digest> {
        let engines = self.shared.engines.read().unwrap_or_else(PoisonError::into_inner);
        engines.values().filter(|entry| entry.whose.owner == user).flat_map(|entry| versions_of(entry)).collect()
    }

    /// Lines that the journal refused for good, oldest first; the last few hundred.
    pub fn lines_aside(&self) -> Vec<LineAside> {
        self.shared.lines_aside.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// What all engines of any one user may use.
    pub fn quotas(&self) -> Quotas {
        self.shared.bounds.quotas
    }

    fn look_at(&self, entry: &Entry) -> EngineSnapshot {
        let meter = &entry.meter;
        let account = lock(&entry.account);
        let engine = entry.whose.engine;
        let positions: Vec<_> = account.ledger.positions.values().filter(|position| position.id.0.engine() == engine).collect();
        let quote = |symbol| self.shared.market.quote(symbol);
        let floating = positions.iter().filter_map(|position| floating_of(position, &self.shared.table, &account.terms.currency, quote));
        EngineSnapshot {
            whose: entry.whose,
            version: entry.setup.version,
            given: entry.setup.given.clone(),
            strategy: entry.setup.description.name.clone(),
            state: meter.state(),
            reason: meter.reason(),
            since: meter.since(),
            restarts: meter.restarts.load(Relaxed),
            saved_at: Some(Time(meter.saved_at.load(Relaxed))).filter(|at| *at != Time(0)),
            saved_bytes: meter.saved_bytes.load(Relaxed),
            on_trial: meter.on_trial.load(Relaxed),
            trading: meter.trading(),
            starving: meter.fed.starving(),
            ticks: meter.ticks.load(Relaxed),
            skipped: meter.skipped.load(Relaxed),
            calls: meter.calls.load(Relaxed),
            orders: meter.orders.load(Relaxed),
            changes: meter.changes.load(Relaxed),
            denied: meter.denied.load(Relaxed),
            deals: meter.deals.load(Relaxed),
            faults: meter.faults.load(Relaxed),
            remarks_dropped: meter.remarks_dropped.load(Relaxed),
            fuel_total: meter.fuel_total.load(Relaxed),
            fuel_last: meter.fuel_last.load(Relaxed),
            memory_bytes: meter.memory_bytes.load(Relaxed),
            memory_bytes_peak: meter.memory_bytes_peak.load(Relaxed),
            fuel_today: meter.fuel_of_day.of(self.shared.clock.now().day()),
            log_bytes: meter.log_bytes.load(Relaxed),
            throttled: meter.throttled.load(Relaxed),
            slow: meter.slow.load(Relaxed),
            slowed: meter.slowed.load(Relaxed),
            gone_by: meter.gone_by.load(Relaxed),
            decision_us_p50: meter.latency.within_us(0.5),
            decision_us_p99: meter.latency.within_us(0.99),
            realised: meter.realised(),
            floating: floating.sum::<Money>(),
            positions: positions.len(),
            working_orders: account.ledger.orders.values().filter(|order| order.id.engine() == engine).count(),
        }
    }

    fn totals(&self, engines: &[EngineSnapshot], latency: &Latencies) -> HostTotals {
        let (shared, counters) = (&self.shared, &self.shared.counters);
        let unrecorded = shared.herald.unrecorded();
        HostTotals {
            ticks: counters.ticks.load(Relaxed),
            ticks_per_second: counters.ticks_per_second.load(Relaxed),
            ticks_refused: counters.ticks_refused.load(Relaxed),
            feed_stalls: counters.feed_stalls.load(Relaxed),
            feed_stalled_us: counters.feed_stalled_us.load(Relaxed),
            ticks_merged: counters.ticks_merged.load(Relaxed),
            ticks_by_columns: counters.ticks_by_columns.load(Relaxed),
            column_calls: counters.column_calls.load(Relaxed),
            ticks_withheld: counters.ticks_withheld.load(Relaxed),
            commands_recorded: counters.commands_recorded.load(Relaxed),
            commands_unrecorded: counters.commands_unrecorded.load(Relaxed),
            group_commits: counters.group_commits.load(Relaxed),
            reports: counters.reports.load(Relaxed),
            contradictions: counters.contradictions.load(Relaxed),
            lines_refused: counters.lines_refused.load(Relaxed),
            views_dropped: shared.herald.views_dropped(),
            record_gaps: unrecorded.gaps,
            record_ticks_lost: unrecorded.ticks,
            saves_put_off: counters.saves_put_off.load(Relaxed),
            engines_slow: engines.iter().filter(|engine| engine.slow).count(),
            engines_slowed: counters.engines_slowed.load(Relaxed),
            panics: counters.panics.load(Relaxed),
            commands_waiting: shared.queue.waiting(),
            pipeline_ticks_waiting: shared.pipeline.depth(),
            shard_ticks_waiting: shared.shards.iter().map(|shard| shard.inbox.depth()).collect(),
            shard_engines: shared.shards.iter().map(|shard| shard.engines.load(Relaxed)).collect(),
            shard_busy_percent: shared.shards.iter().map(|shard| f64::from(shard.busy.load(Relaxed)) / 10.0).collect(),
            accounts_moved: shared.homes.moved.load(Relaxed),
            shards_asked: shared.shards.iter().filter(|shard| shard.inbox.has_urgent()).count(),
            decision_us_p50: latency.within_us(0.5),
            decision_us_p99: latency.within_us(0.99),
            engines: engines.len(),
            engines_running: engines.iter().filter(|engine| engine.state == EngineState::Running).count(),
            accounts: shared.accounts.read().unwrap_or_else(PoisonError::into_inner).len(),
        }
    }
}
