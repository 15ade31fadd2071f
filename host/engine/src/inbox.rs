//! A queue between threads: many write, one takes everything at once. One lane keeps the order and counts what must stay
//! bounded; the other overtakes it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Items in order, urgent ones before them.
pub(crate) struct Inbox<T, U> {
    inner: Mutex<Inner<T, U>>,
    ready: Condvar,
    room: Condvar,
    urgent_waits: AtomicBool,
}

struct Inner<T, U> {
    items: Vec<T>,
    urgent: Vec<U>,
    /// How many urgent ones there have been.
    urgent_ever: u64,
    /// How many of the items are counted ones.
    counted: usize,
    /// Somebody sleeps until there is something; otherwise waking costs a system call for nothing.
    sleeping: bool,
    kicked: bool,
    closed: bool,
}

/// Whether an item got in, and how long its sender had to wait for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    AtOnce,
    After(Duration),
    /// The other side is gone.
    Refused,
}

impl<T, U> Inbox<T, U> {
    pub(crate) fn new() -> Self {
        let inner =
            Inner { items: Vec::new(), urgent: Vec::new(), urgent_ever: 0, counted: 0, sleeping: false, kicked: false, closed: false };
        Self { inner: Mutex::new(inner), ready: Condvar::new(), room: Condvar::new(), urgent_waits: AtomicBool::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T, U>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an item whose number is bounded elsewhere. `false`: the other side is gone.
    pub(crate) fn push(&self, item: T) -> bool {
        let mut inner = self.lock();
        if inner.closed {
            return false;
        }
        inner.items.push(item);
        self.wake(inner);
        true
    }

    /// Appends a counted item, waiting while there are `max` of them.
    pub(crate) fn push_counted(&self, item: T, max: usize) -> Pushed {
        let pushed = self.lay_down(item, max);
        self.nudge();
        pushed
    }

    /// [`push_counted`](Self::push_counted) without waking the taker: [`nudge`](Self::nudge) must follow.
    pub(crate) fn lay_down(&self, item: T, max: usize) -> Pushed {
        let mut inner = self.lock();
        let mut pushed = Pushed::AtOnce;
        if inner.counted >= max && !inner.closed {
            let since = Instant::now();
            while inner.counted >= max && !inner.closed {
                inner = self.room.wait(inner).unwrap_or_else(PoisonError::into_inner);
            }
            pushed = Pushed::After(since.elapsed());
        }
        if inner.closed {
            return Pushed::Refused;
        }
        inner.items.push(item);
        inner.counted += 1;
        pushed
    }

    /// Wakes the taker if it sleeps.
    pub(crate) fn nudge(&self) {
        self.wake(self.lock());
    }

    /// Adds something that overtakes all items. `false`: the other side is gone.
    pub(crate) fn push_urgent(&self, urgent: U) -> bool {
        self.try_push_urgent(urgent).is_ok()
    }

    /// The same; gives it back when the other side is gone.
    pub(crate) fn try_push_urgent(&self, urgent: U) -> Result<(), U> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(urgent);
        }
        inner.urgent.push(urgent);
        inner.urgent_ever += 1;
        self.urgent_waits.store(true, Ordering::Release);
        self.wake(inner);
        Ok(())
    }

    /// How many urgent ones there have been: whoever sees the same number twice knows that none came in between.
    pub(crate) fn urgent_ever(&self) -> u64 {
        self.lock().urgent_ever
    }

    fn wake(&self, mut inner: MutexGuard<'_, Inner<T, U>>) {
        if std::mem::take(&mut inner.sleeping) {
            drop(inner);
            self.ready.notify_one();
        }
    }

    /// Lets the taker look around although there is nothing for it.
    pub(crate) fn kick(&self) {
        let mut inner = self.lock();
        inner.kicked = true;
        self.wake(inner);
    }

    /// Takes all there is, waiting for it at most `patience`. Both vectors must be empty; they are reused.
    pub(crate) fn take(&self, items: &mut Vec<T>, urgent: &mut Vec<U>, patience: Option<Duration>) {
        debug_assert!(items.is_empty() && urgent.is_empty(), "what was taken before has been seen to");
        let mut inner = self.lock();
        let end = patience.map(|patience| Instant::now() + patience);
        while inner.items.is_empty() && inner.urgent.is_empty() && !inner.kicked {
            inner.sleeping = true;
            inner = match end {
                None => self.ready.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(end) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    self.ready.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        inner.sleeping = false;
        inner.kicked = false;
        std::mem::swap(&mut inner.items, items);
        std::mem::swap(&mut inner.urgent, urgent);
        self.urgent_waits.store(false, Ordering::Release);
        if std::mem::take(&mut inner.counted) > 0 {
            drop(inner);
            self.room.notify_all();
        }
    }

    /// Whether something urgent waits; costs nothing to ask.
    pub(crate) fn has_urgent(&self) -> bool {
        self.urgent_waits.load(Ordering::Acquire)
    }

    /// Takes only what is urgent, without waiting.
    pub(crate) fn take_urgent(&self, urgent: &mut Vec<U>) {
        debug_assert!(urgent.is_empty(), "what was taken before has been seen to");
        let mut inner = self.lock();
        std::mem::swap(&mut inner.urgent, urgent);
        self.urgent_waits.store(false, Ordering::Release);
    }

    /// Counted items that wait.
    pub(crate) fn depth(&self) -> usize {
        self.lock().counted
    }

    /// The taker is gone: what waits is dropped, nothing more gets in, nobody waits for room.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        let (items, urgent) = (std::mem::take(&mut inner.items), std::mem::take(&mut inner.urgent));
        inner.counted = 0;
        drop(inner);
        self.room.notify_all();
        // Outside of the lock: an item may hold a sender whose receiver takes other locks.
        drop((items, urgent));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urgent_overtakes_and_the_rest_keeps_its_order() {
        let inbox = Inbox::new();
        assert!(inbox.push(1) && inbox.push(2) && inbox.push_urgent("now"));
        let (mut items, mut urgent) = (Vec::new(), Vec::new());
        inbox.take_urgent(&mut urgent);
        assert_eq!(urgent, ["now"]);
        urgent.clear();
        inbox.take(&mut items, &mut urgent, None);
        assert_eq!((items, urgent), (vec![1, 2], vec![]));
    }

    #[test]
    fn a_full_lane_makes_its_sender_wait_until_all_is_taken() {
        let inbox = Inbox::<u32, ()>::new();
        assert_eq!(inbox.push_counted(1, 1), Pushed::AtOnce);
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| inbox.push_counted(2, 1));
            let (mut seen, mut items) = (Vec::new(), Vec::new());
            while seen.len() < 2 {
                inbox.take(&mut items, &mut Vec::new(), None);
                seen.append(&mut items);
            }
            assert_eq!(seen, [1, 2]);
            assert_ne!(sender.join().unwrap(), Pushed::Refused);
        });
    }

    #[test]
    fn nobody_waits_for_a_taker_that_is_gone() {
        let inbox = Inbox::<u32, ()>::new();
        inbox.push_counted(1, 1);
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| inbox.push_counted(2, 1));
            inbox.close();
            assert_eq!(sender.join().unwrap(), Pushed::Refused);
        });
        assert!(!inbox.push(3));
    }
}
