//! The comparison of the two small modules around a strategy with what our tool writes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|modules: (Vec<u8>, Vec<u8>)| {
    let (shim, fixups) = (modules.0.as_slice(), modules.1.as_slice());
    // What passes has been made again, byte for byte but for notes: it is no longer than that.
    if sandbox::fuzz::are_plain(shim, fixups) {
        assert!(shim.starts_with(b"\0asm") && fixups.starts_with(b"\0asm"));
    }
});
