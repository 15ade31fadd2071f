//! The venue, seen from outside: commands and ticks in, reports out.

mod bench;
mod costs_and_margin;
mod fills;
mod positions;
mod properties;
mod refusals;
mod time;
