//! What happens, for whoever looks on. Publishing never waits. Each reader has a bounded queue of what it asked for, so that nobody is cut
//! for what others do; one that falls behind is cut, told how much it missed, and may come again.

mod event;
mod reader;

pub(crate) use reader::{Next, Watched};

use crate::doors::{Caller, DoorLimits, Places};
use crate::restriction::Said;
use domain::contract::TradingState;
use domain::symbol::SymbolTable;
use domain::time::Time;
use engine::{Event, Scope};
use reader::Reader;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Alarms that health shows.
const ALARMS_MAX: usize = 16;

/// The live stream's source. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct LiveFeed {
    inner: Arc<Inner>,
}

struct Inner {
    table: SymbolTable,
    readers: Mutex<Readers>,
    places: Arc<Places>,
    events_max: usize,
    alarms: Mutex<Alarms>,
    /// Why somebody may not trade, as the host said since it started: of each that is there, one at most.
    said: Mutex<BTreeMap<Scope, Said>>,
}

/// What an operator must look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alarms {
    /// The last ones, oldest first.
    pub last: VecDeque<(Time, &'static str, String)>,
    /// What keeps orders from being recorded now.
    pub journal: Option<String>,
}

/// All readers, until the host stops.
#[derive(Default)]
struct Readers {
    last: u64,
    all: HashMap<u64, Arc<Reader>>,
    closed: bool,
}

/// A place among the readers.
pub(crate) struct Watcher {
    reader: Arc<Reader>,
    id: u64,
    feed: LiveFeed,
}

impl Watcher {
    /// What comes next.
    pub(crate) async fn next(&self) -> Next {
        self.reader.next().await
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        lock(&self.feed.inner.readers).all.remove(&self.id);
    }
}

/// Why there is no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoStream {
    TooMany,
    Closed,
}

impl LiveFeed {
    /// A source for a host with these symbols.
    pub fn new(table: SymbolTable, limits: &DoorLimits) -> Self {
        let (readers, places, events_max) = (Mutex::default(), Places::new(limits.streams_max), limits.stream_events_max);
        Self { inner: Arc::new(Inner { table, readers, places, events_max, alarms: Mutex::default(), said: Mutex::default() }) }
    }

    /// Shows events to all readers. For the host's event sink; never waits.
    pub fn publish(&self, events: &[Event]) {
        events.iter().for_each(|event| self.note(event));
        let readers = lock(&self.inner.readers);
        // Nobody looks: nothing is turned into text.
        if readers.all.is_empty() {
            return;
        }
        for event in events.iter().flat_map(|event| event::shown(event, &self.inner.table)).map(Arc::new) {
            readers.all.values().for_each(|reader| reader.push(&event));
        }
    }

    fn note(&self, event: &Event) {
        match event {
            Event::Alarm { code, text, at } => self.note_alarm(code, text, *at),
            Event::Trading { scope, state: TradingState::Active, .. } => _ = lock(&self.inner.said).remove(scope),
            Event::Trading { scope, state, reason, at, .. } => {
                lock(&self.inner.said).insert(*scope, Said { state: *state, reason: reason.clone(), at: *at });
            }
            _ => {}
        }
    }

    fn note_alarm(&self, code: &'static str, text: &str, at: Time) {
        let mut alarms = lock(&self.inner.alarms);
        match code {
            "journal-failed" | "journal-late" => alarms.journal = Some(text.to_owned()),
            "journal-works-again" => alarms.journal = None,
            _ => {}
        }
        if alarms.last.len() == ALARMS_MAX {
            alarms.last.pop_front();
        }
        alarms.last.push_back((at, code, text.to_owned()));
    }

    /// Ends all streams, and lets none begin.
    pub fn close(&self) {
        let mut readers = lock(&self.inner.readers);
        readers.closed = true;
        readers.all.values().for_each(|reader| reader.close());
    }

    /// What an operator must look at.
    pub(crate) fn alarms(&self) -> Alarms {
        lock(&self.inner.alarms).clone()
    }

    /// Why somebody may not trade, as the host said last.
    pub(crate) fn said(&self, scope: Scope) -> Option<Said> {
        lock(&self.inner.said).get(&scope).cloned()
    }

    /// How many streams are open.
    pub(crate) fn streams(&self) -> usize {
        self.inner.places.taken()
    }

    /// A reader of everything from now on.
    pub(crate) fn watch(&self, watched: Watched, caller: &Caller) -> Result<Watcher, NoStream> {
        let place = self.inner.places.take(caller, 1).ok_or(NoStream::TooMany)?;
        let mut readers = lock(&self.inner.readers);
        if readers.closed {
            return Err(NoStream::Closed);
        }
        readers.last += 1;
        let (id, reader) = (readers.last, Arc::new(Reader::new(watched, self.inner.events_max, place)));
        readers.all.insert(id, Arc::clone(&reader));
        Ok(Watcher { reader, id, feed: self.clone() })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
