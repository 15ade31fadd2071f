//! The parent's side: starts a child, hands it the component, waits for a bounded time, and reports the outcome.

use super::answer::{self, ANSWER_BYTES_MAX, Answer};
use super::{CompileCost, CompileError, CompileLimits, Compiled, Job, LOOK_EVERY, Pack, given_up_by_now};
use crate::check::Found;
use crate::profile::Codegen;
use domain::limits::FAULT_BYTES_MAX;
use domain::text;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What a child may say beside its answer, bytes.
const SAID_BYTES_MAX: u64 = 4 << 10;
impl Job {
    /// As lines of `name value`, ended by the number of the component's bytes.
    fn lines(&self, component_bytes: usize) -> Vec<u8> {
        let CompileLimits { cpu_s, address_bytes, .. } = self.limits;
        let Codegen { numbers, addresses } = self.codegen;
        let (numbers, addresses) = (numbers.word(), addresses.word());
        let mut lines = format!("numbers {numbers}\naddresses {addresses}\ncpu_s {cpu_s}\naddress_bytes {address_bytes}\n").into_bytes();
        if let Some(profile) = self.profile {
            lines.extend(format!("profile {}\n", profile.word()).bytes());
        }
        for (profile, Pack { path, seal }) in &self.packs {
            // A path with a line end in it could say anything; such a host compiles without a pack.
            if path.as_os_str().as_bytes().contains(&b'\n') {
                continue;
            }
            let key: String = seal.key().iter().map(|byte| format!("{byte:02x}")).collect();
            lines.extend(format!("key {key}\npack_{} ", profile.word()).bytes());
            lines.extend(path.as_os_str().as_bytes());
            lines.push(b'\n');
        }
        lines.extend(format!("component_bytes {component_bytes}\n").bytes());
        lines
    }
}

/// How a child failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// It refused the component, in words for its author.
    Refused(String),
    /// Nobody waited for it any more.
    GivenUp,
    /// It was ended at its wall clock; before that, it may have found something.
    TooLong(Option<Found>),
    /// The kernel ended it, it ended itself, or its answer made no sense.
    Ended { status: Option<ExitStatus>, found: Option<Found>, said: String },
    /// It could not be started.
    NotStarted(io::Error),
}

/// Has `component` checked and compiled.
pub(super) fn compile(
    program: &Path,
    arguments: &[OsString],
    job: &Job,
    component: &[u8],
    given_up: &AtomicBool,
) -> Result<Compiled, Failure> {
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Failure::NotStarted)?;
    let watched = watch(&mut child, job.limits.wall, given_up, |child| converse(child, job, component));
    let status = child.wait().ok();
    let (Talk { answer, said }, too_long) = watched;
    let (answer, found) = answer::read(&answer);
    if given_up.load(Ordering::Relaxed) {
        return Err(Failure::GivenUp);
    }
    if too_long {
        return Err(Failure::TooLong(found));
    }
    match (status, answer) {
        (Some(status), Some(Answer::Compiled { found, code, peak_memory_bytes })) if status.success() => {
            Ok(Compiled { found, code, cost: CompileCost { took: started.elapsed(), peak_memory_bytes } })
        }
        (Some(status), Some(Answer::Refused(why))) if status.success() => Err(Failure::Refused(why)),
        (status, _) => Err(Failure::Ended { status, found, said }),
    }
}

