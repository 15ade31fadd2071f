//! A market that nobody trades on: seeded, with quiet and wild hours, spreads that widen with them, weekends and gaps.

use super::random::Random;
use super::{Feed, FeedError};
use crate::columns::{OwnedColumns, Row};
use domain::number::Points;
use domain::sessions::Sessions;
use domain::symbol::{SymbolId, SymbolSpec};
use domain::tick::Tick;
use domain::time::{SECOND_US, Time};

/// How one symbol of the simulated market behaves.
#[derive(Clone, Debug)]
pub struct SimulatedSymbol {
    /// Its place in the host's table.
    pub id: SymbolId,
    /// Its grid.
    pub spec: SymbolSpec,
    /// The price around which it moves.
    pub price: Points,
    /// Ticks per second on average while the market is open; 0.001 to 1,000.
    pub ticks_per_second: f64,
    /// Standard deviation of the price after one second, points.
    pub volatility: f64,
    /// Usual spread.
    pub spread: Points,
    /// When it is open.
    pub sessions: Sessions,
}

impl SimulatedSymbol {
    /// A symbol with a usual price for its name, moving 0.6 % a day, 4 ticks a second; crypto currencies never close.
    pub fn usual(id: SymbolId, spec: SymbolSpec) -> Self {
        let crypto = ["BTC", "ETH", "LTC", "XRP", "SOL"].contains(&spec.base.as_str());
        let price = match (spec.base.as_str(), spec.quote.as_str()) {
            ("XAU", _) => 2_400.0,
            ("BTC", _) => 65_000.0,
            ("ETH", _) => 3_000.0,
            ("GBP", "USD") => 1.27,
            ("AUD", "USD") => 0.66,
            (_, "JPY") => 150.0,
            _ => 1.1,
        };
        let price = spec.nearest_points(price).unwrap_or(Points(1_000));
        Self {
            id,
            price,
            ticks_per_second: 4.0,
            // A day has 86,400 seconds, of which the square root is 294.
            volatility: price.0 as f64 * 0.006 / 294.0,
            spread: Points((price.0 as f64 * 0.000_08).round().max(1.0) as i64),
            sessions: match (crypto, spec.base.as_str()) {
                (true, _) => Sessions::always(),
                (_, "XAU") => Sessions::metals(),
                _ => Sessions::forex(),
            },
            spec,
        }
    }

    fn validated(self) -> Result<Self, FeedError> {
        let fits = |value: f64, range: std::ops::RangeInclusive<f64>| range.contains(&value);
        let broken = match () {
            () if !(100..=1_000_000_000_000).contains(&self.price.0) => "its price must be 100 to 10^12 points",
            () if !fits(self.ticks_per_second, 0.001..=1_000.0) => "its ticks per second must be 0.001 to 1,000",
            () if !fits(self.volatility, 0.0..=self.price.0 as f64 / 100.0) => "its volatility must be 0 to 1 % of its price",
            () if self.spread.0 < 1 || self.spread.0 > self.price.0 / 20 => "its spread must be a point to 5 % of its price",
            () => return Ok(self),
        };
        Err(FeedError::BadMarket { symbol: self.spec.name, why: broken.into() })
    }
}

/// Ticks without end. The same seed, start and symbol give the same ticks on every machine, whatever the other symbols.
#[derive(Clone, Debug)]
pub struct SimulatedFeed {
    symbols: Vec<Simulation>,
}

impl SimulatedFeed {
    /// A market that opens at `start` or at the first session after it.
    ///
    /// # Errors
    /// When a symbol's figures are out of bounds.
    pub fn new(seed: u64, start: Time, symbols: Vec<SimulatedSymbol>) -> Result<Self, FeedError> {
        let begin = |symbol: SimulatedSymbol| Ok(Simulation::new(seed, start, symbol.validated()?));
        Ok(Self { symbols: symbols.into_iter().map(begin).collect::<Result<_, FeedError>>()? })
    }
}

impl Feed for SimulatedFeed {
    fn next(&mut self) -> Option<Result<Tick, FeedError>> {
        // Few symbols: looking at each costs less than keeping them in order. The first of equal times wins.
        let first = self.symbols.iter_mut().min_by_key(|symbol| symbol.next.time)?;
        Some(Ok(first.take()))
    }
}

/// `count` ticks of one symbol that behaves as [`SimulatedSymbol::usual`], for benchmarks and tests.
pub fn generate(seed: u64, spec: &SymbolSpec, start: Time, count: usize) -> OwnedColumns {
    let mut simulation = Simulation::new(seed, start, SimulatedSymbol::usual(SymbolId(0), spec.clone()));
    let mut columns = OwnedColumns::default();
    for _ in 0..count {
        let Tick { time, bid, ask, last, volume, flags, .. } = simulation.take();
        columns.push(Row { time, bid, ask, last, volume, flags });
    }
    columns
}

