//! One connection as its door sees it: what it is doing, and since when.

use super::{DoorLimits, Origin};
use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// One connection.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) origin: Origin,
    doing: Mutex<Doing>,
    cut: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Doing {
    phase: Phase,
    since: Instant,
    /// The client takes nothing of what is written.
    unread_since: Option<Instant>,
    /// A request of it has been answered.
    has_been_served: bool,
    is_cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing has come since the last answer.
    Idle,
    /// A request's head has begun.
    Head,
    /// A request is under way, up to the last byte of its answer.
    Answering,
}

impl Visit {
    pub(super) fn new(origin: Origin) -> Arc<Self> {
        let doing = Doing { phase: Phase::Idle, since: Instant::now(), unread_since: None, has_been_served: false, is_cut: false };
        Arc::new(Self { origin, doing: Mutex::new(doing), cut: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, phase: Phase) {
        let mut doing = self.lock();
        (doing.phase, doing.since) = (phase, Instant::now());
        doing.has_been_served |= phase == Phase::Answering;
    }

    /// A head is complete.
    pub(super) fn answering(&self) {
        self.enter(Phase::Answering);
    }

    fn heard(&self) {
        let is_new = self.lock().phase == Phase::Idle;
        if is_new {
            self.enter(Phase::Head);
        }
    }

    fn wrote(&self, some: bool) {
        let mut doing = self.lock();
        doing.unread_since = if some { None } else { doing.unread_since.or_else(|| Some(Instant::now())) };
    }

    /// Ends the connection, whatever it is doing.
    pub(super) fn cut(&self) {
        self.lock().is_cut = true;
        self.cut.notify_one();
    }

    /// Waits until the connection is to end.
    pub(super) async fn is_cut(&self) {
        self.cut.notified().await;
    }

    /// Whether it counts among the connections: it has not been told to end.
    pub(super) fn counts(&self) -> bool {
        !self.lock().is_cut
    }

    /// How ready it is to be closed for another; `None` when it is in the middle of a request. Those that have never asked for anything
    /// go first, then those that have been quiet for longest.
    pub(super) fn idleness(&self) -> Option<(bool, std::time::Duration)> {
        let doing = self.lock();
        let is_idle = doing.phase != Phase::Answering && doing.unread_since.is_none() && !doing.is_cut;
        is_idle.then(|| (!doing.has_been_served, doing.since.elapsed()))
    }

    /// Whether its time is over.
    pub(super) fn is_overdue(&self, limits: &DoorLimits) -> bool {
        let doing = self.lock();
        let waited = match doing.phase {
            Phase::Idle if doing.has_been_served => doing.since.elapsed() >= limits.idle(),
            Phase::Idle | Phase::Head => doing.since.elapsed() >= limits.head(),
            Phase::Answering => false,
        };
        !doing.is_cut && (waited || doing.unread_since.is_some_and(|since| since.elapsed() >= limits.unread()))
    }
}

/// A socket whose traffic is noted.
pub(super) struct Watched<S> {
    pub(super) socket: S,
    pub(super) visit: Arc<Visit>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.visit.heard();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.visit.wrote(written.is_ready());
        written
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.note(written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, parts);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// An answer's body. When it has been sent the connection is idle again.
pub(super) struct Answer {
    body: Body,
    visit: Arc<Visit>,
}

impl Answer {
    pub(super) fn new(body: Body, visit: Arc<Visit>) -> Self {
        Self { body, visit }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.visit.enter(Phase::Idle);
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
