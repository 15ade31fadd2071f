//! Places in which components are checked and compiled. Each takes a core while the engines need theirs, and may take it for half a
//! minute, so users take turns: nobody has more than one place at once, and whoever waits is served before another's second.

use crate::problem::{Code, Problem};
use domain::ids::UserId;
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot::{Receiver, Sender, channel};

/// Components that are checked or compiled at once.
const PLACES: usize = 2;
/// Requests of one user that wait: as many engines as a host's start goes on with at once, each with a version of its own.
const WAITING_OF_USER_MAX: usize = 64;
/// Requests of all users that wait: as many as there are requests at once.
const WAITING_MAX: usize = 256;

/// Who is served, and who waits.
#[derive(Debug)]
pub(crate) struct CompilePlaces {
    now: Mutex<Now>,
}

/// On whose behalf something is compiled; `None`: the host's own, at its start.
type Whose = Option<UserId>;

#[derive(Debug)]
struct Now {
    free: usize,
    served: HashSet<UserId>,
    /// Users in the order of their turns, each with its requests in the order in which they came.
    waiting: VecDeque<(Whose, VecDeque<Sender<Place>>)>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<CompilePlaces>,
    whose: Whose,
}

impl Default for CompilePlaces {
    fn default() -> Self {
        Self { now: Mutex::new(Now { free: PLACES, served: HashSet::new(), waiting: VecDeque::new() }) }
    }
}

impl CompilePlaces {
    /// A place, when it is this user's turn. Whoever is dropped while it waits has given its turn up.
    ///
    /// # Errors
    /// Too many wait.
    pub async fn take(self: &Arc<Self>, whose: Whose) -> Result<Place, Problem> {
        let waits = {
            let mut now = self.now();
            if now.begins(whose) {
                return Ok(Place { places: Arc::clone(self), whose });
            }
            now.waits(whose)?
        };
        waits.await.map_err(Problem::internal)
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        // It is whole at every moment, so that a panic elsewhere does not matter.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    /// Serves a user now, if that may be.
    fn begins(&mut self, whose: Whose) -> bool {
        let may = self.free > 0 && whose.is_none_or(|user| !self.served.contains(&user));
        if may {
            self.free -= 1;
            self.served.extend(whose);
        }
        may
    }

    fn waits(&mut self, whose: Whose) -> Result<Receiver<Place>, Problem> {
        self.waiting.iter_mut().for_each(|(_, requests)| requests.retain(|request| !request.is_closed()));
        self.waiting.retain(|(_, requests)| !requests.is_empty());
        let busy = |who: &str, max| {
            Problem::new(Code::Busy, format!("{who} wait to be checked or compiled, {max} at most; try again in a minute"))
        };
        let all: usize = self.waiting.iter().map(|(_, requests)| requests.len()).sum();
        if all >= WAITING_MAX {
            return Err(busy("too many components", WAITING_MAX));
        }
        if !self.waiting.iter().any(|(user, _)| *user == whose) {
            self.waiting.push_back((whose, VecDeque::new()));
        }
        let theirs = self.waiting.iter_mut().find(|(user, _)| *user == whose).map(|(_, requests)| requests);
        let theirs = theirs.filter(|requests| requests.len() < WAITING_OF_USER_MAX || whose.is_none());
        let theirs = theirs.ok_or_else(|| busy("too many of this user's components", WAITING_OF_USER_MAX))?;
        let (turn, waits) = channel();
        theirs.push_back(turn);
        Ok(waits)
    }

    /// Takes a served user's place back; whose turn it is now, with the place already theirs.
    fn gives_back(&mut self, whose: Whose) -> Option<(Whose, Sender<Place>)> {
        self.free += 1;
        if let Some(user) = whose {
            self.served.remove(&user);
        }
        let next = (0..self.waiting.len()).find(|&at| {
            let user = self.waiting[at].0;
            self.begins(user)
        })?;
        let (user, mut requests) = self.waiting.remove(next)?;
        let request = requests.pop_front();
        if !requests.is_empty() {
            self.waiting.push_back((user, requests));
        }
        Some((user, request?))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let next = self.places.now().gives_back(self.whose);
        if let Some((whose, request)) = next {
            // One that has given up drops it, and the next is served.
            _ = request.send(Self { places: Arc::clone(&self.places), whose });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    type Waiting = Pin<Box<dyn Future<Output = Result<Place, Problem>> + Send>>;

    fn asks(turns: &Arc<CompilePlaces>, user: u32) -> Waiting {
        let turns = Arc::clone(turns);
        let mut asks: Waiting = Box::pin(async move { turns.take(Some(UserId(user))).await });
        assert!(is_served(&mut asks).is_none(), "user {user} has to wait");
        asks
    }

    fn is_served(waiting: &mut Waiting) -> Option<Place> {
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(place) => Some(place.expect("few wait")),
            Poll::Pending => None,
        }
    }

    fn at_once(turns: &Arc<CompilePlaces>, user: u32) -> Place {
        let mut asks: Waiting = Box::pin({
            let turns = Arc::clone(turns);
            async move { turns.take(Some(UserId(user))).await }
        });
        is_served(&mut asks).expect("there is a place")
    }

    #[test]
    fn one_user_takes_nobody_elses_place_and_users_take_turns() {
        let turns = Arc::new(CompilePlaces::default());
        let first = at_once(&turns, 1);
        let (mut second, mut third) = (asks(&turns, 1), asks(&turns, 1));
        // Another user's is served though two came before it.
        let other = at_once(&turns, 2);
        let mut honest = asks(&turns, 3);
        drop(first);
        let second = is_served(&mut second).expect("its user's turn was first");
        assert!(is_served(&mut third).is_none() && is_served(&mut honest).is_none());
        drop(other);
        let honest = is_served(&mut honest).expect("before the third of a user that has a place");
        drop(second);
        assert!(is_served(&mut third).is_some());
        drop(honest);
    }

    #[test]
    fn who_gives_up_is_passed_over_and_too_many_are_refused() {
        let turns = Arc::new(CompilePlaces::default());
        let (first, other) = (at_once(&turns, 1), at_once(&turns, 2));
        let (gone, mut waits) = (asks(&turns, 3), asks(&turns, 4));
        drop(gone);
        drop(first);
        assert!(is_served(&mut waits).is_some());
        let place = at_once(&turns, 5);
        let many: Vec<Waiting> = (0..WAITING_OF_USER_MAX).map(|_| asks(&turns, 5)).collect();
        let refused = |user: u32| turns.now().waits(Some(UserId(user))).expect_err("too many wait");
        assert_eq!(refused(5).code, Code::Busy);
        // Another user's may wait.
        drop(asks(&turns, 6));
        drop(many);
        drop(asks(&turns, 5));
        drop((place, other));
        let (_one, _other) = (at_once(&turns, 5), at_once(&turns, 6));
        let all: Vec<Waiting> = (0..WAITING_MAX).map(|at| asks(&turns, 100 + at as u32)).collect();
        assert_eq!(refused(7).code, Code::Busy);
        drop(all);
    }
}
