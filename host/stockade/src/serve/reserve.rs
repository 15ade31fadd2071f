//! Keeps the market's place a little ahead of the market: in the data folder, and in the database for hosts with other folders.
//!
//! A tick must not be handed over twice, not even when the host is killed right after it. To write each one down first would cost
//! a write to disk for each tick. So each place names a time a few seconds of market ahead, no tick beyond it is handed over before both
//! name a later one, and a start goes on after the later of the two: what a kill costs is the rest of those seconds, as if the host had
//! been down for so long. After a clean stop both name the last tick. Each has a thread that writes it, so that the feed waits only
//! when that takes longer than the reserve lasts.

use super::place::Place;
use domain::time::{DAY_US, MINUTE_US, SECOND_US, Time};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// What is reserved, of the clock's time: twice what passes between two writes. More would cost more of the market at a kill, less would
/// keep the disk busy.
const AHEAD_US: i64 = 4 * SECOND_US;
/// A market without a pace doubles its reserve whenever it has to wait for a write, up to this.
const AHEAD_US_MAX: i64 = DAY_US;
/// How long a stop waits for the last write: it has other things to end within its deadline.
const LAST_WRITE_MAX: Duration = Duration::from_secs(2);
/// How long a writer rests after a write that failed.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Writes the place; an error in words.
type Write = dyn Fn(&Place) -> Result<(), String> + Send;

/// Where the place is kept, and how it is written there.
pub struct Shelf {
    /// In words.
    pub name: &'static str,
    /// Returns when it is on disk, or says why it is not.
    pub write: Box<Write>,
}

/// The feed's end of it.
pub struct Reserve {
    desk: Arc<Desk>,
    threads: Vec<JoinHandle<()>>,
    /// Ticks before this need not ask.
    free_until: Time,
    ahead_us: i64,
    /// How long a tick waits for a disk or a database that does not answer.
    patience: Duration,
    /// Whether the market has no pace.
    grows: bool,
    /// Whether the last thing told was trouble.
    in_trouble: bool,
}

/// Between the feed and the writers.
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    wanted: Time,
    closed: bool,
    shelves: Vec<Kept>,
}

/// What one shelf has.
struct Kept {
    name: &'static str,
    written: Time,
    /// Why it can't be written. Ticks don't wait for it as long as that is so.
    trouble: Option<String>,
    /// Its writer has ended.
    ended: bool,
}

/// News of the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It can be written nowhere, and why.
    Trouble(String),
    /// It is written again.
    WorksAgain,
}

impl State {
    /// A tick of this time must wait: a shelf that works names none so late.
    fn must_wait(&self, tick: Time) -> bool {
        self.shelves.iter().any(|shelf| shelf.written < tick && shelf.trouble.is_none() && !shelf.ended)
    }

    /// The time that every shelf names which works; the earliest of all when none does.
    fn written(&self) -> Time {
        let working = self.shelves.iter().filter(|shelf| shelf.trouble.is_none()).map(|shelf| shelf.written);
        working.min().unwrap_or(Time(i64::MIN))
    }

    /// Why none can be written. As long as one can, the next start knows the place.
    fn trouble(&self) -> Option<String> {
        let whys: Option<Vec<&str>> = self.shelves.iter().map(|shelf| shelf.trouble.as_deref()).collect();
        whys.map(|whys| whys.join("; "))
    }
}

