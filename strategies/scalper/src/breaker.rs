//! The circuit breaker: after too many losses, or too large ones, no new trade for a while.

use std::collections::VecDeque;

use stockade_sdk::prelude::*;
use stockade_sdk::state::{Reader, Writer};

use crate::Settings;

/// Remembers results and says when to pause.
#[derive(Debug, PartialEq)]
pub(crate) struct Breaker {
    in_row_max: u32,
    of_last_max: u32,
    last_trades: usize,
    day_loss_percent_max: f64,
    pause: Time,
    losses_in_row: u32,
    /// The last results, oldest first.
    results: VecDeque<f64>,
    /// Days since 1970, UTC.
    day: i64,
    day_equity: f64,
    day_result: f64,
    open_until: Time,
}

impl Breaker {
    pub fn new(settings: &Settings) -> Self {
        Breaker {
            in_row_max: settings.losses_in_row_max,
            of_last_max: settings.losses_of_last_max,
            last_trades: settings.last_trades as usize,
            day_loss_percent_max: settings.day_loss_percent_max,
            pause: Time::from(settings.pause_minutes) * MINUTE,
            losses_in_row: 0,
            results: VecDeque::new(),
            day: i64::MIN,
            day_equity: 0.0,
            day_result: 0.0,
            open_until: Time::MIN,
        }
    }

    /// Whether trading goes on: a closed circuit.
    pub fn is_closed(&self, now: Time) -> bool {
        now >= self.open_until
    }

    pub fn is_new_day(&self, now: Time) -> bool {
        now.div_euclid(DAY) != self.day
    }

    /// A day begins with this equity, in the account's currency.
    pub fn start_day(&mut self, now: Time, equity: f64) {
        (self.day, self.day_equity, self.day_result) = (now.div_euclid(DAY), equity, 0.0);
    }

    /// A trade ended with this result. Says so, in words for the owner, when that opens the circuit.
    pub fn record(&mut self, now: Time, result: f64) -> Option<String> {
        self.losses_in_row = if result < 0.0 { self.losses_in_row + 1 } else { 0 };
        self.results.push_back(result);
        if self.results.len() > self.last_trades {
            self.results.pop_front();
        }
        self.day_result += result;
        let losses = self.results.iter().filter(|result| **result < 0.0).count() as u32;
        let day_limit = self.day_equity * self.day_loss_percent_max / 100.0;
        let (until, why) = if day_limit > 0.0 && self.day_result <= -day_limit {
            let next_day = (now.div_euclid(DAY) + 1) * DAY;
            (next_day.max(now + self.pause), format!("lost {:.2} today", -self.day_result))
        } else if self.in_row_max > 0 && self.losses_in_row >= self.in_row_max {
            (now + self.pause, format!("{} losses in a row", self.losses_in_row))
        } else if self.of_last_max > 0 && losses >= self.of_last_max {
            (now + self.pause, format!("{losses} losses in {} trades", self.results.len()))
        } else {
            return None;
        };
        // What led to a pause has been answered by it.
        self.losses_in_row = 0;
        self.results.clear();
        self.open_until = until;
        Some(format!("circuit breaker: {why}; no new trade for {} minutes", (until - now) / MINUTE))
    }

    pub fn save(&self, writer: Writer) -> Writer {
        let results: Vec<_> = self.results.iter().copied().collect();
        writer
            .u64(u64::from(self.losses_in_row))
            .f64s(&results)
            .i64(self.day)
            .f64(self.day_equity)
            .f64(self.day_result)
            .i64(self.open_until)
    }

    pub fn load(&mut self, reader: &mut Reader) -> Result<(), String> {
        self.losses_in_row = u32::try_from(reader.u64()?).map_err(|_| "saved state has too many losses in a row")?;
        // Saved with other parameters there may be more of them than are wanted now.
        let results = reader.f64s(100)?;
        self.results = results[results.len().saturating_sub(self.last_trades)..].iter().copied().collect();
        self.day = reader.i64()?;
        self.day_equity = reader.f64()?;
        self.day_result = reader.f64()?;
        self.open_until = reader.i64()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After these results, one a minute from the start of a day with an equity of 1,000: the last word, and the
    /// minutes from the last result until trading goes on.
    fn after(results: &[f64]) -> (Option<String>, i64) {
        let mut breaker = Breaker::new(&Settings::default());
        breaker.start_day(0, 1_000.0);
        let (mut word, mut now) = (None, 0);
        for result in results {
            now += MINUTE;
            word = breaker.record(now, *result);
        }
        (word, (0..).find(|minutes| breaker.is_closed(now + minutes * MINUTE)).expect("every pause ends"))
    }

    #[test]
    fn three_losses_in_a_row_pause_for_an_hour() {
        assert_eq!(after(&[-1.0, -1.0]), (None, 0));
        assert_eq!(after(&[-1.0, -1.0, 0.0, -1.0]), (None, 0));
        let (word, minutes) = after(&[-1.0, -1.0, -1.0]);
        assert_eq!(minutes, 60);
        assert_eq!(word.as_deref(), Some("circuit breaker: 3 losses in a row; no new trade for 60 minutes"));
    }

    #[test]
    fn five_losses_of_seven_trades_pause_for_an_hour() {
        assert_eq!(after(&[-1.0, -1.0, 1.0, -1.0, -1.0, 1.0]).1, 0);
        assert_eq!(after(&[-1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0]).1, 60);
        assert_eq!(after(&[-1.0, 1.0, 1.0, -1.0, -1.0, 1.0, -1.0, -1.0]).1, 0);
    }

    #[test]
    fn a_lost_day_is_over() {
        assert_eq!(after(&[-29.9]).1, 0);
        assert_eq!(after(&[-30.0]).1, 24 * 60 - 1);
        assert_eq!(after(&[20.0, -45.0]).1, 0);
    }

    #[test]
    fn a_pause_answers_what_led_to_it() {
        assert_eq!(after(&[-1.0, -1.0, -1.0, -1.0]).0, None);
    }

    #[test]
    fn saved_results_come_back_whole() {
        let mut breaker = Breaker::new(&Settings::default());
        breaker.start_day(5 * DAY, 1_000.0);
        breaker.record(5 * DAY, -3.0);
        let mut again = Breaker::new(&Settings::default());
        let bytes = breaker.save(Writer::new()).finish();
        again.load(&mut Reader::new(&bytes)).expect("its own bytes");
        assert_eq!(again, breaker);
    }
}
