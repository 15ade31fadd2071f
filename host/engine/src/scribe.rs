//! The journal on a thread of its own: one that takes a write and does not answer holds the order pipeline up for a moment,
//! not for as long as it hangs. There is never more than one write under way, so what is on disk keeps the pipeline's order.

use domain::journal::{Entry, Journal, JournalError, Lease, Line, SetAside};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// How long a write that is under way is waited for in the end.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// Hands lines to a journal and waits for its answer, though not for long.
pub(crate) struct Scribe {
    /// `None` only while it is dropped.
    lines: Option<Sender<Vec<Line>>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
    patience: Duration,
    /// Since when the journal has had lines of which it has said nothing.
    waits_since: Option<Instant>,
    /// What it says it has, of a write that was given up: whoever repeats these lines need not write them again.
    landed: Vec<Line>,
    set_aside: Vec<SetAside>,
    lease: Option<Arc<dyn Lease>>,
}

/// The outcome of one write.
struct Answer {
    lines: Vec<Line>,
    written: Result<(), JournalError>,
    set_aside: Vec<SetAside>,
}

impl Scribe {
    /// Starts the thread. Its writes are waited for at most `patience`.
    ///
    /// # Errors
    /// There is no room for another thread.
    pub(crate) fn start(mut journal: Box<dyn Journal>, patience: Duration) -> std::io::Result<Self> {
        let (lines, to_write) = channel::<Vec<Line>>();
        let (answer, answers) = channel();
        let lease = journal.lease();
        let thread = Builder::new().name("journal".into()).spawn(move || {
            for lines in to_write {
                let written = journal.append(&lines.iter().map(Line::entry).collect::<Vec<_>>());
                let set_aside = journal.set_aside();
                if answer.send(Answer { lines, written, set_aside }).is_err() {
                    return;
                }
            }
        })?;
        let (lines, thread) = (Some(lines), Some(thread));
        Ok(Self { lines, answers, thread, patience, waits_since: None, landed: Vec::new(), set_aside: Vec::new(), lease })
    }

    /// What the journal answers within `patience`.
    fn answer(&mut self, patience: Duration) -> Result<Answer, JournalError> {
        match self.answers.recv_timeout(patience) {
            Ok(mut answer) => {
                self.waits_since = None;
                self.set_aside.append(&mut answer.set_aside);
                Ok(answer)
            }
            Err(RecvTimeoutError::Timeout) => {
                let waited = self.waits_since.map_or(patience, |since| since.elapsed());
                Err(JournalError::Unanswered(format!("it has been silent for {:.1} s", waited.as_secs_f64())))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let ended = self.thread.take().map(JoinHandle::join);
                // As if the journal had been called here: whoever calls it answers for its panics.
                resume_unwind(ended.and_then(Result::err).unwrap_or_else(|| Box::new("the journal's thread has ended")))
            }
        }
    }

    /// Receives the outcome of a write that was given up.
    fn hear_late(&mut self) -> Result<(), JournalError> {
        let Answer { lines, written, .. } = self.answer(Duration::ZERO)?;
        match written {
            Ok(()) => self.landed = lines,
            // Nothing of it is on disk; and whoever writes its lines again is told which one is refused.
            Err(JournalError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// How many of `entries`, from the first on, are on disk by a write that was given up. Some of that write are not asked for
    /// again, and the rest comes in the same order.
    fn landed(&mut self, entries: &[Entry<'_>]) -> usize {
        let mut landed = std::mem::take(&mut self.landed).into_iter();
        let count = entries.iter().take_while(|entry| landed.any(|line| line.is(entry))).count();
        // They may be asked for in parts.
        if count == entries.len() {
            self.landed = landed.collect();
        }
        count
    }
}

impl Journal for Scribe {
    fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError> {
        if self.waits_since.is_some() {
            self.hear_late()?;
        }
        let landed = self.landed(entries);
        let lines: Vec<Line> = entries[landed..].iter().map(Line::of).collect();
        if lines.is_empty() {
            return Ok(());
        }
        self.waits_since = Some(Instant::now());
        // When its thread is gone, that is what the answer says.
        let _gone = self.lines.as_ref().expect("it is there until it is dropped").send(lines);
        match self.answer(self.patience)?.written {
            Err(JournalError::Refused { at, why }) => Err(JournalError::Refused { at: at + landed, why }),
            written => written,
        }
    }

    fn set_aside(&mut self) -> Vec<SetAside> {
        std::mem::take(&mut self.set_aside)
    }

    fn lease(&self) -> Option<Arc<dyn Lease>> {
        self.lease.clone()
    }
}

impl Drop for Scribe {
    /// Waits for the write that is under way, though not for ever: whoever opens the same database next should find it free.
    fn drop(&mut self) {
        drop(self.lines.take());
        let Some(thread) = self.thread.take() else { return };
        // One that hangs ends with the process.
        let end = Instant::now() + ENDS_WITHIN;
        while self.waits_since.is_some() && !thread.is_finished() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        if thread.is_finished() || self.waits_since.is_none() {
            // A panic of the journal's is nothing to pass on while this ends.
            let _panic = thread.join();
        }
    }
}
