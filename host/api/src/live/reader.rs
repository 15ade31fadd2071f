//! One reader of the live stream: what waits for it, and what it has missed.

use super::event::{Concerns, LiveEvent};
use crate::doors::Place;
use domain::ids::{EngineId, UserId};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Who is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Watched {
    /// Only what concerns this user.
    pub owner: Option<UserId>,
    /// Only what concerns this engine.
    pub engine: Option<EngineId>,
}

impl Watched {
    /// Whether an event is for this reader.
    fn includes(self, event: &LiveEvent) -> bool {
        let concerned = match (event.concerns, self.owner) {
            (Concerns::Everybody, _) | (_, None) => true,
            (Concerns::Operator, Some(_)) => false,
            (Concerns::User(whose), Some(owner)) => whose == owner,
        };
        concerned && self.engine.is_none_or(|engine| event.engine.is_none_or(|whose| whose == engine))
    }
}

/// What a reader is handed.
#[derive(Debug)]
pub(crate) enum Next {
    Event(Arc<LiveEvent>),
    /// So many events of a user were left out here, because too many of theirs waited.
    LeftOut(UserId, u64),
    /// The last: the reader fell behind by this many.
    Lagged(u64),
    /// The host stops.
    Closed,
}

/// One reader.
#[derive(Debug)]
pub(super) struct Reader {
    watched: Watched,
    events_max: usize,
    queue: Mutex<Queue>,
    bell: Notify,
}

#[derive(Debug)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Of users whose events wait: how many do, and how many were left out.
    of_users: HashMap<UserId, Counted>,
    state: State,
    /// Given back as soon as the reader is cut, whether its connection takes notice or not.
    place: Option<Place>,
}

#[derive(Debug)]
enum Waiting {
    Event(Arc<LiveEvent>),
    LeftOut(UserId),
}

#[derive(Debug, Default)]
struct Counted {
    waiting: usize,
    left_out: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Lagged(u64),
    Closed,
}

impl Reader {
    pub(super) fn new(watched: Watched, events_max: usize, place: Place) -> Self {
        let queue = Queue { waiting: VecDeque::new(), of_users: HashMap::new(), state: State::Open, place: Some(place) };
        Self { watched, events_max, queue: Mutex::new(queue), bell: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event in, if it is for this reader. Never waits: a reader that is too far behind is cut.
    pub(super) fn push(&self, event: &Arc<LiveEvent>) {
        if self.watched.includes(event) {
            // Who looks at one user has none to be protected from that user's flood.
            let whose = if self.watched.owner.is_none() { event.concerns.user() } else { None };
            self.lock().push(event, whose, self.events_max);
            self.bell.notify_one();
        }
    }

    /// Ends the stream after what waits.
    pub(super) fn close(&self) {
        self.lock().state = State::Closed;
        self.bell.notify_one();
    }

    /// What comes next.
    pub(super) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.lock().pop() {
                return next;
            }
            self.bell.notified().await;
        }
    }
}

impl Queue {
    fn push(&mut self, event: &Arc<LiveEvent>, whose: Option<UserId>, events_max: usize) {
        match &mut self.state {
            State::Closed => return,
            State::Lagged(missed) => {
                *missed += 1;
                return;
            }
            State::Open => {}
        }
        let free = events_max.saturating_sub(self.waiting.len());
        if free == 0 {
            self.state = State::Lagged(self.waiting.len() as u64 + 1);
            self.waiting = VecDeque::new();
            self.place = None;
            return;
        }
        if let Some(user) = whose {
            let counted = self.of_users.entry(user).or_default();
            // As many as are left to all others: one user's flood leaves half.
            if counted.left_out > 0 || counted.waiting >= free {
                if counted.left_out == 0 {
                    self.waiting.push_back(Waiting::LeftOut(user));
                }
                counted.left_out += 1;
                return;
            }
            counted.waiting += 1;
        }
        self.waiting.push_back(Waiting::Event(Arc::clone(event)));
    }

    fn pop(&mut self) -> Option<Next> {
        match (self.state, self.waiting.pop_front()) {
            (State::Lagged(missed), _) => Some(Next::Lagged(missed)),
            (State::Closed, None) => Some(Next::Closed),
            (State::Open, None) => None,
            (_, Some(Waiting::Event(event))) => {
                if let Some(counted) = event.concerns.user().and_then(|user| self.of_users.get_mut(&user)) {
                    counted.waiting = counted.waiting.saturating_sub(1);
                }
                Some(Next::Event(event))
            }
            (_, Some(Waiting::LeftOut(user))) => {
                let counted = self.of_users.remove(&user).unwrap_or_default();
                Some(Next::LeftOut(user, counted.left_out))
            }
        }
    }
}
