//! So much of WASI 0.2 as the standard libraries of guest languages reach for by themselves: the event's time for a clock,
//! the host's seeded numbers for randomness, standard output as lines in the engine's log, and an empty environment.
//! The file system is empty, and there are no sockets, arguments or standard input; waiting, and exiting, end the call by name.
//!
//! The interfaces are `wasmtime-wasi`'s, linked one by one; the answers are ours. Its own answers come with an asynchronous
//! runtime, ambient clocks, streams that trap when they are full, and a context in every store: all of which would have to
//! be taken out again.

mod files;
mod streams;
mod system;

use crate::imports::report_cost;
use crate::state::State;
use domain::contract::LogLevel;
use domain::guest::{ContractBroken, GuestHost};
use domain::limits::LOG_LINE_BYTES_MAX;
use std::borrow::Cow;
use std::marker::PhantomData;
use wasmtime::Result;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasData, InstancePre, Linker, ResourceType};
use wasmtime_wasi::p2::bindings::sync::{filesystem, io};
use wasmtime_wasi::p2::bindings::{cli, clocks, random};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};

/// The interfaces answered here, without their version; any 0.2 will do.
const INTERFACES: &[&str] = &[
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
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// Interfaces that interpreters import whether or not a strategy uses them. A component that imports one is loaded, and a call of one
/// ends by name.
const ABSENT: &[&str] = &[
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Whether a component may import this interface, such as `wasi:io/poll@0.2.9`.
pub(crate) fn may_be_imported(name: &str) -> bool {
    let (base, version) = name.split_once('@').unwrap_or((name, ""));
    version.starts_with("0.2.") && (INTERFACES.contains(&base) || ABSENT.contains(&base))
}

/// What a component's instances are made of, with a refusal in the place of each function of [`ABSENT`].
///
/// # Errors
/// It imports what is not there, or as something else.
pub(crate) fn pre<H: GuestHost>(linker: &Linker<State<H>>, component: &Component) -> Result<InstancePre<State<H>>> {
    let (engine, ty) = (component.engine(), component.component_type());
    let is_absent = |name: &str| name.split_once('@').is_some_and(|(base, _)| ABSENT.contains(&base));
    let mut linker = Cow::Borrowed(linker);
    for (interface, import) in ty.imports(engine).filter(|(name, _)| is_absent(name)) {
        if let ComponentItem::ComponentInstance(instance) = import.ty {
            let mut refusals = linker.to_mut().instance(interface)?;
            for (name, export) in instance.exports(engine) {
                match export.ty {
                    ComponentItem::ComponentFunc(_) => {
                        let called = format!("{}#{name} (there is no network)", interface.trim_start_matches("wasi:"));
                        refusals.func_new(name, move |_, _, _, _| refused(&called))?;
                    }
                    ComponentItem::Resource(_) => refusals.resource(name, resource(name), |_, _| Ok(()))?,
                    _ => {}
                }
            }
        }
    }
    linker.instantiate_pre(component)
}

/// What a resource of an absent interface is: one that it takes from `wasi:io` is the same there, and it has none of its own.
fn resource(name: &str) -> ResourceType {
    match name {
        "pollable" => ResourceType::host::<DynPollable>(),
        "input-stream" => ResourceType::host::<DynInputStream>(),
        "output-stream" => ResourceType::host::<DynOutputStream>(),
        _ => ResourceType::host::<()>(),
    }
}

/// Fuel of a call that only looks, as in the contract.
const LOOK: u64 = 200;
/// Bytes of randomness in one call: enough for any seed.
const RANDOM_BYTES_MAX: u64 = 4_096;
/// What a stream says it takes at once. A guest writes the rest in further calls, which cost fuel.
const WRITE_BYTES_MAX: u64 = 4_096;
/// Handles to the standard streams. They hold nothing, so a table of handles is not needed.
const STDIN: u32 = 0;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

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
    fn answers<H>(state: &mut State<H>) -> Answers<'_, H> {
        Answers(state)
    }
    cli::environment::add_to_linker::<_, Answering<H>>(linker, answers)?;
    cli::exit::add_to_linker::<_, Answering<H>>(linker, answers)?;
    cli::stdin::add_to_linker::<_, Answering<H>>(linker, answers)?;
    cli::stdout::add_to_linker::<_, Answering<H>>(linker, answers)?;
    cli::stderr::add_to_linker::<_, Answering<H>>(linker, answers)?;
    cli::terminal_input::add_to_linker::<_, Answering<H>>(linker, answers)?;
    cli::terminal_output::add_to_linker::<_, Answering<H>>(linker, answers)?;
    cli::terminal_stdin::add_to_linker::<_, Answering<H>>(linker, answers)?;
    cli::terminal_stdout::add_to_linker::<_, Answering<H>>(linker, answers)?;
    cli::terminal_stderr::add_to_linker::<_, Answering<H>>(linker, answers)?;
    clocks::wall_clock::add_to_linker::<_, Answering<H>>(linker, answers)?;
    clocks::monotonic_clock::add_to_linker::<_, Answering<H>>(linker, answers)?;
    random::random::add_to_linker::<_, Answering<H>>(linker, answers)?;
    random::insecure::add_to_linker::<_, Answering<H>>(linker, answers)?;
    random::insecure_seed::add_to_linker::<_, Answering<H>>(linker, answers)?;
    filesystem::preopens::add_to_linker::<_, Answering<H>>(linker, answers)?;
    filesystem::types::add_to_linker::<_, Answering<H>>(linker, answers)?;
    io::error::add_to_linker::<_, Answering<H>>(linker, answers)?;
    io::poll::add_to_linker::<_, Answering<H>>(linker, answers)?;
    io::streams::add_to_linker::<_, Answering<H>>(linker, answers)
}

