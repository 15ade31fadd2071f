//! What endpoints work with, and the ports behind which the sandbox and the feed lie.

use crate::compile_places::CompilePlaces;
use crate::doors::{CONTROL_REQUESTS, Counts, DoorLimits, Places, URGENT_REQUESTS};
use crate::health::ProcessMeter;
use crate::live::LiveFeed;
use crate::operations::Turns;
use crate::operator::Token;
use crate::problem::{Code, Problem};
use crate::stranded::Stranded;
use crate::strategies::report::UploadReport;
use domain::contract::Description;
use domain::ids::{Digest, UserId};
use domain::limits::GuestLimits;
use domain::risk::RiskLimits;
use domain::time::Clock;
use engine::{Host, Latencies};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use store::Store;
use utoipa::ToSchema;

/// The port to whoever checks and loads components.
///
/// Its methods block, for half a minute when a component brings an interpreter along; they are called on threads that may. What is
/// given up meanwhile, since nobody waits for it any more, ends as soon as it can.
pub trait Versions: Send + Sync {
    /// Checks a component as at upload, and asks it what it is.
    ///
    /// # Errors
    /// It is refused.
    fn check(&self, component: &[u8], given_up: &Arc<AtomicBool>) -> Result<Checked, Refused>;
    /// Keeps a version ready for as long as what this gives is kept; `None`: it is not ready, or always is.
    fn keep_ready(&self, _version: &Digest) -> Option<Arc<dyn Send + Sync>> {
        None
    }
    /// Whether there is room for one more guest.
    ///
    /// # Errors
    /// [`Refused::Full`]: what is near its end.
    fn room(&self) -> Result<(), Refused> {
        Ok(())
    }
    /// Makes a version ready to be run, and keeps it so for as long as what this gives is kept; `None`: all versions always are.
    ///
    /// # Errors
    /// It is refused, or there is no room for it.
    fn load(&self, version: &Digest, component: &[u8], given_up: &AtomicBool) -> Result<Option<Arc<dyn Send + Sync>>, Refused>;
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What the component says of itself.
    pub description: Description,
    /// The rest, for its author: imports, sizes, what compiling and running it cost.
    pub report: UploadReport,
}

/// Why a component was not taken. Each text is one line with the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The component is at fault.
    #[error("{0}")]
    Unfit(String),
    /// The host has no room for it.
    #[error("{0}")]
    Full(String),
    /// The machine can't check it now, and may in a minute.
    #[error("{0}")]
    Busy(String),
    /// The host failed.
    #[error("{0}")]
    Failed(String),
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unfit(why) => Self::new(Code::ComponentRefused, why),
            Refused::Full(why) => Self::new(Code::HostFull, why),
            Refused::Busy(why) => Self::new(Code::Busy, why),
            Refused::Failed(why) => Self::internal(why),
        }
    }
}

/// The port to whoever knows how the feed is.
pub trait Feed: Send + Sync {
    /// How it is now. Must not block.
    fn report(&self) -> FeedReport;

    /// How long after its time each tick was handed over, since the host started. Must not block.
    fn late(&self) -> Latencies;
}

/// How the feed is.
#[derive(Clone, Debug)]
pub struct FeedReport {
    /// What feeds the host: `simulated`, `replay` ...
    pub kind: String,
    /// How it is.
    pub status: Status,
    /// Why it is not well.
    pub reason: Option<String>,
}

/// The port to whoever keeps the record of what engines are fed and decide.
pub trait Record: Send + Sync {
    /// How it is now. Must not block.
    fn report(&self) -> RecordReport;
}

/// How the record is.
#[derive(Clone, Debug, Default)]
pub struct RecordReport {
    /// Why it can't be written now.
    pub failing: Option<String>,
    /// Holes in engines' records since the host started, because they could not be written.
    pub holes: u64,
    /// Ticks that could not be written since then.
    pub ticks_lost: u64,
}

/// How well a part of the host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// All is well.
    Ok,
    /// It works, but somebody should look.
    Degraded,
    /// It does not work.
    Down,
}

