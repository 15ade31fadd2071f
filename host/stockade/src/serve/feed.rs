//! Where the host's ticks come from: the configured feed, its past taken in before the start, and the thread that hands
//! ticks over when they are due.

use super::clock::SystemClock;
use super::full_disk::FullDisk;
use super::place::{Before, Known, Place};
use super::reserve::{News, Reserve, Shelf};
use super::trouble::Turn;
use crate::config::{Config, Feed as FeedConfig, FeedKind};
use crate::exit::{Exit, Failure, Outcome};
use crate::moment::Moment;
use api::{FeedReport, Status};
use domain::bars::MarketHistory;
use domain::limits::HISTORY_ROWS_MAX;
use domain::symbol::{SymbolId, SymbolSpec, SymbolTable};
use domain::tick::{Tick, Timeframe};
use domain::time::{Clock as _, DAY_US, MINUTE_US, SECOND_US, Steady, Time};
use engine::{Fine, Host, Latencies, TickRefused};
use market::feed::{Due, Feed, FeedError, POLL_EVERY_US_MAX, Paced, Pacer, Pacing, ReplayedFeed, SimulatedFeed, SimulatedSymbol};
use market::import::spec_for;
use market::{StoreError, TickStore};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How much past a market has when it opens: four days hold 1,024 bars of five minutes, weekend included.
const PAST_US: i64 = 4 * DAY_US;
/// A simulated market older than this starts afresh: making its ticks again would take longer than anybody waits.
const PAST_US_MAX: i64 = 30 * DAY_US;
/// Both kinds of market are nobody's but the host's: their nights and weekends need not last longer than a minute.
const PAUSE_US_MAX: i64 = MINUTE_US;
/// The wall clock was set when it moves by this much against the steady one from one look to the next.
const SET_US: i64 = SECOND_US;
/// Without a tick for so long somebody should look.
const QUIET_US: i64 = 5 * MINUTE_US;

/// What this keeps, as a full disk's parts are named.
const PART: &str = "the market's place";

/// A market that is ready to be fed from.
pub struct Market {
    /// All symbols.
    pub table: SymbolTable,
    history: MarketHistory,
    ready: Ready,
}

/// What the thread needs of a market.
pub struct Ready {
    feed: Paced<Ahead>,
    place: Place,
    speed: f64,
    status: Arc<FeedStatus>,
}

/// A feed with the tick that was looked at to find out that the past is over.
struct Ahead {
    first: Option<Tick>,
    feed: Box<dyn Feed>,
}

impl Feed for Ahead {
    fn next(&mut self) -> Option<Result<Tick, FeedError>> {
        self.first.take().map(Ok).or_else(|| self.feed.next())
    }
}

/// From where to where the past goes, and where the market goes on.
struct Span {
    origin: Time,
    now: Time,
}

impl Market {
    /// The symbols of the configured feed.
    ///
    /// # Errors
    /// An unknown symbol, a store that can't be read.
    pub fn table(config: &Config) -> Outcome<SymbolTable> {
        let feed = &config.feed;
        let store = TickStore::create(config.ticks_dir()).map_err(store_failure)?;
        let specs = feed.symbols.iter().map(|name| spec(name, feed.kind, &store)).collect::<Outcome<Vec<_>>>()?;
        SymbolTable::new(specs).map_err(Failure::of(Exit::Usage))
    }

    /// Opens the configured feed of these symbols and takes its past in, so that strategies find their history.
    ///
    /// # Errors
    /// An invalid day, a store that can't be read; a market that would go back behind what engines have seen.
    pub fn open(config: &Config, table: SymbolTable, now: Time, known: &Known, disk: &Arc<FullDisk>) -> Outcome<Self> {
        let feed = &config.feed;
        let store = TickStore::create(config.ticks_dir()).map_err(store_failure)?;
        let before = known.before(feed);
        let span = span(feed, &before, now, &store)?;
        known.may_begin_at(span.now)?;
        known.lost(&before).into_iter().for_each(|line| tracing::warn!("{line}: {}", span.now));
        let mut ahead = Ahead { first: None, feed: open(feed, &table, &store, span.origin)? };
        let mut history = MarketHistory::new(&table, |_| (Timeframe::ALL.to_vec(), HISTORY_ROWS_MAX));
        take_past_in(&mut ahead, &mut history, span.now)?;
        let pacer = Pacer::new(pacing(feed.speed)).with_pause_us_max(PAUSE_US_MAX);
        let status = Arc::new(FeedStatus::new(feed.kind, Arc::clone(disk)));
        let place = Place::new(feed, span.origin, span.now.plus_us(-1));
        let ready = Ready { feed: Paced::new(ahead, pacer), place, speed: feed.speed, status };
        Ok(Self { table, history, ready })
    }

