//! Floods: requests that are denied and reports that are dropped, without end. Whoever goes on like that is ended.

use super::Desk;
use crate::contract::DenyCode;
use crate::guest::{Fault, FaultKind};
use crate::limits::{FLOOD_BURST, FLOOD_BURSTS_MAX, FLOOD_DENIED_MAX, FLOOD_DROPPED_MAX, FLOOD_EVENTS, REQUESTS_PER_MINUTE_MAX};
use crate::order::Action;
use crate::time::{MINUTE_US, Time};

/// Closes and cancels pass up to this many times the usual rate, as at the gate.
const WAYS_OUT: u32 = 10;

/// What came to nothing lately.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Flood {
    /// Events so far.
    events: u64,
    /// Set when it was too much.
    message: Option<String>,
    /// Which hundred of them is counted.
    window: u64,
    denied: Vec<(DenyCode, u32)>,
    dropped: u32,
    /// Its events with more than [`FLOOD_BURST`] of either; the last event with any, and how many that had.
    bursts: u32,
    event: u64,
    of_event: u32,
    minute: i64,
    requests: u32,
}

impl Flood {
    /// Counts events that were handed over.
    pub(super) fn events(&mut self, more: u64) {
        self.events += more;
    }

    /// Counts at the event that lies `row` rows after the last, and in its window.
    fn count_at(&mut self, row: usize) {
        let event = self.events + row as u64;
        let window = event / FLOOD_EVENTS;
        if window != self.window {
            self.window = window;
            self.denied.clear();
            (self.dropped, self.bursts) = (0, 0);
        }
        if event != self.event {
            (self.event, self.of_event) = (event, 0);
        }
        self.of_event += 1;
        self.bursts += u32::from(self.of_event == FLOOD_BURST + 1);
    }

    fn denied(&mut self, row: usize, code: DenyCode) {
        // The host's own state, not the engine's doing.
        if matches!(code, DenyCode::HostBusy | DenyCode::HostLimit) {
            return;
        }
        self.count_at(row);
        match self.denied.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count += 1,
            None => self.denied.push((code, 1)),
        }
        let all: u32 = self.denied.iter().map(|(_, count)| count).sum();
        if (all > FLOOD_DENIED_MAX || self.bursts > FLOOD_BURSTS_MAX) && self.message.is_none() {
            self.denied.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
            let codes: Vec<String> = self.denied.iter().map(|(code, count)| format!("{code} {count} times")).collect();
            self.message = Some(format!(
                "it went on asking for what is denied: {}, within {FLOOD_EVENTS} events, where {FLOOD_DENIED_MAX} may be, and more than \
                 {FLOOD_BURST} at one event {FLOOD_BURSTS_MAX} times; have it look at the answer before it asks again",
                codes.join(", ")
            ));
        }
    }

    fn dropped(&mut self, row: usize) {
        self.count_at(row);
        self.dropped += 1;
        if (self.dropped > FLOOD_DROPPED_MAX || self.bursts > FLOOD_BURSTS_MAX) && self.message.is_none() {
            self.message = Some(format!(
                "it went on saying more than is kept: {} log lines, signals and plots were dropped within {FLOOD_EVENTS} events, where \
                 {FLOOD_DROPPED_MAX} may be, and more than {FLOOD_BURST} at one event {FLOOD_BURSTS_MAX} times; have it say less",
                self.dropped
            ));
        }
    }

    /// Takes one from the minute's requests.
    fn request(&mut self, now: Time, action: &Action) -> Result<(), DenyCode> {
        let minute = now.0.div_euclid(MINUTE_US);
        if minute != self.minute {
            (self.minute, self.requests) = (minute, 0);
        }
        let is_way_out = match action {
            Action::Cancel | Action::ModifyPosition { .. } => true,
            Action::Place(request) => request.reduce_only || request.position.is_some(),
            Action::ModifyOrder { .. } => false,
        };
        let max = REQUESTS_PER_MINUTE_MAX * if is_way_out { WAYS_OUT } else { 1 };
        if self.requests >= max {
            return Err(DenyCode::RateExceeded);
        }
        self.requests += 1;
        Ok(())
    }
}

impl Desk {
    fn row(&self) -> usize {
        self.batch.as_ref().map_or(0, |batch| batch.row)
    }

    /// Counts a request that was denied.
    pub(super) fn count_denied<T>(&mut self, answer: Result<T, DenyCode>) {
        if let Err(code) = answer {
            self.flood.denied(self.row(), code);
        }
    }

    /// Counts a report that was dropped.
    pub(super) fn count_dropped(&mut self) {
        self.flood.dropped(self.row());
    }

    /// Takes one from what the engine may ask for in this minute.
    pub(super) fn take_request(&mut self, action: &Action) -> Result<(), DenyCode> {
        self.flood.request(self.now, action)
    }

    /// The fault of a guest that floods its host.
    pub(crate) fn flooded(&mut self) -> Option<Fault> {
        let message = self.flood.message.take()?;
        Some(Fault { kind: FaultKind::Flooding, message })
    }
}
