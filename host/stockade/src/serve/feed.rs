//! Where the host's ticks come from: the configured feed, its past taken in before the start, and the thread that hands
//! ticks over when they are due.

use super::clock::SystemClock;
use super::place::Place;
use crate::config::{Config, Feed as FeedConfig, FeedKind};
use crate::exit::{Exit, Failure, Outcome};
use crate::moment::Moment;
use api::{FeedReport, Status};
use domain::bars::MarketHistory;
use domain::limits::HISTORY_ROWS_MAX;
use domain::symbol::{SymbolId, SymbolSpec, SymbolTable};
use domain::tick::{Tick, Timeframe};
use domain::time::{Clock as _, DAY_US, MINUTE_US, SECOND_US, Time};
use engine::{Host, TickRefused};
use market::feed::{Due, Feed, FeedError, Paced, Pacer, Pacing, ReplayedFeed, SimulatedFeed, SimulatedSymbol};
use market::import::spec_for;
use market::{StoreError, TickStore};
use std::path::PathBuf;
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
/// How often the place is kept, microseconds of the clock.
const KEEP_EVERY_US: i64 = 5 * SECOND_US;
/// Without a tick for so long somebody should look.
const QUIET_US: i64 = 5 * MINUTE_US;

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
    data_dir: PathBuf,
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
    /// Opens the configured feed and takes its past in, so that strategies find their history.
    ///
    /// # Errors
    /// A symbol that nobody knows, a day that is none, a store that can't be read.
    pub fn open(config: &Config, now: Time) -> Outcome<Self> {
        let feed = &config.feed;
        let store = TickStore::create(config.ticks_dir()).map_err(store_failure)?;
        let specs = feed.symbols.iter().map(|name| spec(name, feed.kind, &store)).collect::<Outcome<Vec<_>>>()?;
        let table = SymbolTable::new(specs).map_err(Failure::of(Exit::Usage))?;
        let kept = Place::read(&config.data_dir, feed);
        let span = span(feed, kept.as_ref(), now, &store)?;
        let mut ahead = Ahead { first: None, feed: open(feed, &table, &store, span.origin)? };
        let mut history = MarketHistory::new(&table, |_| (Timeframe::ALL.to_vec(), HISTORY_ROWS_MAX));
        take_past_in(&mut ahead, &mut history, span.now)?;
        let pacer = Pacer::new(pacing(feed.speed)).with_pause_us_max(PAUSE_US_MAX);
        let status = Arc::new(FeedStatus::new(feed.kind));
        let place = Place::new(feed, span.origin, kept.map_or(span.now, |place| place.last.max(span.now)));
        let ready = Ready { feed: Paced::new(ahead, pacer), place, data_dir: config.data_dir.clone(), status };
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

fn span(feed: &FeedConfig, kept: Option<&Place>, now: Time, store: &TickStore) -> Outcome<Span> {
    let from = (!feed.from.is_empty()).then(|| feed.from.parse::<Moment>()).transpose();
    let from = from.map_err(|why| Failure::new(Exit::Usage, format_args!("feed.from: {why}")))?.map(|moment| moment.0);
    let simulated = |kept: Option<&Place>| match (kept, from) {
        // Its own time goes on where it stopped; the clock's time is now.
        (Some(kept), from) => Span { origin: kept.origin, now: if from.is_some() { kept.last } else { now.max(kept.last) } },
        (None, from) => Span { origin: from.unwrap_or(now).plus_us(-PAST_US), now: from.unwrap_or(now) },
    };
    match feed.kind {
        FeedKind::Simulated => {
            let span = simulated(kept);
            let too_old = span.now.since_us(span.origin) > PAST_US_MAX;
            Ok(if too_old { Span { origin: span.now.plus_us(-PAST_US), now: span.now } } else { span })
        }
        FeedKind::Replayed => {
            let first = match from {
                Some(from) => from,
                None => first_stored(feed, store)?,
            };
            let now = kept.map_or(first, |kept| kept.last.plus_us(1));
            Ok(Span { origin: now.plus_us(-PAST_US), now })
        }
    }
}

fn first_stored(feed: &FeedConfig, store: &TickStore) -> Outcome<Time> {
    let mut first = Time(i64::MAX);
    for symbol in &feed.symbols {
        first = store.span(symbol).map_err(store_failure)?.map_or(first, |(begin, _)| first.min(begin));
    }
    Ok(first)
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
    /// When a tick was handed over last, by the clock; 0 before the first.
    last: AtomicI64,
    trouble: Mutex<Option<(Status, String)>>,
}

impl FeedStatus {
    fn new(kind: FeedKind) -> Self {
        Self { kind, ticks: AtomicU64::new(0), last: AtomicI64::new(SystemClock.now().0), trouble: Mutex::default() }
    }

    fn trouble(&self, status: Status, why: String) {
        tracing::warn!("feed: {why}");
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some((status, why));
    }
}

impl api::Feed for FeedStatus {
    fn report(&self) -> FeedReport {
        let kind = match self.kind {
            FeedKind::Simulated => "simulated",
            FeedKind::Replayed => "replayed",
        };
        let quiet_s = SystemClock.now().since_us(Time(self.last.load(Ordering::Relaxed))) / SECOND_US;
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (status, reason) = match trouble {
            Some((status, why)) => (status, Some(why)),
            // A weekend is no fault.
            None if quiet_s * SECOND_US > QUIET_US => (Status::Ok, Some(format!("no tick for {quiet_s} s: is the market closed?"))),
            None => (Status::Ok, None),
        };
        FeedReport { kind: kind.to_owned(), status, reason }
    }
}

/// The thread that hands ticks over. It waits for the clock or for the word to stop, whichever comes first.
pub struct FeedThread {
    stop: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl FeedThread {
    /// Starts feeding.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start(ready: Ready, host: Arc<Host>) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name("feed".into())
            .spawn(move || Feeding { ready, host, kept: SystemClock.now() }.run(&stopped))?;
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
    /// When the place was kept last.
    kept: Time,
}

impl Feeding {
    fn run(mut self, stopped: &Receiver<()>) {
        loop {
            let now = SystemClock.now();
            match self.ready.feed.poll(now) {
                Due::Now(tick) => {
                    if self.hand_over(tick, now) == Err(TickRefused::Stopped) || stopped.try_recv() != Err(TryRecvError::Empty) {
                        break;
                    }
                }
                Due::At(due) => {
                    let wait = Duration::from_micros(due.since_us(now).clamp(1, SECOND_US) as u64);
                    if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                        break;
                    }
                }
                Due::Failed(error) => self.ready.status.trouble(Status::Degraded, error.to_string()),
                Due::End => {
                    self.ready
                        .status
                        .trouble(Status::Degraded, "the replay has come to its end; serve another from, or import more ticks".into());
                    self.keep();
                    // Nothing more will come: only the word to stop.
                    _ = stopped.recv();
                    break;
                }
            }
        }
        self.keep();
    }

    fn hand_over(&mut self, tick: Tick, now: Time) -> Result<(), TickRefused> {
        self.ready.place.last = self.ready.place.last.max(tick.time);
        self.ready.status.ticks.fetch_add(1, Ordering::Relaxed);
        self.ready.status.last.store(now.0, Ordering::Relaxed);
        if now.since_us(self.kept) > KEEP_EVERY_US {
            self.kept = now;
            self.keep();
        }
        self.host.feed(tick)
    }

    fn keep(&self) {
        if let Err(failure) = self.ready.place.write(&self.ready.data_dir) {
            tracing::warn!("{failure}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_market_of_its_own_time_goes_on_where_it_stopped() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config { data_dir: folder.path().into(), ..Config::default() };
        config.feed.from = "2024-01-08 08:00".into();
        config.feed.symbols.truncate(1);
        let start = config.feed.from.parse::<Moment>().expect("it is one").0;
        let first = Market::open(&config, Time(0)).expect("it opens");
        assert_eq!(first.ready.place.last, start);
        let quote = first.quotes()[0];
        assert!(quote.time < start && first.history.symbol(SymbolId(0)).next_close().is_some(), "it has a past");
        // Two hours on, the same market has other prices, which the first one comes to as well.
        let later = start.plus_us(120 * MINUTE_US);
        Place::new(&config.feed, first.ready.place.origin, later).write(folder.path()).expect("it is kept");
        let second = Market::open(&config, Time(0)).expect("it opens again");
        assert_eq!(second.ready.place.last, later);
        let (_, mut ready) = first.parted();
        let mut last = quote;
        ready.feed.poll(Time(0));
        while let Due::Now(tick) = ready.feed.poll(Time(i64::MAX))
            && tick.time < later
        {
            last = tick;
        }
        assert_eq!((second.quotes()[0].time, second.quotes()[0].bid), (last.time, last.bid));
    }
}
