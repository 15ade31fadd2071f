//! The end of a host: what asks for it, and the one deadline that all of it has.

use crate::exit::{Exit, Failure, Outcome};
use crate::telemetry;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long a stop may take, whatever hangs: less than a supervisor waits before it kills.
pub const STOP_MAX: Duration = Duration::from_secs(20);

/// How long a part of the start that is under way may go on once a stop is asked for: tables that are being made are made by then.
const PART_MAX: Duration = Duration::from_secs(3);

/// A signal has come since [`notice_signals`].
static NOTICED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
/// Signals end the process as if nobody had caught them.
static UNCAUGHT: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Has a request to end noticed, which is seen to as soon as somebody can: it must not end a process in the middle of its start.
pub fn notice_signals() {
    for signal in [SIGINT, SIGTERM] {
        // Where that fails, the signal ends the process, as ever.
        _ = signal_hook::flag::register_conditional_default(signal, Arc::clone(&UNCAUGHT));
        _ = signal_hook::flag::register(signal, Arc::clone(&NOTICED));
    }
}

/// Signals end this process as ever, also one that was noticed: it is no host.
pub fn leave_signals_alone() {
    UNCAUGHT.store(true, Ordering::SeqCst);
    if NOTICED.load(Ordering::SeqCst) {
        _ = signal_hook::low_level::emulate_default_handler(SIGTERM);
    }
}

/// A stop that may be asked for, or is under way.
#[derive(Clone)]
pub struct Stopping {
    asked: CancellationToken,
    progress: Arc<Progress>,
}

#[derive(Default)]
struct Progress {
    since: OnceLock<Instant>,
    /// What is waited for.
    stage: Mutex<&'static str>,
}

impl Stopping {
    /// Has SIGINT and SIGTERM ask for it from here on. A second signal ends the process at once.
    ///
    /// # Errors
    /// Signals can't be caught.
    pub fn on_signals(runtime: &Runtime) -> Outcome<Self> {
        let _entered = runtime.enter();
        let catch = |kind| signal(kind).map_err(Failure::of(Exit::Machine));
        let (mut interrupt, mut terminate) = (catch(SignalKind::interrupt())?, catch(SignalKind::terminate())?);
        let stopping = Self { asked: CancellationToken::new(), progress: Arc::default() };
        if NOTICED.load(Ordering::SeqCst) {
            stopping.begin();
        }
        let asked = stopping.clone();
        runtime.spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if asked.asked.is_cancelled() {
                    // Whoever signals twice does not want to wait; what was sent is in the journal or in the state file.
                    end(Exit::Interrupted);
                }
                asked.begin();
            }
        });
        Ok(stopping)
    }

    /// The stop begins, unless it has: from here on the deadline counts.
    pub fn begin(&self) {
        if self.progress.since.set(Instant::now()).is_err() {
            return;
        }
        let progress = Arc::clone(&self.progress);
        let watch = std::thread::Builder::new().name("stop-watch".into()).spawn(move || {
            std::thread::sleep(STOP_MAX);
            let stage = *progress.stage.lock().unwrap_or_else(PoisonError::into_inner);
            tracing::error!(
                "the host has not stopped within {} s, {stage} hangs: the process ends now; what it owes the database is in the state file as far \
                 as that could be written, and the next start writes it first",
                STOP_MAX.as_secs()
            );
            end(Exit::Machine);
        });
        if let Err(error) = watch {
            tracing::error!("nobody watches how long the stop takes: {error}");
        }
        self.asked.cancel();
    }

    /// Done when it has been asked for.
    pub fn asked(&self) -> impl Future<Output = ()> + Send + 'static {
        self.asked.clone().cancelled_owned()
    }

    /// By when it must be over, less this much for what comes after.
    pub fn deadline(&self, less: Duration) -> Instant {
        let since = self.progress.since.get().copied().unwrap_or_else(Instant::now);
        since + STOP_MAX.saturating_sub(less)
    }

    /// Says what is waited for.
    pub fn stage(&self, stage: &'static str) {
        *self.progress.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// Waits for a part of the host's start, but not for long once a stop is asked for.
    ///
    /// # Errors
    /// It is, and the part did not come to its end.
    pub async fn unless_asked<T>(&self, part: impl Future<Output = T>) -> Outcome<T> {
        let given_up = async {
            self.asked.cancelled().await;
            tokio::time::sleep(PART_MAX).await;
        };
        tokio::select! {
            () = given_up => Err(interrupted()),
            done = part => Ok(done),
        }
    }

    /// Whether the start goes on with its next part.
    ///
    /// # Errors
    /// It is.
    pub fn go_on(&self) -> Outcome {
        if self.asked.is_cancelled() { Err(interrupted()) } else { Ok(()) }
    }
}

fn interrupted() -> Failure {
    Failure::new(Exit::Interrupted, "told to stop while it was starting; nothing is left half done")
}

fn end(exit: Exit) -> ! {
    telemetry::flush();
    std::process::exit(exit as i32)
}