/// What the API is made of.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The running host.
    pub host: Arc<Host>,
    /// The operator's token; not empty.
    pub token: String,
    /// Checks and loads components.
    pub versions: Arc<dyn Versions>,
    /// Knows how the feed is.
    pub feed: Arc<dyn Feed>,
    /// Knows how the record is; `None` where none is kept.
    pub record: Option<Arc<dyn Record>>,
    /// What the host's event sink publishes to.
    pub live: LiveFeed,
    /// The host's clock.
    pub clock: Arc<dyn Clock>,
    /// What each engine's guest may use.
    pub limits: GuestLimits,
    /// What no account may go beyond.
    pub ceiling: RiskLimits,
    /// What all clients together may take.
    pub doors: DoorLimits,
}

/// What endpoints work with. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub(crate) store: Store,
    pub(crate) host: Arc<Host>,
    pub(crate) token: Token,
    pub(crate) versions: Arc<dyn Versions>,
    pub(crate) feed: Arc<dyn Feed>,
    pub(crate) record: Option<Arc<dyn Record>>,
    pub(crate) live: LiveFeed,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: GuestLimits,
    pub(crate) ceiling: Arc<RiskLimits>,
    pub(crate) process: Arc<ProcessMeter>,
    pub(crate) since: Instant,
    pub(crate) turns: Arc<Turns>,
    pub(crate) stranded: Arc<Stranded>,
    pub(crate) doors: DoorLimits,
    pub(crate) door_counts: Arc<Counts>,
    pub(crate) requests: Arc<Places>,
    pub(crate) urgent_requests: Arc<Places>,
    pub(crate) control_requests: Arc<Places>,
    /// Bytes of components that are in memory.
    pub(crate) uploads: Arc<Places>,
    compile_places: Arc<CompilePlaces>,
}

impl AppState {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let Parts { store, host, token, versions, feed, record, live, clock, limits, ceiling, doors } = parts;
        Self {
            store,
            host,
            token: Token::new(&token),
            versions,
            feed,
            record,
            live,
            clock,
            limits,
            ceiling: Arc::new(ceiling),
            process: Arc::default(),
            since: Instant::now(),
            turns: Arc::default(),
            stranded: Arc::default(),
            doors,
            door_counts: Arc::default(),
            requests: Places::new(doors.requests_max),
            urgent_requests: Places::new(URGENT_REQUESTS),
            control_requests: Places::new(CONTROL_REQUESTS),
            uploads: Places::new(doors.upload_bytes_waiting_max),
            compile_places: Arc::default(),
        }
    }

    /// Asks the host something that it may take a moment to answer.
    pub(crate) async fn ask<T: Send + 'static>(&self, question: impl FnOnce(&Host) -> T + Send + 'static) -> Result<T, Problem> {
        let host = Arc::clone(&self.host);
        tokio::task::spawn_blocking(move || question(&host)).await.map_err(Problem::internal)
    }

    /// Has something checked or compiled on behalf of a user, or at the host's own start, when it is its turn.
    ///
    /// # Errors
    /// It is refused, or too many wait.
    pub(crate) async fn compile<T: Send + 'static>(
        &self,
        whose: Option<UserId>,
        work: impl FnOnce(&dyn Versions, &Arc<AtomicBool>) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Problem> {
        let place = self.compile_places.take(whose).await?;
        let versions = Arc::clone(&self.versions);
        let asked = GivesUp::default();
        let given_up = Arc::clone(&asked.0);
        let worked = tokio::task::spawn_blocking(move || {
            let done = work(versions.as_ref(), &given_up);
            // Held to here: when the request is given up, the work goes on until it notices, and counts.
            drop(place);
            done
        });
        Ok(worked.await.map_err(Problem::internal)??)
    }
}

/// Tells whoever works for a request that it was given up: dropped with the request, it says so.
#[derive(Default)]
struct GivesUp(Arc<AtomicBool>);

impl Drop for GivesUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