#[derive(Clone, Debug)]
struct Simulation {
    symbol: SimulatedSymbol,
    random: Random,
    /// Points, with decimals.
    mid: f64,
    spread: f64,
    /// 1 in usual hours.
    wildness: f64,
    bid: Points,
    ask: Points,
    next: Tick,
}

/// Longer pauses move the price like this one: markets that stand still for an hour don't diffuse.
const DIFFUSION_SECONDS_MAX: f64 = 60.0;
/// The price is drawn back to where it started, half the way in about a week.
const PULL_PER_SECOND: f64 = 1e-6;

impl Simulation {
    fn new(seed: u64, start: Time, symbol: SimulatedSymbol) -> Self {
        let time = symbol.sessions.next_open(start);
        let (price, spread) = (symbol.price.0 as f64, symbol.spread.0 as f64);
        let first = Tick { symbol: symbol.id, sequence: 0, time, bid: 0.0, ask: 0.0, last: 0.0, volume: 0.0, flags: 6 };
        let mut simulation = Self {
            random: Random::new(seed, &symbol.spec.name),
            mid: price,
            spread,
            wildness: 1.0,
            bid: Points::ZERO,
            ask: Points::ZERO,
            next: first,
            symbol,
        };
        simulation.quote(time);
        simulation
    }

    fn take(&mut self) -> Tick {
        let tick = self.next;
        self.advance();
        tick
    }

    fn advance(&mut self) {
        let before = self.next.time;
        let wanted = before.plus_us(self.pause_us());
        let time = self.symbol.sessions.next_open(wanted);
        if time > wanted {
            self.reopen();
        }
        self.feel();
        let seconds = (time.since_us(before) as f64 / SECOND_US as f64).min(DIFFUSION_SECONDS_MAX);
        let home = self.symbol.price.0 as f64;
        self.mid += self.random.normal() * self.symbol.volatility * self.wildness * seconds.sqrt();
        self.mid += (home - self.mid) * PULL_PER_SECOND * seconds;
        self.mid = self.mid.clamp(home / 5.0, home * 5.0);
        self.quote(time);
    }

    /// Ticks come in bursts, faster in wild hours, and now and then the line is dead for minutes.
    fn pause_us(&mut self) -> i64 {
        let random = &mut self.random;
        if random.once_in(100_000) {
            return (30.0 * (1.0 + 9.0 * random.unit())) as i64 * SECOND_US;
        }
        let mean_s = 1.0 / self.symbol.ticks_per_second;
        let seconds = if random.once_in(4) { mean_s * 0.1 * random.unit() } else { mean_s * 2.6 * random.unit() };
        // Brokers stamp milliseconds.
        ((seconds / (0.5 + 0.5 * self.wildness) * 1_000.0) as i64).max(1) * 1_000
    }

    /// After a pause of the market the price is elsewhere and the spread wide.
    fn reopen(&mut self) {
        self.mid *= 1.0 + 0.001 * self.random.normal();
        self.spread *= 4.0;
        self.wildness = 2.0;
    }

    /// Wildness wanders around 1, jumps at news, and calms down; the spread follows it.
    fn feel(&mut self) {
        self.wildness += 0.001 * (1.0 - self.wildness) + 0.01 * self.wildness * self.random.normal();
        if self.random.once_in(20_000) {
            self.wildness *= 3.0;
        }
        self.wildness = self.wildness.clamp(0.2, 6.0);
        let usual = self.symbol.spread.0 as f64 * (0.6 + 0.4 * self.wildness);
        self.spread += 0.02 * (usual - self.spread) + 0.03 * self.spread * self.random.normal();
        self.spread = self.spread.clamp(1.0, self.symbol.spread.0 as f64 * 10.0);
    }

