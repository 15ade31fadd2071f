//! Dukascopy's hours: LZMA of records of 20 bytes, big-endian: milliseconds within the hour, ask and bid in points, the volumes
//! of both. The file's name says the hour and its folders the day and the symbol: `EURUSD/2014/04/01/13h_ticks.bi5`, months
//! counted from 0. Times are UTC. An hour without ticks is an empty file.

use super::error::ImportError;
use super::intake::{Intake, RawTick};
use super::number::Decimal;
use crate::date::Date;
use domain::tick::FLAGS_BID_ASK;
use domain::time::MINUTE_US;
use lzma_rust2::LzmaReader;
use std::io::Read;
use std::path::Path;

const RECORD_BYTES: usize = 20;
/// Enough to tell text from LZMA and from records.
const HEAD_BYTES: u64 = 64;
/// No hour of ticks needs a larger dictionary: a header that asks for one only wants memory.
const DICTIONARY_KIB_MAX: u32 = 64 * 1024;
/// Records of an hour at most: a thousand a second.
const RECORDS_MAX: u64 = 3_600_000;
const HOUR_US: i64 = 60 * MINUTE_US;

/// Whose hour a file is, as its path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hour {
    pub symbol: Option<String>,
    /// Its first moment, microseconds since 1970 UTC.
    pub start: i64,
}

/// Reads an hour of ticks of a symbol whose points are `10^-digits`.
pub(super) fn read(path: &Path, mut file: impl Read, digits: u8, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    let hour = Hour::of(path).ok_or_else(|| intake.wrong("its path names no hour like EURUSD/2014/04/01/13h_ticks.bi5"))?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(ImportError::io(path))?;
    let Some(&first) = head.first() else { return Ok(()) };
    if is_text(&head) {
        let begins: String = String::from_utf8_lossy(&head).chars().take(40).collect();
        return Err(intake.wrong(format!("it is text that begins with {begins:?}, not an hour of ticks; download it again")));
    }
    let whole = std::io::Cursor::new(head).chain(file);
    // Milliseconds of an hour need three bytes, so a record begins with 0; LZMA's header never does here: 0 would be
    // parameters that no encoder chooses.
    if first == 0 {
        return records(whole, hour.start, digits, intake);
    }
    let unpacked = LzmaReader::new_mem_limit(whole, DICTIONARY_KIB_MAX, None);
    let unpacked = unpacked.map_err(|error| intake.wrong(format!("it is neither LZMA nor plain records: {error}")))?;
    records(unpacked, hour.start, digits, intake)
}

/// Neither LZMA nor records are text: both have zero bytes at their front.
fn is_text(head: &[u8]) -> bool {
    head.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

fn records(mut bytes: impl Read, start: i64, digits: u8, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    let scale = 10_f64.powi(i32::from(digits));
    let mut record = [0; RECORD_BYTES];
    for number in 1..=RECORDS_MAX + 1 {
        match fill(&mut bytes, &mut record).map_err(|error| intake.wrong(format!("it breaks off after {} records: {error}", number - 1)))? {
            0 => return Ok(()),
            RECORD_BYTES if number > RECORDS_MAX => break,
            RECORD_BYTES => {}
            left => return Err(intake.wrong(format!("it ends with {left} bytes, which is no record of {RECORD_BYTES}"))),
        }
        let word = |at: usize| u32::from_be_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]);
        let (ms, ask, bid) = (i64::from(word(0)), word(4), word(8));
        let (ask_volume, bid_volume) = (f32::from_be_bytes(word(12).to_be_bytes()), f32::from_be_bytes(word(16).to_be_bytes()));
        if ms * 1_000 >= HOUR_US {
            intake.dirty(number, || format!("{ms} ms is not within an hour"))?;
            continue;
        }
        if !(ask_volume >= 0.0 && bid_volume >= 0.0) {
            intake.dirty(number, || format!("invalid volumes {ask_volume} and {bid_volume}"))?;
            continue;
        }
        let price = |points: u32| Decimal { value: f64::from(points) / scale, decimals: decimals(points, digits) };
        // What they offer, not what was traded: a tick's volume is of a trade, and there was none.
        let tick = RawTick { time: start + ms * 1_000, bid: price(bid), ask: price(ask), last: None, volume: 0.0, flags: FLAGS_BID_ASK };
        intake.tick(number, tick)?;
    }
    Err(intake.wrong(format!("it has more than {RECORDS_MAX} ticks, more than any hour")))
}

