//! What a guest tells its owner: log lines, signals, plot points. Bounded per call and per minute; the rest is counted.

use crate::contract::{DenyCode, LogLevel, Side};
use crate::limits::{LOG_LINE_BYTES_MAX, PLOT_SERIES_MAX, REPORTS_PER_CALL_MAX, SIGNAL_REASON_BYTES_MAX};
use crate::symbol::SymbolId;
use crate::time::{MINUTE_US, Time};

/// The name of a plotted series, bytes: it is a legend in a chart.
const SERIES_BYTES_MAX: usize = 64;

/// Something for the owner to see.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Remark {
    Log {
        at: Time,
        level: LogLevel,
        text: String,
    },
    /// `led_to`: what was asked for beside it, at the same time, on the same symbol and not the other way: the order's number, or
    /// why it was denied.
    Signal {
        at: Time,
        symbol: SymbolId,
        side: Option<Side>,
        confidence: f64,
        reason: String,
        led_to: Option<LedTo>,
    },
    Plot {
        at: Time,
        series: String,
        value: f64,
    },
}

/// The number of the order that was asked for with a signal, or why that was denied.
pub type LedTo = Result<u64, DenyCode>;

/// What was asked for within a call and no signal has been given for yet.
#[derive(Clone, Copy, Debug)]
struct AskedFor {
    symbol: SymbolId,
    side: Side,
    answer: LedTo,
}

impl Remark {
    /// Market time.
    pub fn at(&self) -> Time {
        match self {
            Self::Log { at, .. } | Self::Signal { at, .. } | Self::Plot { at, .. } => *at,
        }
    }
}

/// Collects remarks until they are taken. What every call looks at comes first.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Reports {
    remarks: Vec<Remark>,
    dropped: u64,
    now: Time,
    minute: Time,
    in_call: usize,
    asked_for: Vec<AskedFor>,
    bytes_used: u64,
    bytes_max: u64,
    series: Vec<String>,
}

impl Reports {
    pub(super) fn new(bytes_max: u64) -> Self {
        let (remarks, series, asked_for) = (Vec::new(), Vec::new(), Vec::new());
        Self { remarks, series, dropped: 0, now: Time(0), minute: Time(0), bytes_used: 0, bytes_max, in_call: 0, asked_for }
    }

    pub(super) fn begin(&mut self, now: Time) {
        self.in_call = 0;
        self.asked_for.clear();
        self.move_to(now);
    }

    /// An order was asked for: the last signal that says so led to it, or the next one if no signal came before it.
    pub(super) fn asked(&mut self, symbol: SymbolId, side: Side, answer: LedTo) {
        let now = self.now;
        let before = self.remarks.iter_mut().rev().find_map(|remark| match remark {
            Remark::Signal { at, symbol: of, side: way, led_to, .. } if *at == now && *of == symbol && led_to.is_none() => {
                way.is_none_or(|way| way == side).then_some(led_to)
            }
            _ => None,
        });
        match before {
            Some(led_to) => *led_to = Some(answer),
            // A call asks for a bounded number of orders; denied ones need not all be remembered.
            None if self.asked_for.len() < REPORTS_PER_CALL_MAX => self.asked_for.push(AskedFor { symbol, side, answer }),
            None => {}
        }
    }

