//! Text of ticks, of whatever kind it says it is: plain CSV, an MT5 export, LEAN's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use market::import::Format;

const FORMATS: [Format; 5] = [Format::Auto, Format::Csv, Format::Mt5Ticks, Format::Mt5Bars, Format::Lean];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, text)) = bytes.split_first() else { return };
    let format = FORMATS[usize::from(*first) % FORMATS.len()];
    // LEAN's files say by their folders on which clock they are.
    stockade_fuzz::imports("forex/oanda/tick/eurusd/20140505_eurusd_tick_quote.csv", format, text);
});
