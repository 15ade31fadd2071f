//! Watches a host under attack from outside: the honest engines' ticks, health, memory, open files.
//!
//! A market may be silent for seconds, which is nobody's fault, so only what is *certain* counts as a gap: the market had a tick of the
//! engine's symbol, and a later look at the engine still showed the same count as before. A host that is slow to answer proves
//! nothing by that, so its own histograms are read as well: a tick in a bucket waited at least as long as that bucket begins. Which of
//! the three it was says where to look: the feed handed it over late, a shard was busy, or an engine was passed over.

use crate::demo::host::DemoHost;
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks at each engine.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Between two looks at health, memory and files.
const HEALTH_EVERY: Duration = Duration::from_millis(500);
/// Nobody calls it late when a tick waited for less than this, seconds.
const LATE_S: f64 = 0.001;

/// An honest engine.
#[derive(Clone, Copy, Debug)]
pub struct Honest {
    pub id: u64,
    pub symbol: &'static str,
}

/// What was seen during one attack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// The longest time for which an honest engine certainly had no tick although its market had one.
    /// An engine that waits for long tells its count every three seconds of market, which is 50 ms at the speed of an attack.
    pub passed_over_ms: f64,
    /// The latest that a tick was handed to the host after it was due, by the host's own count.
    pub fed_late_ms: f64,
    /// The latest that an engine's decision came after the host had the tick, by the host's own count.
    pub decided_late_ms: f64,
    /// The longest that health took to answer.
    pub health_s: f64,
    /// The most resident memory.
    pub memory_mib: u64,
    /// The most open files.
    pub files: usize,
    /// Ticks of the honest engines.
    pub ticks: u64,
    /// Looks at an engine whose market's count was known.
    pub looks: u64,
}

impl Seen {
    /// The longest that ticks waited, wherever that was.
    pub fn gap_ms(&self) -> f64 {
        self.passed_over_ms.max(self.fed_late_ms).max(self.decided_late_ms)
    }

    /// Where they waited for so long.
    pub fn where_held(&self) -> &'static str {
        match self.gap_ms() {
            0.0 => "nowhere",
            gap_ms if gap_ms == self.fed_late_ms => "the feed handed them over late",
            gap_ms if gap_ms == self.decided_late_ms => "a shard was busy",
            _ => "their market had some that they were not given",
        }
    }
}

/// Looks until it is dropped.
pub struct Watch {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    host: DemoHostView,
    before: Mutex<Before>,
}

/// What the host had counted when an attack began.
#[derive(Default)]
struct Before {
    fed: Late,
    decided: Option<Late>,
}

struct Shared {
    stop: AtomicBool,
    seen: Mutex<Seen>,
}

/// A host as it can be looked at from any thread.
type DemoHostView = Arc<crate::demo::host::View>;

impl Watch {
    /// Begins to look at these engines.
    ///
    /// # Errors
    /// The host's process can't be found.
    pub fn start(host: &DemoHost, engines: Vec<Honest>) -> Result<Self> {
        let shared = Arc::new(Shared { stop: AtomicBool::new(false), seen: Mutex::default() });
        let view = Arc::new(host.view());
        let process = PathBuf::from(format!("/proc/{}", host.pid()));
        std::fs::read_dir(process.join("fd")).context("cannot look at the host's process")?;
        let (of_engines, of_process) = (Arc::clone(&shared), Arc::clone(&shared));
        let (view_of_engines, view_of_process) = (Arc::clone(&view), Arc::clone(&view));
        let threads = vec![
            std::thread::spawn(move || follow(&of_engines, &view_of_engines, engines)),
            std::thread::spawn(move || look_after(&of_process, &view_of_process, &process)),
        ];
        Ok(Self { shared, threads, host: view, before: Mutex::default() })
    }

    /// An attack begins. `all_are_honest`: the decisions that the host counts are honest engines' alone.
    ///
    /// # Errors
    /// The host's counts can't be read.
    pub fn begin(&self, all_are_honest: bool) -> Result<()> {
        let metrics = self.host.metrics()?;
        let decided = if all_are_honest { Some(late(&metrics, "decision")?) } else { None };
        *lock(&self.before) = Before { fed: late(&metrics, "feed_late")?, decided };
        *lock(&self.shared.seen) = Seen::default();
        Ok(())
    }

