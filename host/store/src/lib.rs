//! What must not be lost: users, accounts, strategies, engines, orders, deals, positions, signals, logs and the audit.
//!
//! Every SQL statement of Stockade is in this crate. What both databases say alike is in `sql/` and compiled twice, once
//! within `sqlite` and once within `postgres`, each time with that database's own connections and rows; what differs, such as
//! opening, transactions and the journal's wait for the disk, is in those two. Whoever uses a [`Store`] sees none of it:
//! `port` lists what a store can do, the other files here are the rows it gives and takes. What a user may see and change goes through methods that take their [`UserId`](domain::ids::UserId); the rest
//! is the host's and says so. The time is always the caller's.
//!
//! Refuses to know: sockets, wasm, HTTP, what a strategy or an order means. Which rows follow from a report is decided by
//! the domain's [`Ledger`](domain::ledger::Ledger); here it is written down. Beside the database lies the host's [`StateFile`], for what
//! must not be forgotten while that does not work.

#![allow(clippy::duplicate_mod, reason = "the statements of `sql/` are compiled for each database")]

mod accounts;
mod audit;
mod engines;
mod error;
mod health;
mod hold;
mod listed;
mod location;
mod page;
mod port;
mod postgres;
mod process;
mod reports;
mod schema;
mod sqlite;
mod state_file;
mod strategies;
mod trading;
mod users;

pub use accounts::AccountRecord;
pub use audit::{AuditRecord, AuditVerdict, NewAudit};
pub use engines::{
    ENGINE_STEPS_KEPT, EngineRecord, EngineSave, EngineSeen, EngineStep, Follows, LastTick, MarketSeen, NewEngine, StepKind, StepRecord,
    Wanted,
};
pub use error::StoreError;
pub use health::{Counts, Examined, Identity};
pub use hold::{Predecessor, Trouble};
pub use listed::{Damaged, Listed};
pub use location::Location;
pub use page::{PAGE_ROWS_MAX, Page};
pub use port::{Closed, Store};
pub use postgres::Server;
pub use reports::{LOG_LINES_KEPT, LogClock, LogRecord, NewLog, NewSignal, SIGNALS_KEPT, SignalRecord};
pub use schema::{Backup, Migrated};
pub use state_file::{Left, StateFile, Whose};
pub use strategies::{NewVersion, StrategyRecord, Upload, VersionRecord};
pub use trading::{DealRecord, OrderRecord, PositionFilter, PositionRecord, SymbolGrid, Traded, TriedAgain};
pub use users::{Holdings, UserRecord};

/// What a call of the store gives.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
