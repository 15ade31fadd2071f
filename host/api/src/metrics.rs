//! `GET /metrics`: the host's counts for Prometheus. Nothing here names a user, an account or an engine: who may read the
//! figures of a host must not learn who is on it, and ten thousand engines would be ten thousand series.

use crate::operator::Operator;
use crate::problem::Problem;
use crate::state::AppState;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use engine::{EngineSnapshot, HostSnapshot, Latencies};
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// What OpenMetrics text is called.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The host's counts as OpenMetrics text; with the operator's token.
pub(crate) async fn metrics(_: Operator, State(state): State<AppState>) -> Result<Response, Problem> {
    let (snapshot, latencies) = state.ask(|host| (host.snapshot(), host.latencies())).await?;
    let mut registry = prometheus_client::registry::Registry::with_prefix("stockade");
    let doors = [
        ("connections_open", "Connections that are open", state.door_counts.open.load(Ordering::Relaxed)),
        ("requests_open", "Requests under way", state.requests.taken() as u64),
        ("streams_open", "Live streams that are open", state.live.streams() as u64),
        ("upload_bytes_waiting", "Bytes of components that are uploaded or checked", state.uploads.taken() as u64),
    ];
    let counts = &state.door_counts;
    let refusals = [
        ("connections_overdue", "Connections closed because their time was over", &counts.overdue),
        ("connections_gave_way", "Idle connections closed to let others in", &counts.gave_way),
        ("connections_found_busy", "Connections that found all others busy", &counts.found_busy),
        ("requests_refused", "Requests that found no place", &counts.requests_refused),
    ];
    let refusals = refusals.map(|(name, help, count)| (name, help, count.load(Ordering::Relaxed)));
    let uptime_s = state.since.elapsed().as_secs();
    let (symbols, late) = (symbols(&state), state.feed.late());
    registry.register_collector(Box::new(Looked { snapshot, symbols, late, latencies, doors, refusals, uptime_s }));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).map_err(Problem::internal)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// The ticks of each symbol, those before the host's start that it looked back on included.
fn symbols(state: &AppState) -> Vec<(OfSymbol, u64)> {
    let market = state.host.market();
    let market = market.read().unwrap_or_else(PoisonError::into_inner);
    let ticks = |id| market.symbol(id).last().map_or(0, |tick| tick.sequence);
    state.host.table().iter().map(|(id, spec)| (OfSymbol { symbol: spec.name.clone() }, ticks(id))).collect()
}

/// The host at the moment of the request.
#[derive(Debug)]
struct Looked {
    snapshot: HostSnapshot,
    symbols: Vec<(OfSymbol, u64)>,
    /// From when a tick was due to when the host had it.
    late: Latencies,
    latencies: Latencies,
    doors: [Figure; 4],
    refusals: [Figure; 4],
    uptime_s: u64,
}

/// Its name, what it is, and its value.
type Figure = (&'static str, &'static str, u64);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfShard {
    shard: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSymbol {
    symbol: String,
}

impl prometheus_client::collector::Collector for Looked {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let out = &mut encoder;
        self.host(out)?;
        self.engines(out)?;
        self.orders(out)?;
        histogram(out, "decision", "From the arrival of a tick to an engine's decision", &self.latencies)?;
        histogram(out, "feed_late", "From when a tick was due to when the host had taken it in", &self.late)?;
        self.doors.iter().try_for_each(|&(name, help, value)| gauge(out, name, help, value))?;
        self.refusals.iter().try_for_each(|&(name, help, value)| counter(out, name, help, value))
    }
}

impl Looked {
    fn host(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let totals = &self.snapshot.totals;
        gauge(out, "uptime_seconds", "Seconds since the host started", self.uptime_s)?;
        gauge(out, "trading_state", "What everyone may do: 0 active, 1 reducing, 2 halted", self.snapshot.trading as u64)?;
        counter(out, "ticks", "Ticks taken in", totals.ticks)?;
        counter(out, "ticks_refused", "Ticks of no symbol, without a price or out of order", totals.ticks_refused)?;
        counter(out, "ticks_merged", "Ticks that engines which want the latest only did not get", totals.ticks_merged)?;
        counter(out, "ticks_by_columns", "Ticks handed to engines by columns, to catch up", totals.ticks_by_columns)?;
        counter(out, "feed_stalls", "Times the feed waited for a full queue", totals.feed_stalls)?;
        counter(out, "feed_stalled_microseconds", "How long the feed waited for full queues", totals.feed_stalled_us)?;
        counter(out, "views_dropped", "Events for looking at that were dropped", totals.views_dropped)?;
        counter(out, "panics", "Panics in the host's own code", totals.panics)?;
        let waiting = totals.shard_ticks_waiting.iter().enumerate();
        let waiting = waiting.map(|(shard, &ticks)| (OfShard { shard: shard as u64 }, ticks as u64));
        gauges(out, "shard_ticks_waiting", "Ticks that wait for a shard", waiting)?;
        let help = "Ticks of each symbol, its past before the host's start included";
        gauges(out, "symbol_ticks", help, self.symbols.iter().cloned())
    }