/// Runs `work` with a child that is killed after `wall`, or when nobody waits for it any more; says whether it had to be. The child is not waited for: until it is, its
/// number is nobody else's, so that nobody else can be killed.
fn watch<R>(child: &mut Child, wall: Duration, given_up: &AtomicBool, work: impl FnOnce(&mut Child) -> R) -> (R, bool) {
    let pid = Pid::from_child(child);
    let (done, ended) = channel::<()>();
    std::thread::scope(|scope| {
        let watching = scope.spawn(move || {
            let until = Instant::now() + wall;
            let left = || until.saturating_duration_since(Instant::now());
            let too_long = loop {
                let waited = ended.recv_timeout(left().min(LOOK_EVERY));
                if waited != Err(RecvTimeoutError::Timeout) {
                    break false;
                }
                if left().is_zero() || given_up.load(Ordering::Relaxed) {
                    break true;
                }
            };
            if too_long {
                // It can only fail for a child that has ended by itself.
                _ = kill_process(pid, Signal::KILL);
            }
            too_long
        });
        let result = work(child);
        _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        drop(done);
        // It runs nothing that could panic.
        (result, watching.join().unwrap_or(false))
    })
}

/// What came back.
struct Talk {
    answer: Vec<u8>,
    said: String,
}

/// Says everything, then listens: the child reads to the end before it answers. What breaks off is seen in the answer.
fn converse(child: &mut Child, job: &Job, component: &[u8]) -> Talk {
    if let Some(mut input) = child.stdin.take() {
        _ = input.write_all(&job.lines(component.len())).and_then(|()| input.write_all(component));
    }
    let mut answer = Vec::new();
    if let Some(output) = child.stdout.take() {
        _ = output.take(ANSWER_BYTES_MAX as u64 + 1).read_to_end(&mut answer);
    }
    let mut said = Vec::new();
    if let Some(errors) = child.stderr.take() {
        _ = errors.take(SAID_BYTES_MAX).read_to_end(&mut said);
    }
    Talk { answer, said: String::from_utf8_lossy(&said).into_owned() }
}

impl Failure {
    /// In one line for the component's author, or for the operator where the host is at fault.
    pub fn told(self, limits: &CompileLimits) -> CompileError {
        match self {
            Self::Refused(why) => CompileError::Unfit(why),
            Self::GivenUp => given_up_by_now(),
            Self::TooLong(found) => unfit(found.as_ref(), &format!("took more than {} s", limits.wall.as_secs_f64())),
            Self::Ended { status, found, said } => {
                let signal = status.and_then(|status| status.signal()).map(Signal::from_named_raw);
                match signal {
                    Some(Some(Signal::XCPU)) => unfit(found.as_ref(), &format!("took more than {} s of processor time", limits.cpu_s)),
                    Some(Some(Signal::ABORT)) if said.contains("memory allocation") => {
                        unfit(found.as_ref(), &format!("took more than {} MiB of memory", limits.address_bytes >> 20))
                    }
                    Some(Some(Signal::ABORT | Signal::SEGV | Signal::BUS)) => unfit(found.as_ref(), "went too deep"),
                    // Nobody here sends it: the kernel does where memory has run out, or a person did.
                    Some(Some(Signal::KILL | Signal::TERM)) => CompileError::Busy(
                        "the process that compiles was ended from outside, most likely because the machine had no memory to spare; \
                         try again in a minute"
                            .to_owned(),
                    ),
                    _ => {
                        let first = said.lines().next().unwrap_or("it said nothing");
                        let why = format_args!("the compiler's process ended without an answer ({status:?}): {first}");
                        CompileError::Failed(text::line(why, FAULT_BYTES_MAX))
                    }
                }
            }
            Self::NotStarted(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::OutOfMemory) => {
                CompileError::Busy(format!("no process to compile in can be started now: {error}; try again in a minute"))
            }
            Self::NotStarted(error) => CompileError::Failed(format!("the compiler's process can't be started: {error}")),
        }
    }
}

/// What it took too much of, while it was checked or, once something was found, while it was compiled.
fn unfit(found: Option<&Found>, what: &str) -> CompileError {
    CompileError::Unfit(match found {
        None => format!("checking it {what} and was stopped: nest fewer types and components in it, and declare less"),
        Some(found) => {
            let largest = found.largest_function();
            format!("compiling it {what} and was stopped; {largest}: split large functions and nest fewer loops in them")
        }
    })
}
