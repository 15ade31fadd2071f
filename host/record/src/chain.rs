//! One file of entries: a header, then frames, each with the hash over everything before it. Whoever changes a byte must
//! change every hash after it, and the next file begins with the last one.

use crate::error::RecordError;
use domain::tape::Entry;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::path::Path;

/// Format and its version.
const MAGIC: &[u8; 8] = b"STKREC\x00\x01";
const HEADER: usize = MAGIC.len() + 32;
/// Of one frame; more is damage.
const FRAME_BYTES_MAX: usize = 64 << 20;

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
    let length = u32::try_from(payload.len()).expect("a frame is bounded by the tape's bytes a minute");
    ([length.to_le_bytes().as_slice(), &payload, &hash].concat(), hash)
}

fn link(before: &Hash, payload: &[u8]) -> Hash {
    Sha256::new().chain_update(before).chain_update(payload).finalize().into()
}

/// What a file holds.
pub(crate) struct Read {
    pub frames: Vec<Frame>,
    /// The hash it goes on from, and the one it ends with.
    pub before: Hash,
    pub after: Hash,
    /// Where its last whole frame ends: what follows was torn off by a crash.
    pub whole: u64,
}

/// Reads a file and checks its chain.
///
/// # Errors
/// It can't be read, is of another format, or has been altered.
pub(crate) fn read(path: &Path) -> Result<Read, RecordError> {
    let bytes = fs::read(path).map_err(RecordError::io("read", path))?;
    if bytes.len() < HEADER || bytes[..MAGIC.len()] != *MAGIC {
        return Err(RecordError::Format(path.to_path_buf()));
    }
    let before: Hash = bytes[MAGIC.len()..HEADER].try_into().expect("a hash has 32 bytes");
    let mut read = Read { frames: Vec::new(), before, after: before, whole: HEADER as u64 };
    while let Some(rest) = bytes.get(read.whole as usize + 4..) {
        let altered = |what| RecordError::Altered { path: path.to_path_buf(), at: read.whole, what };
        let length = u32::from_le_bytes(bytes[read.whole as usize..][..4].try_into().expect("four bytes")) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(altered("an impossible length"));
        }
        let (Some(payload), Some(hash)) = (rest.get(..length), rest.get(length..length + 32)) else { break };
        let after = link(&read.after, payload);
        if after != hash {
            return Err(altered("the hash does not fit"));
        }
        let frame = postcard::from_bytes(payload).map_err(|_| altered("a frame that can't be read"))?;
        read.frames.push(frame);
        read.after = after;
        read.whole += (4 + length + 32) as u64;
    }
    Ok(read)
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
            prop_assert_eq!(read.whole, ends[whole]);
        }

        #[test]
        fn no_byte_can_be_changed_unseen(at in 0_usize..1_000, flip in 1_u8..=255) {
            let frames = frames(3);
            let (mut bytes, _) = written(&frames);
            let at = at % bytes.len();
            bytes[at] ^= flip;
            // What is changed may look like a torn tail, but never like the frames that were written.
            let unseen = read_back(&bytes).is_ok_and(|read| read.frames == frames && read.before == [9; 32]);
            prop_assert!(!unseen);
        }
    }
}
