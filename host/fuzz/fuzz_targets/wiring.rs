//! The comparison of the two small modules around a strategy with what our tool writes.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// The length of the first module, in two bytes, then both.
fuzz_target!(|bytes: &[u8]| {
    let Some((length, modules)) = bytes.split_first_chunk() else { return };
    let (shim, fixups) = modules.split_at(usize::from(u16::from_le_bytes(*length)).min(modules.len()));
    // What passes has been made again, byte for byte but for notes: it is no longer than that.
    if sandbox::fuzz::are_plain(shim, fixups) {
        assert!(shim.starts_with(b"\0asm") && fixups.starts_with(b"\0asm"));
    }
});
