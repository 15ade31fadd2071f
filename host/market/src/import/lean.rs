//! LEAN tick quotes: `milliseconds since midnight,bid,ask` on the clock of New York, the date in the file's name.

use super::error::ImportError;
use super::intake::{Intake, RawTick};
use super::number::{decimal, scaled};
use super::timestamp;
use domain::tick::FLAGS_BID_ASK;
use domain::time::DAY_US;
use std::io::Read;

pub(super) fn read(name: &str, text: impl Read, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    let midnight = name.get(..8).and_then(|date| timestamp::date(date.as_bytes()));
    let midnight = midnight
        .or_else(|| intake.file_name().get(..8).and_then(|date| timestamp::date(date.as_bytes())))
        .ok_or_else(|| intake.wrong("its name does not begin with a date like 20140501"))?;
    intake.each_line(text, |intake, line, text| match row(text) {
        Ok((ms_us, bid, ask)) => {
            let time = intake.utc(midnight + ms_us);
            intake.tick(line, RawTick { time, bid, ask, last: None, volume: 0.0, flags: FLAGS_BID_ASK })
        }
        Err(reason) => intake.dirty(line, || reason),
    })
}

type Quote = (i64, super::number::Decimal, super::number::Decimal);

fn row(text: &[u8]) -> Result<Quote, String> {
    let shown = |field: &[u8]| String::from_utf8_lossy(&field[..field.len().min(40)]).into_owned();
    let mut fields = text.split(|byte| *byte == b',');
    let (Some(ms), Some(bid), Some(ask), None) = (fields.next(), fields.next(), fields.next(), fields.next()) else {
        return Err(format!("{} fields instead of milliseconds, bid, ask", text.split(|byte| *byte == b',').count()));
    };
    let time = scaled(ms, 3).filter(|us| *us < DAY_US);
    let time = time.ok_or_else(|| format!("{:?} is no number of milliseconds within a day", shown(ms)))?;
    let price = |field: &[u8], what: &str| decimal(field).ok_or_else(|| format!("{what} {:?} is no number", shown(field)));
    Ok((time, price(bid, "bid")?, price(ask, "ask")?))
}
