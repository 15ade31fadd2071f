//! The running host: its parts put together, started in order, stopped in the reverse.
//!
//! ```text
//! feed (thread) -> engine::Host -> journal (store) -> paper broker -> events -> store and live stream
//!                       ^                                                          |
//!                       +------------------- api (tokio) <-------------------------+
//! ```
//! The only place that knows all crates. Start: port, database, sandbox, market's past, host, everything stored, feed.
//! Stop: no more requests, no more ticks, engines saved, events written, database closed.

mod clock;
mod feed;
mod paper;
mod place;
mod recording;
mod sink;
mod versions;

use crate::config::{Config, operator_token};
use crate::exit::{Exit, Failure, Outcome};
use ::paper::{Venue, VenueOptions};
use api::{AppState, LiveFeed, Parts};
use clock::SystemClock;
use domain::contract::TradingState;
use domain::desk::Desk;
use domain::time::{Clock as _, SECOND_US};
use engine::{Bounds, Host, HostSetup};
use feed::{FeedThread, Market};
use paper::PaperBroker;
use recording::Recording;
use sandbox::{Sandbox, SandboxConfig};
use serde_json::{Value, json};
use sink::StoreSink;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use store::{Store, StoreError};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use versions::SandboxVersions;

/// A host that runs.
pub struct Running {
    runtime: Runtime,
    store: Store,
    host: Arc<Host>,
    feed: FeedThread,
    state: AppState,
    listener: tokio::net::TcpListener,
    /// Where it listens and what went on, for whoever started it.
    pub started: Value,
}

impl Running {
    /// Starts everything but the answering of requests. Nothing is left running when it fails.
    ///
    /// # Errors
    /// The first part that can't start, in one line with the way out.
    pub fn start(config: &Config) -> Outcome<Self> {
        make_folder(&config.data_dir)?;
        let place = config.database()?;
        // Before anything is opened: a host that nobody can talk to is no host.
        let listener = listen(config)?;
        let runtime = runtime()?;
        // Sockets and connections belong to the runtime they are made in.
        let entered = runtime.enter();
        let store = runtime.block_on(Store::open_at(&place)).map_err(store_failure)?;
        let token = operator_token(config)?;
        let sandbox = Arc::new(sandbox(config)?);
        let market = Market::open(config, SystemClock.now())?;
        let table = market.table.clone();
        let mut broker = PaperBroker::new(Venue::new(table.clone(), VenueOptions { track_equity: false, ..VenueOptions::default() }));
        market.quotes().iter().for_each(|tick| broker.quote(tick));
        let owner = format!("the host of process {}", std::process::id());
        let epoch = runtime.block_on(store.take_over(&owner, SystemClock.now())).map_err(store_failure)?;
        let journal = runtime.block_on(store.journal(&table, epoch)).map_err(store_failure)?;
        let live = LiveFeed::new(table.clone());
        let recording = Recording::open(config, SystemClock.now(), &table, runtime.handle(), &store)?;
        let sink = StoreSink::new(runtime.handle().clone(), store.clone(), live.clone(), table.clone(), recording);
        let trading = runtime.block_on(store.host_setting(sink::TRADING)).map_err(store_failure)?;
        let trading = trading.and_then(|word| TradingState::from_word(&word)).unwrap_or(TradingState::Active);
        let clock = Arc::new(SystemClock);
        let (history, market) = market.parted();
        let setup = HostSetup {
            table,
            history,
            factory: Arc::clone(&sandbox) as _,
            journal,
            broker: Box::new(broker),
            clock: Arc::clone(&clock) as _,
            sink: Box::new(sink),
            trading,
            bounds: bounds(config),
        };
        let host = Arc::new(Host::start(setup).map_err(Failure::of(Exit::Machine))?);
        let cap = |max: u64| (max > 0).then_some(max);
        let orders = cap(config.host.orders_per_second_max).and_then(|max| u32::try_from(max).ok());
        host.set_caps(orders, cap(config.host.notional_per_minute_max));
        let state = AppState::new(Parts {
            store: store.clone(),
            host: Arc::clone(&host),
            token,
            versions: Arc::new(SandboxVersions::new(sandbox)),
            feed: market.status(),
            live,
            clock,
            limits: config.limits,
            ceiling: config.risk.clone(),
        });
        let resumed = runtime.block_on(api::operations::resume(&state)).map_err(Failure::of(Exit::Failed))?;
        let feed = FeedThread::start(market, Arc::clone(&host)).map_err(Failure::of(Exit::Machine))?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(Failure::of(Exit::Machine))?;
        let address = listener.local_addr().map_or_else(|_| config.listen.to_string(), |address| address.to_string());
        let started = json!({
            "url": format!("http://{address}"), "data_dir": config.data_dir, "database": place.to_string(), "feed": config.feed.kind,
            "symbols": config.feed.symbols, "accounts": resumed.accounts, "engines": resumed.engines, "engines_started": resumed.started,
            "failed": resumed.failed,
        });
        drop(entered);
        Ok(Self { runtime, store, host, feed, state, listener, started })
    }

