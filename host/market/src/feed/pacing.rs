//! When a tick is due on the steady clock. Arithmetic only: the caller looks at its clock and sleeps.

use super::{Feed, FeedError};
use domain::tick::Tick;
use domain::time::{SECOND_US, Steady, Time};
use std::str::FromStr;

/// How fast market time goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Pacing {
    /// As fast as the clock.
    #[default]
    RealTime,
    /// So many times as fast; a factor that isn't positive counts as 1.
    Times(f64),
    /// As fast as ticks are taken.
    AsFast,
}

/// A text that is no pacing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no pace: give real-time, a factor like 10, or max")]
pub struct NotAPacing(String);

impl FromStr for Pacing {
    type Err = NotAPacing;

    fn from_str(text: &str) -> Result<Self, NotAPacing> {
        match text {
            "real-time" => Ok(Self::RealTime),
            "max" => Ok(Self::AsFast),
            _ => {
                let factor = text.strip_suffix('x').unwrap_or(text).parse::<f64>().ok();
                let factor = factor.filter(|factor| (1e-3..=1e6).contains(factor));
                factor.map(Self::Times).ok_or_else(|| NotAPacing(text.into()))
            }
        }
    }
}

/// Held up for longer than this, the market goes on from where it was; for less, it catches up.
const HELD_UP_US_MAX: i64 = SECOND_US;
/// The longest that a caller sleeps before it polls again.
pub const POLL_EVERY_US_MAX: i64 = SECOND_US;

/// Maps market time to the clock. The first tick fixes how they lie to each other.
#[derive(Clone, Debug)]
pub struct Pacer {
    pacing: Pacing,
    pause_us_max: i64,
    /// Market and clock at the origin, and the last market time seen.
    origin: Option<(Time, Steady, Time)>,
}

impl Pacer {
    /// Nothing is due yet.
    pub fn new(pacing: Pacing) -> Self {
        Self { pacing, pause_us_max: i64::MAX, origin: None }
    }

    /// Market pauses longer than `us` (nights, weekends) take only `us` of market time.
    pub fn with_pause_us_max(self, us: i64) -> Self {
        Self { pause_us_max: us.max(0), ..self }
    }

    /// Whatever is still to come is due that much later.
    fn shift(&mut self, us: i64) {
        if let Some((_, clock_origin, _)) = &mut self.origin {
            *clock_origin = clock_origin.plus_us(us);
        }
    }

    /// When a tick of `market` time is due on the clock, which shows `now`. Call it once for each tick, in order.
    pub fn due(&mut self, market: Time, now: Steady) -> Steady {
        let (mut market_origin, clock_origin, last) = *self.origin.get_or_insert((market, now, market));
        let pause_us = market.since_us(last);
        if pause_us > self.pause_us_max {
            market_origin = market_origin.plus_us(pause_us - self.pause_us_max);
        }
        self.origin = Some((market_origin, clock_origin, market));
        let elapsed_us = market.since_us(market_origin);
        match self.pacing {
            Pacing::AsFast => now,
            Pacing::Times(factor) if factor > 0.0 => clock_origin.plus_us((elapsed_us as f64 / factor) as i64),
            Pacing::RealTime | Pacing::Times(_) => clock_origin.plus_us(elapsed_us),
        }
    }
}

/// A feed whose ticks wait until they are due.
#[derive(Debug)]
pub struct Paced<F> {
    feed: F,
    pacer: Pacer,
    waiting: Option<(Tick, Steady)>,
    /// When it was polled last, and when it was to be polled again.
    polled: Option<(Steady, Steady)>,
    held_up_us: i64,
    late_us: i64,
}

/// What a paced feed has now.
#[derive(Debug)]
pub enum Due {
    /// A tick whose time has come.
    Now(Tick),
    /// The next tick is due when the clock shows this.
    At(Steady),
    /// The feed has a hole and goes on behind it.
    Failed(FeedError),
    /// There will be no more.
    End,
}

impl<F: Feed> Paced<F> {
    /// `feed`, paced by `pacer`.
    pub fn new(feed: F, pacer: Pacer) -> Self {
        Self { feed, pacer, waiting: None, polled: None, held_up_us: 0, late_us: 0 }
    }

