//! The desk's tape: where in a call something crosses is known here alone.

use super::{Batch, Desk};
use crate::guest::{Call, Fault};
use crate::tape::{Asked, Entry, Heard, Tape};
use crate::time::Time;

impl Desk {
    /// Writes down from now on what crosses the border; before the guest's first call, or the tape makes no sense.
    pub fn record(&mut self, tape: Tape) {
        self.tape = Some(Box::new(tape));
    }

    /// What has been written down since the last time.
    pub fn take_tape(&mut self) -> Vec<Entry> {
        self.tape.as_mut().map(|tape| tape.take()).unwrap_or_default()
    }

    /// The guest is called.
    pub(crate) fn tape_call(&mut self, call: &Call<'_>) {
        let Some(tape) = &mut self.tape else { return };
        match call {
            Call::Tick { symbol, tick, skipped } => tape.ticks(*symbol, tick.sequence, 1, *skipped),
            Call::Ticks { .. } => {
                if let Some(batch) = &mut self.batch {
                    batch.taped = Some(0);
                }
            }
            _ => {
                if let Some(heard) = Heard::of(call) {
                    tape.called(self.now, heard);
                }
            }
        }
    }

    /// Whether what crosses the border is written down.
    pub(crate) fn is_taped(&self) -> bool {
        self.tape.is_some()
    }

    /// Something became of an order, and the guest has no callback for it.
    pub(crate) fn tape_untold(&mut self, at: Time, id: u64) {
        if let Some(tape) = &mut self.tape {
            tape.untold(at, id);
        }
    }

    /// The guest asked, within a batch at the row it stands at.
    pub(super) fn tape_asked(&mut self, asked: impl FnOnce() -> Asked) {
        let Some(tape) = &mut self.tape else { return };
        if let Some(batch) = &mut self.batch {
            let rows = batch.row + 1;
            batch.tape_rows(tape, rows);
        }
        tape.asked(self.now, asked());
    }

    /// The first `rows` rows of a batch were handled.
    pub(super) fn tape_batch(&mut self, batch: &mut Batch, rows: usize) {
        if let Some(tape) = &mut self.tape {
            batch.tape_rows(tape, rows);
        }
    }

    /// The call failed; in a batch, at the row that the guest is known to have come to, or at one of those after it.
    pub(crate) fn tape_failed(&mut self, fault: &Fault) {
        let batch = self.batch.take();
        let Some(tape) = &mut self.tape else { return };
        let Some(mut batch) = batch else { return tape.failed(fault) };
        let (come_to, rows) = (batch.row + 1, batch.rows);
        batch.tape_rows(tape, come_to);
        tape.failed(fault);
        batch.tape_rows(tape, rows);
        // Nothing follows that would.
        tape.close();
    }
}

impl Batch {
    fn tape_rows(&mut self, tape: &mut Tape, rows: usize) {
        if let Some(taped) = self.taped.filter(|&taped| taped < rows) {
            tape.ticks(self.symbol, self.first_sequence + taped as u64, (rows - taped) as u32, 0);
            self.taped = Some(rows);
        }
    }
}
