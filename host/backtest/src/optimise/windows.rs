//! Which time is optimised on and which is tested on: one forward period, or many windows that walk through the data.
//!
//! Windows begin and end at midnight UTC.

use domain::time::Time;
use market::Date;
use serde::Serialize;
use std::str::FromStr;

/// Windows of one optimisation at most.
const WINDOWS_MAX: usize = 1_000;

/// Days with `first <= day < end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub first: Date,
    /// The day after the last.
    pub end: Date,
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} to {}", self.first, self.last())
    }
}

impl Span {
    /// The days that hold both times.
    pub fn holding(first: Time, last: Time) -> Self {
        Self { first: Date::of(first), end: Date(Date::of(last).0 + 1) }
    }

    /// The last day.
    pub fn last(self) -> Date {
        Date(self.end.0 - 1)
    }

    /// How many.
    pub fn days(self) -> i64 {
        self.end.0 - self.first.0
    }

    /// Its first moment.
    pub fn start(self) -> Time {
        self.first.start()
    }

    /// The first moment after it.
    pub fn stop(self) -> Time {
        self.end.start()
    }
}

/// What is optimised on, and what the best of it is tested on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Window {
    /// In sample.
    pub optimised: Span,
    /// Out of sample, right after it.
    pub tested: Option<Span>,
}

/// The part of the time that is kept for testing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// The last 1/n of the days.
    Fraction(u32),
    /// From this day on.
    From(Date),
}

impl FromStr for Forward {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "1/2" => Ok(Self::Fraction(2)),
            "1/3" => Ok(Self::Fraction(3)),
            "1/4" => Ok(Self::Fraction(4)),
            day => day.parse().map(Self::From).map_err(|_| format!("{day:?} is neither a day such as 2014-05-10 nor one of 1/2, 1/3, 1/4")),
        }
    }
}

/// How windows walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Walk {
    /// The time optimised on grows: it always begins at the first day.
    Anchored,
    /// The time optimised on moves, and is always as long.
    Rolling,
}

/// All of `span`, with the last part kept for testing.
///
/// # Errors
/// One of the parts would have no day.
pub fn forward(span: Span, forward: Forward) -> Result<Window, String> {
    let first_tested = match forward {
        // The larger part is optimised on.
        Forward::Fraction(n) => Date(span.end.0 - span.days() / i64::from(n)),
        Forward::From(day) => day,
    };
    if first_tested <= span.first || first_tested >= span.end {
        return Err(match forward {
            Forward::Fraction(n) => format!("{span} is too short to keep 1/{n} of it; give a longer time"),
            Forward::From(day) => format!("the forward day {day} must lie within {span}, after its first day"),
        });
    }
    let (optimised, tested) = (Span { end: first_tested, ..span }, Span { first: first_tested, ..span });
    Ok(Window { optimised, tested: Some(tested) })
}

/// Windows that optimise on `in_days` (anchored: at least as many) and test on the `out_days` after them, each `out_days` later
/// than the one before, so that every day after the first `in_days` is tested on once. The last test ends with the data, and
/// may be shorter.
///
/// # Errors
/// There is not one window in it, or there are too many.
pub fn walk(span: Span, walk: Walk, in_days: u32, out_days: u32) -> Result<Vec<Window>, String> {
    let (in_days, out_days) = (i64::from(in_days), i64::from(out_days));
    if in_days == 0 || out_days == 0 {
        return Err("a window optimises on at least one day and tests on at least one".to_owned());
    }
    if in_days >= span.days() {
        let days = span.days();
        return Err(format!("there are {days} days ({span}), and windows of {in_days} days leave none to test on; give fewer"));
    }
    let count = (span.days() - in_days + out_days - 1) / out_days;
    if count as usize > WINDOWS_MAX {
        return Err(format!("{count} windows are more than {WINDOWS_MAX}; test on more days at a time"));
    }
    let window = |at: i64| {
        let first_tested = Date(span.first.0 + in_days + at * out_days);
        let first = match walk {
            Walk::Anchored => span.first,
            Walk::Rolling => Date(first_tested.0 - in_days),
        };
        let tested = Span { first: first_tested, end: Date((first_tested.0 + out_days).min(span.end.0)) };
        Window { optimised: Span { first, end: first_tested }, tested: Some(tested) }
    };
    Ok((0..count).map(window).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(first: &str, last: &str) -> Span {
        Span::holding(first.parse::<Date>().unwrap().start(), last.parse::<Date>().unwrap().start())
    }

    fn check(windows: Result<Vec<Window>, String>, expected: &[(&str, &str)]) {
        let shown = |window: &Window| (window.optimised.to_string(), window.tested.map(|tested| tested.to_string()).unwrap_or_default());
        let windows: Vec<_> = windows.unwrap().iter().map(shown).collect();
        let windows: Vec<_> = windows.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(windows, expected);
    }

    #[test]
    fn rolling_windows_move_and_anchored_ones_grow_and_each_later_day_is_tested_once() {
        let days = span("2014-05-01", "2014-05-11");
        check(
            walk(days, Walk::Rolling, 4, 3),
            &[
                ("2014-05-01 to 2014-05-04", "2014-05-05 to 2014-05-07"),
                ("2014-05-04 to 2014-05-07", "2014-05-08 to 2014-05-10"),
                ("2014-05-07 to 2014-05-10", "2014-05-11 to 2014-05-11"),
            ],
        );
        check(
            walk(days, Walk::Anchored, 7, 2),
            &[("2014-05-01 to 2014-05-07", "2014-05-08 to 2014-05-09"), ("2014-05-01 to 2014-05-09", "2014-05-10 to 2014-05-11")],
        );
    }

    #[test]
    fn a_forward_period_is_the_end_of_the_time() {
        let days = span("2014-05-01", "2014-05-10");
        check(forward(days, Forward::Fraction(2)).map(|window| vec![window]), &[("2014-05-01 to 2014-05-05", "2014-05-06 to 2014-05-10")]);
        check(forward(days, Forward::Fraction(3)).map(|window| vec![window]), &[("2014-05-01 to 2014-05-07", "2014-05-08 to 2014-05-10")]);
        check(forward(days, Forward::Fraction(4)).map(|window| vec![window]), &[("2014-05-01 to 2014-05-08", "2014-05-09 to 2014-05-10")]);
        check(
            forward(days, "2014-05-03".parse().unwrap()).map(|window| vec![window]),
            &[("2014-05-01 to 2014-05-02", "2014-05-03 to 2014-05-10")],
        );
    }

    #[test]
    fn what_leaves_nothing_to_optimise_or_test_on_is_refused_in_a_line() {
        let days = span("2014-05-01", "2014-05-03");
        let says = |result: Result<(), String>, what: &str| {
            let error = result.unwrap_err();
            assert!(error.contains(what) && error.lines().count() == 1, "{error}");
        };
        says(forward(days, Forward::Fraction(4)).map(drop), "too short to keep 1/4");
        says(forward(days, "2014-05-01".parse().unwrap()).map(drop), "must lie within");
        says(forward(days, "2014-05-04".parse().unwrap()).map(drop), "must lie within");
        says(walk(days, Walk::Rolling, 3, 1).map(drop), "leave none to test on");
        says(walk(days, Walk::Rolling, 0, 1).map(drop), "at least one day");
        says("1/5".parse::<Forward>().map(drop), "nor one of 1/2");
        says(walk(span("2000-01-01", "2014-01-01"), Walk::Anchored, 10, 1).map(drop), "more than 1000");
    }
}
