//! So much of WASI 0.2 as the standard libraries of guest languages reach for by themselves: the event's time for a clock,
//! the host's seeded numbers for randomness, standard output as lines in the engine's log, and an empty environment.
//! There are no files, sockets, arguments or standard input; waiting, and exiting, end the call by name.
//!
//! Answered here and not by `wasmtime-wasi`, which brings an asynchronous runtime, ambient clocks and streams that
//! trap when they are full, all of which would have to be taken out again.

use crate::imports::report_cost;
use crate::state::{State, charge};
use domain::contract::LogLevel;
use domain::guest::{ContractBroken, GuestHost};
use domain::limits::LOG_LINE_BYTES_MAX;
use wasmtime::component::{ComponentType, Lift, Linker, Lower, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};

/// The interfaces answered here, without their version; any 0.2 will do.
pub(crate) const INTERFACES: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// The newest 0.2 we know; linking it answers every older 0.2 as well.
const VERSION: &str = "0.2.6";
/// Fuel of a call that only looks, as in the contract.
const LOOK: u64 = 200;
/// Bytes of randomness in one call: enough for any seed.
const RANDOM_BYTES_MAX: u64 = 4_096;
/// What a stream says it takes at once. A guest writes the rest in further calls, which cost fuel.
const WRITE_BYTES_MAX: u64 = 4_096;
/// Handles to the two output streams. They hold nothing, so a table of handles is not needed.
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

struct IoError;
struct Pollable;
struct InputStream;
struct OutputStream;
struct TerminalInput;
struct TerminalOutput;

type Store<'a, H> = StoreContextMut<'a, State<H>>;

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[allow(dead_code, reason = "writing to a log does not fail; the guest's type has the case")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

/// Standard output and error until their next line end.
#[derive(Default)]
pub(crate) struct Lines {
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Lines {
    /// Takes `bytes` and gives back the lines they end.
    fn push(buffer: &mut Vec<u8>, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LOG_LINE_BYTES_MAX - buffer.len().min(LOG_LINE_BYTES_MAX);
            buffer.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                lines.push(String::from_utf8_lossy(buffer).trim_end().to_owned());
                buffer.clear();
            }
        }
        lines
    }
}

/// Links what [`INTERFACES`] lists.
pub(crate) fn link<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    link_cli(linker)?;
    link_terminals(linker)?;
    link_clocks(linker)?;
    link_random(linker)?;
    link_io(linker)?;
    link_output(linker)
}

fn interface(name: &str) -> String {
    format!("wasi:{name}@{VERSION}")
}

fn refused<T>(what: &str) -> Result<T> {
    Err(wasmtime::Error::new(ContractBroken(format!("wasi:{what} is not available to a strategy"))))
}

fn link_cli<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    let mut environment = linker.instance(&interface("cli/environment"))?;
    environment.func_wrap("get-environment", |_: Store<H>, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
    environment.func_wrap("get-arguments", |_: Store<H>, (): ()| Ok((Vec::<String>::new(),)))?;
    environment.func_wrap("initial-cwd", |_: Store<H>, (): ()| Ok((None::<String>,)))?;
    linker
        .instance(&interface("cli/exit"))?
        .func_wrap("exit", |_: Store<H>, (_,): (Result<(), ()>,)| refused::<()>("cli/exit (a strategy can't end its process)"))?;
    let handle = |store: Store<H>, rep| stream(store, rep);
    linker.instance(&interface("cli/stdin"))?.func_wrap("get-stdin", |_: Store<H>, (): ()| Ok((Resource::<InputStream>::new_own(0),)))?;
    linker.instance(&interface("cli/stdout"))?.func_wrap("get-stdout", move |store: Store<H>, (): ()| handle(store, STDOUT))?;
    linker.instance(&interface("cli/stderr"))?.func_wrap("get-stderr", move |store: Store<H>, (): ()| handle(store, STDERR))
}

fn stream<H>(_: Store<H>, rep: u32) -> Result<(Resource<OutputStream>,)> {
    Ok((Resource::new_own(rep),))
}

