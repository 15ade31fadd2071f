//! What the program says while it works: to stderr, in words on a terminal and as JSON lines otherwise.
//!
//! A line that can't be written (the reader of the pipe has gone, the disk of the log is full) is counted and harms nothing else.

use crate::exit::{Exit, Failure, Outcome};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use tracing_subscriber::EnvFilter;

/// Lines that could not be written since the last one that could.
static LOST: AtomicU64 = AtomicU64::new(0);

/// Starts logging.
///
/// # Errors
/// The filter makes no sense.
pub fn start(filter: &str) -> Outcome {
    let parsed = EnvFilter::try_new(filter).map_err(|error| {
        Failure::new(Exit::Usage, format_args!("log: {filter:?} is no filter ({error}); write info, or info,stockade_engine=debug"))
    })?;
    // Not told by the library, which would use `eprintln!` for it and panic.
    let logger = tracing_subscriber::fmt().with_env_filter(parsed).log_internal_errors(false).with_writer(|| Stderr);
    let started =
        if io::stderr().is_terminal() { logger.with_target(false).try_init() } else { logger.json().flatten_event(true).try_init() };
    started.map_err(Failure::of(Exit::Failed))
}

/// Has panics told as usual, but that a stderr which can't be written to does not make a second panic, and so an abort, of one.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let trace = Backtrace::capture();
        let shown = if trace.status() == BacktraceStatus::Captured { format!("\n{trace}") } else { String::new() };
        say(format_args!("thread {:?} {panic}{shown}", std::thread::current().name().unwrap_or("without a name")));
    }));
}

/// Prints a line to stderr; where that can't be written to, nobody reads it.
pub fn say(line: impl std::fmt::Display) {
    // One write: lines of two threads don't mix.
    _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// The standard error output, which never fails.
struct Stderr;

impl Write for Stderr {
    /// Takes a whole line, as the logger hands it over.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr().lock();
        let lost = LOST.swap(0, Ordering::Relaxed);
        let told = if lost == 0 {
            Ok(())
        } else {
            writeln!(stderr, "{{\"level\":\"WARN\",\"message\":\"{lost} lines of this log could not be written\"}}")
        };
        if told.and_then(|()| stderr.write_all(line)).is_err() {
            LOST.fetch_add(lost + 1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
