//! What the program says while it works: to stderr, in words on a terminal and as JSON lines otherwise.
//!
//! A line that can't be written (the reader of the pipe has gone or does not read, the disk of the log is full) is counted and harms
//! nothing else: one thread writes, and nobody waits for it.

use crate::exit::{Exit, Failure, Outcome};
use crate::serve::SystemClock;
use domain::time::Clock as _;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal as _, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use tracing_subscriber::Layer as _;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Lines on their way to stderr; beyond that they are lost, so that nobody waits for a reader who has stopped reading.
const LINES_MAX: usize = 8_192;
/// How long the end of the process waits for the last lines.
const LAST_LINES_MAX: Duration = Duration::from_secs(1);

/// The way to the thread that writes, once logging has started.
static LINES: OnceLock<SyncSender<Vec<u8>>> = OnceLock::new();
/// Lines that it was handed and has not seen to.
static WAITING: AtomicU64 = AtomicU64::new(0);
/// Whether lines are for people.
static IN_WORDS: AtomicBool = AtomicBool::new(false);
/// Lines that could not be written since the last one that could.
static LOST: AtomicU64 = AtomicU64::new(0);

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Words on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// Words, for people.
    Text,
    /// One JSON document a line, for programs.
    Json,
}

/// Starts logging.
///
/// # Errors
/// The filter makes no sense.
pub fn start(filter: &str, format: LogFormat) -> Outcome {
    let parsed = crate::config::log_filter(filter).map_err(|why| Failure::new(Exit::Usage, why))?;
    let (lines, to_write) = sync_channel(LINES_MAX);
    std::thread::Builder::new().name("log".into()).spawn(move || write_lines(&to_write)).map_err(Failure::of(Exit::Machine))?;
    _ = LINES.set(lines);
    // Not told by the library, which would use `eprintln!` for it and panic.
    let layer = tracing_subscriber::fmt::layer().log_internal_errors(false).with_writer(|| Lines);
    let in_words = match format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    IN_WORDS.store(in_words, Ordering::Relaxed);
    let layer = if in_words {
        layer.with_target(false).with_ansi(takes_colour()).with_timer(Seconds).boxed()
    } else {
        layer.json().flatten_event(true).boxed()
    };
    tracing_subscriber::registry().with(layer.with_filter(parsed)).try_init().map_err(Failure::of(Exit::Failed))
}

/// The time of a line for people, to the second.
struct Seconds;

impl FormatTime for Seconds {
    fn format_time(&self, out: &mut Writer<'_>) -> std::fmt::Result {
        let now = SystemClock.now().to_string();
        write!(out, "{}", now.get(..19).unwrap_or(&now).replace('T', " "))
    }
}

/// Whether stderr takes colour.
fn takes_colour() -> bool {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !no_colour && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Has panics told as usual, but that a stderr which can't be written to does not make a second panic, and so an abort, of one.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let trace = Backtrace::capture();
        let shown = if trace.status() == BacktraceStatus::Captured { format!("\n{trace}") } else { String::new() };
        say(format_args!("thread {:?} {panic}{shown}", std::thread::current().name().unwrap_or("without a name")));
    }));
}

/// Prints a line to stderr, without what would steer a terminal; where it can't be written, nobody reads it.
pub fn say(line: impl std::fmt::Display) {
    hand_over(domain::text::printable(&format!("{line}\n")).into_owned().into_bytes());
}

/// Waits for the lines that are on their way, though not for long.
pub fn flush() {
    let end = Instant::now() + LAST_LINES_MAX;
    while WAITING.load(Ordering::SeqCst) > 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn hand_over(line: Vec<u8>) {
    let Some(lines) = LINES.get() else {
        // One write: lines of two threads don't mix.
        _ = io::stderr().write_all(&line);
        return;
    };
    WAITING.fetch_add(1, Ordering::SeqCst);
    if lines.try_send(line).is_err() {
        WAITING.fetch_sub(1, Ordering::SeqCst);
        LOST.fetch_add(1, Ordering::Relaxed);
    }
}

/// The thread that writes.
fn write_lines(lines: &Receiver<Vec<u8>>) {
    for line in lines {
        let lost = LOST.swap(0, Ordering::Relaxed);
        let mut stderr = io::stderr().lock();
        let told = if lost == 0 {
            Ok(())
        } else if IN_WORDS.load(Ordering::Relaxed) {
            writeln!(stderr, "{lost} lines of this log could not be written")
        } else {
            writeln!(stderr, "{{\"level\":\"WARN\",\"message\":\"{lost} lines of this log could not be written\"}}")
        };
        if told.and_then(|()| stderr.write_all(&line)).is_err() {
            LOST.fetch_add(lost + 1, Ordering::Relaxed);
        }
        WAITING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What the logger writes to: never fails, and waits for nobody.
struct Lines;

impl Write for Lines {
    /// Takes a whole line, as the logger hands it over.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        hand_over(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
