//! Ticks in Parquet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use market::import::Format;

fuzz_target!(|bytes: &[u8]| stockade_fuzz::imports("EURUSD.parquet", Format::Parquet, bytes));
