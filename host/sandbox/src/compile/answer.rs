//! What a child answers: what it found, then the machine code; or the reason for a refusal.
//!
//! ```text
//! VERSION
//! FOUND  length  Found             before compiling begins, so that it is known when that ends badly
//! CODE   length  peak memory, code
//! NO     length  why               instead of either
//! ```
//! Lengths are 32 bits, little-endian. The child has read a stranger's bytes, so its parent takes nothing from it but these parts in
//! this order, each within its bound.

use super::COMPILED_BYTES_MAX;
use crate::check::{FOUND_BYTES_MAX, Found};
use domain::limits::FAULT_BYTES_MAX;
use domain::text;
use std::io::{self, Write};

/// Another when the parts are others.
const VERSION: u8 = 1;
const FOUND: u8 = b'f';
const CODE: u8 = b'c';
const NO: u8 = b'n';
/// Bytes before a part: what it is, and its length.
const HEAD_BYTES: usize = 5;
/// Bytes before the code that say how much memory compiling took.
const PEAK_BYTES: usize = 8;

/// Bytes that an answer has at most.
pub(super) const ANSWER_BYTES_MAX: usize = 1 + 2 * HEAD_BYTES + FOUND_BYTES_MAX + PEAK_BYTES + COMPILED_BYTES_MAX;

/// An answer that is whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Compiled { found: Found, code: Vec<u8>, peak_memory_bytes: u64 },
    Refused(String),
}

/// Says what was found.
pub(super) fn found(to: &mut impl Write, found: &Found) -> io::Result<()> {
    to.write_all(&[VERSION])?;
    part(to, FOUND, &[&found.encode()])
}

/// Says, after [`found`], what was made of it.
pub(super) fn code(to: &mut impl Write, code: &[u8], peak_memory_bytes: u64) -> io::Result<()> {
    part(to, CODE, &[&peak_memory_bytes.to_le_bytes(), code])
}

/// Says, after [`found`] or instead of it, why there is no code.
pub(super) fn no(to: &mut impl Write, is_first: bool, why: &str) -> io::Result<()> {
    if is_first {
        to.write_all(&[VERSION])?;
    }
    part(to, NO, &[text::line(why, FAULT_BYTES_MAX).as_bytes()])
}

fn part(to: &mut impl Write, what: u8, pieces: &[&[u8]]) -> io::Result<()> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let length = u32::try_from(length).map_err(|_| io::Error::other("the answer is too long"))?;
    to.write_all(&[what])?;
    to.write_all(&length.to_le_bytes())?;
    pieces.iter().try_for_each(|piece| to.write_all(piece))?;
    to.flush()
}

/// What a child said before it ended: its answer, if that is whole, and what it had found by then.
pub(crate) fn read(said: &[u8]) -> (Option<Answer>, Option<Found>) {
    let Some(rest) = said.strip_prefix(&[VERSION]) else { return (None, None) };
    let (found, rest) = match take(rest) {
        Some((FOUND, found, rest)) => (Found::decode(found), rest),
        _ => (None, rest),
    };
    let answer = match (take(rest), &found) {
        (Some((NO, why, [])), _) => refused(why),
        (Some((CODE, content, [])), Some(found)) => compiled(content, found),
        _ => None,
    };
    (answer, found)
}

/// The first part, and what follows it.
fn take(said: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (head, rest) = said.split_first_chunk::<HEAD_BYTES>()?;
    let [what, length @ ..] = *head;
    let (content, rest) = rest.split_at_checked(u32::from_le_bytes(length) as usize)?;
    Some((what, content, rest))
}

fn refused(why: &[u8]) -> Option<Answer> {
    let why = std::str::from_utf8(why).ok().filter(|why| !why.is_empty())?;
    Some(Answer::Refused(text::line(why, FAULT_BYTES_MAX)))
}

fn compiled(content: &[u8], found: &Found) -> Option<Answer> {
    let (peak, code) = content.split_first_chunk::<PEAK_BYTES>()?;
    let fits = !code.is_empty() && code.len() <= COMPILED_BYTES_MAX;
    fits.then(|| Answer::Compiled { found: found.clone(), code: code.to_vec(), peak_memory_bytes: u64::from_le_bytes(*peak) })
}
