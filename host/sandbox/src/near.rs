//! Bringing a guest's memory nearer before it is called. With thousands of engines none of it is in a near cache when its turn
//! comes; asked for one engine ahead, it arrives while the one before is still busy.

/// Bytes that a cache fetches at once.
const LINE: usize = 64;

/// Asks for the cache lines of `bytes` bytes from `start` on. A hint: what lies there need not be anyone's.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "the instruction is only reached through a raw pointer")]
pub(crate) fn fetch(start: *const u8, bytes: usize) {
    for line in (0..bytes).step_by(LINE) {
        // SAFETY: a prefetch reads nothing that a program can see and never faults, whatever the address.
        unsafe { core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(start.wrapping_add(line).cast()) };
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn fetch(_start: *const u8, _bytes: usize) {}
