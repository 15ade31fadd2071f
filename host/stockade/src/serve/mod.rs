//! The running host: its parts put together, started in order, stopped in the reverse.
//!
//! ```text
//! feed (thread) -> engine::Host -> journal (store) -> paper broker -> events -> store and live stream
//!                       ^                                                          |
//!                       +------------------- api (tokio) <-------------------------+
//! ```
//! The only place that knows all crates. Start: port, database, sandbox, what hosts before have left, market's past, host, everything stored, feed.
//! Stop: no more requests, no more ticks, engines saved, events written, database closed.

mod clock;
mod feed;
mod full_disk;
mod paper;
mod place;
mod recording;
mod reserve;
mod sink;
mod stopping;
mod succession;
mod trouble;
mod versions;
mod watch;

use crate::config::{Config, operator_token};
use crate::control::ControlSocket;
use crate::exit::{Exit, Failure, Outcome};
use ::paper::{Venue, VenueOptions};
use api::operations::{Resumed, TRADING};
use api::{AppState, DoorLimits, Doors, LiveFeed, Parts};
pub(crate) use clock::SystemClock;
use domain::contract::TradingState;
use domain::desk::Desk;
use domain::ids::EngineId;
use domain::keeper::Keeper as _;
use domain::numbering::AHEAD;
use domain::time::{Clock as _, SECOND_US};
use engine::{Bounds, Host, HostError, HostSetup, Left, Scope};
use feed::{FeedThread, Market};
use full_disk::FullDisk;
use paper::PaperBroker;
use place::{Known, Place};
use recording::Recording;
use reserve::Shelf;
use sandbox::{Sandbox, SandboxConfig};
use serde_json::{Value, json};
use sink::StoreSink;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
pub use stopping::{Stopping, leave_signals_alone, notice_signals};
use store::{Closed, StateFile, Store, StoreError};
use succession::Succession;
use tokio::runtime::{Handle, Runtime};
use versions::SandboxVersions;

/// The host setting that holds the market's place.
const FEED: &str = "feed";

/// Of the time that a stop has, what the database may take to close, and what the process needs after that.
const CLOSING_MAX: Duration = Duration::from_secs(3);
const ENDING_MAX: Duration = Duration::from_secs(1);
/// How long a start waits for a journal that does not answer; whoever supervises it sees in the log that it waits.
const JOURNAL_ANSWERS_WITHIN: Duration = Duration::from_secs(60);
/// A host that has lost its database sees that twice a second and takes a second at most to end; a busy machine takes longer.
const PREDECESSOR_ENDS_WITHIN: Duration = Duration::from_secs(10);

/// A host that runs.
pub struct Running {
    runtime: Runtime,
    store: Store,
    host: Arc<Host>,
    watch: tokio::task::JoinHandle<()>,
    keeper: Arc<StateFile>,
    /// `None` until everything that is stored has gone on.
    feed: Option<FeedThread>,
    state: AppState,
    stopping: Stopping,
    /// Engines that the host could not take in when it started.
    later: Vec<EngineId>,
    /// Where it listens and what went on, for whoever started it.
    pub started: Value,
}

/// Where requests will come in; nobody is answered yet.
pub struct Sockets {
    tcp: TcpListener,
    /// With its file, which goes when requests are answered no more.
    control: Option<(ControlSocket, UnixListener)>,
}

