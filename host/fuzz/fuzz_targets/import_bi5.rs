//! An hour of ticks, as LZMA or plain.
#![no_main]

use libfuzzer_sys::fuzz_target;
use market::import::Format;

fuzz_target!(|bytes: &[u8]| stockade_fuzz::imports("EURUSD_2014-05-01_13h.bi5", Format::Bi5, bytes));