    /// It is over: what was seen of it.
    ///
    /// # Errors
    /// The host's counts can't be read, or no look found an engine beside its market.
    pub fn end(&self) -> Result<Seen> {
        let mut seen = *lock(&self.shared.seen);
        let (before, metrics) = (std::mem::take(&mut *lock(&self.before)), self.host.metrics()?);
        seen.fed_late_ms = longest_ms(&before.fed, &late(&metrics, "feed_late")?);
        if let Some(decided) = before.decided {
            seen.decided_late_ms = longest_ms(&decided, &late(&metrics, "decision")?);
        }
        ensure!(seen.looks > 0, "the host never told how many ticks an engine and its market had");
        Ok(seen)
    }
}

/// How many waited long, by where their bucket begins, in microseconds.
type Late = BTreeMap<u64, u64>;

/// Those of a histogram.
fn late(metrics: &str, name: &str) -> Result<Late> {
    read_late(metrics, name).with_context(|| format!("the host's metrics have no stockade_{name}_seconds"))
}

fn read_late(metrics: &str, name: &str) -> Option<Late> {
    let prefix = format!("stockade_{name}_seconds_bucket");
    let mut late = BTreeMap::new();
    let (mut begin, mut before) = (0.0, 0);
    for line in metrics.lines().filter(|line| line.starts_with(&prefix)) {
        let (labels, count) = line.rsplit_once(' ')?;
        let end: f64 = labels.split_once("le=\"")?.1.split('"').next()?.replace("+Inf", "inf").parse().ok()?;
        let count = count.parse::<f64>().ok()? as u64;
        if begin >= LATE_S {
            late.insert((begin * 1e6) as u64, count - before);
        }
        (begin, before) = (end, count);
    }
    (before > 0).then_some(late)
}

/// The longest of those that came between two looks; 0 where none waited long.
fn longest_ms(before: &Late, after: &Late) -> f64 {
    let more = after.iter().filter(|(begin_us, count)| **count > before.get(begin_us).copied().unwrap_or(0));
    more.map(|(begin_us, _)| *begin_us).max().unwrap_or(0) as f64 / 1e3
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| _ = thread.join());
    }
}

/// One engine beside its market, both as counts of ticks that are looked at in turn.
#[derive(Debug, Default)]
struct Beside {
    ticks: Option<u64>,
    /// The market's count once the engine's was known.
    market: Option<u64>,
    /// Since when the market is known to have had a tick more.
    owed_since: Option<Instant>,
    /// Whether the market has ever told its count.
    is_known: bool,
}

impl Beside {
    /// The market has had this many ticks, as was known at this time.
    fn market(&mut self, ticks: u64, answered: Instant) {
        self.is_known = true;
        let known = *self.market.get_or_insert(ticks);
        if ticks > known && self.owed_since.is_none() {
            self.owed_since = Some(answered);
        }
    }

    /// The engine has had so many, which was asked at this time. For how long it certainly had none that it should have had, and how
    /// many it has had since the last look.
    fn engine(&mut self, ticks: u64, asked: Instant) -> (Duration, u64) {
        match self.ticks.replace(ticks) {
            Some(before) if before == ticks => (self.owed_since.map_or(Duration::ZERO, |since| asked.saturating_duration_since(since)), 0),
            before => {
                (self.market, self.owed_since) = (None, None);
                (Duration::ZERO, before.map_or(0, |before| ticks.saturating_sub(before)))
            }
        }
    }
}

