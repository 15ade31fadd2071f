//! Compiles one component for the sandbox that started it. A host does this with the program it is itself; the sandbox's own
//! tests and benchmarks use this one.

use std::process::ExitCode;

fn main() -> ExitCode {
    stockade_sandbox::compile_for_parent()
}
