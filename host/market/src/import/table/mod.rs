//! Rows of named or unnamed columns, whoever wrote them: the one layer that all text formats share.
//!
//! [`Dialect`] cuts a line into fields, [`Layout`] tells what each column holds, [`rows`] turns a row into a tick and [`bars`] a
//! file's rows into bars. What is told is told from a sample at the head of the file, by names, shape and values together; a row
//! that does not fit it is dirty.

pub(super) mod bars;
mod dialect;
mod layout;
mod look;
pub(super) mod names;
mod reader;
mod rows;
mod text;
mod vendor;

pub(super) use dialect::{Dialect, Fields};
pub(super) use layout::{Layout, Sample, timeframes};
pub(super) use reader::{SERVERS_CLOCK, Table};
pub(super) use rows::FLAGS_TRADE;
pub(super) use text::{Head, direction, read};
pub(super) use vendor::{is_of_asks, is_report, timeframe};

/// A field as messages show it.
pub(super) fn shown(field: &[u8]) -> String {
    String::from_utf8_lossy(&field[..field.len().min(40)]).into_owned()
}
