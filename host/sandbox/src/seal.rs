//! The host's own mark on files that it will later run as they are.

use sha2::{Digest as _, Sha256};

/// Bytes of a mark.
pub(crate) const MARK_BYTES: usize = 32;
/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;

/// A key that only this host has, and what it makes marks with.
#[derive(Clone, Copy)]
pub(crate) struct Seal([u8; KEY_BYTES]);

/// Without the key, which is a secret.
impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    pub fn new(key: [u8; KEY_BYTES]) -> Self {
        Self(key)
    }

    /// A seal for another purpose; its marks tell nothing of this one's key.
    pub fn derived(&self, purpose: &str) -> Self {
        Self(self.mark(&[purpose.as_bytes()]))
    }

    /// The key, for a process that makes marks on this one's behalf.
    pub fn key(&self) -> [u8; KEY_BYTES] {
        self.0
    }

    /// HMAC-SHA-256 over the parts, one after the other.
    pub fn mark(&self, parts: &[&[u8]]) -> [u8; MARK_BYTES] {
        const BLOCK: usize = 64;
        let padded = |pad: u8| {
            let mut block = [pad; BLOCK];
            block.iter_mut().zip(self.0).for_each(|(byte, key)| *byte ^= key);
            block
        };
        let inner = parts.iter().fold(Sha256::new().chain_update(padded(0x36)), |sha, part| sha.chain_update(part)).finalize();
        Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
    }

    /// Whether `mark` is this host's for these parts.
    pub fn fits(&self, mark: &[u8], parts: &[&[u8]]) -> bool {
        // Compared as digests of themselves, so that the time taken tells nothing.
        Sha256::digest(mark) == Sha256::digest(self.mark(parts))
    }
}
