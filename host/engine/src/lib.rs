//! The engines at work: ticks come in, guests decide, the gate lets through, the journal records, the broker executes, and
//! their outcome goes back to the guests.
//!
//! ```text
//! feed -> hub -+-> shard 0..n: engines, each a guest with its desk
//!              |        | commands the gate let through      ^ changes
//!              |        v                                    |
//!              +-> pipeline: journal -> broker -> journal -> ledgers
//! every thread -> herald -> sink (states kept, events shown)
//! ```
//!
//! Threads: whoever calls [`Host::feed`] is the hub; one thread a shard; one for orders, one for the journal, two for the
//! keeper, one for events; one that watches whether ticks reach engines; a few that start guests. All engines of an account are on one
//! shard. Each queue has a bound and a count for reaching it: [`Bounds`].
//!
//! Refuses to know: wasm, SQL, HTTP, sockets, files, what a broker really is. It sees ports: [`GuestFactory`], [`Journal`],
//! [`Keeper`], [`LiveBroker`], [`Clock`], [`EventSink`].
//!
//! [`GuestFactory`]: domain::guest::GuestFactory
//! [`Journal`]: domain::journal::Journal
//! [`Keeper`]: domain::keeper::Keeper
//! [`LiveBroker`]: domain::broker::LiveBroker
//! [`Clock`]: domain::time::Clock

mod compare;
mod error;
mod events;
mod herald;
mod homes;
mod host;
mod hub;
mod inbox;
mod jobs;
mod keeping;
mod latency;
mod meter;
mod moment;
mod pipeline;
mod recovery;
mod room;
mod scribe;
mod setup;
mod shadow;
mod shard;
mod shared;
mod snapshot;
mod starter;
mod starving;
mod stepped;
mod unwritten;
mod usage;

pub use domain::keeper::Scope;
pub use error::{HostError, TickRefused};
pub use events::{Event, EventSink, SwapOutcome, Whose};
pub use host::{Host, Left};
pub use keeping::Keepsake;
pub use latency::{Fine, Latencies};
pub use pipeline::WoundDown;
pub use recovery::Recovered;
pub use setup::{Bounds, EngineSetup, HostSetup, Saved, Seen, Traded};
pub use shadow::{DIFFERENCES_MAX, Difference, LINES_MAX, ShadowLine, ShadowReport, ShadowState};
pub use shard::{EngineCommand, Swapped};
pub use snapshot::{EngineSnapshot, HostSnapshot, HostTotals};
pub use starving::Starving;
pub use stepped::Stepped;
pub use unwritten::LineAside;
pub use usage::UserUsage;
