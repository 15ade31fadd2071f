//! One file of entries: a header, then frames, each with the hash over everything before it. Whoever changes a byte must
//! change every hash after it, and the next file begins with the last one.
//!
//! ```text
//! length u32 | check of the length, 4 bytes | payload, length bytes | hash, 32 bytes
//! ```
//! A crash may cut the last frame anywhere. The length has a check of its own, so that one that reaches past the end of
//! the file tells: if it broke off while it was written, the rest of its frame is torn off; otherwise the file was altered.

use crate::error::RecordError;
use domain::tape::Entry;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::Path;

/// Format and its version.
const MAGIC: &[u8; 8] = b"STKREC\x00\x03";
/// What a file begins with: the format, and the hash that it goes on from.
const HEADER: usize = MAGIC.len() + 32;
/// The length and its check.
const LEAD: usize = 8;

/// A hash over all frames so far.
pub(crate) type Hash = [u8; 32];

/// What one frame holds.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Frame {
    /// Start of the host's run, microseconds since 1970 UTC: ticks are numbered within a run.
    pub run: i64,
    pub entries: Vec<Entry>,
}

/// The header of a file that goes on after `before`.
pub(crate) fn header(before: &Hash) -> Vec<u8> {
    [MAGIC.as_slice(), before].concat()
}

/// A frame's bytes, and the hash of the chain with it.
pub(crate) fn frame(before: &Hash, frame: &Frame) -> (Vec<u8>, Hash) {
    let payload = postcard::to_allocvec(frame).expect("entries have no type that can't be written");
    let hash = link(before, &payload);
    let length = u32::try_from(payload.len()).expect("a frame is bounded by the tape's bytes a minute").to_le_bytes();
    ([length.as_slice(), &check(before, length), &payload, &hash].concat(), hash)
}

fn check(before: &Hash, length: [u8; 4]) -> [u8; 4] {
    *link(before, &length).first_chunk().expect("a hash has 32 bytes")
}

fn link(before: &Hash, payload: &[u8]) -> Hash {
    Sha256::new().chain_update(before).chain_update(payload).finalize().into()
}

/// What a file holds.
pub(crate) struct Read {
    pub frames: Vec<Frame>,
    /// The hash it goes on from; `None` where a crash left less than the header that says so.
    pub before: Option<Hash>,
    /// The hash it ends with.
    pub after: Hash,
    /// Where its last whole frame ends.
    pub whole: u64,
    /// Bytes after that: of a frame that a crash cut short.
    pub torn: u64,
}

/// Reads a file and checks its chain.
///
/// # Errors
/// It can't be read, is of another format, or has been altered.
pub(crate) fn read(path: &Path) -> Result<Read, RecordError> {
    let bytes = fs::read(path).map_err(RecordError::io("read", path))?;
    // A power cut may leave zeros here as well.
    if (bytes.len() < HEADER && (MAGIC.starts_with(&bytes) || bytes.starts_with(MAGIC))) || bytes.iter().all(|&byte| byte == 0) {
        return Ok(Read { frames: Vec::new(), before: None, after: [0; 32], whole: 0, torn: bytes.len() as u64 });
    }
    let headed = bytes.strip_prefix(MAGIC).and_then(|rest| rest.split_first_chunk::<32>());
    let Some((&before, mut rest)) = headed else { return Err(RecordError::Format(path.to_path_buf())) };
    let (mut frames, mut after) = (Vec::new(), before);
    while let Some((&[l0, l1, l2, l3, ref checked @ ..], body)) = rest.split_first_chunk::<LEAD>() {
        let altered = |what| RecordError::Altered { path: path.to_path_buf(), at: (bytes.len() - rest.len()) as u64, what };
        // After a power cut some file systems leave a file its length and zeros for what was not written.
        if rest.iter().all(|&byte| byte == 0) {
            break;
        }
        let length = [l0, l1, l2, l3];
        if *checked != check(&after, length) {
            return Err(altered("the length of a frame does not fit"));
        }
        let Some((payload, tail)) = body.split_at_checked(u32::from_le_bytes(length) as usize) else { break };
        let Some((&hash, next)) = tail.split_first_chunk::<32>() else { break };
        if hash != link(&after, payload) {
            return Err(altered("the hash does not fit"));
        }
        frames.push(postcard::from_bytes(payload).map_err(|_| altered("a frame that can't be read"))?);
        (after, rest) = (hash, next);
    }
    Ok(Read { frames, before: Some(before), after, whole: (bytes.len() - rest.len()) as u64, torn: rest.len() as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::tape::Asked;
    use proptest::prelude::*;

    fn frames(count: u64) -> Vec<Frame> {
        (0..count).map(|n| Frame { run: 7, entries: vec![Entry::Asked(Asked::Random(n)), Entry::Gap] }).collect()
    }

    /// A file of frames, and where each ends.
    fn written(frames: &[Frame]) -> (Vec<u8>, Vec<u64>) {
        let mut hash = [9; 32];
        let mut bytes = header(&hash);
        let mut ends = vec![bytes.len() as u64];
        for one in frames {
            let (more, after) = frame(&hash, one);
            bytes.extend(more);
            hash = after;
            ends.push(bytes.len() as u64);
        }
        (bytes, ends)
    }

    fn read_back(bytes: &[u8]) -> Result<Read, RecordError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.rec");
        fs::write(&path, bytes).unwrap();
        read(&path)
    }

    proptest! {
        #[test]
        fn a_file_torn_anywhere_gives_its_whole_frames(count in 0_u64..5, cut in 0_usize..1_000) {
            let frames = frames(count);
            let (bytes, ends) = written(&frames);
            let cut = HEADER + cut % (bytes.len() - HEADER + 1);
            let read = read_back(&bytes[..cut]).unwrap();
            let whole = ends.iter().filter(|&&end| end <= cut as u64).count() - 1;
            prop_assert_eq!(&read.frames, &frames[..whole]);
            prop_assert_eq!((read.whole, read.torn), (ends[whole], cut as u64 - ends[whole]));
        }

    }

    #[test]
    fn zeros_at_the_end_are_what_a_power_cut_left() {
        let (mut bytes, ends) = written(&frames(2));
        bytes.extend([0; 100]);
        let read = read_back(&bytes).unwrap();
        assert_eq!((read.frames, read.whole, read.torn), (frames(2), ends[2], 100));
    }

    #[test]
    fn no_bit_can_be_turned_unseen() {
        let (bytes, ends) = written(&frames(3));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut turned = bytes.clone();
                turned[at] ^= 1 << bit;
                match read_back(&turned) {
                    Err(RecordError::Format(_)) => assert!(at < MAGIC.len(), "byte {at}"),
                    // The frame in which it lies; with what the file goes on from, the first.
                    Err(RecordError::Altered { at: named, .. }) => {
                        let frame = ends.iter().rev().find(|&&end| end <= at.max(HEADER) as u64);
                        assert!(at >= MAGIC.len() && Some(&named) == frame, "byte {at}: {named}");
                    }
                    other => panic!("bit {bit} of byte {at}: {:?}", other.map(|read| read.torn)),
                }
            }
        }
    }
}