    fn engines(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let engines = &self.snapshot.engines;
        let mut states = BTreeMap::new();
        domain::life::EngineState::ALL.iter().for_each(|state| _ = states.insert(state.word(), 0_u64));
        engines.iter().for_each(|engine| *states.entry(engine.state.word()).or_default() += 1);
        let states = states.into_iter().map(|(state, count)| (OfState { state }, count));
        gauges(out, "engines", "Engines by their state", states)?;
        gauge(out, "accounts", "Accounts that are open", self.snapshot.totals.accounts as u64)?;
        let sum = |of: fn(&EngineSnapshot) -> u64| engines.iter().map(of).sum::<u64>();
        gauge(out, "guest_memory_bytes", "Linear memory of all guests", sum(|engine| engine.memory_bytes))?;
        // Sums over engines that are there now: an engine that is removed takes its counts with it.
        gauge(out, "engine_ticks", "Ticks handed to the engines that are there", sum(|engine| engine.ticks))?;
        gauge(out, "engine_calls", "Calls into the engines that are there", sum(|engine| engine.calls))?;
        gauge(out, "engine_fuel", "Fuel of the engines that are there", sum(|engine| engine.fuel_total))?;
        gauge(out, "engine_fuel_today", "Fuel since midnight UTC of the engines that are there", sum(|engine| engine.fuel_today))?;
        gauge(out, "engine_log_bytes", "Log lines, signals and plots kept of the engines that are there", sum(|engine| engine.log_bytes))?;
        let throttled = sum(|engine| engine.throttled);
        gauge(out, "engine_ticks_throttled", "Ticks not handed over because a quota of fuel was used up", throttled)?;
        gauge(out, "engines_slow", "Engines served after all others", self.snapshot.totals.engines_slow as u64)?;
        counter(out, "engines_slowed", "Times an engine began to be served after all others", self.snapshot.totals.engines_slowed)?;
        let gone_by = sum(|engine| engine.gone_by);
        gauge(out, "engine_ticks_gone_by", "Ticks that came faster than engines served after all others could have them", gone_by)?;
        gauge(out, "engine_faults", "Faults of the engines that are there", sum(|engine| engine.faults))?;
        gauge(out, "engine_denied", "Orders refused to the engines that are there", sum(|engine| engine.denied))
    }

    fn orders(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let totals = &self.snapshot.totals;
        counter(out, "commands_recorded", "Orders, changes and cancels recorded in the journal", totals.commands_recorded)?;
        counter(out, "commands_unrecorded", "Commands that the journal did not take", totals.commands_unrecorded)?;
        counter(out, "group_commits", "Writes of the journal, each with all that waited", totals.group_commits)?;
        counter(out, "reports", "Reports of brokers", totals.reports)?;
        counter(out, "contradictions", "Reports that contradict what is known", totals.contradictions)?;
        counter(out, "lines_refused", "Lines that the journal refused for good, each set aside", totals.lines_refused)?;
        gauge(out, "commands_waiting", "Commands that wait for the journal", totals.commands_waiting as u64)
    }
}

fn histogram(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, latencies: &Latencies) -> fmt::Result {
    let buckets: Vec<(f64, u64)> = latencies.octaves().map(|(within, count)| (within.as_secs_f64(), count)).collect();
    let mut last = buckets.clone();
    // The last bucket takes what is longer than any bound as well.
    if let Some(bound) = last.last_mut() {
        bound.0 = f64::INFINITY;
    }
    // The sum is that of the buckets' bounds, so it is too large by up to a half.
    let bounds = buckets.iter().scan(0, |before, &(bound, count)| Some(bound * (count - std::mem::replace(before, count)) as f64));
    let sum: f64 = bounds.sum();
    // The encoder wants each bucket's own count and sums them up itself.
    let own = last.iter().scan(0, |before, &(bound, count)| Some((bound, count - std::mem::replace(before, count))));
    let own: Vec<(f64, u64)> = own.collect();
    let mut metric = out.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
    metric.encode_histogram::<NoLabelSet>(sum, latencies.count(), &own, None)
}

fn counter(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    ConstCounter::new(value).encode(out.encode_descriptor(name, help, None, MetricType::Counter)?)
}

fn gauge(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    ConstGauge::new(value).encode(out.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

fn gauges<L: EncodeLabelSet>(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (L, u64)>,
) -> fmt::Result {
    let mut family: MetricEncoder<'_> = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
