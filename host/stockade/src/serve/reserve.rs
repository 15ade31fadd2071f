//! Keeps the market's place on disk a little ahead of the market.
//!
//! A tick must not be handed over twice, not even when the host is killed right after it. To write each one down first would cost
//! a write to disk for each tick. So the file names a time a few seconds of market ahead, no tick beyond it is handed over before the
//! file names a later one, and a start goes on after it: what a kill costs is the rest of those seconds, as if the host had been down
//! for so long. After a clean stop the file names the last tick. A thread of its own writes, so that the feed waits for the disk only
//! when that takes longer than the reserve lasts.

use super::place::Place;
use domain::time::{DAY_US, MINUTE_US, SECOND_US, Time};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// What is reserved, of the clock's time: twice what passes between two writes. More would cost more of the market at a kill, less would
/// keep the disk busy.
const AHEAD_US: i64 = 4 * SECOND_US;
/// A market without a pace doubles its reserve whenever it has to wait for the disk, up to this.
const AHEAD_US_MAX: i64 = DAY_US;
/// How long the feed waits for a disk that does not answer. A market that stands still for a disk is worse than one that may go back by
/// some seconds if the host dies as well.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a stop waits for its last write.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// How long the writer rests after a write that failed.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The feed's end of it.
pub struct Reserve {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
    /// Ticks before this need not ask.
    free_until: Time,
    ahead_us: i64,
    /// Whether the market has no pace.
    grows: bool,
    /// Whether the last thing told was trouble.
    in_trouble: bool,
}

/// Between the feed and the writer.
struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    wanted: Time,
    written: Time,
    /// Why it can't be written. Ticks don't wait as long as that is so.
    trouble: Option<String>,
    closed: bool,
    /// The writer has ended.
    ended: bool,
}

/// News of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It can't be written, and why.
    Trouble(String),
    /// It is written again.
    WorksAgain,
}

impl Reserve {
    /// Begins with this place, which is written at once. `speed` is the market's, 0 for one without a pace.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(place: Place, data_dir: PathBuf, speed: f64) -> std::io::Result<Self> {
        Self::with(place, speed, move |place| place.write(&data_dir).map_err(|failure| failure.message))
    }

    fn with(place: Place, speed: f64, write: impl Fn(&Place) -> Result<(), String> + Send + 'static) -> std::io::Result<Self> {
        let state = State { wanted: place.last, written: Time(i64::MIN), trouble: None, closed: false, ended: false };
        let desk = Arc::new(Desk { state: Mutex::new(state), changed: Condvar::new() });
        let writer = Arc::clone(&desk);
        let thread = Builder::new().name("place".into()).spawn(move || writer.write_what_is_wanted(place, write))?;
        let grows = speed <= 0.0;
        let ahead_us = if grows { MINUTE_US } else { (AHEAD_US as f64 * speed.max(1.0)) as i64 };
        Ok(Self { desk, thread: Some(thread), free_until: Time(i64::MIN), ahead_us, grows, in_trouble: false })
    }

    /// To be called before a tick of this time is handed over: waits until the file names a later time.
    pub fn before(&mut self, tick: Time) -> Option<News> {
        if tick < self.free_until {
            return None;
        }
        let mut state = self.desk.state();
        if state.wanted.since_us(tick) < self.ahead_us / 2 {
            state.wanted = tick.plus_us(self.ahead_us);
            self.desk.changed.notify_all();
        }
        let must_wait = |state: &mut State| state.written < tick && state.trouble.is_none() && !state.ended;
        if must_wait(&mut state) {
            let (waited, late) = self.desk.changed.wait_timeout_while(state, PATIENCE, must_wait).unwrap_or_else(PoisonError::into_inner);
            state = waited;
            if late.timed_out() {
                state.trouble = Some(format!("the disk has not answered for {} s", PATIENCE.as_secs()));
            }
            if self.grows {
                self.ahead_us = (self.ahead_us * 2).min(AHEAD_US_MAX);
            }
        }
        self.free_until = state.written.plus_us(-self.ahead_us / 2);
        let was_in_trouble = std::mem::replace(&mut self.in_trouble, state.trouble.is_some());
        match &state.trouble {
            Some(why) if !was_in_trouble => Some(News::Trouble(why.clone())),
            None if was_in_trouble => Some(News::WorksAgain),
            _ => None,
        }
    }

    /// The last write: the file names `last` from here on.
    ///
    /// # Errors
    /// In words: it could not be written within two seconds. The file names a time up to a few seconds later.
    pub fn finish(mut self, last: Time) -> Result<(), String> {
        let mut state = self.desk.state();
        (state.wanted, state.closed) = (last, true);
        self.desk.changed.notify_all();
        let (state, _late) =
            self.desk.changed.wait_timeout_while(state, STOP_PATIENCE, |state| !state.ended).unwrap_or_else(PoisonError::into_inner);
        if !state.ended {
            // A thread that waits for a dead disk ends with the process.
            return Err(format!("the disk has not answered for {} s", STOP_PATIENCE.as_secs()));
        }
        let written = if state.written == last { Ok(()) } else { Err(state.trouble.clone().unwrap_or_default()) };
        drop(state);
        self.thread.take().into_iter().for_each(|thread| drop(thread.join()));
        written
    }
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

    /// The writer's thread.
    fn write_what_is_wanted(&self, mut place: Place, write: impl Fn(&Place) -> Result<(), String>) {
        loop {
            let waits = |state: &mut State| state.wanted == state.written && !state.closed;
            let state = self.changed.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner);
            let (wanted, closed) = (state.wanted, state.closed);
            drop(state);
            place.last = wanted;
            let written = write(&place);
            let mut state = self.state();
            match written {
                Ok(()) => (state.written, state.trouble) = (wanted, None),
                Err(why) => state.trouble = Some(why),
            }
            state.ended = closed;
            self.changed.notify_all();
            if closed {
                return;
            }
            if state.trouble.is_some() {
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

    fn reserve(disk: &Arc<Disk>, speed: f64) -> Reserve {
        let disk = Arc::clone(disk);
        let write = move |place: &Place| {
            if disk.is_full.load(SeqCst) {
                return Err("no space left on device".to_owned());
            }
            disk.names.store(place.last.0, SeqCst);
            disk.writes.fetch_add(1, SeqCst);
            Ok(())
        };
        Reserve::with(Place::new(&Feed::default(), Time(0), Time(0)), speed, write).expect("a thread")
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
}
