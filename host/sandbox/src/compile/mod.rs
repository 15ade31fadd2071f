//! From a stranger's bytes to machine code.
//!
//! A parser may recurse as deep as its input nests, and a compiler's work can grow far faster than its input: 27 KB can take 26 s and a
//! gigabyte. So a host reads no byte of a component itself. It has each checked and compiled in a process of its own, which has nothing
//! but the component and may use only a bounded amount of processor time, memory and time; when it uses more it is ended, and that is a
//! refusal like any other.
//!
//! ```text
//! host: "job" lines, component  --stdin-->   worker: limits on itself, checks, compiles
//!       what was found, machine code, cost   <--stdout--   (functions compiled before come from a pack)
//!       cache <- all of it
//! ```

mod answer;
mod child;
mod functions;
mod worker;

#[cfg(feature = "fuzz")]
pub(crate) use answer::read as read_answer;
pub use worker::compile_for_parent;

use crate::check::{self, Checked, Found, NATIVE_BYTES_MAX};
use crate::direct;
use crate::profile::{Codegen, Profile};
use crate::seal::Seal;
use domain::limits::FAULT_BYTES_MAX;
use domain::text;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wasmtime::Engine;

/// Stack of the thread that checks and compiles: parsers and Cranelift recurse over what the input nests.
const STACK_BYTES: usize = 32 << 20;
/// Machine code of one component, bytes: CPython with its library makes 40 MB of it.
const COMPILED_BYTES_MAX: usize = 128 << 20;
/// Children at once: one that takes long must not hold up everybody, and each may take gigabytes.
const CHILDREN_MAX: usize = 2;

/// How often it is looked whether somebody still waits.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Nobody waits any more, so that nobody reads it either.
fn given_up_by_now() -> CompileError {
    CompileError::Busy("it was given up before it was compiled".to_owned())
}

/// Where components are compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// On a thread of this process and without limits. For tests and tools that trust their components.
    Here,
    /// In a process of its own, started anew for each component with an empty environment.
    Child {
        /// A program that calls [`compile_for_parent`] ...
        program: PathBuf,
        /// ... when it is given these arguments.
        arguments: Vec<OsString>,
        /// What it may use; none takes what a component [of its size](CompileLimits::of_size) may.
        limits: Option<CompileLimits>,
    },
}

impl Compiler {
    /// A child that is this very program, given `argument`.
    ///
    /// Named by the link to what this process runs, so that it is the same build even after the file was replaced.
    pub fn this_program(argument: &str) -> Self {
        Self::Child { program: "/proc/self/exe".into(), arguments: vec![argument.into()], limits: None }
    }
}

/// What compiling one component may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Processor time, seconds.
    pub cpu_s: u64,
    /// Address space, bytes: what it reserves counts, not only what it touches.
    pub address_bytes: u64,
    /// From start to end, whatever it waits for.
    pub wall: Duration,
}

impl CompileLimits {
    /// What checking and compiling a component of this size may use: ten times what honest ones take, on a machine that has other
    /// work.
    pub fn of_size(component_bytes: usize) -> Self {
        if component_bytes <= NATIVE_BYTES_MAX {
            // A Rust strategy takes 0.1 s and 60 MiB, QuickJS 3 s.
            Self { cpu_s: 20, address_bytes: 1 << 30, wall: Duration::from_secs(60) }
        } else {
            // A Python component takes 10 to 30 s and 0.5 GiB.
            Self { cpu_s: 180, address_bytes: 3 << 30, wall: Duration::from_secs(600) }
        }
    }
}

/// What compiling took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompileCost {
    /// From start to end.
    pub took: Duration,
    /// The most memory that the child had at once, bytes; 0 where there was none.
    pub peak_memory_bytes: u64,
}

/// Machine code with what was found in the component and what it took.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub found: Found,
    pub code: Vec<u8>,
    pub cost: CompileCost,
}

/// Why there is no machine code.
#[derive(Debug)]
pub(crate) enum CompileError {
    /// The component is at fault.
    Unfit(String),
    /// The machine is, for now: it had no memory or no process to spare.
    Busy(String),
    /// The host is.
    Failed(String),
}

