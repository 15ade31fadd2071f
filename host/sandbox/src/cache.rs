//! Compiled code on disk, so that a restart compiles nothing.
//!
//! Machine code is run as it is: whoever can write it here owns the process. So the directory is the host's alone, and each
//! file ends with a code that only this host's key makes; one that does not match is thrown away and compiled again.

use crate::check::Found;
use crate::compile::{CompileCost, Compiled, Pack};
use crate::profile::Profile;
use crate::sandbox::SandboxError;
use crate::seal::{KEY_BYTES, MARK_BYTES, Seal};
use domain::ids::Digest;
use files::Readers;
use sha2::{Digest as _, Sha256};
use std::fs::{self, DirBuilder, File, Permissions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use wasmtime::Engine;
use wasmtime::component::Component;

/// A component from machine code that the caller knows to be this host's own.
#[allow(unsafe_code, reason = "machine code can't be checked, only trusted")]
pub(crate) fn adopt(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `compiled` was made by `precompile_component` in this process or in a child that runs this host's own program,
    // or was read from a file whose code only this
    // host's key can make. It is copied, so that nobody can change it afterwards.
    unsafe { Component::deserialize(engine, compiled) }
}

const KEY_FILE: &str = "key";
/// Bytes behind the code that say what compiling took: microseconds, then bytes of memory.
const COST_BYTES: usize = 16;
/// Bytes before these that say how long what was found in the component is, which lies between the code and them.
const LENGTH_BYTES: usize = 4;

/// A component that this host compiled, what was found in it and what compiling took.
pub(crate) struct Stored {
    pub component: Component,
    pub found: Found,
    pub cost: CompileCost,
}

#[derive(Debug)]
pub(crate) struct DiskCache {
    dir: PathBuf,
    seal: Seal,
    bytes_max: u64,
}

impl DiskCache {
    pub fn open(dir: PathBuf, bytes_max: u64) -> Result<Self, SandboxError> {
        let opened = private_dir(&dir).and_then(|()| key(&dir.join(KEY_FILE)));
        match opened {
            Ok(key) => Ok(Self { dir, seal: Seal::new(key), bytes_max }),
            Err(error) => Err(SandboxError::Cache { path: dir, problem: error.to_string() }),
        }
    }

    /// The compiled code of a component for this kind of engine, if it is there and this host's own.
    pub fn find(&self, engine: &Engine, profile: Profile, digest: &Digest) -> Option<Stored> {
        let path = self.path(engine, digest);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled code can't be read; compiling again");
                // A folder in a file's place would stay there for ever.
                _ = clear(&path);
                return None;
            }
        };
        let stored = self.verified(&path, &bytes).and_then(|(code, found, cost)| {
            let component = adopt(engine, code).map_err(|error| format!("{error:#}"))?;
            let found = found.filter(|found| found.profile == profile).ok_or("what was found in the component can't be read")?;
            Ok(Stored { component, found, cost })
        });
        if stored.is_ok() {
            used_now(&path);
        }
        stored
            .inspect_err(|problem| {
                tracing::warn!(path = %path.display(), problem, "compiled code is thrown away; compiling again");
                let _ = fs::remove_file(&path);
            })
            .ok()
    }

    /// Bytes of the compiled code of a component, if it is there.
    pub fn code_bytes(&self, engine: &Engine, digest: &Digest) -> Option<u64> {
        Some(fs::metadata(self.path(engine, digest)).ok()?.len())
    }

    /// Keeps compiled code. Failing to is no failure of the caller: it is compiled again next time.
    ///
    /// What was not used for longest makes room, but nothing that `is_needed`.
    pub fn put(&self, engine: &Engine, digest: &Digest, compiled: &Compiled, is_needed: impl Fn(&Digest) -> bool) {
        let path = self.path(engine, digest);
        let (found, cost) = (compiled.found.encode(), cost_bytes(&compiled.cost));
        let length = (found.len() as u32).to_le_bytes();
        let written = self.make_room(compiled.code.len() as u64, is_needed).and_then(|()| {
            files::replace(&path, Readers::Owner, |file| {
                let parts = [compiled.code.as_slice(), &found, &length, &cost];
                parts.iter().try_for_each(|part| file.write_all(part))?;
                file.write_all(&self.seal.mark(&[name(&path), parts[0], parts[1], parts[2], parts[3]]))
            })
        });
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "compiled code can't be kept");
        }
    }

    /// Where the functions of components of this kind are kept, for the compiler.
    pub fn pack(&self, engine: &Engine, profile: Profile) -> Pack {
        let path = self.dir.join(format!("functions-{}-{}.pack", profile.word(), fingerprint(engine)));
        Pack { path, seal: self.seal.derived("functions") }
    }

    fn verified<'a>(&self, path: &Path, bytes: &'a [u8]) -> Result<(&'a [u8], Option<Found>, CompileCost), String> {
        let short = "the file is too short";
        let (content, mark) = bytes.split_last_chunk::<MARK_BYTES>().ok_or(short)?;
        if !self.seal.fits(mark, &[name(path), content]) {
            return Err("the file was not written by this host, or was changed since".into());
        }
        let (rest, cost) = content.split_last_chunk::<COST_BYTES>().ok_or(short)?;
        let (rest, length) = rest.split_last_chunk::<LENGTH_BYTES>().ok_or(short)?;
        let code_bytes = rest.len().checked_sub(u32::from_le_bytes(*length) as usize).ok_or(short)?;
        let (code, found) = rest.split_at(code_bytes);
        Ok((code, Found::decode(found), cost_of(cost)))
    }

    fn path(&self, engine: &Engine, digest: &Digest) -> PathBuf {
        self.dir.join(format!("{digest}-{}.cwasm", fingerprint(engine)))
    }

    /// Removes the files unused for longest until `bytes` more fit, and none that is needed.
    fn make_room(&self, bytes: u64, is_needed: impl Fn(&Digest) -> bool) -> io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_name() != KEY_FILE {
                let metadata = entry.metadata()?;
                files.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, len, _)| len).sum::<u64>() + bytes;
        let mut needed = false;
        for (_, len, path) in files {
            if total <= self.bytes_max {
                break;
            }
            if digest_of(&path).is_some_and(|digest| is_needed(&digest)) {
                needed = true;
            } else {
                clear(&path)?;
                total -= len;
            }
        }
        // A single one beyond the bound is kept, or it would be compiled at every start.
        if needed && total > self.bytes_max {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "engines need what is kept: raise sandbox.cache_bytes_max"));
        }
        Ok(())
    }
}

