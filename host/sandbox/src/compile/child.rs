//! The parent's side: starts a child, hands it the component, waits so long and no longer, and says what became of it.

use super::{COMPILED_BYTES_MAX, CompileCost, CompileError, CompileLimits, Compiled, Pack};
use crate::check::Checked;
use crate::profile::{Codegen, Profile};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What a child may say beside its answer, bytes.
const SAID_BYTES_MAX: u64 = 4 << 10;
/// The answer's first line, bytes.
const LINE_BYTES_MAX: usize = 1 << 10;

/// What a child is told before the component.
#[derive(Debug)]
pub(super) struct Job {
    pub profile: Profile,
    pub codegen: Codegen,
    pub limits: CompileLimits,
    pub pack: Option<Pack>,
}

impl Job {
    /// As lines of `name value`, ended by the number of the component's bytes.
    fn lines(&self, component_bytes: usize) -> Vec<u8> {
        let CompileLimits { cpu_s, address_bytes, .. } = self.limits;
        let Codegen { numbers, addresses } = self.codegen;
        let (profile, numbers, addresses) = (self.profile.word(), numbers.word(), addresses.word());
        let mut lines =
            format!("profile {profile}\nnumbers {numbers}\naddresses {addresses}\ncpu_s {cpu_s}\naddress_bytes {address_bytes}\n")
                .into_bytes();
        // A path with a line end in it could say anything; such a host compiles without a pack.
        if let Some(Pack { path, seal }) = &self.pack
            && !path.as_os_str().as_bytes().contains(&b'\n')
        {
            lines.extend(b"pack ");
            lines.extend(path.as_os_str().as_bytes());
            let key: String = seal.key().iter().map(|byte| format!("{byte:02x}")).collect();
            lines.extend(format!("\nkey {key}\n").bytes());
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
    /// It was ended at its wall clock.
    TooLong,
    /// It was ended by the kernel, by its own hand or by an answer that is none.
    Ended { status: Option<ExitStatus>, said: String },
    /// It could not be started.
    NotStarted(io::Error),
}

/// Has `component` compiled.
pub(super) fn compile(program: &Path, arguments: &[OsString], job: &Job, component: &[u8]) -> Result<Compiled, Failure> {
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
    let watched = watch(&mut child, job.limits.wall, |child| converse(child, job, component));
    let status = child.wait().ok();
    let (talk, too_long) = watched;
    if too_long {
        return Err(Failure::TooLong);
    }
    let Talk { answer, said } = talk;
    match (status, read_answer(answer)) {
        (Some(status), Some(Answer::Compiled { code, peak_memory_bytes })) if status.success() => {
            Ok(Compiled { code, cost: CompileCost { took: started.elapsed(), peak_memory_bytes } })
        }
        (Some(status), Some(Answer::Refused(why))) if status.success() => Err(Failure::Refused(why)),
        (status, _) => Err(Failure::Ended { status, said }),
    }
}

/// Runs `work` with a child that is killed after `wall`; says whether it had to be. The child is not waited for: until it is, its
/// number is nobody else's, so that nobody else can be killed.
fn watch<R>(child: &mut Child, wall: Duration, work: impl FnOnce(&mut Child) -> R) -> (R, bool) {
    let pid = Pid::from_child(child);
    let (done, ended) = channel::<()>();
    std::thread::scope(|scope| {
        let watching = scope.spawn(move || {
            let too_long = ended.recv_timeout(wall) == Err(RecvTimeoutError::Timeout);
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
        _ = output.take(COMPILED_BYTES_MAX + LINE_BYTES_MAX as u64).read_to_end(&mut answer);
    }
    let mut said = Vec::new();
    if let Some(errors) = child.stderr.take() {
        _ = errors.take(SAID_BYTES_MAX).read_to_end(&mut said);
    }
    Talk { answer, said: String::from_utf8_lossy(&said).into_owned() }
}

enum Answer {
    Compiled { code: Vec<u8>, peak_memory_bytes: u64 },
    Refused(String),
}

/// `ok BYTES PEAK` and the code, or `no REASON`.
fn read_answer(mut answer: Vec<u8>) -> Option<Answer> {
    let end = answer.iter().take(LINE_BYTES_MAX).position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&answer[..end]).ok()?;
    let (word, rest) = line.split_once(' ')?;
    match word {
        "no" => Some(Answer::Refused(rest.to_owned())),
        "ok" => {
            let (bytes, peak) = rest.split_once(' ')?;
            let (bytes, peak_memory_bytes) = (bytes.parse::<usize>().ok()?, peak.parse().ok()?);
            answer.drain(..=end);
            (answer.len() == bytes).then_some(Answer::Compiled { code: answer, peak_memory_bytes })
        }
        _ => None,
    }
}

impl Failure {
    /// In one line for the component's author, or for the operator where the host is at fault.
    pub fn told(self, checked: &Checked, limits: &CompileLimits) -> CompileError {
        let unfit = |what: String| {
            let largest = checked.largest_function();
            CompileError::Unfit(format!("{what} and was stopped; {largest}: split large functions and nest fewer loops in them"))
        };
        match self {
            Self::Refused(why) => CompileError::Unfit(why),
            Self::TooLong => unfit(format!("compiling it took more than {} s", limits.wall.as_secs_f64())),
            Self::Ended { status, said } => match status.and_then(|status| status.signal()).map(Signal::from_named_raw) {
                Some(Some(Signal::XCPU)) => unfit(format!("compiling it took more than {} s of processor time", limits.cpu_s)),
                Some(Some(Signal::ABORT)) if said.contains("memory allocation") => {
                    unfit(format!("compiling it took more than {} MiB of memory", limits.address_bytes >> 20))
                }
                Some(Some(Signal::ABORT | Signal::SEGV)) => unfit("compiling it went too deep".to_owned()),
                _ => {
                    let first = said.lines().next().unwrap_or("it said nothing");
                    CompileError::Failed(format!("the compiler's process ended without an answer ({status:?}): {first}"))
                }
            },
            Self::NotStarted(error) => CompileError::Failed(format!("the compiler's process can't be started: {error}")),
        }
    }
}