impl Reserve {
    /// Begins with this place, which is written at once. `speed` is the market's, 0 for one without a pace. A tick waits so long at most
    /// for a shelf that does not answer: a market that stands still is worse than one that may go back by some seconds if the host dies
    /// as well.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(place: Place, speed: f64, patience: Duration, shelves: Vec<Shelf>) -> std::io::Result<Self> {
        let kept = |shelf: &Shelf| Kept { name: shelf.name, written: Time(i64::MIN), trouble: None, ended: false };
        let state = State { wanted: place.last, closed: false, shelves: shelves.iter().map(kept).collect() };
        let grows = speed <= 0.0;
        let ahead_us = if grows { MINUTE_US } else { (AHEAD_US as f64 * speed.max(1.0)) as i64 };
        let desk = Arc::new(Desk { state: Mutex::new(state), changed: Condvar::new() });
        let mut reserve = Self { desk, threads: Vec::new(), free_until: Time(i64::MIN), ahead_us, patience, grows, in_trouble: false };
        for (at, shelf) in shelves.into_iter().enumerate() {
            let (desk, place) = (Arc::clone(&reserve.desk), place.clone());
            reserve.threads.push(Builder::new().name("place".into()).spawn(move || desk.write_what_is_wanted(at, place, &*shelf.write))?);
        }
        Ok(reserve)
    }

    /// To be called before a tick of this time is handed over: waits until each shelf names a later time.
    pub fn before(&mut self, tick: Time) -> Option<News> {
        if tick < self.free_until {
            return None;
        }
        let mut state = self.desk.state();
        if state.wanted.since_us(tick) < self.ahead_us / 2 {
            state.wanted = tick.plus_us(self.ahead_us);
            self.desk.changed.notify_all();
        }
        if state.must_wait(tick) {
            let must_wait = |state: &mut State| state.must_wait(tick);
            let (waited, late) =
                self.desk.changed.wait_timeout_while(state, self.patience, must_wait).unwrap_or_else(PoisonError::into_inner);
            state = waited;
            if late.timed_out() {
                for shelf in state.shelves.iter_mut().filter(|shelf| shelf.written < tick) {
                    shelf.trouble.get_or_insert_with(|| late_after(shelf.name, self.patience));
                }
            }
            if self.grows {
                self.ahead_us = (self.ahead_us * 2).min(AHEAD_US_MAX);
            }
        }
        self.free_until = state.written().plus_us(-self.ahead_us / 2);
        let trouble = state.trouble();
        let was_in_trouble = std::mem::replace(&mut self.in_trouble, trouble.is_some());
        match trouble {
            Some(why) if !was_in_trouble => Some(News::Trouble(why)),
            None if was_in_trouble => Some(News::WorksAgain),
            _ => None,
        }
    }

    /// The last write: each shelf names `last` from here on.
    ///
    /// # Errors
    /// In words: one could not be written within two seconds. It names a time up to a few seconds later.
    pub fn finish(mut self, last: Time) -> Result<(), String> {
        let mut state = self.desk.state();
        (state.wanted, state.closed) = (last, true);
        self.desk.changed.notify_all();
        let goes_on = |state: &mut State| state.shelves.iter().any(|shelf| !shelf.ended);
        let (state, _late) = self.desk.changed.wait_timeout_while(state, LAST_WRITE_MAX, goes_on).unwrap_or_else(PoisonError::into_inner);
        let mut whys = Vec::new();
        for shelf in state.shelves.iter() {
            match &shelf.trouble {
                // A thread that waits for a dead disk ends with the process.
                _ if !shelf.ended => whys.push(late_after(shelf.name, LAST_WRITE_MAX)),
                Some(why) => whys.push(why.clone()),
                None => {}
            }
        }
        let all_ended = state.shelves.iter().all(|shelf| shelf.ended);
        drop(state);
        if all_ended {
            self.threads.drain(..).for_each(|thread| drop(thread.join()));
        }
        if whys.is_empty() { Ok(()) } else { Err(whys.join("; ")) }
    }
}

fn late_after(name: &str, patience: Duration) -> String {
    format!("{name} has not answered for {} ms", patience.as_millis())
}