impl Running {
    /// Starts everything but the answering of requests, which come by the socket. Nothing is left running when it fails, or is told to stop.
    ///
    /// # Errors
    /// The first part that can't start, in one line with the way out.
    pub fn start(config: &Config, runtime: Runtime, stopping: Stopping) -> Outcome<(Self, Sockets)> {
        make_folder(&config.data_dir)?;
        let doors = door_limits(config);
        let place = config.database()?;
        // Before anything is opened: a host that nobody can talk to is no host.
        let listener = listen(config)?;
        // Sockets and connections belong to the runtime they are made in.
        let entered = runtime.enter();
        let store = runtime.block_on(stopping.unless_asked(Store::open_at(&place)))?.map_err(store_failure)?;
        stopping.go_on()?;
        let is_unclean = runtime.block_on(store.predecessor()).map_err(store_failure)?.is_some();
        let outlived = store.outlive_predecessor(|why| tracing::warn!("{why}"));
        runtime.block_on(stopping.unless_asked(outlived))?.map_err(store_failure)?;
        let token = operator_token(config)?;
        // Before any engine is started: two hosts in one folder would overwrite each other's files.
        let control = runtime.block_on(control_socket(&config.data_dir, is_unclean))?;
        let sandbox = Arc::new(sandbox(config)?);
        let table = Market::table(config)?;
        let disk = Arc::new(FullDisk::of(config.data_dir.clone()));
        stopping.go_on()?;
        let Succession { keeper, epoch, was_clean } = runtime.block_on(succession::succeed(config, &store, &table))?;
        let market = runtime.block_on(known(config, &store)).and_then(|known| {
            let market = Market::open(config, table.clone(), SystemClock.now(), &known, &disk)?;
            stopping.go_on().map(|()| market)
        });
        let market = match market {
            Ok(market) => market,
            // Nothing has been sent: whoever comes next finds what this host has found.
            Err(failure) => {
                let is_whole = was_clean && keeper.kept().owed.is_empty() && keeper.stop().is_ok();
                runtime.block_on(succession::leave(&store, is_whole));
                return Err(failure);
            }
        };
        let mut broker = PaperBroker::new(Venue::new(table.clone(), VenueOptions { track_equity: false, ..VenueOptions::default() }));
        market.quotes().iter().for_each(|tick| broker.quote(tick));
        let keeper = Arc::new(keeper);
        let journal = runtime.block_on(store.journal(&table, epoch)).map_err(store_failure)?;
        let live = LiveFeed::new(table.clone(), &doors);
        let recording = Recording::open(config, SystemClock.now(), &table, runtime.handle(), &store, &disk)?;
        let record = recording.as_ref().map(Recording::status);
        let sink = StoreSink::new(runtime.handle().clone(), store.clone(), live.clone(), table.clone(), recording, disk);
        let stored = runtime.block_on(store.host_setting(TRADING)).map_err(store_failure)?;
        let stored = stored.and_then(|word| TradingState::from_word(&word)).unwrap_or(TradingState::Active);
        let clock = Arc::new(SystemClock);
        let (history, market) = market.parted();
        let setup = HostSetup {
            table,
            history,
            factory: Arc::clone(&sandbox) as _,
            journal,
            keeper: Arc::clone(&keeper) as _,
            broker: Box::new(broker),
            clock: Arc::clone(&clock) as _,
            sink: Box::new(sink),
            trading: stored,
            bounds: bounds(config),
        };
        let host = Arc::new(Host::start(setup).map_err(Failure::of(Exit::Machine))?);
        let watch = watch::start(runtime.handle(), store.clone(), Arc::downgrade(&host));
        if is_unclean {
            watch::check(runtime.handle(), store.clone(), Arc::downgrade(&host));
        }
        let cap = |max: u64| (max > 0).then_some(max);
        let orders = cap(config.host.orders_per_second_max).and_then(|max| u32::try_from(max).ok());
        host.set_caps(orders, cap(config.host.notional_per_minute_max));
        let state = AppState::new(Parts {
            store: store.clone(),
            host: Arc::clone(&host),
            token,
            versions: Arc::new(SandboxVersions::new(sandbox)),
            feed: market.status(),
            record: record.map(|record| record as _),
            live,
            clock,
            limits: config.limits,
            ceiling: config.risk.clone(),
            doors,
        });
        drop(entered);
        let mut running =
            Self { runtime, store, host, keeper, watch, feed: None, state, stopping, later: Vec::new(), started: Value::Null };
        let gone_on = running.runtime.block_on(running.stopping.unless_asked(running.go_on(stored, was_clean)));
        let resumed = match gone_on.and_then(|gone_on| gone_on) {
            Ok(mut resumed) => {
                running.later = std::mem::take(&mut resumed.later);
                resumed
            }
            // What has started is stopped as any other time.
            Err(failure) => return running.stop().and(Err(failure)),
        };
        // One write of the journal may be on its way, and one of the place behind it.
        let patience = 2 * Duration::from_millis(config.host.journal_answer_ms.into());
        let shelves = shelves(config, running.runtime.handle().clone(), running.store.clone(), patience);
        match FeedThread::start(market, Arc::clone(&running.host), patience, shelves) {
            Ok(feed) => running.feed = Some(feed),
            Err(error) => return running.stop().and(Err(Failure::new(Exit::Machine, error))),
        }
        let address = listener.local_addr().map_or_else(|_| config.listen.to_string(), |address| address.to_string());
        running.started = json!({
            "url": format!("http://{address}"), "data_dir": config.data_dir, "database": place.to_string(), "feed": config.feed.kind,
            "symbols": config.feed.symbols, "accounts": resumed.accounts, "engines": resumed.engines, "engines_started": resumed.started,
            "failed": resumed.failed,
        });
        Ok((running, Sockets { tcp: listener, control }))
    }