    /// Answers requests until `stop` is cancelled, then stops everything in order.
    ///
    /// # Errors
    /// The socket failed; everything has been stopped all the same.
    pub fn run(self, stop: CancellationToken) -> Outcome {
        let Self { runtime, store, host, feed, state, listener, .. } = self;
        let served = runtime.block_on(api::serve(listener, state.clone(), stop.cancelled_owned()));
        tracing::info!("stopping: no more ticks, engines are saved");
        feed.stop();
        host.stop();
        // The last owner of the journal and of the sandbox.
        drop((state, host));
        runtime.block_on(store.close());
        tracing::info!("stopped");
        served.map_err(|error| Failure::new(Exit::Failed, format_args!("the API's socket failed: {error}; start again")))
    }

    /// A token that is cancelled by SIGINT and SIGTERM. A second signal ends the process at once.
    ///
    /// # Errors
    /// Signals can't be caught.
    pub fn stop_signal(&self) -> Outcome<CancellationToken> {
        use tokio::signal::unix::{SignalKind, signal};
        let _entered = self.runtime.enter();
        let catch = |kind| signal(kind).map_err(Failure::of(Exit::Machine));
        let (mut interrupt, mut terminate) = (catch(SignalKind::interrupt())?, catch(SignalKind::terminate())?);
        let stop = CancellationToken::new();
        let cancel = stop.clone();
        self.runtime.spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if cancel.is_cancelled() {
                    // Whoever signals twice does not want to wait; the journal has everything that was sent.
                    std::process::exit(130);
                }
                cancel.cancel();
            }
        });
        Ok(stop)
    }
}

fn make_folder(folder: &Path) -> Outcome {
    use std::os::unix::fs::DirBuilderExt as _;
    // The token and the database are nobody else's.
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| Failure::io("make the data folder", folder, &error))
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

fn runtime() -> Outcome<Runtime> {
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
    Bounds { shards, save_every_us, compare_every_us, quotas: config.quotas, ..usual }
}

pub(crate) fn store_failure(error: StoreError) -> Failure {
    let exit = match &error {
        StoreError::InUse { .. } | StoreError::Busy | StoreError::Fenced { .. } => Exit::InUse,
        StoreError::Older { .. } | StoreError::Newer { .. } | StoreError::Unusable { .. } => Exit::Machine,
        StoreError::DiskFull | StoreError::Disk(_) | StoreError::Unreachable(_) => Exit::Machine,
        StoreError::NotFound { .. } => Exit::NotFound,
        StoreError::Invalid(_) | StoreError::AlreadyExists { .. } | StoreError::Symbol { .. } => Exit::Refused,
        StoreError::Corrupt(_) | StoreError::Damaged(_) | StoreError::Internal(_) => Exit::Failed,
    };
    Failure::new(exit, error)
}
