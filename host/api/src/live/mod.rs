//! What happens, for whoever looks on: a bounded broadcast. Publishing never waits; a reader that falls behind is cut, told
//! how much it missed, and may come again.

mod event;

use event::Concerns;
pub(crate) use event::LiveEvent;

use domain::ids::{EngineId, UserId};
use domain::symbol::SymbolTable;
use domain::time::Time;
use engine::Event;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Events that a reader may be behind: at a thousand a second, four seconds of a slow network.
const EVENTS_MAX: usize = 4_096;
/// Streams open at once: each costs a connection, and every event a wake-up.
const STREAMS_MAX: usize = 64;
/// Alarms that health shows.
const ALARMS_MAX: usize = 16;

/// The live stream's source. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct LiveFeed {
    inner: Arc<Inner>,
}

struct Inner {
    table: SymbolTable,
    sender: Mutex<Option<Sender<Arc<LiveEvent>>>>,
    streams: Arc<Semaphore>,
    alarms: Mutex<Alarms>,
}

/// What an operator must look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alarms {
    /// The last ones, oldest first.
    pub last: VecDeque<(Time, &'static str, String)>,
    /// What keeps orders from being recorded now.
    pub journal: Option<String>,
}

/// Who is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Watched {
    /// Only what concerns this user.
    pub owner: Option<UserId>,
    /// Only what concerns this engine.
    pub engine: Option<EngineId>,
}

/// One reader.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub events: Receiver<Arc<LiveEvent>>,
    pub watched: Watched,
    _permit: OwnedSemaphorePermit,
}

/// Why there is no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoStream {
    TooMany,
    Closed,
}

impl LiveFeed {
    /// A source for a host with these symbols.
    pub fn new(table: SymbolTable) -> Self {
        let inner = Inner {
            table,
            sender: Mutex::new(Some(channel(EVENTS_MAX).0)),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            alarms: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Shows events to all readers. For the host's event sink; never waits.
    pub fn publish(&self, events: &[Event]) {
        events.iter().for_each(|event| self.note(event));
        let sender = lock(&self.inner.sender).clone();
        // Nobody looks: nothing is turned into text.
        let Some(sender) = sender.filter(|sender| sender.receiver_count() > 0) else { return };
        for event in events.iter().flat_map(|event| event::shown(event, &self.inner.table)) {
            // An error says that the last reader has just left.
            let _ = sender.send(Arc::new(event));
        }
    }

    fn note(&self, event: &Event) {
        let Event::Alarm { code, text, at } = event else { return };
        let mut alarms = lock(&self.inner.alarms);
        match *code {
            "journal-failed" | "journal-late" => alarms.journal = Some(text.clone()),
            "journal-works-again" => alarms.journal = None,
            _ => {}
        }
        if alarms.last.len() == ALARMS_MAX {
            alarms.last.pop_front();
        }
        alarms.last.push_back((*at, code, text.clone()));
    }

    /// Ends all streams, and lets none begin.
    pub fn close(&self) {
        drop(lock(&self.inner.sender).take());
    }

    /// What an operator must look at.
    pub(crate) fn alarms(&self) -> Alarms {
        lock(&self.inner.alarms).clone()
    }

    /// A reader of everything from now on.
    pub(crate) fn watch(&self, watched: Watched) -> Result<Watcher, NoStream> {
        let permit = Arc::clone(&self.inner.streams).try_acquire_owned().map_err(|_| NoStream::TooMany)?;
        let events = lock(&self.inner.sender).as_ref().map(Sender::subscribe).ok_or(NoStream::Closed)?;
        Ok(Watcher { events, watched, _permit: permit })
    }
}

impl Watched {
    /// Whether an event is for this reader.
    pub(crate) fn includes(self, event: &LiveEvent) -> bool {
        let concerned = match (event.concerns, self.owner) {
            (Concerns::Everybody, _) | (_, None) => true,
            (Concerns::Operator, Some(_)) => false,
            (Concerns::User(whose), Some(owner)) => whose == owner,
        };
        concerned && self.engine.is_none_or(|engine| event.engine.is_none_or(|whose| whose == engine))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