    /// The last tick of each symbol that had one.
    pub fn quotes(&self) -> Vec<Tick> {
        self.table.iter().filter_map(|(id, _)| self.history.symbol(id).last().copied()).collect()
    }

    /// The past for the host, and the rest for the thread.
    pub fn parted(self) -> (MarketHistory, Ready) {
        (self.history, self.ready)
    }
}

impl Ready {
    /// How the feed is.
    pub fn status(&self) -> Arc<FeedStatus> {
        Arc::clone(&self.status)
    }
}

fn spec(name: &str, kind: FeedKind, store: &TickStore) -> Outcome<SymbolSpec> {
    match (store.spec(name), kind) {
        (Ok(spec), _) => Ok(spec),
        (Err(StoreError::UnknownSymbol { .. }), FeedKind::Simulated) => spec_for(name).ok_or_else(|| {
            let hint = "name a pair such as EURUSD, gold (XAUUSD) or a coin (BTCUSD), or import ticks of it";
            Failure::new(Exit::NotFound, format_args!("feed.symbols: nobody knows a symbol {name:?}; {hint}"))
        }),
        (Err(error), _) => Err(store_failure(error)),
    }
}

fn span(feed: &FeedConfig, before: &Before, now: Time, store: &TickStore) -> Outcome<Span> {
    let from = (!feed.from.is_empty()).then(|| feed.from.parse::<Moment>()).transpose();
    let from = from.map_err(|why| Failure::new(Exit::Usage, format_args!("feed.from: {why}")))?.map(|moment| moment.0);
    match feed.kind {
        FeedKind::Simulated => {
            // Its own time goes on where it stopped; the clock's time is now, but never goes back.
            let begin = from.unwrap_or(now);
            let later = |last: Time| if from.is_some() { last.plus_us(1) } else { now.max(last.plus_us(1)) };
            let (origin, now) = match before {
                Before::Same(place) => (place.origin, later(place.last)),
                Before::Unknown(last) => (begin.plus_us(-PAST_US), later(*last).max(begin)),
                Before::Nothing | Before::Other => (begin.plus_us(-PAST_US), begin),
            };
            let too_old = now.since_us(origin) > PAST_US_MAX;
            Ok(Span { origin: if too_old { now.plus_us(-PAST_US) } else { origin }, now })
        }
        FeedKind::Replayed => {
            let stored = stored(feed, store)?;
            let first = from.or(stored.map(|(first, _)| first)).unwrap_or(Time(i64::MAX));
            let now = match before {
                Before::Same(place) => place.last.plus_us(1),
                // Ticks that were never stored here are another feed's.
                Before::Unknown(last) if stored.is_some_and(|(_, end)| *last <= end) => last.plus_us(1).max(first),
                Before::Unknown(_) | Before::Nothing | Before::Other => first,
            };
            Ok(Span { origin: now.plus_us(-PAST_US), now })
        }
    }
}

/// The first and the last tick that are stored of the feed's symbols.
fn stored(feed: &FeedConfig, store: &TickStore) -> Outcome<Option<(Time, Time)>> {
    let mut stored: Option<(Time, Time)> = None;
    for symbol in &feed.symbols {
        if let Some((first, last)) = store.span(symbol).map_err(store_failure)? {
            stored = Some(stored.map_or((first, last), |(begin, end)| (begin.min(first), end.max(last))));
        }
    }
    Ok(stored)
}

fn open(feed: &FeedConfig, table: &SymbolTable, store: &TickStore, origin: Time) -> Outcome<Box<dyn Feed>> {
    let failed = |error: FeedError| match error {
        FeedError::Store(error) => store_failure(error),
        other => Failure::new(Exit::Usage, other),
    };
    match feed.kind {
        FeedKind::Simulated => {
            let symbols = table.iter().map(|(id, spec)| SimulatedSymbol::usual(id, spec.clone())).collect();
            Ok(Box::new(SimulatedFeed::new(feed.seed, origin, symbols).map_err(failed)?))
        }
        FeedKind::Replayed => {
            let symbols: Vec<SymbolId> = table.iter().map(|(id, _)| id).collect();
            Ok(Box::new(ReplayedFeed::open(store, table, &symbols, origin, Time(i64::MAX)).map_err(failed)?))
        }
    }
}

fn take_past_in(ahead: &mut Ahead, history: &mut MarketHistory, now: Time) -> Outcome {
    let mut closed = Vec::new();
    while let Some(tick) = ahead.feed.next() {
        let tick = tick.map_err(Failure::of(Exit::Failed))?;
        if tick.time >= now {
            ahead.first = Some(tick);
            break;
        }
        closed.clear();
        history.symbol_mut(tick.symbol).push(&tick, &mut closed);
    }
    Ok(())
}

