//! The doors of the host: a TCP port for everybody, and a socket in the data folder for the host's own user.
//!
//! Whoever comes in takes a file, memory and a place that others need. So there are never more connections than the host can
//! spare files for, and each has a time limit for a head, a body, a pause and an answer that nobody reads. When all are taken, the one
//! that has been idle for longest gives way to the newcomer; when all are in the middle of a request, a few more are let in to the kill
//! switch and the host's health ([`is_urgent`]), and are told to come again when they want anything else. Places for requests,
//! streams and uploads are shared among callers ([`Places`]).

mod caller;
mod limits;
mod paced;
mod places;
mod visit;

pub use limits::DoorLimits;

pub(crate) use caller::{Caller, Origin, is_urgent};
pub(crate) use limits::{CONTROL_REQUESTS, URGENT_REQUESTS};
pub(crate) use paced::{Paced, TooSlow};
pub(crate) use places::{Place, Places};

use crate::state::AppState;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use limits::{CONTROL_CONNECTIONS, URGENT_CONNECTIONS};
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tower::ServiceExt as _;
use visit::{Answer, Visit, Watched};

/// Most bytes of a head: the longest query of ours has some hundred. It is also what a connection reads ahead.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// How long nobody is let in after the system had no room for another connection.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);
/// How often a full house is told in the log.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Where requests come in.
#[derive(Debug)]
pub struct Doors {
    /// For everybody who has the token.
    pub tcp: TcpListener,
    /// For whoever may open it, without a token.
    pub control: Option<UnixListener>,
}

/// What happened at the doors since the host started.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Connections that are open now.
    pub open: AtomicU64,
    /// Connections that were closed because their time was over.
    pub overdue: AtomicU64,
    /// Idle connections that gave way to others.
    pub gave_way: AtomicU64,
    /// Connections that found all others busy.
    pub found_busy: AtomicU64,
    /// Requests that found no place.
    pub requests_refused: AtomicU64,
}

/// Serves until `stop` is done. Then nobody is let in any more, streams and idle connections end at once, and requests under way have
/// a few seconds.
pub async fn serve(doors: Doors, state: AppState, stop: impl Future<Output = ()> + Send) {
    let live = state.live.clone();
    let (open, closing) = watch::channel(());
    let router = crate::router(state.clone());
    let public = Door::new(&state, router.clone(), state.doors.connections_max, URGENT_CONNECTIONS);
    let control = Door::new(&state, router, CONTROL_CONNECTIONS, URGENT_CONNECTIONS);
    let control = async {
        if let Some(listener) = doors.control {
            control.keep(listener, closing.clone()).await;
        }
    };
    let stopped = async {
        stop.await;
        live.close();
        drop(open);
    };
    tokio::join!(public.keep(doors.tcp, closing.clone()), control, stopped);
}

/// One listener and the connections that came in there.
struct Door {
    router: Router,
    limits: DoorLimits,
    /// Connections at once.
    max: usize,
    /// More of them, for what is urgent.
    urgent_max: usize,
    visits: HashMap<Id, Arc<Visit>>,
    counts: Arc<Counts>,
    /// How often all were taken since that was last told.
    full: AtomicU64,
    told_at: Option<Instant>,
}

impl Door {
    fn new(state: &AppState, router: Router, max: usize, urgent_max: usize) -> Self {
        let (limits, counts) = (state.doors, Arc::clone(&state.door_counts));
        Self { router, limits, max, urgent_max, visits: HashMap::new(), counts, full: AtomicU64::new(0), told_at: None }
    }

    /// Lets connections in until it is time to close, and waits for those that are busy.
    async fn keep<L: Accepts>(mut self, listener: L, mut closing: watch::Receiver<()>) {
        let mut tasks = JoinSet::new();
        let mut sweep = tokio::time::interval(self.limits.sweep_every());
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut not_before = tokio::time::Instant::now();
        loop {
            let has_room = self.visits.len() < self.max + self.urgent_max;
            let accepted = async {
                tokio::time::sleep_until(not_before).await;
                listener.accept().await
            };
            tokio::select! {
                accepted = accepted, if has_room => match accepted {
                    Ok((socket, origin)) => self.let_in(socket, origin, &mut tasks, &closing),
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => {
                        tracing::warn!("the system lets no further connection in: {error}");
                        self.make_way(|_| true);
                        not_before = tokio::time::Instant::now() + AFTER_REFUSAL;
                    }
                },
                Some(ended) = tasks.join_next_with_id() => self.left(ended),
                _ = sweep.tick() => self.sweep(),
                // Never a message: the sender is dropped when it is time.
                _ = closing.changed() => break,
            }
        }
        drop(listener);
        self.visits.values().filter(|visit| visit.idleness().is_some()).for_each(|visit| visit.cut());
        let within = self.limits.stop();
        let all_gone = async {
            while let Some(ended) = tasks.join_next_with_id().await {
                self.left(ended);
            }
        };
        if tokio::time::timeout(within, all_gone).await.is_err() {
            tracing::warn!("requests still under way were cut off");
        }
        tasks.shutdown().await;
    }

