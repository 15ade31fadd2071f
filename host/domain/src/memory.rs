//! Linear memory that all guests of one user have together, held to their quota for as long as they live.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What all guests of one user have. Guests on any thread take from it, which is as rare as their memories grow.
#[derive(Debug)]
pub struct SharedMemory {
    bytes: AtomicU64,
    /// 0 is no quota.
    bytes_max: u64,
}

impl SharedMemory {
    /// Nobody has any yet. `bytes_max` is [`Quotas::memory_bytes_max`](crate::limits::Quotas::memory_bytes_max).
    pub fn new(bytes_max: u64) -> Self {
        Self { bytes: AtomicU64::new(0), bytes_max }
    }

    /// What all of them have now.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    fn take(&self, more: u64) -> Result<(), OverQuota> {
        let grown = |bytes: u64| bytes.checked_add(more).filter(|&all| self.bytes_max == 0 || all <= self.bytes_max);
        // Asked and taken in one step: two guests that grow at once must not both get the last of it.
        match self.bytes.fetch_update(Relaxed, Relaxed, grown) {
            Ok(_) => Ok(()),
            Err(bytes) => Err(OverQuota { more, bytes, bytes_max: self.bytes_max }),
        }
    }
}

/// A guest wanted more memory than its owner's quota has left. That ends its call: were it told no, what it decides would hang on
/// what its neighbours do, and its record could not show why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "asked for {more} more bytes of memory; all engines of its owner have {bytes} and may have {bytes_max} together \
     (quotas.memory_bytes_max): stop one of them, let it take less, or have the quota raised"
)]
pub struct OverQuota {
    /// Bytes it wanted.
    pub more: u64,
    /// Bytes that all guests of its owner have.
    pub bytes: u64,
    /// Bytes they may have.
    pub bytes_max: u64,
}

/// One guest's part of it, given back when it is dropped. The default is bounded by the guest's own limit only.
#[derive(Debug, Default)]
pub struct MemoryShare {
    of: Option<Arc<SharedMemory>>,
    bytes: u64,
}

impl MemoryShare {
    /// None so far.
    pub fn new(of: Arc<SharedMemory>) -> Self {
        Self { of: Some(of), bytes: 0 }
    }

    /// Takes this many bytes more.
    ///
    /// # Errors
    /// Fewer are left; nothing was taken.
    pub fn grow(&mut self, more: u64) -> Result<(), OverQuota> {
        let Some(of) = &self.of else { return Ok(()) };
        of.take(more)?;
        self.bytes += more;
        Ok(())
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        if let Some(of) = &self.of {
            let before = of.bytes.fetch_sub(self.bytes, Relaxed);
            debug_assert!(before >= self.bytes, "more memory was given back than had been taken");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_guests_take_together_stays_within_the_quota_and_comes_back_with_them() {
        let all = Arc::new(SharedMemory::new(100));
        let (mut one, mut other) = (MemoryShare::new(Arc::clone(&all)), MemoryShare::new(Arc::clone(&all)));
        assert_eq!((one.grow(40), other.grow(60), all.bytes()), (Ok(()), Ok(()), 100));
        assert_eq!(one.grow(1), Err(OverQuota { more: 1, bytes: 100, bytes_max: 100 }));
        drop(other);
        assert_eq!((one.grow(u64::MAX).is_err(), one.grow(60), all.bytes()), (true, Ok(()), 100));
        drop(one);
        assert_eq!(all.bytes(), 0);
    }

    #[test]
    fn no_quota_counts_all_the_same() {
        let all = Arc::new(SharedMemory::new(0));
        let mut one = MemoryShare::new(Arc::clone(&all));
        assert_eq!((one.grow(1 << 40), all.bytes()), (Ok(()), 1 << 40));
        assert_eq!(MemoryShare::default().grow(1 << 40), Ok(()));
    }
}