/// Where functions that were compiled before are kept, and what they are marked with.
#[derive(Clone, Debug)]
pub(crate) struct Pack {
    pub path: PathBuf,
    pub seal: Seal,
}

/// What is to be made of a component.
#[derive(Debug)]
struct Job {
    /// How its instances are to be laid out; `None`: as its shape says.
    profile: Option<Profile>,
    codegen: Codegen,
    limits: CompileLimits,
    /// Where functions of each kind of component are kept.
    packs: Vec<(Profile, Pack)>,
}

/// Compiles at most this many components at once.
#[derive(Debug)]
pub(crate) struct Workplace {
    compiler: Compiler,
    codegen: Codegen,
    free: Mutex<usize>,
    freed: Condvar,
}

impl Workplace {
    pub fn new(compiler: Compiler, codegen: Codegen) -> Self {
        Self { compiler, codegen, free: Mutex::new(CHILDREN_MAX), freed: Condvar::new() }
    }

    /// Checks a component and compiles it for `profile`, or for the one that its shape says, after those that wait already.
    ///
    /// # Errors
    /// The component is refused, or can't be compiled with what it may use; or the child can't do it; or it was given up.
    pub fn compile(
        &self,
        profile: Option<Profile>,
        bytes: &[u8],
        packs: Vec<(Profile, Pack)>,
        given_up: &AtomicBool,
    ) -> Result<Compiled, CompileError> {
        check::size(bytes.len()).map_err(CompileError::Unfit)?;
        let _place = self.place(given_up)?;
        let limits = CompileLimits::of_size(bytes.len());
        match &self.compiler {
            Compiler::Here => here(&Job { profile, codegen: self.codegen, limits, packs: Vec::new() }, bytes),
            Compiler::Child { program, arguments, limits: fixed } => {
                let job = Job { profile, codegen: self.codegen, limits: fixed.unwrap_or(limits), packs };
                child::compile(program, arguments, &job, bytes, given_up).map_err(|failure| failure.told(&job.limits))
            }
        }
    }

    fn place(&self, given_up: &AtomicBool) -> Result<Place<'_>, CompileError> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            if given_up.load(Ordering::Relaxed) {
                return Err(given_up_by_now());
            }
            (free, _) = self.freed.wait_timeout(free, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Ok(Place(self))
    }
}

/// One of the places, given back when it is dropped.
struct Place<'a>(&'a Workplace);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

fn here(job: &Job, bytes: &[u8]) -> Result<Compiled, CompileError> {
    let started = Instant::now();
    let (found, code) = on_large_stack(|| {
        let (found, wanted) = look(job, bytes)?;
        let code = translate(&Engine::new(&found.profile.config(job.codegen)).map_err(|error| one_line(&error))?, &wanted)?;
        Ok((found, code))
    })
    .map_err(CompileError::Unfit)?;
    Ok(Compiled { found, code, cost: CompileCost { took: started.elapsed(), peak_memory_bytes: 0 } })
}

/// Checks a component; gives what was found and the bytes to be compiled, which show the module that can be called directly.
fn look(job: &Job, bytes: &[u8]) -> Result<(Found, Vec<u8>), String> {
    let Checked { mut found, module } = check::check(bytes)?;
    found.profile = job.profile.unwrap_or(found.profile);
    found.is_direct = module.is_some();
    Ok((found, module.map_or_else(|| bytes.to_vec(), |module| direct::show_module(bytes, module))))
}

fn translate(engine: &Engine, component: &[u8]) -> Result<Vec<u8>, String> {
    engine.precompile_component(component).map_err(|error| format!("it can't be compiled: {}", one_line(&error)))
}

fn one_line(error: &wasmtime::Error) -> String {
    text::line(format_args!("{error:#}"), FAULT_BYTES_MAX)
}

/// Works on a thread with a stack that is deep enough for what the checks let through.
fn on_large_stack<R: Send>(work: impl FnOnce() -> Result<R, String> + Send) -> Result<R, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("compile".into()).stack_size(STACK_BYTES);
        let working = thread.spawn_scoped(scope, work).map_err(|error| format!("no thread to compile on: {error}"))?;
        working.join().map_err(|_| "the compiler failed on this component; please report it with the component".to_owned())?
    })
}
