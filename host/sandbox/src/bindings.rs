//! What wasmtime's `bindgen!` makes of `sdk/wit`: the contract's types and its exports.
//!
//! Imports are linked by hand in [`imports`](crate::imports), because each of them charges fuel and so needs the store.
#![allow(
    missing_docs,
    unsafe_code,
    dead_code,
    unused_variables,
    clippy::all,
    reason = "generated from sdk/wit, where everything is documented"
)]

wasmtime::component::bindgen!({
    path: "../../sdk/wit",
    world: "trading-strategy",
    // Columns and strings are handed to guests from where they lie; `true` because some records go both ways.
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub use stockade::strategy::limits::Budget;
pub use stockade::strategy::report::Level;
pub use stockade::strategy::types;
