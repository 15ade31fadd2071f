//! A moment as people write it.

use domain::time::{MINUTE_US, Time};
use market::Date;
use std::str::FromStr;

/// `2014-05-01` or `2014-05-01 08:30`, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub Time);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (day, clock) = text.split_once([' ', 'T']).unwrap_or((text, "00:00"));
        let minutes = clock.split_once(':').and_then(|(hours, minutes)| Some((hours.parse::<i64>().ok()?, minutes.parse::<i64>().ok()?)));
        let minutes = minutes.filter(|(hours, minutes)| (0..24).contains(hours) && (0..60).contains(minutes));
        match (day.parse::<Date>(), minutes) {
            (Ok(day), Some((hours, minutes))) => Ok(Self(day.start().plus_us((hours * 60 + minutes) * MINUTE_US))),
            _ => Err(format!("{text:?} is no moment; write 2014-05-01 or 2014-05-01 08:30")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_day_with_or_without_a_clock() {
        let shown = |text: &str| text.parse::<Moment>().map(|moment| moment.0.to_string());
        assert_eq!(shown("2014-05-01").as_deref(), Ok("2014-05-01T00:00:00.000000Z"));
        assert_eq!(shown("2014-05-01 08:30").as_deref(), Ok("2014-05-01T08:30:00.000000Z"));
        for wrong in ["", "yesterday", "2014-13-01", "2014-05-01 24:00", "2014-05-01 8"] {
            assert!(shown(wrong).is_err(), "{wrong}");
        }
    }
}
