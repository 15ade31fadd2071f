//! LEAN ticks on the clock of New York, the date in the file's name: quotes `milliseconds since midnight,bid,ask`, or trades,
//! `milliseconds,price,volume` and for shares more fields, their prices in ten-thousandths. A trade has no quote: its price stands
//! for both sides.

use super::error::ImportError;
use super::intake::{Intake, RawTick};
use super::number::{Decimal, decimal, decimals_of, scaled};
use super::timestamp;
use domain::tick::{FLAGS_BID_ASK, TickFlags};
use domain::time::DAY_US;
use std::io::Read;

pub(super) fn read(name: &str, text: impl Read, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    let midnight = name.get(..8).and_then(|date| timestamp::date(date.as_bytes()));
    let midnight = midnight
        .or_else(|| intake.file_name().get(..8).and_then(|date| timestamp::date(date.as_bytes())))
        .ok_or_else(|| intake.wrong("its name does not begin with a date like 20140501"))?;
    let trades = [name, intake.file_name()].iter().any(|name| name.to_ascii_lowercase().contains("trade"));
    if trades {
        intake.note("these are trades, without quotes: bid and ask were taken to be the price of the trade");
        return intake.each_line(text, |intake, line, text| match trade(text) {
            Ok((ms_us, price, volume)) => {
                let time = intake.utc(midnight + ms_us);
                intake.tick(line, RawTick { time, bid: price, ask: price, last: Some(price), volume, flags: FLAGS_TRADE })
            }
            Err(reason) => intake.dirty(line, || reason),
        });
    }
    intake.each_line(text, |intake, line, text| match row(text) {
        Ok((ms_us, bid, ask)) => {
            let time = intake.utc(midnight + ms_us);
            intake.tick(line, RawTick { time, bid, ask, last: None, volume: 0.0, flags: FLAGS_BID_ASK })
        }
        Err(reason) => intake.dirty(line, || reason),
    })
}

/// A trade: its price and volume changed.
const FLAGS_TRADE: TickFlags = 8 | 16;
/// Prices of shares are whole ten-thousandths.
const SHARE_DIGITS: u8 = 4;

fn trade(text: &[u8]) -> Result<(i64, Decimal, f64), String> {
    let fields: Vec<&[u8]> = text.splitn(8, |byte| *byte == b',').collect();
    let [ms, price, volume, rest @ ..] = fields.as_slice() else {
        return Err(format!("{} fields instead of milliseconds, price, volume", fields.len()));
    };
    let time = scaled(ms, 3).filter(|us| *us < DAY_US);
    let time = time.ok_or_else(|| format!("{:?} is no number of milliseconds within a day", shown(ms)))?;
    let number = |field: &[u8], what: &str| decimal(field).ok_or_else(|| format!("{what} {:?} is no number", shown(field)));
    let (mut price, volume) = (number(price, "price")?, number(volume, "volume")?);
    if !rest.is_empty() {
        let value = price.value / 10_f64.powi(i32::from(SHARE_DIGITS));
        price = Decimal { value, decimals: decimals_of(value) };
    }
    Ok((time, price, volume.value))
}

fn shown(field: &[u8]) -> String {
    String::from_utf8_lossy(&field[..field.len().min(40)]).into_owned()
}

type Quote = (i64, super::number::Decimal, super::number::Decimal);

fn row(text: &[u8]) -> Result<Quote, String> {
    let mut fields = text.split(|byte| *byte == b',');
    let (Some(ms), Some(bid), Some(ask), None) = (fields.next(), fields.next(), fields.next(), fields.next()) else {
        return Err(format!("{} fields instead of milliseconds, bid, ask", text.split(|byte| *byte == b',').count()));
    };
    let time = scaled(ms, 3).filter(|us| *us < DAY_US);
    let time = time.ok_or_else(|| format!("{:?} is no number of milliseconds within a day", shown(ms)))?;
    let price = |field: &[u8], what: &str| decimal(field).ok_or_else(|| format!("{what} {:?} is no number", shown(field)));
    Ok((time, price(bid, "bid")?, price(ask, "ask")?))
}
