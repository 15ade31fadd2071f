//! When to trade: in London's hours, in New York's, in either, or in none.

use stockade_sdk::prelude::*;
use stockade_sdk::session::{Session, Zone};

use crate::Settings;

/// The windows in which entries are looked for. Exits have no hours.
#[derive(Debug)]
pub(crate) struct Sessions([Option<Session>; 2]);

impl Sessions {
    pub fn new(settings: &Settings) -> Self {
        let hours = |hours: f64| (hours * HOUR as f64) as Time;
        let window = |on: bool, zone, from, until| (on && from < until).then(|| Session::new(zone, hours(from), hours(until)));
        Sessions([
            window(settings.london, Zone::London, settings.london_from, settings.london_until),
            window(settings.new_york, Zone::NewYork, settings.new_york_from, settings.new_york_until),
        ])
    }

    pub fn is_open(&self, time: Time) -> bool {
        self.0.iter().flatten().any(|session| session.is_open(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stockade_sdk::session::Date;

    /// Whether it trades at a minute of Tuesday, 2024-01-16 UTC, when London is at UTC and New York five hours behind.
    fn open(settings: Settings, minute: i64) -> bool {
        Sessions::new(&settings).is_open(Date { year: 2024, month: 1, day: 16 }.to_day() * DAY + minute * MINUTE)
    }

    #[test]
    fn trades_from_londons_opening_to_new_yorks_close() {
        let hours: Vec<_> = (0..24).filter(|hour| open(Settings::default(), hour * 60)).collect();
        assert_eq!(hours, (8..22).collect::<Vec<_>>());
    }

    #[test]
    fn either_session_can_be_left_out() {
        let london = || Settings { new_york: false, ..Settings::default() };
        assert!(open(london(), 16 * 60 + 29) && !open(london(), 16 * 60 + 30));
        let new_york = || Settings { london: false, ..Settings::default() };
        assert!(!open(new_york(), 13 * 60 - 1) && open(new_york(), 13 * 60));
        let neither = || Settings { new_york: false, ..new_york() };
        assert!(!open(neither(), 14 * 60));
    }

    #[test]
    fn an_empty_window_is_never_open() {
        assert!(!open(Settings { london_until: 8.0, new_york: false, ..Settings::default() }, 8 * 60));
    }
}