fn link_terminals<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    linker.instance(&interface("cli/terminal-input"))?.resource("terminal-input", ResourceType::host::<TerminalInput>(), |_, _| Ok(()))?;
    linker
        .instance(&interface("cli/terminal-output"))?
        .resource("terminal-output", ResourceType::host::<TerminalOutput>(), |_, _| Ok(()))?;
    linker
        .instance(&interface("cli/terminal-stdin"))?
        .func_wrap("get-terminal-stdin", |_: Store<H>, (): ()| Ok((None::<Resource<TerminalInput>>,)))?;
    for (name, function) in [("cli/terminal-stdout", "get-terminal-stdout"), ("cli/terminal-stderr", "get-terminal-stderr")] {
        linker.instance(&interface(name))?.func_wrap(function, |_: Store<H>, (): ()| Ok((None::<Resource<TerminalOutput>>,)))?;
    }
    Ok(())
}

fn link_clocks<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    let mut wall = linker.instance(&interface("clocks/wall-clock"))?;
    wall.func_wrap("now", |mut store: Store<H>, (): ()| Ok((datetime(now(&mut store)?),)))?;
    wall.func_wrap("resolution", |_: Store<H>, (): ()| Ok((datetime(1),)))?;
    let mut monotonic = linker.instance(&interface("clocks/monotonic-clock"))?;
    monotonic.func_wrap("now", |mut store: Store<H>, (): ()| Ok((now(&mut store)?.saturating_mul(1_000),)))?;
    monotonic.func_wrap("resolution", |_: Store<H>, (): ()| Ok((1_000_u64,)))?;
    for function in ["subscribe-duration", "subscribe-instant"] {
        monotonic.func_wrap(function, move |_: Store<H>, (_,): (u64,)| {
            refused::<(Resource<Pollable>,)>(&format!("clocks/monotonic-clock.{function} (waiting; set a timer instead)"))
        })?;
    }
    Ok(())
}

/// Microseconds since 1970 UTC; nothing trades before.
fn now<H: GuestHost>(store: &mut Store<H>) -> Result<u64> {
    charge(store, LOOK)?;
    Ok(store.data_mut().host.now().max(0) as u64)
}

fn datetime(us: u64) -> Datetime {
    Datetime { seconds: us / 1_000_000, nanoseconds: (us % 1_000_000) as u32 * 1_000 }
}

fn link_random<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    for (name, bytes, number) in [
        ("random/random", "get-random-bytes", "get-random-u64"),
        ("random/insecure", "get-insecure-random-bytes", "get-insecure-random-u64"),
    ] {
        let mut random = linker.instance(&interface(name))?;
        random.func_wrap(bytes, |mut store: Store<H>, (len,): (u64,)| random_bytes(&mut store, len))?;
        random.func_wrap(number, |mut store: Store<H>, (): ()| Ok((draw(&mut store)?,)))?;
    }
    linker
        .instance(&interface("random/insecure-seed"))?
        .func_wrap("insecure-seed", |mut store: Store<H>, (): ()| Ok(((draw(&mut store)?, draw(&mut store)?),)))
}

fn draw<H: GuestHost>(store: &mut Store<H>) -> Result<u64> {
    charge(store, LOOK)?;
    Ok(store.data_mut().host.random())
}

fn random_bytes<H: GuestHost>(store: &mut Store<H>, len: u64) -> Result<(Vec<u8>,)> {
    if len > RANDOM_BYTES_MAX {
        return Err(wasmtime::Error::new(ContractBroken(format!("{len} random bytes are too many; at most {RANDOM_BYTES_MAX}"))));
    }
    let mut bytes = Vec::with_capacity(len as usize + 8);
    while (bytes.len() as u64) < len {
        bytes.extend(draw(store)?.to_le_bytes());
    }
    bytes.truncate(len as usize);
    Ok((bytes,))
}