    /// Goes on from where the host before was: first what it owed the database, then everything that is stored.
    async fn go_on(&self, stored: TradingState, was_clean: bool) -> Outcome<Resumed> {
        match self.pay().await? {
            0 => {}
            lines => tracing::warn!(lines, "what the host before sent without the database is written there now"),
        }
        if !was_clean {
            self.store.skip_numbers(AHEAD).await.map_err(store_failure)?;
        }
        let kept = self.host.kept_trading(Scope::Host);
        if kept > stored {
            tracing::warn!(trading = %kept, "as the data folder has it, which the database was not told");
            self.store.set_host_setting(TRADING, kept.word()).await.map_err(store_failure)?;
        }
        api::operations::resume(&self.state).await.map_err(Failure::of(Exit::Failed))
    }

    /// Writes to the journal what the hosts before owed it, and gives how many lines that were. A journal that does not answer yet is waited
    /// for: a host that ends because its database is slow would only be started again.
    async fn pay(&self) -> Outcome<usize> {
        let until = Instant::now() + JOURNAL_ANSWERS_WITHIN;
        let mut is_told = false;
        loop {
            let host = Arc::clone(&self.host);
            let paid = tokio::task::spawn_blocking(move || host.pay()).await.map_err(Failure::of(Exit::Failed))?;
            match paid {
                // Each of these took some seconds.
                Err(late @ (HostError::JournalLate(_) | HostError::Busy)) if Instant::now() < until => {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!("{late}; the start waits for it, {} s at most", JOURNAL_ANSWERS_WITHIN.as_secs());
                    }
                }
                paid => return paid.map_err(Failure::of(Exit::Machine)),
            }
        }
    }

    /// Answers requests until a stop is asked for, then stops everything in order.
    ///
    /// # Errors
    /// The sockets can't be opened, and everything has been stopped all the same; or something is owed to the database.
    pub fn run(mut self, sockets: Sockets) -> Outcome {
        self.stopping.stage("answering the requests that are under way");
        let going_on = api::operations::go_on_later(self.state.clone(), std::mem::take(&mut self.later));
        let (control, control_listener) = sockets.control.unzip();
        let served = {
            let _entered = self.runtime.enter();
            // Who still waits when the host stops is taken in at the next start.
            let _going_on = tokio_util::task::AbortOnDropHandle::new(self.runtime.spawn(going_on));
            let opened = tokio::net::TcpListener::from_std(sockets.tcp).and_then(|tcp| {
                let control = control_listener.map(tokio::net::UnixListener::from_std).transpose()?;
                Ok(Doors { tcp, control })
            });
            opened.map(|doors| self.runtime.block_on(api::serve(doors, self.state.clone(), self.stopping.asked())))
        };
        drop(control);
        self.stop()?;
        served.map_err(|error| Failure::new(Exit::Failed, format_args!("the API's socket can't be opened: {error}; start again")))
    }

    /// No more ticks, engines saved, what is owed written, events written, database closed: by one deadline.
    fn stop(self) -> Outcome {
        let Self { runtime, store, host, keeper, watch, feed, state, stopping, .. } = self;
        stopping.begin();
        tracing::info!("stopping: no more ticks, engines are saved");
        stopping.stage("the feed");
        if let Some(feed) = feed {
            feed.stop();
        }
        stopping.stage("an engine, the journal or an event");
        let left = host.stop_by(stopping.deadline(CLOSING_MAX + ENDING_MAX));
        let is_safe = left.is_some_and(Left::is_safe);
        let stopped = if is_safe { keeper.stop() } else { Ok(()) };
        if let Err(why) = &stopped {
            tracing::error!(%why, "the state file could not be told that the host has stopped: the next one takes it for a crash");
        }
        let is_whole = is_safe && stopped.is_ok() && left.is_some_and(|left| left.owed == 0);
        // The last owner of the journal and of the sandbox.
        drop((state, host));
        stopping.stage("closing the database");
        let closing = stopping.deadline(ENDING_MAX).saturating_duration_since(Instant::now()).min(CLOSING_MAX);
        watch.abort();
        let closing_down = async {
            succession::leave(&store, is_whole).await;
            store.close().await
        };
        let closed = runtime.block_on(async { tokio::time::timeout(closing, closing_down).await });
        if closed != Ok(Closed::Whole) {
            tracing::error!("the database has not closed within {} s, and is left to itself", closing.as_secs());
        }
        runtime.shutdown_timeout(ENDING_MAX);
        let owed = owed(left, &keeper);
        tracing::info!("stopped");
        owed
    }
}

