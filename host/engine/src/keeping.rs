//! The keeper on threads of its own: a disk that does not answer holds up whoever notes something for a moment, not for as long as
//! it hangs. One thread writes notes, which takes them out of reach of this process's end; another waits for the disk, which takes
//! them out of reach of the machine's.

use domain::contract::TradingState;
use domain::ids::{EngineId, HOSTS_ORDERS_FROM, OrderId};
use domain::journal::Line;
use domain::keeper::{Given, Keeper, NotKept, Note, Scope};
use domain::numbering::GIVEN_AHEAD;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Notes that wait for a disk that does not answer. What is owed comes in batches, and a person halts less often than that.
const WAITING_MAX: usize = 4_096;

/// Keeps notes, without waiting long.
pub(crate) struct Keeping {
    keeper: Arc<dyn Keeper>,
    /// What notes say of trading. Locked while a note on it is handed over: states and notes come in one order.
    trading: Mutex<BTreeMap<Scope, TradingState>>,
    /// `None` without threads, and after the end.
    notes: Mutex<Option<Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    is_threaded: bool,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    waiting: AtomicUsize,
    /// Somebody has given up waiting since a note was written, or since the disk answered, last.
    writing_is_late: AtomicBool,
    disk_is_late: AtomicBool,
}

struct Job {
    /// `None`: only what was noted before is to be on disk.
    note: Option<Note>,
    told: Sender<Told>,
}

enum Told {
    Noted(Result<(), NotKept>),
    Synced(Result<(), NotKept>),
}

/// What a note survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlives {
    /// The end of this process.
    Process,
    /// That of the machine as well.
    Machine,
}

/// A note on its way to the disk.
pub struct Keepsake {
    told: Receiver<Told>,
    state: Arc<State>,
}

impl Keepsake {
    /// Waits until it is on disk, at most so long.
    ///
    /// # Errors
    /// It is not, or nobody knows yet.
    pub fn wait(self, patience: Duration) -> Result<(), NotKept> {
        let end = Instant::now() + patience;
        loop {
            match self.told.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Told::Synced(synced)) => return synced,
                // A note that could not be written may be with the next try.
                Ok(Told::Noted(_)) => {}
                Err(_) => {
                    self.state.disk_is_late.store(true, SeqCst);
                    return Err(late(patience));
                }
            }
        }
    }

    /// Waits until this process's end can't take it away any more, at most so long.
    fn wait_noted(self, patience: Duration) -> Result<(), NotKept> {
        match self.told.recv_timeout(patience) {
            Ok(Told::Noted(told) | Told::Synced(told)) => told,
            Err(_) => {
                self.state.writing_is_late.store(true, SeqCst);
                Err(late(patience))
            }
        }
    }
}

fn late(patience: Duration) -> NotKept {
    NotKept(format!("the disk of the data folder has not answered for {:.1} s", patience.as_secs_f64()))
}

