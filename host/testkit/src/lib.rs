//! What tests of the host share: samples built as components, strategies run natively, a host that answers from a script.
//!
//! For tests only. Refuses to know: wasmtime, engines, brokers of its own; a component is bytes here.

pub mod components;
mod convert;
pub mod native;
pub mod postgres;
pub mod scripted;

pub use native::NativeGuest;
pub use scripted::ScriptedHost;
