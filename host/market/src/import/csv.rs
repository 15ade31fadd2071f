//! Plain text with a header that names its columns: a time (or date and time), bid, ask and perhaps last and volume.

use super::error::ImportError;
use super::intake::{Intake, RawTick};
use super::number::{Decimal, decimal, scaled, trim};
use super::timestamp::{self, Stamp};
use domain::tick::{FLAGS_BID_ASK, TickFlags};
use std::io::Read;

pub(super) const TIMES: [&str; 8] = ["time", "timestamp", "datetime", "date_time", "time_utc", "ts", "local time", "gmt time"];
pub(super) const BIDS: [&str; 3] = ["bid", "bid_price", "bidprice"];
pub(super) const ASKS: [&str; 3] = ["ask", "ask_price", "askprice"];
pub(super) const LASTS: [&str; 3] = ["last", "last_price", "price"];
pub(super) const VOLUMES: [&str; 3] = ["volume", "vol", "last_volume"];
pub(super) const FLAGS: [&str; 2] = ["flags", "tick_flags"];
const FIELDS_MAX: usize = 64;

struct Reader {
    delimiter: u8,
    fields: usize,
    /// A date of its own before the time.
    date: Option<usize>,
    time: usize,
    bid: usize,
    ask: usize,
    last: Option<usize>,
    volume: Option<usize>,
    flags: Option<usize>,
}

pub(super) fn read(text: impl Read, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    let mut reader: Option<Reader> = None;
    let mut places = Vec::new();
    intake.each_line(text, |intake, line, text| {
        if let Some(reader) = &reader {
            return match reader.row(text, &mut places, intake) {
                Ok(tick) => intake.tick(line, tick),
                Err(reason) => intake.dirty(line, || reason),
            };
        }
        let found = Reader::of_header(text);
        reader = Some(found.ok_or_else(|| intake.wrong("its first line is no header that names time, bid and ask"))?);
        Ok(())
    })
}

impl Reader {
    fn of_header(line: &[u8]) -> Option<Self> {
        let delimiter = [b'\t', b';', b','].into_iter().find(|delimiter| line.contains(delimiter))?;
        let names: Vec<String> = line
            .split(|byte| *byte == delimiter)
            .map(|name| String::from_utf8_lossy(trim(name)).trim_matches(['<', '>']).to_ascii_lowercase())
            .collect();
        let place = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str())).filter(|at| *at < FIELDS_MAX);
        let date = place(&["date"]);
        let time = place(&TIMES);
        Some(Self {
            delimiter,
            fields: names.len(),
            // A date alone is the time.
            date: date.filter(|_| time.is_some()),
            time: time.or(date)?,
            bid: place(&BIDS)?,
            ask: place(&ASKS)?,
            last: place(&LASTS),
            volume: place(&VOLUMES),
            flags: place(&FLAGS),
        })
    }

    fn row(&self, line: &[u8], places: &mut Vec<std::ops::Range<usize>>, intake: &mut Intake<'_>) -> Result<RawTick, String> {
        places.clear();
        let mut start = 0;
        for end in memchr::memchr_iter(self.delimiter, line).chain([line.len()]) {
            places.push(start..end);
            start = end + 1;
        }
        if places.len() != self.fields {
            return Err(format!("{} fields instead of {}", places.len(), self.fields));
        }
        let field = |at: usize| trim(&line[places[at].clone()]);
        let number = |at: usize, what: &str| decimal(field(at)).ok_or_else(|| format!("{what} {:?} is no number", shown(field(at))));
        let time = match self.date {
            Some(date) => split_stamp(field(date), field(self.time)),
            None => timestamp::stamp(field(self.time)),
        };
        let time = match time.ok_or_else(|| format!("{:?} is no time", shown(field(self.time))))? {
            Stamp::Utc(us) => us,
            Stamp::Local(us) => intake.utc(us),
        };
        let optional = |at: Option<usize>, what: &str| -> Result<Option<Decimal>, String> {
            at.filter(|at| !field(*at).is_empty()).map(|at| number(at, what)).transpose()
        };
        Ok(RawTick {
            time,
            bid: number(self.bid, "bid")?,
            ask: number(self.ask, "ask")?,
            last: optional(self.last, "last")?,
            volume: optional(self.volume, "volume")?.map_or(0.0, |volume| volume.value),
            flags: flags(self.flags.map(field)),
        })
    }
}

/// What an export of this program wrote; anything else says nothing.
fn flags(field: Option<&[u8]>) -> TickFlags {
    let number = field.filter(|field| !field.is_empty()).and_then(|field| scaled(field, 0));
    number.and_then(|flags| TickFlags::try_from(flags).ok()).unwrap_or(FLAGS_BID_ASK)
}

fn split_stamp(date: &[u8], time: &[u8]) -> Option<Stamp> {
    Some(Stamp::Local(timestamp::date(date)? + timestamp::time_of_day(time)?))
}

fn shown(field: &[u8]) -> String {
    String::from_utf8_lossy(&field[..field.len().min(40)]).into_owned()
}
