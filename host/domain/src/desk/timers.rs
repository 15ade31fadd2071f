//! Timers in market time.

use crate::guest::ContractBroken;
use crate::limits::{TIMER_EVERY_MIN_US, TIMERS_MAX};
use crate::time::Time;

#[derive(Clone, Copy, Debug)]
struct Timer {
    id: u32,
    at: Time,
    every_us: Option<i64>,
}

/// At most [`TIMERS_MAX`] timers; a list, since it is short.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers(Vec<Timer>);

impl Timers {
    pub(super) fn set(&mut self, id: u32, at: Time, every_us: Option<u64>) -> Result<(), ContractBroken> {
        if every_us.is_some_and(|every| every < TIMER_EVERY_MIN_US) {
            return Err(ContractBroken(format!("timer {id} repeats faster than every {TIMER_EVERY_MIN_US} us")));
        }
        self.clear(id);
        if self.0.len() == TIMERS_MAX {
            return Err(ContractBroken(format!("timer {id} would be one more than {TIMERS_MAX}")));
        }
        let every_us = every_us.map(|every| i64::try_from(every).unwrap_or(i64::MAX));
        self.0.push(Timer { id, at, every_us });
        Ok(())
    }

    pub(super) fn clear(&mut self, id: u32) {
        self.0.retain(|timer| timer.id != id);
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.0.iter().map(|timer| timer.at).min()
    }

    /// Takes the earliest timer that is due by `until`; a repeating one is set for its next time after `until`, so that a
    /// gap in the market fires it once.
    pub(super) fn pop(&mut self, until: Time) -> Option<(u32, Time)> {
        let at = (0..self.0.len()).filter(|&at| self.0[at].at <= until).min_by_key(|&at| (self.0[at].at, self.0[at].id))?;
        let timer = &mut self.0[at];
        let due = (timer.id, timer.at);
        match timer.every_us {
            Some(every) => {
                let missed = until.since_us(timer.at) / every;
                timer.at = timer.at.plus_us(every.saturating_mul(missed + 1));
            }
            None => {
                self.0.swap_remove(at);
            }
        }
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_of_time_and_repeat_once_after_a_gap() {
        let mut timers = Timers::default();
        timers.set(1, Time(50), Some(1_000_000)).unwrap();
        timers.set(2, Time(10), None).unwrap();
        assert_eq!(timers.pop(Time(5)), None);
        assert_eq!(timers.pop(Time(5_000_000)), Some((2, Time(10))));
        assert_eq!(timers.pop(Time(5_000_000)), Some((1, Time(50))));
        assert_eq!(timers.pop(Time(5_000_000)), None);
        assert_eq!(timers.next(), Some(Time(5_000_050)));
    }

    #[test]
    fn a_seventeenth_timer_and_a_frantic_one_are_refused() {
        let mut timers = Timers::default();
        (0..16).for_each(|id| timers.set(id, Time(1), None).unwrap());
        assert!(timers.set(16, Time(1), None).is_err());
        assert!(timers.set(3, Time(2), None).is_ok(), "replacing one is no new one");
        assert!(timers.set(3, Time(2), Some(999_999)).is_err());
    }
}
