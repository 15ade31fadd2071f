//! `<DATE> <TIME> <BID> <ASK> <LAST> <VOLUME> <FLAGS>`; a side that did not change is blank.

use super::{Columns, server_time, shown};
use crate::import::error::ImportError;
use crate::import::intake::{Intake, RawTick};
use crate::import::number::{Decimal, decimal, scaled, trim};
use domain::tick::{FLAGS_BID_ASK, TickFlags};
use std::io::Read;

const USUAL: [&str; 7] = ["DATE", "TIME", "BID", "ASK", "LAST", "VOLUME", "FLAGS"];
/// Places of more columns than the terminal ever wrote.
const FIELDS_MAX: usize = 16;

struct Reader {
    columns: Columns,
    date: usize,
    time: Option<usize>,
    bid: usize,
    ask: usize,
    last: Option<usize>,
    volume: Option<usize>,
    flags: Option<usize>,
    /// The sides' last prices, for rows that leave them blank.
    held: [Option<Decimal>; 2],
}

pub(in crate::import) fn read(text: impl Read, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    let mut reader: Option<Reader> = None;
    intake.each_line(text, |intake, line, text| {
        if reader.is_none() {
            let header = Columns::of_header(text);
            let is_header = header.is_some();
            let columns = header.or_else(|| Columns::usual(text, &USUAL));
            let found = columns.and_then(Reader::new);
            reader = Some(
                found.ok_or_else(|| intake.wrong("its first line is neither a header with <DATE>, <BID> and <ASK> nor a row of ticks"))?,
            );
            if is_header {
                return Ok(());
            }
        }
        let reader = reader.as_mut().expect("it was made with the first line");
        match reader.row(text, intake) {
            Ok(tick) => intake.tick(line, tick),
            Err(reason) => intake.dirty(line, || reason),
        }
    })
}

impl Reader {
    fn new(columns: Columns) -> Option<Self> {
        let place = |name| columns.place(name).filter(|place| *place < FIELDS_MAX);
        Some(Self {
            date: place("DATE")?,
            time: place("TIME"),
            bid: place("BID")?,
            ask: place("ASK")?,
            last: place("LAST"),
            volume: place("VOLUME"),
            flags: place("FLAGS"),
            held: [None; 2],
            columns,
        })
    }

    fn row(&mut self, text: &[u8], intake: &mut Intake<'_>) -> Result<RawTick, String> {
        let mut fields = [&[][..]; FIELDS_MAX];
        let count = self.columns.cut(text, &mut fields);
        // Blank fields at the end may be cut off with their delimiters.
        if count <= self.bid.max(self.date).max(self.time.unwrap_or(0)) || count > self.columns.names.len() {
            return Err(format!("{count} fields instead of {}", self.columns.names.len()));
        }
        let time = server_time(fields[self.date], self.time.map(|at| fields[at]));
        let time = time.ok_or_else(|| {
            format!(
                "\"{} {}\" is no time like 2014.05.01 00:00:00.000",
                shown(fields[self.date]),
                shown(self.time.map_or(&[], |at| fields[at]))
            )
        })?;
        let bid = self.side(0, "bid", fields[self.bid])?;
        let ask = self.side(1, "ask", fields[self.ask])?;
        let optional = |at: Option<usize>| at.map(|at| trim(fields[at])).filter(|field| !field.is_empty());
        let number = |field: &[u8], what: &str| decimal(field).ok_or_else(|| format!("{what} {:?} is no number", shown(field)));
        let last = optional(self.last).map(|field| number(field, "last")).transpose()?;
        let volume = optional(self.volume).map(|field| number(field, "volume")).transpose()?;
        let flags = optional(self.flags).map(|field| {
            scaled(field, 0)
                .and_then(|flags| TickFlags::try_from(flags).ok())
                .ok_or_else(|| format!("flags {:?} are no number", shown(field)))
        });
        Ok(RawTick {
            time: intake.utc(time),
            bid,
            ask,
            last,
            volume: volume.map_or(0.0, |volume| volume.value),
            flags: flags.transpose()?.unwrap_or(FLAGS_BID_ASK),
        })
    }

    /// A side's price, or its last one where it is blank or 0.
    fn side(&mut self, side: usize, what: &str, field: &[u8]) -> Result<Decimal, String> {
        let field = trim(field);
        if !field.is_empty() {
            let read = decimal(field).ok_or_else(|| format!("{what} {:?} is no number", shown(field)))?;
            if read.value > 0.0 {
                self.held[side] = Some(read);
            }
            if read.value != 0.0 {
                return Ok(read);
            }
        }
        self.held[side].ok_or_else(|| format!("{what} is blank and no row before it has one"))
    }
}
