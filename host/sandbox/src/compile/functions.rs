//! Functions that were compiled before. Every upload of a scripted strategy brings the same interpreter, and every version of
//! a compiled one most of the functions of the last.
//!
//! One file, read whole and written whole: a Python component has 12,000 functions. Whoever can write machine code here owns
//! the host, so the file carries the host's mark; without it, it counts as empty.

use super::Pack;
use crate::profile::Profile;
use crate::seal::{MARK_BYTES, Seal};
use files::Readers;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use wasmtime::CacheStore;

/// Bytes before a key and its value: their lengths.
const LENGTHS_BYTES: usize = 8;

/// A pack, opened.
pub(super) struct Functions {
    path: PathBuf,
    seal: Seal,
    bytes_max: usize,
    bytes: Vec<u8>,
    /// Keys and where their values lie in `bytes`.
    kept: HashMap<Vec<u8>, Range<usize>>,
    now: Mutex<Now>,
}

/// What this compilation asked for and brought.
#[derive(Default)]
struct Now {
    used: HashSet<Vec<u8>>,
    new: HashMap<Vec<u8>, Vec<u8>>,
}

impl std::fmt::Debug for Functions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Functions").field("path", &self.path).field("kept", &self.kept.len()).finish_non_exhaustive()
    }
}

impl Functions {
    /// Reads a pack; one that is not there, or not this host's, is empty.
    pub fn open(Pack { path, seal }: Pack, profile: Profile) -> Self {
        let bytes_max = match profile {
            // Some hundred strategies.
            Profile::Native | Profile::Roomy => 32 << 20,
            // Two interpreters.
            Profile::Scripted => 192 << 20,
        };
        let fits = |bytes: &Vec<u8>| bytes.split_last_chunk::<MARK_BYTES>().is_some_and(|(content, mark)| seal.fits(mark, &[content]));
        let mut bytes = fs::read(&path).ok().filter(fits).unwrap_or_default();
        bytes.truncate(bytes.len().saturating_sub(MARK_BYTES));
        let kept = index(&bytes);
        Self { path, seal, bytes_max, bytes, kept, now: Mutex::default() }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the pack anew when there is something new: what was used now first, then as much of the rest as there is room for.
    pub fn save(&self) -> io::Result<()> {
        let now = self.now();
        if now.new.is_empty() {
            return Ok(());
        }
        let new = now.new.iter().map(|(key, value)| (key, value.as_slice()));
        let (used, unused): (Vec<_>, Vec<_>) = self.kept.iter().partition(|(key, _)| now.used.contains(*key));
        let old = used.into_iter().chain(unused).map(|(key, range)| (key, &self.bytes[range.clone()]));
        let mut content = Vec::new();
        for (key, value) in new.chain(old) {
            if content.len() + LENGTHS_BYTES + key.len() + value.len() <= self.bytes_max {
                content.extend((key.len() as u32).to_le_bytes());
                content.extend((value.len() as u32).to_le_bytes());
                content.extend(key);
                content.extend(value);
            }
        }
        // Two children at once: the later one's stays, and either is whole.
        files::replace(&self.path, Readers::Owner, |file| {
            file.write_all(&content)?;
            file.write_all(&self.seal.mark(&[&content]))
        })
    }
}

fn index(bytes: &[u8]) -> HashMap<Vec<u8>, Range<usize>> {
    let mut index = HashMap::new();
    let mut at = 0;
    let length = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
    while let (Some(key_bytes), Some(value_bytes)) = (length(at), length(at + 4)) {
        let key_at = at + LENGTHS_BYTES;
        let value_at = key_at + key_bytes;
        at = value_at + value_bytes;
        let Some(key) = bytes.get(key_at..value_at).filter(|_| at <= bytes.len()) else { break };
        index.insert(key.to_vec(), value_at..at);
    }
    index
}

impl CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let mut now = self.now();
        if let Some(range) = self.kept.get(key) {
            now.used.insert(key.to_vec());
            return Some(Cow::Borrowed(&self.bytes[range.clone()]));
        }
        now.new.get(key).map(|value| Cow::Owned(value.clone()))
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> bool {
        self.now().new.insert(key.to_vec(), value);
        true
    }
}
