//! The thread that tells the sink: nobody who has something to tell waits for it.

use crate::events::{Event, EventSink, Whose};
use crate::hub::TAPED_TICKS;
use domain::ids::{AccountId, EngineId};
use domain::tape::Entry;
use domain::tick::Tick;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Events on their way to the sink.
pub(crate) struct Herald {
    inner: Mutex<Inner>,
    /// Ticks for the record. Locked after `inner` has been left, never within it.
    taped: Mutex<Taped>,
    ready: Condvar,
    idle: Condvar,
    views_max: usize,
    record_max: usize,
}

#[derive(Default)]
struct Taped {
    ticks: Vec<Tick>,
    /// Left out because too many waited.
    lost: u64,
}

/// What the record lacks because the sink was too slow for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unrecorded {
    /// Times an engine's record got a gap.
    pub gaps: u64,
    /// Ticks.
    pub ticks: u64,
}

#[derive(Default)]
struct Inner {
    events: Vec<Event>,
    /// The latest saved state of each engine.
    saved: BTreeMap<EngineId, Event>,
    /// Bytes of these states.
    saved_bytes: usize,
    /// The latest memory of each account's gate.
    gates: BTreeMap<AccountId, Event>,
    /// How many of the events are views.
    views: usize,
    /// Entries of records that wait.
    recorded: usize,
    /// Engines whose records have a gap, to be told.
    gaps: BTreeMap<EngineId, Whose>,
    gaps_ever: u64,
    /// Whether enough ticks wait for the record to be written for themselves.
    ticks_due: bool,
    /// Views dropped since the sink was last told.
    dropped: u64,
    dropped_ever: u64,
    /// Events that have come since the start, and how many of these the sink has been told.
    came: u64,
    told: u64,
    telling: bool,
    sleeping: bool,
    closed: bool,
}

impl Inner {
    fn has_news(&self) -> bool {
        self.ticks_due || !(self.events.is_empty() && self.saved.is_empty() && self.gates.is_empty() && self.gaps.is_empty())
    }

    /// All that waits, but for ticks.
    fn take(&mut self) -> Vec<Event> {
        let mut events = std::mem::take(&mut self.events);
        self.ticks_due = false;
        events.extend(std::mem::take(&mut self.saved).into_values());
        events.extend(std::mem::take(&mut self.gates).into_values());
        events.extend(std::mem::take(&mut self.gaps).into_values().map(|engine| Event::Taped { engine, entries: vec![Entry::Gap] }));
        (self.views, self.recorded, self.saved_bytes) = (0, 0, 0);
        match std::mem::take(&mut self.dropped) {
            0 => {}
            views => events.push(Event::Dropped { views }),
        }
        events
    }
}

