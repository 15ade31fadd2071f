//! What a guest tells its owner: log lines, signals, plot points. Bounded per call and per minute; the rest is counted.

use crate::contract::{LogLevel, Side};
use crate::limits::{LOG_LINE_BYTES_MAX, PLOT_SERIES_MAX, REPORTS_PER_CALL_MAX, SIGNAL_REASON_BYTES_MAX};
use crate::symbol::SymbolId;
use crate::time::{MINUTE_US, Time};

/// Something for the owner to see.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Remark {
    Log { at: Time, level: LogLevel, text: String },
    Signal { at: Time, symbol: SymbolId, side: Option<Side>, confidence: f64, reason: String },
    Plot { at: Time, series: String, value: f64 },
}

/// Collects remarks until they are taken.
#[derive(Debug)]
pub(super) struct Reports {
    remarks: Vec<Remark>,
    series: Vec<String>,
    dropped: u64,
    now: Time,
    minute: Time,
    bytes_used: u64,
    bytes_max: u64,
    in_call: usize,
}

impl Reports {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { remarks: Vec::new(), series: Vec::new(), dropped: 0, now: Time(0), minute: Time(0), bytes_used: 0, bytes_max, in_call: 0 }
    }

    pub(super) fn begin(&mut self, now: Time) {
        self.in_call = 0;
        self.move_to(now);
    }

    fn move_to(&mut self, now: Time) {
        self.now = now;
        // Minutes of the clock, not since the last call: calls come at other times by columns than tick by tick.
        let minute = Time(now.0.div_euclid(MINUTE_US) * MINUTE_US);
        if minute > self.minute {
            (self.minute, self.bytes_used) = (minute, 0);
        }
    }

    pub(super) fn bytes_left(&self) -> u64 {
        self.bytes_max - self.bytes_used
    }

    pub(super) fn take(&mut self) -> (Vec<Remark>, u64) {
        (std::mem::take(&mut self.remarks), std::mem::take(&mut self.dropped))
    }

    /// Room for a remark of `bytes`, or one more dropped.
    fn admit(&mut self, bytes: usize) -> bool {
        // A remark costs something even when it is empty.
        let cost = bytes as u64 + 16;
        let fits = self.in_call < REPORTS_PER_CALL_MAX && self.bytes_used + cost <= self.bytes_max;
        if fits {
            self.in_call += 1;
            self.bytes_used += cost;
        } else {
            self.dropped += 1;
        }
        fits
    }

    pub(super) fn log(&mut self, level: LogLevel, text: &str) {
        let text = clean(text, LOG_LINE_BYTES_MAX);
        if self.admit(text.len()) {
            self.remarks.push(Remark::Log { at: self.now, level, text });
        }
    }

    pub(super) fn signal(&mut self, symbol: SymbolId, side: Option<Side>, confidence: f64, reason: &str) {
        let reason = clean(reason, SIGNAL_REASON_BYTES_MAX);
        let confidence = if confidence.is_finite() { confidence.clamp(0.0, 100.0) } else { 0.0 };
        if self.admit(reason.len()) {
            self.remarks.push(Remark::Signal { at: self.now, symbol, side, confidence, reason });
        }
    }

    pub(super) fn plot(&mut self, series: &str, value: f64) {
        let series = clean(series, 64);
        if !value.is_finite() {
            self.dropped += 1;
            return;
        }
        if !self.series.contains(&series) {
            if self.series.len() == PLOT_SERIES_MAX {
                self.dropped += 1;
                return;
            }
            self.series.push(series.clone());
        }
        if self.admit(series.len()) {
            self.remarks.push(Remark::Plot { at: self.now, series, value });
        }
    }
}

/// `text` cut to `max` bytes at a character, with control characters replaced: it ends up on terminals and in pages.
fn clean(text: &str, max: usize) -> String {
    let end = (0..=text.len().min(max)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    text[..end].chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_off_counted_and_forgiven_in_the_next_minute() {
        let mut reports = Reports::new(1_000);
        reports.begin(Time(0));
        (0..1_000).for_each(|_| reports.log(LogLevel::Info, "0123456789"));
        let (remarks, dropped) = reports.take();
        assert_eq!((remarks.len(), dropped), (1_000 / 26, 1_000 - 1_000 / 26));
        reports.begin(Time(MINUTE_US));
        reports.log(LogLevel::Info, "again");
        assert_eq!(reports.take().0.len(), 1);
    }

    #[test]
    fn terminal_escapes_are_replaced_and_long_text_is_cut_at_a_character() {
        assert_eq!(clean("a\u{1b}[31mb\n", 100), "a\u{fffd}[31mb\u{fffd}");
        assert_eq!(clean("ääää", 5), "ää");
    }
}