/// What is known of where the market stood.
async fn known(config: &Config, store: &Store) -> Outcome<Known> {
    let noted = store.host_setting(FEED).await.map_err(store_failure)?;
    let recorded = record::latest_tick(&config.records_dir()).unwrap_or_else(|error| {
        tracing::warn!("the record does not say how far the market had come: {error}");
        None
    });
    Ok(Known {
        file: Place::read(&config.data_dir),
        noted: noted.and_then(|text| serde_json::from_str(&text).ok()),
        seen: store.market_seen().await.map_err(store_failure)?,
        recorded,
    })
}

/// Where the market's place is kept.
fn shelves(config: &Config, runtime: Handle, store: Store, patience: Duration) -> Vec<Shelf> {
    let folder = config.data_dir.clone();
    let in_folder = move |place: &Place| place.write(&folder).map_err(|failure| failure.message);
    let in_database = move |place: &Place| {
        let text = place.text();
        let written = runtime.block_on(async { tokio::time::timeout(patience, store.set_host_setting(FEED, &text)).await });
        let written = written.map_err(|_late| format!("the database has not answered for {} ms", patience.as_millis()))?;
        written.map_err(|error| format!("the database: {error}"))
    };
    vec![Shelf { name: "the disk", write: Box::new(in_folder) }, Shelf { name: "the database", write: Box::new(in_database) }]
}

/// Whether a host that has stopped has everything in its database.
fn owed(left: Option<Left>, keeper: &StateFile) -> Outcome {
    let file = keeper.path().display();
    let message = match left {
        Some(Left { owed: 0, .. }) => return Ok(()),
        Some(Left { owed, kept: true }) => format!(
            "stopped, but {owed} lines of orders and reports are not in the database yet: they are safe in {file}, and the next start writes them \
             first; keep that file until then"
        ),
        Some(Left { owed, kept: false }) => format!(
            "stopped, and {owed} lines of orders and reports are neither in the database nor in {file}: each is in the log; compare the accounts \
             with their brokers and book them by hand"
        ),
        None => format!(
            "stopped, but the order pipeline did not come to its end: what it owed the database is in {file} as far as that could be written; \
             start the host again, it writes that first and compares the accounts with their brokers"
        ),
    };
    Err(Failure::new(Exit::Machine, message))
}

/// The token, the database and everybody's strategies are nobody else's.
fn make_folder(folder: &Path) -> Outcome {
    let found = crate::folder::prepare(folder).map_err(|error| Failure::io("make the data folder", folder, &error))?;
    if let Some(line) = found.line() {
        tracing::warn!("{line}");
    }
    Ok(())
}

/// What clients may take of the files that this process may open.
fn door_limits(config: &Config) -> DoorLimits {
    let files = crate::open_files::raise();
    let doors = config.api.with_files(files);
    if doors.connections_max < config.api.connections_max {
        let (connections, wanted) = (doors.connections_max, config.api.connections_max);
        tracing::warn!("this process may open {files} files: it takes {connections} connections at once, not {wanted}; raise `ulimit -n`");
    }
    doors
}