impl Herald {
    pub(crate) fn new(views_max: usize, record_max: usize) -> Arc<Self> {
        let (inner, taped) = (Mutex::default(), Mutex::default());
        Arc::new(Self { inner, taped, ready: Condvar::new(), idle: Condvar::new(), views_max, record_max })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event, or counts a view for which there is no room.
    pub(crate) fn tell(&self, event: Event) {
        let mut inner = self.lock();
        inner.came += 1;
        match event {
            Event::Saved { engine, .. } => {
                inner.saved_bytes += saved_bytes(&event);
                if let Some(older) = inner.saved.insert(engine.engine, event) {
                    inner.saved_bytes -= saved_bytes(&older);
                }
            }
            Event::Gate { account, .. } => {
                inner.gates.insert(account, event);
            }
            Event::Taped { engine, .. } if inner.recorded >= self.record_max || inner.gaps.contains_key(&engine.engine) => {
                if inner.gaps.insert(engine.engine, engine).is_none() {
                    inner.gaps_ever += 1;
                }
            }
            Event::Taped { ref entries, .. } => {
                inner.recorded += entries.len();
                inner.events.push(event);
            }
            view if view.is_view() => {
                if inner.views >= self.views_max {
                    inner.dropped += 1;
                    inner.dropped_ever += 1;
                    return;
                }
                inner.views += 1;
                inner.events.push(view);
            }
            must_arrive => inner.events.push(must_arrive),
        }
        self.wake(inner);
    }

    fn wake(&self, mut inner: MutexGuard<'_, Inner>) {
        if std::mem::take(&mut inner.sleeping) {
            drop(inner);
            self.ready.notify_one();
        }
    }

    /// Keeps a tick for the record until the next events go out, ahead of them; says how many wait. Called before anybody can be
    /// handed the tick, so whatever names it comes later.
    pub(crate) fn tape(&self, tick: Tick) -> usize {
        let mut taped = self.lock_taped();
        if taped.ticks.len() < self.record_max {
            taped.ticks.push(tick);
        } else {
            taped.lost += 1;
        }
        taped.ticks.len()
    }

    /// Ticks go out even if nothing else does.
    pub(crate) fn ticks_due(&self) {
        let mut inner = self.lock();
        inner.ticks_due = true;
        self.wake(inner);
    }

    fn lock_taped(&self) -> MutexGuard<'_, Taped> {
        self.taped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What goes to the sink: the ticks first, since events of records name them.
    fn batch(&self, events: Vec<Event>) -> Vec<Event> {
        // Taken after the events: a tick that one of them names was taped before it.
        let ticks = {
            let mut taped = self.lock_taped();
            if taped.ticks.is_empty() {
                return events;
            }
            std::mem::replace(&mut taped.ticks, Vec::with_capacity(TAPED_TICKS))
        };
        std::iter::once(Event::Ticks(ticks)).chain(events).collect()
    }

    /// What the record lacks so far because the sink was too slow.
    pub(crate) fn unrecorded(&self) -> Unrecorded {
        let gaps = self.lock().gaps_ever;
        Unrecorded { gaps, ticks: self.lock_taped().lost }
    }

    /// Bytes of saved states that wait for the sink.
    pub(crate) fn saved_bytes(&self) -> usize {
        self.lock().saved_bytes
    }

    /// Views dropped so far.
    pub(crate) fn views_dropped(&self) -> u64 {
        self.lock().dropped_ever
    }

    /// Waits until the sink has taken all events; `false` when it did not by `end`.
    pub(crate) fn settle(&self, end: Instant) -> bool {
        let mut inner = self.lock();
        while inner.telling || inner.has_news() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            inner = self.idle.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Waits until the sink has taken what has come so far; `false` when it did not by `end`.
    pub(crate) fn told(&self, end: Instant) -> bool {
        let mut inner = self.lock();
        let came = inner.came;
        while inner.told < came && (inner.telling || inner.has_news()) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            inner = self.idle.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Hands what waits to a sink, without a thread.
    pub(crate) fn drain(&self, sink: &mut dyn EventSink) {
        let events = self.lock().take();
        let events = self.batch(events);
        if !events.is_empty() {
            sink.events(events);
        }
    }

    /// Ends the thread once the sink has taken all events.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_one();
    }

    /// The thread.
    pub(crate) fn run(&self, mut sink: Box<dyn EventSink>) {
        loop {
            let mut inner = self.lock();
            while !inner.has_news() && !inner.closed {
                inner.sleeping = true;
                inner = self.ready.wait(inner).unwrap_or_else(PoisonError::into_inner);
            }
            inner.sleeping = false;
            let (events, closed) = (inner.take(), inner.closed);
            inner.telling = true;
            let came = inner.came;
            drop(inner);
            let events = self.batch(events);
            let is_last = events.is_empty() && closed;
            if !events.is_empty() {
                let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| sink.events(events)));
                if told.is_err() {
                    tracing::error!("the event sink panicked; the events it was given are lost");
                }
            }
            let mut inner = self.lock();
            (inner.telling, inner.told) = (false, came);
            drop(inner);
            self.idle.notify_all();
            if is_last {
                return;
            }
        }
    }
}

fn saved_bytes(event: &Event) -> usize {
    if let Event::Saved { saved, .. } = event { saved.state.bytes.len() } else { 0 }
}

/// How long a thread's end is waited for in pieces.
pub(crate) fn left_until(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}