fn pacing(speed: f64) -> Pacing {
    match speed {
        0.0 => Pacing::AsFast,
        1.0 => Pacing::RealTime,
        times => Pacing::Times(times),
    }
}

fn store_failure(error: StoreError) -> Failure {
    let exit = match &error {
        StoreError::UnknownSymbol { .. } | StoreError::NoStore { .. } => Exit::NotFound,
        StoreError::Io { .. } => Exit::Machine,
        _ => Exit::Failed,
    };
    Failure::new(exit, error)
}

/// How the feed is, for whoever asks.
pub struct FeedStatus {
    kind: FeedKind,
    ticks: AtomicU64,
    /// When a tick was handed over last, or the host started, by the steady clock.
    last: AtomicI64,
    /// From when each tick was due to when the host had it.
    late: Fine,
    trouble: Mutex<Option<(Status, String)>>,
    /// Why the market's place can't be kept.
    place: Mutex<Option<String>>,
    disk: Arc<FullDisk>,
}

impl FeedStatus {
    fn new(kind: FeedKind, disk: Arc<FullDisk>) -> Self {
        let last = AtomicI64::new(SystemClock.steady().0);
        Self { kind, ticks: AtomicU64::new(0), last, late: Fine::default(), trouble: Mutex::default(), place: Mutex::default(), disk }
    }

    fn trouble(&self, status: Status, why: String) {
        tracing::warn!("feed: {why}");
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some((status, why));
    }

    fn place(&self, news: News) {
        let why = match news {
            News::Trouble(why) => Some(format!("the market's place can't be kept ({why}); if the host dies now, the market may go back")),
            News::WorksAgain => None,
        };
        match &why {
            Some(why) if !self.disk.tells(PART, Turn::Fails, why) => tracing::warn!("feed: {why}"),
            None if !self.disk.tells(PART, Turn::Works, "it is kept again") => tracing::info!("feed: the market's place is kept again"),
            _ => {}
        }
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

impl api::Feed for FeedStatus {
    fn report(&self) -> FeedReport {
        let kind = match self.kind {
            FeedKind::Simulated => "simulated",
            FeedKind::Replayed => "replayed",
        };
        let quiet_s = SystemClock.steady().since_us(Steady(self.last.load(Ordering::Relaxed))) / SECOND_US;
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (status, reason) = match trouble.or_else(|| place.map(|why| (Status::Degraded, why))) {
            Some((status, why)) => (status, Some(why)),
            // A weekend is no fault.
            None if quiet_s * SECOND_US > QUIET_US => (Status::Ok, Some(format!("no tick for {quiet_s} s: is the market closed?"))),
            None => (Status::Ok, None),
        };
        FeedReport { kind: kind.to_owned(), status, reason }
    }

    fn late(&self) -> Latencies {
        self.late.read()
    }
}

/// The thread that hands ticks over. It waits for the clock or for the word to stop, whichever comes first.
pub struct FeedThread {
    stop: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl FeedThread {
    /// Starts feeding; the market's place is kept on these shelves, each of which a tick waits for with this patience.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(ready: Ready, host: Arc<Host>, patience: Duration, shelves: Vec<Shelf>) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let reserve = Reserve::start(ready.place.clone(), ready.speed, patience, shelves)?;
        let feeding = Feeding { ready, host, reserve, clocks: None, held_up: 0 };
        let thread = std::thread::Builder::new().name("feed".into()).spawn(move || feeding.run(&stopped))?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends it and waits until the last tick has been handed over.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Gone already is as good.
        _ = self.stop.send(());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the feed's thread had panicked");
        }
    }
}

impl Drop for FeedThread {
    fn drop(&mut self) {
        self.end();
    }
}

struct Feeding {
    ready: Ready,
    host: Arc<Host>,
    reserve: Reserve,
    /// Both clocks at the last look.
    clocks: Option<(Time, Steady)>,
    /// How often the market was held up.
    held_up: u64,
}

impl Feeding {
    fn run(mut self, stopped: &Receiver<()>) {
        loop {
            let now = SystemClock.steady();
            self.look_at_clocks(SystemClock.now(), now);
            match self.ready.feed.poll(now) {
                Due::Now(tick) => {
                    if self.hand_over(tick, now) == Err(TickRefused::Stopped) || stopped.try_recv() != Err(TryRecvError::Empty) {
                        break;
                    }
                }
                Due::At(due) => {
                    let wait = Duration::from_micros(due.since_us(now).clamp(1, POLL_EVERY_US_MAX) as u64);
                    if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                        break;
                    }
                }
                Due::Failed(error) => self.ready.status.trouble(Status::Degraded, error.to_string()),
                Due::End => {
                    self.ready
                        .status
                        .trouble(Status::Degraded, "the replay has come to its end; serve another from, or import more ticks".into());
                    // Nothing more will come: only the word to stop.
                    _ = stopped.recv();
                    break;
                }
            }
        }
        if let Err(why) = self.reserve.finish(self.ready.place.last) {
            tracing::warn!("feed: the market's place can't be kept ({why}): the next start leaves out up to a few seconds of the market");
        }
    }

