//! The record: what engines were fed and what they decided, kept on disk, chained by hash, and done again.
//!
//! ```text
//! records/engine-7/0000000001.rec          frames of entries, each with the hash over all before it
//! records/engine-7/name                    what its owner calls it
//! records/ticks/1790000000000000/EURUSD-000001.ticks    the market as it was numbered in one run of the host
//! records/components/<digest>.wasm         what ran
//! records/running                          locked by the host that writes, with its run
//! ```
//! A guest's life is replayed from its beginning with [`replay()`]: the component is called as it was called, hears what it
//! heard, and must ask what it asked. Ticks are written before the entries that name them, and what a crash has cut off a file is
//! the end of the record: a life is replayed up to there. Files of entries and of ticks are bounded; the oldest go first, and after
//! them the components and engines that can't be done again without them.
//!
//! Refuses to know: wasm, databases, HTTP, when it is.

mod chain;
mod error;
mod inventory;
mod latest;
mod reader;
pub mod replay;
mod running;
mod ticks;
mod writer;

pub use error::{Kept, RecordError, TicksMissing};
pub use latest::latest_tick;
pub use reader::{Life, LifeEnd, Record, engines_named};
pub use replay::{Difference, ReplayHost, Replayed, replay};
pub use ticks::TickTape;
pub use writer::{Lost, Recorder, Retention};
