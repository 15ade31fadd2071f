//! Engines that are given no ticks although their market has them: nobody starves in silence, whatever the cause.
//!
//! Once a second each running engine is looked at from outside its shard: a shard that hangs can't tell. An engine publishes, of each
//! symbol, the last tick that it was given or that went by because it did not wait for it; one that dozes does so every few seconds
//! of market. It starves when that stands still while its market has gone on for a minute, and for some seconds of the steady clock:
//! at a high speed a minute of market passes before a busy shard has had its turn. It recovers by itself with the next tick.

use crate::meter::Meter;
use crate::shared::Shared;
use domain::ids::EngineId;
use domain::life::EngineState;
use domain::symbol::SymbolId;
use domain::time::{MINUTE_US, SECOND_US, Steady, Time};
use smallvec::SmallVec;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often engines are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How far the market goes on before an engine that is given none of its ticks starves.
const MARKET_US: i64 = MINUTE_US;
/// How long that lasts at least, by the steady clock: many times what a shard takes for a pass over all its engines.
const LASTS_US: i64 = 5 * SECOND_US;
/// Engines that a line in the log names.
const NAMED_MAX: usize = 10;

/// An engine that is given no ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Starving {
    /// Of which symbol.
    pub symbol: SymbolId,
    /// Since when, in market time.
    pub since: Time,
    /// How far its market had come when that was noticed last.
    pub market: Time,
}

/// What an engine was given, of each of its symbols, and how many ticks it had been given at the last look.
#[derive(Debug, Default)]
pub(crate) struct Fed(Mutex<(SmallVec<[Given; 1]>, u64)>);

#[derive(Debug)]
struct Given {
    symbol: SymbolId,
    /// The last tick that it was given, and what that was at the last look.
    last: u64,
    looked_at: u64,
    /// When the market was seen to be ahead of it: where it was, and the steady clock.
    behind: Option<(Time, Steady)>,
    starving: Option<Starving>,
}

impl Fed {
    /// Notes the last ticks that an engine was given.
    pub(crate) fn given(&self, given: impl Iterator<Item = (SymbolId, u64)>) {
        let known = &mut self.0.lock().unwrap_or_else(PoisonError::into_inner).0;
        let mut count = 0;
        for (symbol, last) in given {
            match known.get_mut(count) {
                Some(own) if own.symbol == symbol => own.last = last,
                // Another version may want other symbols.
                _ => {
                    known.truncate(count);
                    known.push(Given { symbol, last, looked_at: last, behind: None, starving: None });
                }
            }
            count += 1;
        }
        known.truncate(count);
    }

    /// Whether the engine starves, as of the last look.
    pub(crate) fn starving(&self) -> Option<Starving> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.iter().find_map(|given| given.starving)
    }

    /// Looks at it. `ticks`: how many it was given of all its symbols, which is known at once; `last` gives the last tick of a symbol,
    /// its number and time.
    fn look(&self, is_running: bool, ticks: u64, now: Steady, last: impl Fn(SymbolId) -> Option<(u64, Time)>) {
        let mut fed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, ticks_before) = &mut *fed;
        let was_given_some = std::mem::replace(ticks_before, ticks) != ticks;
        let is_only_one = known.len() == 1;
        for given in known {
            let market = last(given.symbol).filter(|(number, _)| is_running && *number > given.last);
            let is_fed = std::mem::replace(&mut given.looked_at, given.last) != given.last || (is_only_one && was_given_some);
            let Some((_, market)) = market.filter(|_| !is_fed) else {
                (given.behind, given.starving) = (None, None);
                continue;
            };
            let (since, looked) = *given.behind.get_or_insert((market, now));
            let starves = market.since_us(since) > MARKET_US && now.since_us(looked) >= LASTS_US;
            given.starving = starves.then_some(Starving { symbol: given.symbol, since, market });
        }
    }
}

/// The thread: looks every second, until the other end is gone.
pub(crate) fn watch(shared: &Shared, ends: &Receiver<()>) {
    while ends.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        look(shared);
    }
}

