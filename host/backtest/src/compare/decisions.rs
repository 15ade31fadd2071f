//! A neutral file of decisions, which any engine's record can be written as: backtests write it (`stockade backtest
//! --decisions`), and so does the replay of a live engine's record (`stockade replay --decisions`).
//!
//! One JSON object a line, in order:
//!
//! ```text
//! {"at":1398902400040186,"asked":{"Submit":{"order":{"symbol":0,"side":"buy","volume":0.1,...},"answer":{"Ok":1}}}}
//! {"at":1398902460000000,"asked":{"Close":{"id":1,"volume":null,"answer":{"Err":"POSITION_NOT_FOUND"}}}}
//! ```
//! `at` is market time in microseconds since 1970 UTC; `asked` is what was asked for, as `domain::tape::Asked` has it, with the
//! host's answer. Decisions are orders, their modifications, cancels and closes; other things a record holds (signals, timers)
//! are passed over here, since not every writer has them.

use domain::desk::{self, Decision};
use domain::tape::Asked;
use domain::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{BufRead, Write};

/// Bytes of a line at most: an order with its tag has some 400.
const LINE_BYTES_MAX: usize = 1 << 20;

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Market time.
    pub at: Time,
    /// What was asked for, with the answer.
    pub asked: Asked,
}

impl From<Decision> for Line {
    fn from(decision: Decision) -> Self {
        use desk::Asked as D;
        let answer = decision.answer;
        let asked = match decision.asked {
            D::Submit(order) => Asked::Submit { order, answer },
            D::ModifyOrder { id, price, stop_loss, take_profit } => {
                Asked::ModifyOrder { id, price, stop_loss, take_profit, answer: answer.map(drop) }
            }
            D::ModifyPosition { id, stop_loss, take_profit } => {
                Asked::ModifyPosition { id, stop_loss, take_profit, answer: answer.map(drop) }
            }
            D::Cancel { id } => Asked::Cancel { id, answer: answer.map(drop) },
            D::Close { id, volume } => Asked::Close { id, volume, answer },
            D::Signal { symbol, side, confidence, reason } => Asked::Signal { symbol, side, confidence, reason },
            D::SetTimer { id, at, every } => Asked::SetTimer { id, at, every },
            D::ClearTimer { id } => Asked::ClearTimer(id),
        };
        Self { at: decision.at, asked }
    }
}

/// Writes one line.
///
/// # Errors
/// The disk refuses.
pub fn write(out: &mut impl Write, line: &Line) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// The decisions of a file, one by one: neither file of a comparison is held in memory.
pub struct Decisions<R> {
    lines: R,
    number: u64,
    buffer: Vec<u8>,
    /// Orders get their numbers from their engine, which may have given many before this file begins: here they are counted
    /// from 1 in the order in which they appear.
    numbers: HashMap<u64, u64>,
}

impl<R: BufRead> Decisions<R> {
    /// The decisions in `lines`.
    pub fn new(lines: R) -> Self {
        Self { lines, number: 0, buffer: Vec::new(), numbers: HashMap::new() }
    }

    /// The next decision and the number of its line, with order numbers counted from the file's first.
    ///
    /// # Errors
    /// Names the line that can't be read.
    pub fn read_next(&mut self) -> Result<Option<(u64, Line)>, String> {
        loop {
            self.buffer.clear();
            self.number += 1;
            let number = self.number;
            let wrong = |why: &dyn std::fmt::Display| format!("line {number}: {why}");
            let mut bounded = std::io::Read::take(&mut self.lines, LINE_BYTES_MAX as u64);
            let read = bounded.read_until(b'\n', &mut self.buffer).map_err(|error| wrong(&error))?;
            match read {
                0 => return Ok(None),
                LINE_BYTES_MAX => {
                    return Err(wrong(&format_args!("it has more than {LINE_BYTES_MAX} bytes; is this a file of decisions?")));
                }
                _ if self.buffer.trim_ascii().is_empty() => continue,
                _ => {}
            }
            let line: Line = serde_json::from_slice(&self.buffer).map_err(|error| wrong(&format_args!("it is no decision: {error}")))?;
            if let Some(line) = self.renumbered(line) {
                return Ok(Some((number, line)));
            }
        }
    }

    /// The line with its own count of orders, or `None` where it is no decision about an order.
    fn renumbered(&mut self, mut line: Line) -> Option<Line> {
        match &mut line.asked {
            Asked::Submit { order, answer } => {
                order.position = order.position.map(|id| self.own(id));
                *answer = answer.map(|id| self.own(id));
            }
            Asked::Close { id, answer, .. } => {
                *id = self.own(*id);
                *answer = answer.map(|id| self.own(id));
            }
            Asked::ModifyOrder { id, .. } | Asked::ModifyPosition { id, .. } | Asked::Cancel { id, .. } => *id = self.own(*id),
            _ => return None,
        }
        Some(line)
    }

    fn own(&mut self, id: u64) -> u64 {
        let next = self.numbers.len() as u64 + 1;
        *self.numbers.entry(id).or_insert(next)
    }
}
