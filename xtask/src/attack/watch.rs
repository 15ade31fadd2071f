//! Watches a host under attack from outside: the honest engines' ticks, health, memory, open files.
//!
//! A gap between ticks is what is *certain*: an engine's count of ticks is asked for again and again, and two answers with the same
//! count prove that none came between the end of the first and the begin of the second. A host that is slow to answer proves nothing,
//! so its own histogram is read as well: a decision in a bucket came at least so late as that bucket begins. Both leave out less than
//! a poll takes; neither counts time in which only the API waited.

use crate::demo::host::DemoHost;
use anyhow::{Context as _, Result};
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
/// A bucket of decisions that begins here or later is a gap.
const LATE_S: f64 = 0.05;

/// What was seen during one attack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// The longest time for which an honest engine certainly had no tick.
    pub gap_ms: f64,
    /// The longest that health took to answer.
    pub health_s: f64,
    /// The most resident memory.
    pub memory_mib: u64,
    /// The most open files.
    pub files: usize,
    /// Ticks of the honest engines.
    pub ticks: u64,
}

/// Looks until it is dropped.
pub struct Watch {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    host: DemoHostView,
    late_before: Mutex<Option<BTreeMap<u64, u64>>>,
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
    pub fn start(host: &DemoHost, engines: Vec<u64>) -> Result<Self> {
        let shared = Arc::new(Shared { stop: AtomicBool::new(false), seen: Mutex::default() });
        let view = Arc::new(host.view());
        let process = PathBuf::from(format!("/proc/{}", host.pid()));
        std::fs::read_dir(process.join("fd")).context("cannot look at the host's process")?;
        let mut threads = Vec::new();
        for engine in engines {
            let (shared, view) = (Arc::clone(&shared), Arc::clone(&view));
            threads.push(std::thread::spawn(move || follow(&shared, &view, engine)));
        }
        let (of_process, view_of_process) = (Arc::clone(&shared), Arc::clone(&view));
        threads.push(std::thread::spawn(move || look_after(&of_process, &view_of_process, &process)));
        Ok(Self { shared, threads, host: view, late_before: Mutex::new(None) })
    }

    /// An attack begins. `by_histogram`: all engines of the host are honest meanwhile.
    pub fn begin(&self, by_histogram: bool) {
        *lock(&self.late_before) = by_histogram.then(|| self.late()).flatten();
        *lock(&self.shared.seen) = Seen::default();
    }

    /// It is over: what was seen of it.
    pub fn end(&self) -> Seen {
        let mut seen = *lock(&self.shared.seen);
        if let (Some(before), Some(after)) = (lock(&self.late_before).take(), self.late()) {
            let more = after.iter().filter(|(begin_us, count)| **count > before.get(begin_us).copied().unwrap_or(0));
            let latest = more.map(|(begin_us, _)| *begin_us).max().unwrap_or(0);
            seen.gap_ms = seen.gap_ms.max(latest as f64 / 1e3);
        }
        seen
    }

    /// Decisions that came late, by where their bucket begins, in microseconds.
    fn late(&self) -> Option<BTreeMap<u64, u64>> {
        let text = self.host.text("/metrics").ok()?;
        let mut late = BTreeMap::new();
        let (mut begin, mut before) = (0.0, 0);
        for line in text.lines().filter(|line| line.contains("decision_seconds_bucket")) {
            let (labels, count) = line.rsplit_once(' ')?;
            let end: f64 = labels.split_once("le=\"")?.1.split('"').next()?.replace("+Inf", "inf").parse().ok()?;
            let count = count.parse::<f64>().ok()? as u64;
            if begin >= LATE_S {
                late.insert((begin * 1e6) as u64, count - before);
            }
            (begin, before) = (end, count);
        }
        Some(late)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| _ = thread.join());
    }
}

/// Looks at one engine's ticks.
fn follow(shared: &Shared, host: &DemoHostView, engine: u64) {
    let path = format!("/engines/{engine}");
    // The count, and when it was known first.
    let mut last: Option<(u64, Instant)> = None;
    while !shared.stop.load(Relaxed) {
        let asked = Instant::now();
        if let Some(ticks) = host.get(&path).ok().and_then(|engine| engine["ticks"].as_u64()) {
            let answered = Instant::now();
            let mut seen = lock(&shared.seen);
            match last {
                Some((before, since)) if before == ticks => {
                    seen.gap_ms = seen.gap_ms.max(asked.saturating_duration_since(since).as_secs_f64() * 1e3);
                }
                known => {
                    seen.ticks += known.map_or(0, |(before, _)| ticks.saturating_sub(before));
                    last = Some((ticks, answered));
                }
            }
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
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