/// Says to the linker that [`Answers`] answer for a store of `H`.
struct Answering<H>(PhantomData<fn() -> H>);

impl<H: GuestHost> HasData for Answering<H> {
    type Data<'a> = Answers<'a, H>;
}

/// WASI as one guest sees it.
struct Answers<'a, H>(&'a mut State<H>);

fn refused<T>(what: &str) -> Result<T> {
    Err(wasmtime::Error::new(ContractBroken(format!("wasi:{what} is not available to a strategy"))))
}

fn waiting<T>(what: &str) -> Result<T> {
    refused(&format!("{what} (waiting; set a timer instead)"))
}

impl<H: GuestHost> Answers<'_, H> {
    /// Microseconds since 1970 UTC; nothing trades before.
    fn now(&mut self) -> Result<u64> {
        self.0.pay(LOOK)?;
        Ok(self.0.host.now().max(0) as u64)
    }

    fn draw(&mut self) -> Result<u64> {
        self.0.pay(LOOK)?;
        Ok(self.0.host.random())
    }

    fn draw_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        if len > RANDOM_BYTES_MAX {
            return Err(wasmtime::Error::new(ContractBroken(format!("{len} random bytes are too many; at most {RANDOM_BYTES_MAX}"))));
        }
        let mut bytes = Vec::with_capacity(len as usize + 8);
        while (bytes.len() as u64) < len {
            bytes.extend(self.draw()?.to_le_bytes());
        }
        bytes.truncate(len as usize);
        Ok(bytes)
    }

    /// Whole lines go to the engine's log at the price of any other log line; the rest waits for its end.
    fn print(&mut self, stream: u32, bytes: &[u8]) -> Result<()> {
        let state = &mut *self.0;
        let (buffer, level) = if stream == STDERR { (&mut state.std.err, LogLevel::Error) } else { (&mut state.std.out, LogLevel::Info) };
        let lines = Lines::push(buffer, bytes);
        state.pay(LOOK + bytes.len() as u64)?;
        for line in lines {
            state.pay(report_cost(&line))?;
            state.log(level, &line);
        }
        Ok(())
    }
}