/// Looks at every engine.
pub(crate) fn look(shared: &Shared) {
    let last: Vec<_> = {
        let market = shared.market();
        shared.table.iter().map(|(id, _)| market.symbol(id).last().map(|tick| (tick.sequence, tick.time))).collect()
    };
    let now = shared.clock.steady();
    let (mut starve, mut recovered) = (Vec::new(), Vec::new());
    for (id, entry) in shared.engines.read().unwrap_or_else(PoisonError::into_inner).iter() {
        let meter: &Meter = &entry.meter;
        let before = meter.fed.starving();
        let (is_running, ticks) = (meter.state() == EngineState::Running, meter.ticks.load(Relaxed));
        meter.fed.look(is_running, ticks, now, |symbol| *last.get(usize::from(symbol.0))?);
        match (before, meter.fed.starving()) {
            (None, Some(starving)) => starve.push((*id, starving)),
            (Some(_), None) => recovered.push(*id),
            _ => {}
        }
    }
    if let Some((_, first)) = starve.first() {
        let (many, names) = (starve.len(), names(starve.iter().map(|(id, _)| *id)));
        let (symbol, since, market) = (&shared.table.spec(first.symbol).name, first.since, first.market);
        tracing::warn!(
            "engines that are given no ticks of their market: {many} ({names}); the first has had none of {symbol} since {since}, and it is \
             {market}"
        );
    }
    if !recovered.is_empty() {
        tracing::info!("engines that are given ticks again, or have stopped: {} ({})", recovered.len(), names(recovered.iter().copied()));
    }
}

fn names(engines: impl ExactSizeIterator<Item = EngineId>) -> String {
    let more = engines.len().saturating_sub(NAMED_MAX);
    let mut names: Vec<_> = engines.take(NAMED_MAX).map(|engine| format!("engine {engine}")).collect();
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOL: SymbolId = SymbolId(0);

    /// Looks once a second of the steady clock; each row is the market's last tick, its time in seconds, and the last that was given.
    fn check(rows: &[(u64, i64, u64)], expected: &[bool]) {
        let fed = Fed::default();
        fed.given([(SYMBOL, 0)].into_iter());
        let mut got = Vec::new();
        for (n, &(number, seconds, given)) in (0..).zip(rows) {
            fed.given([(SYMBOL, given)].into_iter());
            fed.look(true, given, Steady(n * SECOND_US), |_| Some((number, Time(seconds * SECOND_US))));
            got.push(fed.starving().is_some());
        }
        assert_eq!(got, expected, "{rows:?}");
    }

    #[test]
    fn who_is_given_nothing_for_a_minute_of_market_and_five_seconds_starves_until_the_next_tick() {
        let market = |n: u64| (n, n as i64 * 20);
        let deaf = (1..=8).map(|n| (market(n).0, market(n).1, 0));
        let rows: Vec<_> = deaf.chain([(9, 180, 9), (10, 200, 9)]).collect();
        check(&rows, &[false, false, false, false, false, true, true, true, false, false]);
    }

    #[test]
    fn a_market_that_stands_still_or_opens_again_starves_nobody() {
        check(&[(5, 10, 5); 9], &[false; 9]);
        let weekend = 172_800;
        check(&[(5, 10, 5), (6, weekend, 5), (7, weekend + 1, 7), (8, weekend + 2, 8)], &[false; 4]);
    }

    #[test]
    fn who_lags_but_is_given_ticks_does_not_starve() {
        let rows: Vec<_> = (1..=20).map(|n| (n * 1_000, n as i64 * 600, n)).collect();
        check(&rows, &[false; 20]);
    }

    #[test]
    fn who_does_not_run_does_not_starve() {
        let fed = Fed::default();
        fed.given([(SYMBOL, 1)].into_iter());
        (0..20).for_each(|n| fed.look(n < 10, 0, Steady(n * SECOND_US), |_| Some((n as u64 + 2, Time(n * MINUTE_US)))));
        assert_eq!(fed.starving(), None);
    }
}
