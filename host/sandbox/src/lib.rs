//! Runs strategies as WebAssembly components, each in its own cell: what it may import is the contract in `sdk/wit`, and what
//! it may use is a number in [`domain::limits`]. Implements [`GuestFactory`](domain::guest::GuestFactory) and
//! [`Guest`](domain::guest::Guest); a guest's end, however it comes, is a value.
//!
//! The only crate that names wasmtime. Refuses to know: what a tick means, what becomes of an order, databases, sockets,
//! the machine's clock.
//!
//! Components are read and compiled in a process of their own; see [`Compiler`].
//!
//! Guests use up to 512 KiB of the stack of the thread that calls them, which must have 2 MiB.

mod bindings;
mod cache;
mod check;
mod compile;
mod convert;
mod describing;
mod direct;
mod exports;
mod fault;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod guest;
mod imports;
mod in_use;
mod profile;
mod room;
mod sandbox;
mod seal;
mod seat;
mod state;
mod wasi;

pub use compile::{CompileCost, CompileLimits, Compiler, compile_for_parent};
pub use in_use::memory_of_this_machine;
pub use profile::{Addresses, Numbers, Profile};
pub use room::Room;
pub use sandbox::{Calls, LoadError, Loaded, Sandbox, SandboxConfig, SandboxError, Source};