/// Looks at the markets, then at the engines, again and again.
fn follow(shared: &Shared, host: &DemoHostView, engines: Vec<Honest>) {
    let mut engines: Vec<(Honest, Beside)> = engines.into_iter().map(|engine| (engine, Beside::default())).collect();
    while !shared.stop.load(Relaxed) {
        if let Ok(metrics) = host.metrics() {
            let answered = Instant::now();
            engines.iter_mut().for_each(|(engine, beside)| {
                let ticks = ticks_of(&metrics, engine.symbol);
                ticks.into_iter().for_each(|ticks| beside.market(ticks, answered));
            });
        }
        for (engine, beside) in &mut engines {
            let asked = Instant::now();
            if let Some(ticks) = host.get(&format!("/engines/{}", engine.id)).ok().and_then(|engine| engine["ticks"].as_u64()) {
                let (gap, more) = beside.engine(ticks, asked);
                let mut seen = lock(&shared.seen);
                seen.passed_over_ms = seen.passed_over_ms.max(gap.as_secs_f64() * 1e3);
                seen.ticks += more;
                seen.looks += u64::from(beside.is_known);
            }
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
}

/// Ticks of a symbol's market.
fn ticks_of(metrics: &str, symbol: &str) -> Option<u64> {
    let begin = format!("stockade_symbol_ticks{{symbol=\"{symbol}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&begin)?.parse().ok())
}

/// Looks at health, memory and files.
fn look_after(shared: &Shared, host: &DemoHostView, process: &std::path::Path) {
    while !shared.stop.load(Relaxed) {
        let asked = Instant::now();
        // One that does not answer at all counts as long as it was waited for.
        _ = host.get("/health");
        let health_s = asked.elapsed().as_secs_f64();
        let status = std::fs::read_to_string(process.join("status")).unwrap_or_default();
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        let files = std::fs::read_dir(process.join("fd")).map_or(0, Iterator::count);
        let mut seen = lock(&shared.seen);
        seen.health_s = seen.health_s.max(health_s);
        seen.memory_mib = seen.memory_mib.max(kib.unwrap_or(0) >> 10);
        seen.files = seen.files.max(files);
        drop(seen);
        std::thread::park_timeout(HEALTH_EVERY);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks once a second at market and engine; gives the longest gap, in seconds.
    fn longest(looks: &[(u64, u64)]) -> u64 {
        let (mut beside, begun) = (Beside::default(), Instant::now());
        let gaps = (0..).zip(looks).map(|(second, &(market, engine))| {
            let at = begun + Duration::from_secs(second);
            beside.market(market, at);
            beside.engine(engine, at).0.as_secs()
        });
        gaps.max().unwrap_or(0)
    }

    #[test]
    fn a_silent_market_is_no_gap_and_a_tick_that_an_engine_is_not_given_is() {
        assert_eq!(longest(&[(5, 1), (6, 2), (7, 3), (8, 4)]), 0);
        assert_eq!(longest(&[(5, 1), (5, 1), (5, 1), (5, 1), (6, 2)]), 0, "the market was silent");
        assert_eq!(longest(&[(5, 1), (5, 1), (6, 1), (7, 1), (8, 1), (8, 4)]), 2, "from the third look to the fifth");
        assert_eq!(longest(&[(5, 1), (6, 2), (9, 2), (9, 2), (9, 2)]), 0, "what came before the second look may be the engine's second");
    }

    #[test]
    fn a_histogram_tells_how_long_the_latest_waited_at_least() {
        let metrics = |counts: [u64; 4]| {
            let [short, middle, long, all] = counts;
            format!(
                "stockade_feed_late_seconds_bucket{{le=\"0.067\"}} {short}\nstockade_feed_late_seconds_bucket{{le=\"0.134\"}} {middle}\n\
                 stockade_feed_late_seconds_bucket{{le=\"0.268\"}} {long}\nstockade_feed_late_seconds_bucket{{le=\"+Inf\"}} {all}\n\
                 stockade_symbol_ticks{{symbol=\"EURUSD\"}} 42\n"
            )
        };
        let (before, after) = (metrics([10, 11, 11, 12]), metrics([20, 22, 23, 24]));
        let read = |text: &str| late(text, "feed_late").expect("it is there");
        assert_eq!(longest_ms(&read(&before), &read(&before)), 0.0);
        assert_eq!(longest_ms(&read(&before), &read(&after)), 134.0);
        assert_eq!(longest_ms(&Late::new(), &read(&after)), 268.0);
        assert_eq!((ticks_of(&after, "EURUSD"), ticks_of(&after, "XAUUSD"), late(&after, "decision").is_ok()), (Some(42), None, false));
    }
}