    /// What was asked for already that a signal is about.
    fn answer_to(&mut self, symbol: SymbolId, side: Option<Side>) -> Option<LedTo> {
        let is_meant = |asked: &AskedFor| asked.symbol == symbol && side.is_none_or(|side| side == asked.side);
        let place = self.asked_for.iter().position(is_meant)?;
        Some(self.asked_for.remove(place).answer)
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

    /// Whether there is nothing to take.
    pub(super) fn is_empty(&self) -> bool {
        self.remarks.is_empty() && self.dropped == 0
    }

    pub(super) fn take(&mut self) -> (Vec<Remark>, u64) {
        (std::mem::take(&mut self.remarks), std::mem::take(&mut self.dropped))
    }

    /// Whether a remark of `bytes` would be kept; else it is one more dropped.
    pub(super) fn has_room_for(&mut self, bytes: usize) -> bool {
        let fits = self.in_call < REPORTS_PER_CALL_MAX && self.bytes_used + cost(bytes) <= self.bytes_max;
        self.dropped += u64::from(!fits);
        fits
    }

    /// Room for a remark of `bytes`, or one more dropped.
    fn admit(&mut self, bytes: usize) -> bool {
        let fits = self.has_room_for(bytes);
        if fits {
            self.in_call += 1;
            self.bytes_used += cost(bytes);
        }
        fits
    }

    /// Text as it is kept; `None` when it is dropped, for which it is not even copied.
    fn admitted(&mut self, text: &str, max: usize) -> Option<String> {
        // Cleaning makes no text shorter.
        if !self.has_room_for(cut(text, max).len()) {
            return None;
        }
        let text = crate::text::line(text, max);
        self.admit(text.len()).then_some(text)
    }

    pub(super) fn log(&mut self, level: LogLevel, text: &str) -> bool {
        let Some(text) = self.admitted(text, LOG_LINE_BYTES_MAX) else { return false };
        self.remarks.push(Remark::Log { at: self.now, level, text });
        true
    }

    pub(super) fn signal(&mut self, symbol: SymbolId, side: Option<Side>, confidence: f64, reason: &str) -> bool {
        let Some(reason) = self.admitted(reason, SIGNAL_REASON_BYTES_MAX) else { return false };
        let confidence = self::confidence(confidence);
        let led_to = self.answer_to(symbol, side);
        self.remarks.push(Remark::Signal { at: self.now, symbol, side, confidence, reason, led_to });
        true
    }

    pub(super) fn plot(&mut self, series: &str, value: f64) -> bool {
        let is_new = || self.series.len() == PLOT_SERIES_MAX && !self.series.iter().any(|known| known == series);
        if !value.is_finite() || is_new() {
            self.dropped += 1;
            return false;
        }
        let Some(series) = self.admitted(series, SERIES_BYTES_MAX) else { return false };
        if !self.series.contains(&series) {
            self.series.push(series.clone());
        }
        self.remarks.push(Remark::Plot { at: self.now, series, value });
        true
    }
}

/// A confidence as it is kept.
pub(super) fn confidence(given: f64) -> f64 {
    if given.is_finite() { given.clamp(0.0, 100.0) } else { 0.0 }
}

/// What a remark with this much text costs: something even when it is empty.
fn cost(bytes: usize) -> u64 {
    bytes as u64 + 16
}

/// `text` cut to `max` bytes at a character.
fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_off_counted_and_forgiven_in_the_next_minute() {
        let mut reports = Reports::new(1_000);
        reports.begin(Time(0));
        (0..1_000).for_each(|_| _ = reports.log(LogLevel::Info, "0123456789"));
        let (remarks, dropped) = reports.take();
        assert_eq!((remarks.len(), dropped), (1_000 / 26, 1_000 - 1_000 / 26));
        reports.begin(Time(MINUTE_US));
        reports.log(LogLevel::Info, "again");
        assert_eq!(reports.take().0.len(), 1);
    }

    /// What each signal led to after these steps: `s` a signal to buy, `n` one to do nothing, `o` an order to buy that passes, `d` one
    /// that is denied, `x` an order to sell, `|` the next call at a later time.
    fn led_to(steps: &str) -> Vec<Option<LedTo>> {
        let (mut reports, mut number, mut now) = (Reports::new(10_000), 0, Time(0));
        reports.begin(now);
        for step in steps.chars() {
            number += 1;
            match step {
                's' => _ = reports.signal(SymbolId(0), Some(Side::Buy), 50.0, "why"),
                'n' => _ = reports.signal(SymbolId(0), None, 50.0, "why"),
                'o' => reports.asked(SymbolId(0), Side::Buy, Ok(number)),
                'd' => reports.asked(SymbolId(0), Side::Buy, Err(DenyCode::ReducingOnly)),
                'x' => reports.asked(SymbolId(0), Side::Sell, Ok(number)),
                _ => {
                    now = Time(now.0 + 1);
                    reports.begin(now);
                }
            }
        }
        let signals = reports.take().0.into_iter();
        signals.filter_map(|remark| if let Remark::Signal { led_to, .. } = remark { Some(led_to) } else { None }).collect()
    }

    #[test]
    fn a_signal_leads_to_what_is_asked_for_beside_it() {
        assert_eq!(led_to("so"), [Some(Ok(2))]);
        assert_eq!(led_to("os"), [Some(Ok(1))], "in either order");
        assert_eq!(led_to("sd"), [Some(Err(DenyCode::ReducingOnly))]);
        assert_eq!(led_to("nx"), [Some(Ok(2))], "a close");
        assert_eq!(led_to("sx"), [None], "the other way");
        assert_eq!(led_to("s|o"), [None], "later");
        assert_eq!(led_to("o|s"), [None], "earlier");
        assert_eq!(led_to("sso"), [None, Some(Ok(3))], "an order is one signal's");
        assert_eq!(led_to("soo"), [Some(Ok(2))]);
    }
}