    /// What is due when the clock shows `now`. To be asked again when that is, or within [`POLL_EVERY_US_MAX`].
    ///
    /// A caller that comes more than a second late was held up: the process was stopped, a queue was full, or somebody moved even
    /// this clock. The market then goes on from where it was; to make up for an hour at once would be a flood that no engine could
    /// handle. See [`take_held_up_us`](Self::take_held_up_us).
    pub fn poll(&mut self, now: Steady) -> Due {
        let moved_us = self.go_on_from(now);
        let due = self.look(now);
        self.late_us += moved_us;
        let again = if let Due::At(due) = &due { (*due).min(now.plus_us(POLL_EVERY_US_MAX)) } else { now };
        self.polled = Some((now, again));
        due
    }

    /// How long after its time the last tick came, microseconds, including the time for which the market was held up just before. 0
    /// without a pace.
    pub fn late_us(&self) -> i64 {
        if self.pacer.pacing == Pacing::AsFast { 0 } else { self.late_us.max(0) }
    }

    /// For how long the market was held up since this was asked last, microseconds; less than 0 where the clock went back. `None`:
    /// for no more than it makes up for, or it has no pace.
    pub fn take_held_up_us(&mut self) -> Option<i64> {
        Some(std::mem::take(&mut self.held_up_us)).filter(|us| us.abs() > HELD_UP_US_MAX && self.pacer.pacing != Pacing::AsFast)
    }

    /// Moves what is to come when the caller was held up; by how much, microseconds.
    fn go_on_from(&mut self, now: Steady) -> i64 {
        let Some((polled, again)) = self.polled else { return 0 };
        let held_up_us = if now < polled { now.since_us(polled) } else { now.since_us(again) };
        if now >= polled && held_up_us <= HELD_UP_US_MAX {
            return 0;
        }
        self.pacer.shift(held_up_us);
        self.waiting.iter_mut().for_each(|(_, due)| *due = due.plus_us(held_up_us));
        self.held_up_us += held_up_us;
        held_up_us
    }