    fn hand_over(&mut self, tick: Tick, now: Steady) -> Result<(), TickRefused> {
        self.reserve.before(tick.time).into_iter().for_each(|news| self.ready.status.place(news));
        self.ready.place.last = self.ready.place.last.max(tick.time);
        self.ready.status.ticks.fetch_add(1, Ordering::Relaxed);
        self.ready.status.last.store(now.0, Ordering::Relaxed);
        let taken = self.host.feed(tick);
        // A queue that was full and a disk that was slow count: engines waited for them.
        let late_us = self.ready.feed.late_us() + SystemClock.steady().since_us(now);
        self.ready.status.late.add(Duration::from_micros(late_us.max(0).unsigned_abs()));
        taken
    }

    /// Says when somebody has set the clock on the wall, which the market does not follow, and when the market was held up.
    fn look_at_clocks(&mut self, wall: Time, steady: Steady) {
        if let Some((wall_before, steady_before)) = self.clocks.replace((wall, steady)) {
            let set_us = wall.since_us(wall_before) - steady.since_us(steady_before);
            if set_us.abs() > SET_US {
                let (seconds, way) = (set_us.abs() as f64 / 1e6, if set_us < 0 { "back" } else { "forward" });
                tracing::warn!("feed: the machine's clock was set {way} by {seconds:.1} s; the market goes on at its pace");
            }
        }
        if let Some(us) = self.ready.feed.take_held_up_us() {
            self.held_up += 1;
            // A machine that can't keep up would say it with every tick.
            if self.held_up.is_power_of_two() {
                let (seconds, times) = (us as f64 / 1e6, self.held_up);
                tracing::warn!("feed: the market was held up for {seconds:.1} s and goes on from where it was; {times} times so far");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &std::path::Path) -> Config {
        let mut config = Config { data_dir: folder.into(), ..Config::default() };
        config.feed.from = "2024-01-08 08:00".into();
        config.feed.symbols.truncate(1);
        config
    }

    fn open(config: &Config, now: Time, known: &Known) -> Outcome<Market> {
        Market::open(config, Market::table(config)?, now, known, &Arc::new(FullDisk::of(config.data_dir.clone())))
    }

    fn known(place: Place) -> Known {
        Known { file: Some(Ok(place)), ..Known::default() }
    }

    /// The next tick, whenever it is due.
    fn next(ready: &mut Ready, now: &mut Steady) -> Tick {
        loop {
            match ready.feed.poll(*now) {
                Due::Now(tick) => return tick,
                Due::At(due) => *now = due.min(now.plus_us(POLL_EVERY_US_MAX)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_market_of_its_own_time_goes_on_after_its_last_tick() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(folder.path());
        let start = config.feed.from.parse::<Moment>().expect("it is one").0;
        let first = open(&config, Time(0), &Known::default()).expect("it opens");
        assert_eq!(first.ready.place.last, start.plus_us(-1));
        let quote = first.quotes()[0];
        assert!(quote.time < start && first.history.symbol(SymbolId(0)).next_close().is_some(), "it has a past");
        let (origin, (_, mut ready)) = (first.ready.place.origin, first.parted());
        let mut now = Steady(0);
        let ticks: Vec<Tick> = (0..5_001).map(|_| next(&mut ready, &mut now)).collect();
        // Hours on, the same market has the same prices, and the first tick is the one after the last.
        let last = ticks[4_999];
        let second = open(&config, Time(0), &known(Place::new(&config.feed, origin, last.time))).expect("it opens again");
        assert_eq!((second.quotes()[0].time, second.quotes()[0].bid), (last.time, last.bid));
        let (_, mut ready) = second.parted();
        let next = next(&mut ready, &mut now);
        assert_eq!((next.time, next.bid), (ticks[5_000].time, ticks[5_000].bid));
    }

    #[test]
    fn the_clocks_market_never_goes_back_with_the_clock() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = config(folder.path());
        config.feed.from = String::new();
        let now = "2026-11-30".parse::<Moment>().expect("it is one").0;
        let place = Place::new(&config.feed, now.plus_us(-DAY_US), now);
        let market = open(&config, now.plus_us(-400 * DAY_US), &known(place.clone())).expect("it opens");
        assert_eq!(market.ready.place.last, now);
        let later = now.plus_us(DAY_US);
        assert_eq!(open(&config, later, &known(place)).expect("it opens").ready.place.last, later.plus_us(-1));
    }
}