/// The socket in the data folder. A folder that takes none is told of, and the host works without.
///
/// The database is this host's own by now. Where the host before has just lost it, that one is about to end, and its socket is waited for:
/// otherwise each of the two would end because of the other.
async fn control_socket(data_dir: &Path, is_unclean: bool) -> Outcome<Option<(ControlSocket, UnixListener)>> {
    let until = Instant::now() + if is_unclean { PREDECESSOR_ENDS_WITHIN } else { Duration::ZERO };
    let bound = loop {
        match ControlSocket::bind(data_dir) {
            Err(failure) if failure.exit == Exit::InUse && Instant::now() < until => tokio::time::sleep(Duration::from_millis(50)).await,
            bound => break bound,
        }
    };
    match bound {
        Err(failure) if failure.exit == Exit::Failed => {
            tracing::warn!("{failure}; `stockade halt` has only the API's address to reach this host by");
            Ok(None)
        }
        bound => bound.map(Some),
    }
}

fn listen(config: &Config) -> Outcome<TcpListener> {
    let address = config.listen;
    let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => Failure::new(
            Exit::InUse,
            format_args!("{address} is in use by another process; stop that, or set listen (STOCKADE_LISTEN) to another port"),
        ),
        ErrorKind::PermissionDenied => {
            Failure::new(Exit::Machine, format_args!("this user may not listen on {address}; set listen to a port above 1023"))
        }
        _ => Failure::new(
            Exit::Machine,
            format_args!("{address} can't be listened on: {}; set listen to an address of this machine", error.kind()),
        ),
    })?;
    listener.set_nonblocking(true).map_err(Failure::of(Exit::Machine))?;
    Ok(listener)
}

/// What connections, requests and waiting run on.
///
/// # Errors
/// There is no room for its threads.
pub fn runtime() -> Outcome<Runtime> {
    // It only waits: strategies run on shards, statements on SQLite's own threads.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("async").enable_all().build();
    runtime.map_err(Failure::of(Exit::Machine))
}

fn sandbox(config: &Config) -> Outcome<Sandbox<Desk>> {
    let engines_max = config.sandbox.engines_max;
    let sandbox = SandboxConfig {
        compiler: crate::workshop::compiler(),
        cache_dir: Some(config.cache_dir()),
        cache_bytes_max: config.sandbox.cache_bytes_max,
        versions_max: config.sandbox.versions_max,
        idle_code_bytes_max: config.sandbox.idle_code_bytes_max,
        guests_max: (engines_max > 0).then_some(engines_max),
        resident_bytes_max: config.sandbox.memory_mib_max.bytes(),
        ..SandboxConfig::default()
    };
    Sandbox::new(sandbox).map_err(Failure::of(Exit::Machine))
}

fn bounds(config: &Config) -> Bounds {
    let usual = Bounds::default();
    let shards = if config.host.shards == 0 { usual.shards } else { config.host.shards };
    let us = |seconds: u32| i64::from(seconds) * SECOND_US;
    let (save_every_us, compare_every_us) = (us(config.host.save_every_s), us(config.host.compare_every_s));
    let journal_answer_ms = u64::from(config.host.journal_answer_ms);
    Bounds { shards, save_every_us, compare_every_us, journal_answer_ms, quotas: config.quotas, ..usual }
}

pub(crate) fn store_failure(error: StoreError) -> Failure {
    let exit = match &error {
        StoreError::InUse { .. } | StoreError::Busy | StoreError::Passing { .. } | StoreError::Fenced { .. } => Exit::InUse,
        StoreError::Older { .. } | StoreError::Newer { .. } | StoreError::Unusable { .. } => Exit::Machine,
        StoreError::DiskFull | StoreError::Disk(_) | StoreError::Gone(_) | StoreError::Unreachable(_) => Exit::Machine,
        StoreError::NotFound { .. } => Exit::NotFound,
        StoreError::Invalid(_) | StoreError::AlreadyExists { .. } | StoreError::Symbol { .. } => Exit::Refused,
        StoreError::Corrupt(_) | StoreError::Damaged(_) | StoreError::Rejected { .. } | StoreError::Internal(_) => Exit::Failed,
    };
    Failure::new(exit, error.in_full())
}
