//! Runs a strategy over stored ticks: the same guest, desk, gate and paper broker as live, with the horizon deciding how
//! many ticks the guest gets at a time.
//!
//! Refuses to know: wasm (it is given a guest), databases, HTTP, where ticks come from beyond [`source`].

pub mod breakdown;
pub mod compare;
pub mod confirm;
pub mod hearing;
pub mod model;
pub mod optimise;
pub mod orders;
mod pace;
pub mod page;
pub mod past;
pub mod report;
pub mod returns;
pub mod review;
pub mod run;
pub mod sensitivity;
pub mod source;
pub mod statistics;
pub mod trades;

pub use confirm::{ReadsAhead, confirm};
pub use hearing::Hearing;
pub use past::Past;
pub use report::RunReport;
pub use review::review;
pub use run::{Batching, DEADLINE_MS, RunError, RunSetup, located, run};
pub use source::{Chunk, Source};