impl Drop for Reserve {
    fn drop(&mut self) {
        self.desk.state().closed = true;
        self.desk.changed.notify_all();
    }
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread of one shelf's writer.
    fn write_what_is_wanted(&self, at: usize, mut place: Place, write: &Write) {
        loop {
            let waits = |state: &mut State| state.wanted == state.shelves[at].written && !state.closed;
            let state = self.changed.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner);
            let (wanted, closed) = (state.wanted, state.closed);
            drop(state);
            place.last = wanted;
            let written = write(&place);
            let mut state = self.state();
            let shelf = &mut state.shelves[at];
            match written {
                Ok(()) => (shelf.written, shelf.trouble) = (wanted, None),
                Err(why) => {
                    tracing::debug!("the market's place: {why}");
                    shelf.trouble = Some(why);
                }
            }
            shelf.ended = closed;
            let failed = shelf.trouble.is_some();
            self.changed.notify_all();
            if closed {
                return;
            }
            if failed {
                drop(self.changed.wait_timeout_while(state, TRY_AGAIN, |state| !state.closed).unwrap_or_else(PoisonError::into_inner));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Feed;
    use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering::SeqCst};

    /// A disk: the time that its file names, how often it was written, and whether it can be.
    #[derive(Default)]
    struct Disk {
        names: AtomicI64,
        writes: AtomicUsize,
        is_full: AtomicBool,
    }

    fn shelf(disk: &Arc<Disk>) -> Shelf {
        let disk = Arc::clone(disk);
        let write = move |place: &Place| {
            if disk.is_full.load(SeqCst) {
                return Err("no space left on device".to_owned());
            }
            disk.names.store(place.last.0, SeqCst);
            disk.writes.fetch_add(1, SeqCst);
            Ok(())
        };
        Shelf { name: "the disk", write: Box::new(write) }
    }

    fn on(shelves: Vec<Shelf>, speed: f64) -> Reserve {
        // However busy the machine is.
        let patience = Duration::from_secs(60);
        Reserve::start(Place::new(&Feed::default(), Time(0), Time(0)), speed, patience, shelves).expect("a thread")
    }

    fn reserve(disk: &Arc<Disk>, speed: f64) -> Reserve {
        on(vec![shelf(disk)], speed)
    }

    #[test]
    fn the_file_is_ahead_of_every_tick_and_written_seldom() {
        for speed in [1.0, 60.0, 0.0] {
            let disk = Arc::new(Disk::default());
            let mut reserve = reserve(&disk, speed);
            let mut last = Time(0);
            for n in 1..=10_000 {
                last = Time(n * SECOND_US / 10);
                assert_eq!(reserve.before(last), None);
                assert!(disk.names.load(SeqCst) >= last.0, "tick {n} at speed {speed}: a kill now would repeat it");
            }
            let writes = disk.writes.load(SeqCst);
            assert!(writes <= 1_000 / 2 + 10, "{writes} writes in 1,000 s of market at speed {speed}");
            reserve.finish(last).expect("it is written");
            assert_eq!(disk.names.load(SeqCst), last.0, "a clean stop names the last tick");
        }
    }

    #[test]
    fn a_full_disk_stops_no_tick_and_is_told_once() {
        let disk = Arc::new(Disk::default());
        disk.is_full.store(true, SeqCst);
        let mut reserve = reserve(&disk, 1.0);
        let news: Vec<News> = (1..1_000).filter_map(|n| reserve.before(Time(n * SECOND_US))).collect();
        assert_eq!(news, [News::Trouble("no space left on device".into())]);
        assert_eq!(reserve.finish(Time(5)), Err("no space left on device".into()));
    }

    #[test]
    fn a_disk_that_has_room_again_is_told_too() {
        let disk = Arc::new(Disk::default());
        disk.is_full.store(true, SeqCst);
        let mut reserve = reserve(&disk, 1.0);
        assert!(matches!(reserve.before(Time(SECOND_US)), Some(News::Trouble(_))));
        disk.is_full.store(false, SeqCst);
        let again = (2..).find_map(|n| {
            std::thread::yield_now();
            reserve.before(Time(n * SECOND_US))
        });
        assert_eq!(again, Some(News::WorksAgain));
    }

    #[test]
    fn every_tick_waits_for_each_shelf_that_works_and_trouble_is_told_when_none_does() {
        let disks: [Arc<Disk>; 2] = Default::default();
        let mut reserve = on(disks.iter().map(shelf).collect(), 1.0);
        let names = |which: usize| disks[which].names.load(SeqCst);
        for n in 1..100 {
            let tick = n * SECOND_US;
            assert_eq!(reserve.before(Time(tick)), None);
            assert!(names(0) >= tick && names(1) >= tick, "a kill now would repeat {tick} for whoever has only one of them");
        }
        disks[1].is_full.store(true, SeqCst);
        for n in 100..200 {
            let tick = n * SECOND_US;
            assert_eq!(reserve.before(Time(tick)), None, "the other one still has it");
            assert!(names(0) >= tick);
        }
        disks[0].is_full.store(true, SeqCst);
        let news = (200..).find_map(|n| reserve.before(Time(n * SECOND_US)));
        assert_eq!(news, Some(News::Trouble("no space left on device; no space left on device".into())));
        disks[0].is_full.store(false, SeqCst);
        let news = (1_000..).find_map(|n| {
            std::thread::yield_now();
            reserve.before(Time(n * SECOND_US))
        });
        assert_eq!(news, Some(News::WorksAgain));
        assert!(reserve.finish(Time(5)).is_err(), "one of them names a later time");
        assert_eq!(names(0), 5);
    }
}