/// Decimals that `points` need, zeros at the end left out.
fn decimals(points: u32, digits: u8) -> u8 {
    let mut rest = points;
    let mut decimals = digits;
    while decimals > 0 && rest.is_multiple_of(10) {
        rest /= 10;
        decimals -= 1;
    }
    decimals
}

/// As many bytes as there are, up to a record.
fn fill(bytes: &mut impl Read, record: &mut [u8; RECORD_BYTES]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < RECORD_BYTES {
        match bytes.read(&mut record[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl Hour {
    /// From `EURUSD/2014/04/01/13h_ticks.bi5` (months from 0, as Dukascopy has them) or `EURUSD_2014-05-01_13h.bi5`,
    /// `EURUSD-20140501-13h_ticks.bi5` (months as everybody has them).
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let stem = name.strip_suffix(".bi5").unwrap_or(name);
        Self::of_folders(path, stem).or_else(|| Self::of_name(stem))
    }

    fn of_folders(path: &Path, stem: &str) -> Option<Self> {
        let hour = hour(stem.split('_').next()?)?;
        let mut folders = path.ancestors().skip(1).filter_map(|folder| folder.file_name()?.to_str());
        let mut number = |length: usize| folders.next().filter(|name| name.len() == length)?.parse::<u32>().ok();
        let (day, month, year) = (number(2)?, number(2)?, number(4)?);
        let date = Date::from_calendar(i64::from(year), month.checked_add(1)?, day)?;
        Some(Self { symbol: folders.next().map(str::to_ascii_uppercase), start: date.start().0 + hour })
    }

    fn of_name(stem: &str) -> Option<Self> {
        let mut pieces = stem.split(['_', '-']).filter(|piece| !piece.is_empty()).peekable();
        let symbol = pieces.next_if(|piece| piece.bytes().any(|byte| byte.is_ascii_alphabetic()) && hour(piece).is_none());
        let mut digits = String::new();
        while let Some(piece) = pieces.next_if(|piece| piece.bytes().all(|byte| byte.is_ascii_digit())) {
            digits += piece;
        }
        let date = super::timestamp::date(digits.as_bytes(), None).filter(|_| digits.len() == 8)?;
        let hour = hour(pieces.next()?)?;
        Some(Self { symbol: symbol.map(str::to_ascii_uppercase), start: date + hour })
    }
}

/// `13h` as microseconds since midnight.
fn hour(piece: &str) -> Option<i64> {
    let digits =
        piece.strip_suffix('h').filter(|digits| (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse::<i64>().ok().filter(|hour| *hour < 24).map(|hour| hour * HOUR_US)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Time;

    #[test]
    fn paths_say_symbol_and_hour() {
        let check = |path: &str, expected: Option<(&str, &str)>| {
            let found = Hour::of(Path::new(path)).map(|hour| (hour.symbol.unwrap_or_default(), Time(hour.start).to_string()));
            let expected = expected.map(|(symbol, time)| (symbol.to_owned(), format!("{time}:00:00.000000Z")));
            assert_eq!(found, expected, "{path}");
        };
        check("/data/eurusd/2014/04/01/13h_ticks.bi5", Some(("EURUSD", "2014-05-01T13")));
        check("EURUSD/2014/11/31/00h_ticks.bi5", Some(("EURUSD", "2014-12-31T00")));
        check("EURUSD_2014-05-01_13h.bi5", Some(("EURUSD", "2014-05-01T13")));
        check("20140501-09h_ticks.bi5", Some(("", "2014-05-01T09")));
        for bad in
            ["EURUSD/2014/12/01/13h_ticks.bi5", "EURUSD/2014/04/01/24h_ticks.bi5", "13h_ticks.bi5", "x.bi5", "", "EURUSD_2014-05-01.bi5"]
        {
            check(bad, None);
        }
    }
}