    fn look(&mut self, now: Steady) -> Due {
        let (tick, due) = match self.waiting.take() {
            Some(waiting) => waiting,
            None => match self.feed.next() {
                Some(Ok(tick)) => (tick, self.pacer.due(tick.time, now)),
                Some(Err(error)) => return Due::Failed(error),
                None => return Due::End,
            },
        };
        self.late_us = now.since_us(due);
        if due <= now {
            return Due::Now(tick);
        }
        self.waiting = Some((tick, due));
        Due::At(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::symbol::SymbolId;
    use domain::time::DAY_US;

    struct Listed<I>(I);

    impl<I: Iterator<Item = i64> + Send> Feed for Listed<I> {
        fn next(&mut self) -> Option<Result<Tick, FeedError>> {
            let time = Time(self.0.next()?);
            Some(Ok(Tick { symbol: SymbolId(0), sequence: 1, time, bid: 1.0, ask: 1.0, last: 0.0, volume: 0.0, flags: 6 }))
        }
    }

    /// Runs the feed by a clock that starts at 1,000 s and jumps to whatever is due; gives when each tick came.
    fn came(pacing: &str, pause_us_max: i64, times: &[i64]) -> Vec<i64> {
        let pacer = Pacer::new(pacing.parse().expect("a pace")).with_pause_us_max(pause_us_max);
        let mut feed = Paced::new(Listed(times.iter().copied()), pacer);
        let start = 1_000 * SECOND_US;
        let (mut now, mut came) = (Steady(start), Vec::new());
        loop {
            match feed.poll(now) {
                Due::Now(_) => came.push(now.0 - start),
                Due::At(due) => {
                    assert!(due > now && matches!(feed.poll(now), Due::At(again) if again == due));
                    now = due.min(now.plus_us(POLL_EVERY_US_MAX));
                }
                Due::Failed(error) => panic!("{error}"),
                Due::End => return came,
            }
        }
    }

    #[test]
    fn ticks_come_when_they_are_due() {
        let times = [5 * SECOND_US, 6 * SECOND_US, 6 * SECOND_US, 10 * SECOND_US];
        let second = SECOND_US;
        assert_eq!(came("real-time", i64::MAX, &times), [0, second, second, 5 * second]);
        assert_eq!(came("10x", i64::MAX, &times), [0, second / 10, second / 10, second / 2]);
        assert_eq!(came("0.5", i64::MAX, &times), [0, 2 * second, 2 * second, 10 * second]);
        assert_eq!(came("max", i64::MAX, &times), [0, 0, 0, 0]);
    }

    #[test]
    fn long_pauses_are_shortened_and_short_ones_not() {
        let times = [0, SECOND_US, 3 * DAY_US, 3 * DAY_US + SECOND_US];
        assert_eq!(came("real-time", 5 * SECOND_US, &times), [0, SECOND_US, 6 * SECOND_US, 7 * SECOND_US]);
    }

    #[test]
    fn a_caller_who_is_a_little_late_gets_what_it_missed_at_once() {
        let mut feed = Paced::new(Listed([0, 1, 2, 9 * SECOND_US].into_iter()), Pacer::new(Pacing::RealTime));
        assert!(matches!(feed.poll(Steady(0)), Due::Now(_)));
        let now = Steady(SECOND_US);
        assert!(matches!((feed.poll(now), feed.poll(now)), (Due::Now(_), Due::Now(_))));
        assert_eq!(feed.late_us(), SECOND_US - 2);
        assert!(matches!(feed.poll(now), Due::At(due) if due == Steady(9 * SECOND_US)));
        assert_eq!((feed.take_held_up_us(), feed.late_us()), (None, 0));
    }

    #[test]
    fn a_tick_says_how_late_it_came_even_where_the_market_was_moved() {
        let mut feed = Paced::new(Listed([0, SECOND_US].into_iter()), Pacer::new(Pacing::RealTime));
        assert!(matches!((feed.poll(Steady(0)), feed.poll(Steady(0))), (Due::Now(_), Due::At(_))));
        assert!(matches!(feed.poll(Steady(6 * SECOND_US)), Due::Now(_)));
        assert_eq!((feed.late_us(), feed.take_held_up_us()), (5 * SECOND_US, Some(5 * SECOND_US)));
    }

    /// When the next tick comes to a caller who sleeps as he is told.
    fn next<F: Feed>(feed: &mut Paced<F>, now: &mut Steady) -> Steady {
        loop {
            match feed.poll(*now) {
                Due::Now(_) => return *now,
                Due::At(due) => *now = due.min(now.plus_us(POLL_EVERY_US_MAX)),
                other => panic!("{other:?}"),
            }
        }
    }

    /// A tick every fifth of a second; after some of them the clock jumps.
    #[track_caller]
    fn check_jump(jump_us: i64) {
        let mut feed = Paced::new(Listed((0..100).map(|n| n * 2 * SECOND_US)), Pacer::new(Pacing::Times(10.0)));
        let mut now = Steady(DAY_US);
        for _ in 0..50 {
            next(&mut feed, &mut now);
        }
        now = now.plus_us(jump_us);
        for n in 0..50 {
            let before = now;
            assert_eq!(next(&mut feed, &mut now).since_us(before), SECOND_US / 5, "tick {n} after a jump of {jump_us} us");
        }
        assert_eq!((feed.take_held_up_us(), feed.take_held_up_us()), (Some(jump_us), None), "told once");
    }

    #[test]
    fn a_clock_that_jumps_neither_stops_the_market_nor_races_it() {
        for hours in [-24 * 400, -1, 1, 24 * 400] {
            check_jump(hours * 60 * 60 * SECOND_US);
        }
    }

    #[test]
    fn a_market_without_a_pace_is_never_held_up() {
        let mut feed = Paced::new(Listed(0..9), Pacer::new(Pacing::AsFast));
        for now in [0, 3_600, 1, 9_999] {
            assert!(matches!(feed.poll(Steady(now * SECOND_US)), Due::Now(_)));
        }
        assert_eq!((feed.take_held_up_us(), feed.late_us()), (None, 0));
    }

    #[test]
    fn texts_that_are_no_pace_are_refused() {
        for text in ["", "0", "-1", "NaN", "inf", "fast", "1e9"] {
            assert!(text.parse::<Pacing>().is_err(), "{text}");
        }
    }
}
