//! The vocabulary of Stockade and every decision it takes without IO: numbers, symbols, ticks, the contract with guests,
//! the order state machine, the risk gate, the ledger, the life of an engine, and the ports behind which the effects lie
//! ([`Broker`](broker::Broker), [`Journal`](journal::Journal), [`Keeper`](keeper::Keeper), [`Guest`](guest::Guest),
//! [`Clock`](time::Clock)).
//!
//! Refuses to know: files, sockets, threads, databases, wasm, HTTP, the machine's clock.

pub mod account;
pub mod actor;
pub mod bars;
pub mod broker;
pub mod contract;
pub mod desk;
pub mod footprint;
pub mod guest;
pub mod ids;
pub mod journal;
pub mod keeper;
pub mod ledger;
pub mod life;
pub mod likeness;
pub mod limits;
pub mod memory;
pub mod name;
pub mod number;
pub mod numbering;
pub mod order;
pub mod params;
pub mod ranges;
pub mod reconcile;
pub mod risk;
pub mod server_clock;
pub mod sessions;
pub mod swap;
pub mod symbol;
pub mod tape;
pub mod text;
pub mod tick;
pub mod time;
pub mod wake;
