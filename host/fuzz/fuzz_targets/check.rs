//! Everything that is read of a component at upload.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// A fraction of what a process that compiles has: what goes too deep is found early.
const STACK_BYTES: usize = 256 << 10;

fuzz_target!(|bytes: &[u8]| {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let checked = thread.spawn_scoped(scope, || sandbox::fuzz::check(bytes)).expect("there is memory for a thread").join();
        if let Err(refused) = checked.expect("a check does not panic") {
            assert!(refused.len() <= domain::limits::FAULT_BYTES_MAX && !domain::text::hides(&refused), "{refused:?}");
        }
    });
});
