//! Market data: where ticks come from and where they are kept.
//!
//! [`store`] keeps ticks in one Arrow file per symbol and UTC day and hands them out as columns, mapped into memory and
//! not copied. [`import`] fills the store from other systems' files. [`feed`] gives ticks one by one, from a simulated
//! market or from the store.
//!
//! This crate knows nothing of strategies, orders or accounts, never looks at the machine's clock and never sleeps: whoever
//! pulls a feed decides when.

pub mod columns;
pub mod date;
pub mod export;
pub mod feed;
pub mod import;
pub mod quality;
pub mod store;

pub use columns::OwnedColumns;
pub use date::Date;
pub use store::{Day, StoreError, TickStore};