    fn quote(&mut self, time: Time) {
        let bid = Points(((self.mid - self.spread / 2.0).round() as i64).max(1));
        let mut ask = Points(bid.0 + (self.spread.round() as i64).max(1));
        if (bid, ask) == (self.bid, self.ask) {
            // A tick is a change.
            ask = Points(if ask.0 - bid.0 > 1 && self.random.once_in(2) { ask.0 - 1 } else { ask.0 + 1 });
        }
        let flags = u32::from(bid != self.bid) * 2 + u32::from(ask != self.ask) * 4;
        (self.bid, self.ask) = (bid, ask);
        let spec = &self.symbol.spec;
        self.next = Tick { sequence: self.next.sequence + 1, time, bid: spec.price(bid), ask: spec.price(ask), flags, ..self.next };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::symbol::common;
    use domain::time::DAY_US;

    /// Monday, 2014-05-05.
    const START: Time = Time(1_399_248_000_000_000);

    fn symbols() -> Vec<SimulatedSymbol> {
        [common::forex("EUR", "USD"), common::gold(), common::crypto("BTC")]
            .into_iter()
            .enumerate()
            .map(|(at, spec)| SimulatedSymbol::usual(SymbolId(at as u16), spec))
            .collect()
    }

    fn ticks(seed: u64, symbols: Vec<SimulatedSymbol>, count: usize) -> Vec<Tick> {
        let mut feed = SimulatedFeed::new(seed, START, symbols).expect("a market");
        (0..count).map(|_| feed.next().expect("endless").expect("sound")).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_ticks_and_another_one_others() {
        assert_eq!(ticks(7, symbols(), 5_000), ticks(7, symbols(), 5_000));
        assert_ne!(ticks(7, symbols(), 5), ticks(8, symbols(), 5));
        // Pinned, so that a change of the market is noticed wherever it runs.
        let last = ticks(7, symbols(), 50_000).pop().expect("a tick");
        assert_eq!((last.symbol, last.time.to_string().as_str(), last.bid), PINNED, "seed 7");
    }

    const PINNED: (SymbolId, &str, f64) = (SymbolId(1), "2014-05-05T01:04:26.497000Z", 2401.372);

    #[test]
    fn one_more_symbol_changes_nothing_for_the_others() {
        let alone = ticks(7, symbols()[..1].to_vec(), 1_000);
        let among: Vec<Tick> = ticks(7, symbols(), 10_000).into_iter().filter(|tick| tick.symbol == SymbolId(0)).take(1_000).collect();
        assert_eq!(alone, among);
    }

    #[test]
    fn ticks_are_in_order_counted_and_on_the_grid() {
        let symbols = symbols();
        let mut sequences = [0; 3];
        let mut before = START;
        for tick in ticks(3, symbols.clone(), 100_000) {
            let symbol = &symbols[usize::from(tick.symbol.0)];
            sequences[usize::from(tick.symbol.0)] += 1;
            assert_eq!(tick.sequence, sequences[usize::from(tick.symbol.0)]);
            assert!(tick.time >= before && tick.ask > tick.bid && tick.flags & 6 != 0, "{tick:?}");
            for price in [tick.bid, tick.ask] {
                assert_eq!(symbol.spec.points(price).map(|points| symbol.spec.price(points)), Ok(price));
            }
            before = tick.time;
        }
        assert!(sequences.iter().all(|count| *count > 10_000), "{sequences:?}");
    }

    #[test]
    fn markets_keep_their_sessions_and_their_price_for_months() {
        for symbol in symbols() {
            let symbol = SimulatedSymbol { ticks_per_second: 0.05, ..symbol };
            let all = ticks(5, vec![symbol.clone()], 400_000);
            for tick in &all {
                assert!(symbol.sessions.is_open(tick.time), "{}", tick.time);
            }
            let first_week = all.iter().map(|tick| tick.time.day()).filter(|day| *day < START.day() + 7);
            let open_days = first_week.collect::<std::collections::BTreeSet<_>>().len();
            let months = all[all.len() - 1].time.since_us(START) / DAY_US / 30;
            let crypto = symbol.sessions == Sessions::always();
            assert!(months >= 2, "{months}");
            assert_eq!(open_days, if crypto { 7 } else { 6 }, "all but Saturday");
            let home = symbol.spec.price(symbol.price);
            assert!(all.iter().all(|tick| tick.bid > home * 0.5 && tick.bid < home * 2.0), "{}", symbol.spec.name);
        }
    }

    #[test]
    fn figures_out_of_bounds_are_refused() {
        let refused = |change: fn(&mut SimulatedSymbol)| {
            let mut symbol = symbols().remove(0);
            change(&mut symbol);
            assert!(matches!(SimulatedFeed::new(1, START, vec![symbol]), Err(FeedError::BadMarket { .. })));
        };
        refused(|symbol| symbol.ticks_per_second = f64::NAN);
        refused(|symbol| symbol.ticks_per_second = 0.0);
        refused(|symbol| symbol.volatility = -1.0);
        refused(|symbol| symbol.price = Points(0));
        refused(|symbol| symbol.spread = Points(1_000_000));
    }
}