fn link_io<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    let mut error = linker.instance(&interface("io/error"))?;
    error.resource("error", ResourceType::host::<IoError>(), |_, _| Ok(()))?;
    error.func_wrap("[method]error.to-debug-string", |_: Store<H>, (_,): (Resource<IoError>,)| Ok((String::new(),)))?;

    let mut poll = linker.instance(&interface("io/poll"))?;
    poll.resource("pollable", ResourceType::host::<Pollable>(), |_, _| Ok(()))?;
    // Only streams have pollables, and they are always ready; waiting for time is refused where it is asked for.
    poll.func_wrap("[method]pollable.ready", |_: Store<H>, (_,): (Resource<Pollable>,)| Ok((true,)))?;
    poll.func_wrap("[method]pollable.block", |_: Store<H>, (_,): (Resource<Pollable>,)| Ok(()))?;
    poll.func_wrap("poll", |mut store: Store<H>, (all,): (Vec<Resource<Pollable>>,)| {
        charge(&mut store, LOOK)?;
        Ok(((0..all.len() as u32).collect::<Vec<_>>(),))
    })?;

    let mut streams = linker.instance(&interface("io/streams"))?;
    streams.resource("input-stream", ResourceType::host::<InputStream>(), |_, _| Ok(()))?;
    for function in ["read", "blocking-read"] {
        let name = format!("[method]input-stream.{function}");
        streams.func_wrap(&name, |_: Store<H>, (_, _): (Resource<InputStream>, u64)| Ok((Err::<Vec<u8>, _>(StreamError::Closed),)))?;
    }
    for function in ["skip", "blocking-skip"] {
        let name = format!("[method]input-stream.{function}");
        streams.func_wrap(&name, |_: Store<H>, (_, _): (Resource<InputStream>, u64)| Ok((Err::<u64, _>(StreamError::Closed),)))?;
    }
    streams
        .func_wrap("[method]input-stream.subscribe", |_: Store<H>, (_,): (Resource<InputStream>,)| Ok((Resource::<Pollable>::new_own(0),)))
}

fn link_output<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    type Stream = Resource<OutputStream>;
    let mut streams = linker.instance(&interface("io/streams"))?;
    streams.resource("output-stream", ResourceType::host::<OutputStream>(), |_, _| Ok(()))?;
    streams
        .func_wrap("[method]output-stream.check-write", |_: Store<H>, (_,): (Stream,)| Ok((Ok::<u64, StreamError>(WRITE_BYTES_MAX),)))?;
    for function in ["write", "blocking-write-and-flush"] {
        let name = format!("[method]output-stream.{function}");
        streams.func_wrap(&name, |mut store: Store<H>, (stream, bytes): (Stream, Vec<u8>)| {
            write(&mut store, stream.rep(), &bytes)?;
            Ok((Ok::<(), StreamError>(()),))
        })?;
    }
    for function in ["write-zeroes", "blocking-write-zeroes-and-flush"] {
        let name = format!("[method]output-stream.{function}");
        streams.func_wrap(&name, |mut store: Store<H>, (stream, len): (Stream, u64)| {
            write(&mut store, stream.rep(), &vec![0; len.min(WRITE_BYTES_MAX) as usize])?;
            Ok((Ok::<(), StreamError>(()),))
        })?;
    }
    for function in ["flush", "blocking-flush"] {
        let name = format!("[method]output-stream.{function}");
        streams.func_wrap(&name, |_: Store<H>, (_,): (Stream,)| Ok((Ok::<(), StreamError>(()),)))?;
    }
    streams.func_wrap("[method]output-stream.subscribe", |_: Store<H>, (_,): (Stream,)| Ok((Resource::<Pollable>::new_own(0),)))?;
    for function in ["splice", "blocking-splice"] {
        let name = format!("[method]output-stream.{function}");
        streams
            .func_wrap(&name, |_: Store<H>, (_, _, _): (Stream, Resource<InputStream>, u64)| Ok((Err::<u64, _>(StreamError::Closed),)))?;
    }
    Ok(())
}

/// Whole lines go to the engine's log at the price of any other log line; the rest waits for its end.
fn write<H: GuestHost>(store: &mut Store<H>, stream: u32, bytes: &[u8]) -> Result<()> {
    let state = store.data_mut();
    let (buffer, level) = if stream == STDERR { (&mut state.std.err, LogLevel::Error) } else { (&mut state.std.out, LogLevel::Info) };
    let lines = Lines::push(buffer, bytes);
    charge(store, LOOK + bytes.len() as u64)?;
    for line in lines {
        charge(store, report_cost(&line))?;
        store.data_mut().log(level, &line);
    }
    Ok(())
}
