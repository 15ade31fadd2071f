//! What waits for a starter: each user's jobs in order, the users in turn, so that one who has ten thousand engines started holds
//! up nobody who has one.

use crate::starter::{Job, Work};
use domain::ids::UserId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The queue. How many wait is bounded by the engines there are: each has a few jobs at most.
pub(crate) struct Jobs {
    turns: Mutex<Turns<Job>>,
    more: Condvar,
    /// Starts that were asked for and whose outcome no shard has yet, also of engines that were stopped meanwhile.
    starts: AtomicUsize,
}

impl Jobs {
    pub(crate) fn new() -> Self {
        Self { turns: Mutex::new(Turns::new()), more: Condvar::new(), starts: AtomicUsize::new(0) }
    }

    /// Adds a job behind its user's others. Gives it back when the queue is closed: the host is stopping.
    pub(crate) fn add(&self, job: Job) -> Result<(), Job> {
        let is_start = matches!(job.work, Work::Start { .. });
        let mut turns = self.lock();
        turns.add(job.entry.whose.owner, job)?;
        if is_start {
            self.starts.fetch_add(1, Ordering::AcqRel);
        }
        drop(turns);
        self.more.notify_one();
        Ok(())
    }

    /// A shard has the outcome of a start that was added, or nobody wants it any more.
    pub(crate) fn start_ended(&self) {
        self.starts.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether a guest is being started, or will be.
    pub(crate) fn is_starting(&self) -> bool {
        self.starts.load(Ordering::Acquire) > 0
    }

    /// The next job, when there is one; `None` when the queue is closed and nothing is left of it.
    pub(crate) fn wait(&self) -> Option<Job> {
        let turns = self.lock();
        let mut turns = self.more.wait_while(turns, |turns| turns.open && turns.is_empty()).unwrap_or_else(PoisonError::into_inner);
        turns.next()
    }

    /// The next job, if there is one.
    pub(crate) fn next(&self) -> Option<Job> {
        self.lock().next()
    }

    /// Takes no more jobs. Those that wait are still handed out.
    pub(crate) fn close(&self) {
        self.lock().open = false;
        self.more.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        !self.lock().open
    }

    /// It is whole at every moment, so that a panic elsewhere does not matter.
    fn lock(&self) -> MutexGuard<'_, Turns<Job>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Users who have something waiting take turns.
struct Turns<T> {
    open: bool,
    order: VecDeque<UserId>,
    /// Nobody is in it without anything, and everybody in it is in `order` once.
    waiting: BTreeMap<UserId, VecDeque<T>>,
}

impl<T> Turns<T> {
    fn new() -> Self {
        Self { open: true, order: VecDeque::new(), waiting: BTreeMap::new() }
    }

    fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn add(&mut self, user: UserId, item: T) -> Result<(), T> {
        if !self.open {
            return Err(item);
        }
        let own = self.waiting.entry(user).or_insert_with(|| {
            self.order.push_back(user);
            VecDeque::new()
        });
        own.push_back(item);
        Ok(())
    }

    fn next(&mut self) -> Option<T> {
        let user = self.order.pop_front()?;
        let own = self.waiting.get_mut(&user)?;
        let item = own.pop_front();
        if own.is_empty() {
            self.waiting.remove(&user);
        } else {
            self.order.push_back(user);
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_take_turns_and_each_users_jobs_keep_their_order() {
        let mut turns = Turns::new();
        let mut add = |user: u32, item: u32| turns.add(UserId(user), item);
        for item in 10..14 {
            add(1, item).unwrap();
        }
        add(2, 20).unwrap();
        add(3, 30).unwrap();
        add(3, 31).unwrap();
        assert_eq!((turns.next(), turns.next()), (Some(10), Some(20)));
        // Whoever comes back is behind those who wait.
        turns.add(UserId(2), 21).unwrap();
        turns.open = false;
        assert_eq!(turns.add(UserId(2), 22), Err(22));
        let rest: Vec<u32> = std::iter::from_fn(|| turns.next()).collect();
        assert_eq!(rest, [30, 11, 21, 31, 12, 13]);
        assert!(turns.is_empty() && turns.waiting.is_empty());
    }
}
