//! Ticks as JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use market::import::Format;

fuzz_target!(|bytes: &[u8]| stockade_fuzz::imports("EURUSD.json", Format::Json, bytes));
