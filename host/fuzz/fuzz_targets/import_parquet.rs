//! Ticks in Parquet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use market::import::Format;

fuzz_target!(|bytes: &[u8]| {
    // The decoder is not ours, and the importer survives its panics.
    stockade_fuzz::panics_may_be_caught();
    stockade_fuzz::imports("EURUSD.parquet", Format::Parquet, bytes);
});
