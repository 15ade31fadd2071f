//! The child's side: takes its limits, then the component, checks and compiles it, and answers.
//!
//! It trusts the lines before the component, which are its parent's, and takes the limits they name before it reads a byte of
//! the component.

use super::functions::Functions;
use super::{CompileLimits, Job, Pack, answer, look, on_large_stack, one_line, translate};
use crate::profile::{Addresses, Codegen, Numbers, Profile};
use crate::seal::{KEY_BYTES, Seal};
use domain::limits::COMPONENT_BYTES_MAX;
use rustix::process::{Resource, Rlimit, Signal, nice, set_parent_process_death_signal, setrlimit};
use std::ffi::OsString;
use std::io::{self, BufRead, Read, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::Engine;

/// Steps behind the processes that trade.
const NICE: i32 = 10;
/// Files it has open: three streams and a pack.
const FILES_MAX: u64 = 16;
/// Bytes of a file it may write: a pack.
const FILE_BYTES_MAX: u64 = 512 << 20;
/// Seconds between the signal that tells the parent why and the one that can't be survived.
const GRACE_S: u64 = 1;

/// The whole life of a child: reads a job from standard input, writes the answer to standard output.
///
/// For the program that [`Compiler::Child`](super::Compiler::Child) names, as the first thing it does.
pub fn compile_for_parent() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The parent may have gone.
            _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut input = io::stdin().lock();
    let (job, component_bytes) = read_job(&mut input)?;
    limit_myself(&job.limits)?;
    let mut component = Vec::with_capacity(component_bytes);
    input.take(component_bytes as u64).read_to_end(&mut component)?;
    if component.len() != component_bytes {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the component broke off"));
    }
    let mut output = io::stdout().lock();
    let (found, wanted) = match on_large_stack(|| look(&job, &component)) {
        Ok(looked) => looked,
        Err(why) => return answer::no(&mut output, true, &why),
    };
    drop(component);
    answer::found(&mut output, &found)?;
    let functions = job.packs.into_iter().find(|(profile, _)| *profile == found.profile);
    let functions = functions.map(|(profile, pack)| Arc::new(Functions::open(pack, profile)));
    let compiled = on_large_stack(|| translate(&engine(found.profile, job.codegen, functions.clone())?, &wanted));
    match &compiled {
        Ok(code) => answer::code(&mut output, code, peak_memory_bytes())?,
        Err(why) => return answer::no(&mut output, false, why),
    }
    if let Some(functions) = &functions {
        // The parent has its answer; without a pack the next one takes longer, that is all.
        _ = functions.save();
    }
    Ok(())
}

fn engine(profile: Profile, codegen: Codegen, functions: Option<Arc<Functions>>) -> Result<Engine, String> {
    let mut config = profile.config(codegen);
    if let Some(functions) = functions {
        config.enable_incremental_compilation(functions).map_err(|error| one_line(&error))?;
    }
    Engine::new(&config).map_err(|error| one_line(&error))
}

/// The most memory this process has had, bytes.
fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() << 10
}

/// What the parent wants, and how many bytes the component has that follows.
fn read_job(input: &mut impl BufRead) -> io::Result<(Job, usize)> {
    let (mut profile, mut numbers, mut addresses) = (None, None, None);
    let (mut cpu_s, mut address_bytes, mut seal, mut packs) = (None, None, None, Vec::new());
    loop {
        let (name, value) = line(input)?;
        let text = || String::from_utf8_lossy(&value).into_owned();
        let profile_of = |word: &str| Profile::ALL.into_iter().find(|profile| profile.word() == word);
        match name.as_str() {
            "profile" => profile = Some(profile_of(&text()).ok_or_else(|| no_job("no such profile"))?),
            "numbers" => numbers = Numbers::ALL.into_iter().find(|numbers| numbers.word() == text()),
            "addresses" => addresses = Addresses::ALL.into_iter().find(|addresses| addresses.word() == text()),
            "cpu_s" => cpu_s = text().parse().ok(),
            "address_bytes" => address_bytes = text().parse().ok(),
            "key" => seal = key_of(&text()).map(Seal::new),
            "component_bytes" => {
                let component_bytes = text().parse().ok().filter(|bytes| *bytes <= COMPONENT_BYTES_MAX);
                let job = (|| {
                    // The parent has an eye on the clock.
                    let limits = CompileLimits { cpu_s: cpu_s?, address_bytes: address_bytes?, wall: Duration::MAX };
                    let codegen = Codegen { numbers: numbers?, addresses: addresses? };
                    Some((Job { profile, codegen, limits, packs }, component_bytes?))
                })();
                return job.ok_or_else(|| no_job("something is missing in it"));
            }
            name => {
                let pack = name.strip_prefix("pack_").and_then(profile_of).zip(seal);
                let (profile, seal) = pack.ok_or_else(|| no_job(name))?;
                packs.push((profile, Pack { path: OsString::from_vec(value).into(), seal }));
            }
        }
    }
}

fn limit_myself(limits: &CompileLimits) -> io::Result<()> {
    let limit = |resource, soft: u64, hard: u64| setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) });
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Nofile, FILES_MAX, FILES_MAX)?;
    limit(Resource::Fsize, FILE_BYTES_MAX, FILE_BYTES_MAX)?;
    limit(Resource::Cpu, limits.cpu_s, limits.cpu_s.saturating_add(GRACE_S))?;
    limit(Resource::As, limits.address_bytes, limits.address_bytes)?;
    nice(NICE)?;
    Ok(())
}

fn no_job(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("this is for a host to start, and standard input is no job: {what}"))
}

fn line(input: &mut impl BufRead) -> io::Result<(String, Vec<u8>)> {
    const LINE_BYTES_MAX: u64 = 8 << 10;
    let mut line = Vec::new();
    input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(no_job("it breaks off"));
    }
    let space = line.iter().position(|byte| *byte == b' ').ok_or_else(|| no_job("a line without a value"))?;
    let value = line.split_off(space + 1);
    line.pop();
    Ok((String::from_utf8_lossy(&line).into_owned(), value))
}

fn key_of(text: &str) -> Option<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    if text.len() != 2 * KEY_BYTES || !text.is_ascii() {
        return None;
    }
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(key)
}