/// Notes that a file was used: files go in the order of their last use, which is kept as the time of their last change. Not to be able
/// to costs no more than that it goes earlier.
fn used_now(path: &Path) {
    let _ = File::options().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
}

/// The component that a file is the code of.
fn digest_of(path: &Path) -> Option<Digest> {
    path.file_name()?.to_str()?.split_once('-')?.0.parse().ok()
}

/// Removes what is at a path, whatever it is: the folder is the host's alone.
fn clear(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// A file's name, which its mark covers: code of one component must not pass for that of another.
fn name(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_encoded_bytes()
}

fn cost_bytes(cost: &CompileCost) -> [u8; COST_BYTES] {
    let mut bytes = [0; COST_BYTES];
    let (took, peak) = bytes.split_at_mut(COST_BYTES / 2);
    took.copy_from_slice(&(cost.took.as_micros() as u64).to_le_bytes());
    peak.copy_from_slice(&cost.peak_memory_bytes.to_le_bytes());
    bytes
}

fn cost_of(bytes: &[u8; COST_BYTES]) -> CompileCost {
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| bytes[at + byte]));
    CompileCost { took: Duration::from_micros(number(0)), peak_memory_bytes: number(COST_BYTES / 2) }
}

/// What the code depends on beside the component: what is compiled of it, wasmtime's settings, the processor's features, and wasmtime's release to
/// the last number, so that a mended compiler compiles again.
fn fingerprint(engine: &Engine) -> String {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            // Only the digest is asked for.
            0
        }
    }
    let mut sha = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sha);
    sha.0.update(crate::direct::FORM);
    sha.0.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let metadata = fs::metadata(dir)?;
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// This host's key; made if missing. A key that others could read is replaced, and everything it signed with it.
fn key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    if let Ok(mut file) = File::open(path)
        && file.metadata()?.mode() & 0o077 == 0
        && file.read_exact(&mut key).is_ok()
    {
        return Ok(key);
    }
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    files::write(path, Readers::Owner, &key)?;
    Ok(key)
}