impl Keeping {
    /// Without threads: whoever notes something waits for the disk.
    pub(crate) fn direct(keeper: Arc<dyn Keeper>) -> Self {
        let trading = Mutex::new(keeper.kept().trading);
        let (notes, threads, state) = (Mutex::default(), Mutex::default(), Arc::default());
        Self { keeper, trading, notes, threads, is_threaded: false, state }
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// There is no room for them.
    pub(crate) fn start(keeper: Arc<dyn Keeper>) -> std::io::Result<Self> {
        let mut keeping = Self::direct(Arc::clone(&keeper));
        let (notes, to_write) = channel::<Job>();
        let (written, to_sync) = channel::<Sender<Told>>();
        let (writes, state) = (Arc::clone(&keeper), Arc::clone(&keeping.state));
        let writer = Builder::new().name("keeper".into()).spawn(move || {
            for Job { note, told } in to_write {
                let noted = note.map_or(Ok(()), |note| writes.note(note));
                state.writing_is_late.store(false, SeqCst);
                // Whoever waited may have given up.
                _ = told.send(Told::Noted(noted));
                _ = written.send(told);
            }
        })?;
        let state = Arc::clone(&keeping.state);
        let syncer = Builder::new().name("keeper-disk".into()).spawn(move || {
            while let Ok(first) = to_sync.recv() {
                // One wait for the disk for all that were written meanwhile.
                let waiting: Vec<_> = std::iter::once(first).chain(to_sync.try_iter()).collect();
                let synced = keeper.sync();
                state.disk_is_late.store(false, SeqCst);
                state.waiting.fetch_sub(waiting.len(), SeqCst);
                waiting.iter().for_each(|told| _ = told.send(Told::Synced(synced.clone())));
            }
        })?;
        keeping.is_threaded = true;
        keeping.notes = Mutex::new(Some(notes));
        keeping.threads = Mutex::new(vec![writer, syncer]);
        Ok(keeping)
    }

    fn hand_over(&self, note: Option<Note>) -> Keepsake {
        let (told, answer) = channel();
        let keepsake = Keepsake { told: answer, state: Arc::clone(&self.state) };
        if !self.is_threaded {
            _ = told.send(Told::Noted(note.map_or(Ok(()), |note| self.keeper.note(note))));
            _ = told.send(Told::Synced(self.keeper.sync()));
            return keepsake;
        }
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = self.state.waiting.load(SeqCst) >= WAITING_MAX;
        let refused = match &*notes {
            None => Some("the host has stopped"),
            Some(_) if is_full && !matches!(note, Some(Note::Owed(_))) => Some("too much waits for the disk of the data folder"),
            Some(notes) => {
                self.state.waiting.fetch_add(1, SeqCst);
                notes.send(Job { note, told: told.clone() }).err().map(|_| "the keeper's thread has ended")
            }
        };
        if let Some(why) = refused {
            _ = told.send(Told::Synced(Err(NotKept(why.into()))));
        }
        keepsake
    }

    /// Notes what may be done at the market, after `now` has made it so in memory.
    pub(crate) fn trading(&self, scope: Scope, state: TradingState, now: impl FnOnce()) -> Keepsake {
        let mut trading = self.lock_trading();
        now();
        if state == TradingState::Active {
            trading.remove(&scope);
        } else {
            trading.insert(scope, state);
        }
        self.hand_over(Some(Note::Trading(scope, state)))
    }

    /// What notes say may be done there.
    pub(crate) fn trading_of(&self, scope: Scope) -> TradingState {
        self.lock_trading().get(&scope).copied().unwrap_or(TradingState::Active)
    }

    fn lock_trading(&self) -> MutexGuard<'_, BTreeMap<Scope, TradingState>> {
        self.trading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes lines that the journal does not have, and waits for that as long as somebody who sends them may.
    ///
    /// # Errors
    /// They do not outlive this process, as far as anybody knows. They will when the disk works again: see [`sync`](Self::sync).
    pub(crate) fn owe(&self, lines: Vec<Line>, patience: Duration) -> Result<Outlives, NotKept> {
        // A disk that is late is not waited for each time.
        let (writing_is_late, disk_is_late) = (self.state.writing_is_late.load(SeqCst), self.state.disk_is_late.load(SeqCst));
        let keepsake = self.hand_over(Some(Note::Owed(lines)));
        if disk_is_late {
            return keepsake.wait_noted(if writing_is_late { Duration::ZERO } else { patience }).map(|()| Outlives::Process);
        }
        keepsake.wait(patience).map(|()| Outlives::Machine)
    }

    /// Notes that nothing is owed any more.
    pub(crate) fn paid(&self) {
        // When that gets lost, lines are written to the journal twice, which changes nothing.
        drop(self.hand_over(Some(Note::Paid)));
    }

    /// Notes how far numbers may have been given.
    pub(crate) fn given(&self, given: Given) {
        // Told long before it is needed: see `domain::numbering::GIVEN_AHEAD`.
        drop(self.hand_over(Some(Note::Given(given))));
    }

    /// Waits until everything noted so far is on disk, at most so long; what could not be written is tried again.
    ///
    /// # Errors
    /// Something is not, or nobody knows yet.
    pub(crate) fn sync(&self, patience: Duration) -> Result<(), NotKept> {
        self.hand_over(None).wait(patience)
    }

    /// Takes no more notes, and gives the threads, which end when all are written.
    pub(crate) fn close(&self) -> Vec<JoinHandle<()>> {
        drop(self.notes.lock().unwrap_or_else(PoisonError::into_inner).take());
        std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How far the keeper knows that numbers may have been given in this life. It is told of the first, and ahead of all others.
#[derive(Default)]
pub(crate) struct Reserved(Mutex<Given>);

/// The same for engines as [`GIVEN_AHEAD`] for orders; there are fewer.
const ENGINES_AHEAD: u32 = 64;

impl Reserved {
    /// An engine has this number.
    pub(crate) fn engine(&self, EngineId(engine): EngineId, keeping: &Keeping) {
        self.raise(keeping, |given| raised(&mut given.engines, engine, ENGINES_AHEAD));
    }

    /// An order with this number is sent.
    pub(crate) fn order(&self, order: OrderId, keeping: &Keeping) {
        self.raise(keeping, |given| match order.number().checked_sub(HOSTS_ORDERS_FROM) {
            Some(number) => raised(&mut given.hosts_orders, number, GIVEN_AHEAD),
            None => raised(&mut given.orders, order.number(), GIVEN_AHEAD),
        });
    }

    fn raise(&self, keeping: &Keeping, raise: impl FnOnce(&mut Given) -> bool) {
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if raise(&mut given) {
            keeping.given(*given);
        }
    }
}

/// Raises a reservation of which less than half is left.
fn raised(reserved: &mut u32, number: u32, ahead: u32) -> bool {
    let is_due = number.saturating_add(ahead / 2) > *reserved;
    if is_due {
        *reserved = number.saturating_add(ahead);
    }
    is_due
}