    fn let_in<S: Socket>(&mut self, socket: S, origin: Origin, tasks: &mut JoinSet<()>, closing: &watch::Receiver<()>) {
        let ordinary = self.visits.values().filter(|visit| visit.counts() && !visit.origin.is_urgent_only()).count();
        let finds_room = ordinary < self.max || self.make_way(|visit| !visit.origin.is_urgent_only());
        let origin = if finds_room { origin } else { origin.urgent_only() };
        let visit = Visit::new(origin);
        let task = tasks.spawn(attend(socket, Arc::clone(&visit), self.router.clone(), closing.clone()));
        if self.visits.len() + 1 >= self.max + self.urgent_max {
            // The last place is taken: whoever comes next should find one.
            self.make_way(|_| true);
        }
        self.visits.insert(task.id(), visit);
        self.counts.open.fetch_add(1, Ordering::Relaxed);
        self.counts.found_busy.fetch_add(u64::from(!finds_room), Ordering::Relaxed);
        *self.full.get_mut() += u64::from(!finds_room);
    }

    /// Closes the idlest connection of whoever has most; false when all are busy.
    fn make_way(&self, may_go: impl Fn(&Visit) -> bool) -> bool {
        let mut of_origin: HashMap<Origin, usize> = HashMap::new();
        self.visits.values().for_each(|visit| *of_origin.entry(visit.origin).or_default() += 1);
        let candidates = self.visits.values().filter(|visit| may_go(visit));
        let idle = candidates.filter_map(|visit| Some(((of_origin[&visit.origin], visit.idleness()?), visit)));
        let Some((_, idlest)) = idle.max_by_key(|(key, _)| *key) else { return false };
        idlest.cut();
        self.counts.gave_way.fetch_add(1, Ordering::Relaxed);
        self.full.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Closes connections whose time is over, and says when the house was full.
    fn sweep(&mut self) {
        for visit in self.visits.values().filter(|visit| visit.is_overdue(&self.limits)) {
            visit.cut();
            self.counts.overdue.fetch_add(1, Ordering::Relaxed);
        }
        let full = self.full.load(Ordering::Relaxed);
        if full > 0 && self.told_at.is_none_or(|at| at.elapsed() >= TOLD_EVERY) {
            tracing::warn!(
                times = full,
                connections_max = self.max,
                "all connections are taken: idle ones are closed to let others in; raise api.connections_max if these are your clients"
            );
            (self.told_at, self.full) = (Some(Instant::now()), AtomicU64::new(0));
        }
    }

    fn left(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!("a connection's task failed: {error}");
                error.id()
            }
        };
        self.visits.remove(&id);
        self.counts.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers the requests of one connection.
async fn attend(socket: impl Socket, visit: Arc<Visit>, router: Router, mut closing: watch::Receiver<()>) {
    let service = service_fn(|mut request: Request<Incoming>| {
        visit.answering();
        request.extensions_mut().insert(visit.origin);
        let (visit, answer) = (Arc::clone(&visit), router.clone().oneshot(request.map(Body::new)));
        async move {
            let Ok(mut response) = answer.await;
            if visit.origin.is_urgent_only() {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| Answer::new(body, visit)))
        }
    });
    // The door's own clock ends heads and pauses, which hyper's can't tell apart.
    let socket = TokioIo::new(Watched { socket, visit: Arc::clone(&visit) });
    let mut connection = pin!(http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).serve_connection(socket, service));
    let mut is_closing = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!("a connection ended: {error}");
                }
                return;
            }
            () = visit.is_cut() => return,
            _ = closing.changed(), if !is_closing => {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A connected socket.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Socket for S {}

/// Something that connections come in at.
trait Accepts {
    type Socket: Socket;

    /// The next connection, and where it comes from.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Socket, Origin)>> + Send;
}

impl Accepts for TcpListener {
    type Socket = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Origin)> {
        let (socket, address) = Self::accept(self).await?;
        // Small answers go out at once.
        drop(socket.set_nodelay(true));
        Ok((socket, Origin::peer(address.ip())))
    }
}

impl Accepts for UnixListener {
    type Socket = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Origin)> {
        Ok((Self::accept(self).await?.0, Origin::Control))
    }
}

/// Whether only one connection failed, before it was there.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::ConnectionRefused | K::ConnectionAborted | K::ConnectionReset | K::Interrupted)
}
