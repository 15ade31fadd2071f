//! From a component to machine code.
//!
//! A compiler's work can grow far faster than its input: 27 KB can take 26 s and a gigabyte. So a host compiles each component in
//! a process of its own, which has nothing but the component and may use only so much processor time, memory and time; when it
//! uses more it is ended, and that is a refusal like any other.
//!
//! ```text
//! host: check -> child: "job" lines, component  --stdin-->   worker: limits on itself, compiles
//!       cache <- machine code, cost             <--stdout--          (functions compiled before come from a pack)
//! ```

mod child;
mod functions;
mod worker;

pub use worker::compile_for_parent;

use crate::check::Checked;
use crate::profile::{Codegen, Profile};
use crate::seal::Seal;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wasmtime::Engine;

/// Stack of the thread that compiles: Cranelift recurses over what the input nests.
const STACK_BYTES: usize = 32 << 20;
/// Machine code of one component, bytes: CPython with its library makes 40 MB of it.
const COMPILED_BYTES_MAX: u64 = 128 << 20;
/// Children at once: one that takes long must not hold up everybody, and each may take gigabytes.
const CHILDREN_MAX: usize = 2;

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
        /// What it may use; none takes what the component's [profile](Profile::compile_limits) allows.
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

impl Profile {
    /// What compiling a component of this kind may use: ten times what honest ones take, on a machine that has other work.
    pub fn compile_limits(self) -> CompileLimits {
        match self {
            // A Rust strategy takes 0.1 s and 60 MiB.
            Self::Native | Self::Roomy => CompileLimits { cpu_s: 20, address_bytes: 1 << 30, wall: Duration::from_secs(60) },
            // A Python component takes 10 to 30 s and 0.5 GiB.
            Self::Scripted => CompileLimits { cpu_s: 180, address_bytes: 3 << 30, wall: Duration::from_secs(600) },
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

/// Machine code with what it took.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub code: Vec<u8>,
    pub cost: CompileCost,
}

/// Why there is no machine code.
#[derive(Debug)]
pub(crate) enum CompileError {
    /// The component is at fault.
    Unfit(String),
    /// The host is.
    Failed(String),
}

/// Where functions that were compiled before are kept, and what they are marked with.
#[derive(Clone, Debug)]
pub(crate) struct Pack {
    pub path: PathBuf,
    pub seal: Seal,
}

/// Compiles so many components at once, and no more.
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

    /// Compiles what has been checked, after those that wait already.
    ///
    /// # Errors
    /// The component can't be compiled, or not with what it may use; or the child can't be started.
    pub fn compile(
        &self,
        engine: &Engine,
        profile: Profile,
        checked: &Checked,
        bytes: &[u8],
        pack: Option<Pack>,
    ) -> Result<Compiled, CompileError> {
        let _place = self.place();
        match &self.compiler {
            Compiler::Here => here(engine, bytes),
            Compiler::Child { program, arguments, limits } => {
                let limits = limits.unwrap_or_else(|| profile.compile_limits());
                let job = child::Job { profile, codegen: self.codegen, limits, pack };
                child::compile(program, arguments, &job, bytes).map_err(|failure| failure.told(checked, &limits))
            }
        }
    }

    fn place(&self) -> Place<'_> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Place(self)
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

fn here(engine: &Engine, bytes: &[u8]) -> Result<Compiled, CompileError> {
    let started = Instant::now();
    let code = on_large_stack(engine, bytes).map_err(CompileError::Unfit)?;
    Ok(Compiled { code, cost: CompileCost { took: started.elapsed(), peak_memory_bytes: 0 } })
}

/// Compiles on a thread with a stack that is deep enough for what the checks let through.
fn on_large_stack(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let compiled = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("compile".into()).stack_size(STACK_BYTES);
        let compiling = thread
            .spawn_scoped(scope, || engine.precompile_component(bytes))
            .map_err(|error| format!("no thread to compile on: {error}"))?;
        compiling.join().map_err(|_| "the compiler failed on this component; please report it with the component".to_owned())
    })?;
    compiled.map_err(|error| format!("it can't be compiled: {}", format!("{error:#}").replace('\n', " ")))
}
