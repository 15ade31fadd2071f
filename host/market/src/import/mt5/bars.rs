//! `<DATE> <TIME> <OPEN> <HIGH> <LOW> <CLOSE> <TICKVOL> <VOL> <SPREAD>`; bars are made of bids.

use super::{Columns, server_time, shown};
use crate::import::error::ImportError;
use crate::import::intake::{BARS_MAX, Intake};
use crate::import::number::{decimal, scaled, trim};
use crate::store::BarColumns;
use domain::tick::Timeframe;
use domain::time::{DAY_US, Time};
use std::io::Read;

const USUAL: [&str; 9] = ["DATE", "TIME", "OPEN", "HIGH", "LOW", "CLOSE", "TICKVOL", "VOL", "SPREAD"];
const PRICES: [&str; 4] = ["OPEN", "HIGH", "LOW", "CLOSE"];
const FIELDS_MAX: usize = 16;

struct Reader {
    columns: Columns,
    date: usize,
    time: Option<usize>,
    prices: [usize; 4],
    tick_volume: Option<usize>,
    spread: Option<usize>,
}

struct BarRow {
    time: i64,
    prices: [f64; 4],
    decimals: [u8; 4],
    tick_volume: u64,
    spread: u32,
}

pub(in crate::import) fn read(text: impl Read, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    let mut reader: Option<Reader> = None;
    let mut bars = BarColumns::default();
    // The lines of the first bars, as far as each is a day or more after the one before.
    let mut head: Vec<u64> = Vec::new();
    intake.each_line(text, |intake, line, text| {
        if reader.is_none() {
            let header = Columns::of_header(text);
            let is_header = header.is_some();
            let columns = header.or_else(|| Columns::usual(text, &USUAL));
            let found = columns.and_then(Reader::new);
            reader =
                Some(found.ok_or_else(|| intake.wrong("its first line is neither a header with <DATE> and <OPEN> nor a row of bars"))?);
            if is_header {
                return Ok(());
            }
        }
        let reader = reader.as_ref().expect("it was made with the first line");
        if bars.len() >= BARS_MAX {
            return Err(intake.wrong(format!("it has more than {BARS_MAX} bars; cut it into several files")));
        }
        match reader.row(text, intake).and_then(|bar| in_order(bar, bars.times.last())) {
            Ok(bar) => {
                intake.bar_taken(bar.decimals);
                if head.len() == bars.len() && bars.times.last().is_none_or(|last| bar.time - last >= DAY_US) {
                    head.push(line);
                }
                push(&mut bars, &bar);
                Ok(())
            }
            Err(reason) => intake.dirty(line, || reason),
        }
    })?;
    let daily = daily_rows_at_head(&bars.times, head.len().saturating_sub(1));
    if daily > 0 {
        intake.daily_rows(&head[..daily])?;
    }
    let mut kept = BarColumns::default();
    kept.extend(&bars, daily, bars.len());
    if kept.is_empty() {
        return Ok(());
    }
    let timeframe = timeframe(&kept.times).ok_or_else(|| intake.wrong("its bars have no length that MT5 knows"))?;
    intake.bars(timeframe, &kept)
}

impl Reader {
    fn new(columns: Columns) -> Option<Self> {
        let place = |name: &str| columns.place(name).filter(|place| *place < FIELDS_MAX);
        let [open, high, low, close] = PRICES.map(place);
        Some(Self {
            date: place("DATE")?,
            time: place("TIME"),
            prices: [open?, high?, low?, close?],
            tick_volume: place("TICKVOL"),
            spread: place("SPREAD"),
            columns,
        })
    }

    fn row(&self, text: &[u8], intake: &mut Intake<'_>) -> Result<BarRow, String> {
        let mut fields = [&[][..]; FIELDS_MAX];
        let count = self.columns.cut(text, &mut fields);
        if count != self.columns.names.len() {
            return Err(format!("{count} fields instead of {}", self.columns.names.len()));
        }
        let time = server_time(fields[self.date], self.time.map(|at| fields[at]));
        let time = time.ok_or_else(|| format!("{:?} is no time like 2014.05.01 00:00:00", shown(text)))?;
        let (mut prices, mut decimals) = ([0.0; 4], [0; 4]);
        for (at, (place, name)) in self.prices.iter().zip(PRICES).enumerate() {
            let price = decimal(fields[*place]).filter(|price| price.value > 0.0 && price.value < 1e15);
            let price = price.ok_or_else(|| format!("{} {:?} is no price", name.to_ascii_lowercase(), shown(fields[*place])))?;
            (prices[at], decimals[at]) = (price.value, price.decimals);
        }
        let [open, high, low, close] = prices;
        if low > open.min(close) || high < open.max(close) {
            return Err(format!("open {open} and close {close} are not between low {low} and high {high}"));
        }
        let whole = |place: Option<usize>, what: &str| match place.map(|at| trim(fields[at])) {
            None | Some([]) => Ok(0),
            Some(field) => scaled(field, 0).ok_or_else(|| format!("{what} {:?} is no whole number", shown(field))),
        };
        let spread = whole(self.spread, "spread")?;
        Ok(BarRow {
            time: intake.utc(time),
            prices,
            decimals,
            tick_volume: whole(self.tick_volume, "tick volume")?.unsigned_abs(),
            spread: u32::try_from(spread).map_err(|_| format!("spread {spread} is too large"))?,
        })
    }
}

fn in_order(bar: BarRow, last: Option<&i64>) -> Result<BarRow, String> {
    match last {
        Some(last) if bar.time <= *last => Err(format!("it is of {} and the bar before it of {}", Time(bar.time), Time(*last))),
        _ if !(0..7_258_118_400_000_000).contains(&bar.time) => Err("its time is not between 1970 and 2200".into()),
        _ => Ok(bar),
    }
}

fn push(bars: &mut BarColumns, bar: &BarRow) {
    let [open, high, low, close] = bar.prices;
    bars.times.push(bar.time);
    bars.opens.push(open);
    bars.highs.push(high);
    bars.lows.push(low);
    bars.closes.push(close);
    bars.tick_volumes.push(bar.tick_volume);
    bars.spreads.push(bar.spread);
}

/// How many rows at the head are daily ones in a file of shorter bars; the first `head` of them are a day or more before the
/// next.
fn daily_rows_at_head(times: &[i64], head: usize) -> usize {
    let daily = |pair: &[i64]| pair[1] - pair[0] >= DAY_US;
    // One gap of a day may be a weekend, and where every row is daily they are what the file has.
    if head >= 2 && times.len() - head > head.min(24) && !times[head..].windows(2).all(daily) { head } else { 0 }
}

/// The length that most bars have: the commonest distance between neighbours.
fn timeframe(times: &[i64]) -> Option<Timeframe> {
    let mut counts = [0_usize; Timeframe::ALL.len()];
    for pair in times.windows(2) {
        let fits = |timeframe: &Timeframe| timeframe.close(Time(pair[0])).0 - timeframe.open(Time(pair[0])).0 == pair[1] - pair[0];
        if let Some(at) = Timeframe::ALL.iter().position(fits) {
            counts[at] += 1;
        }
    }
    let most = counts.iter().enumerate().max_by_key(|(at, count)| (**count, std::cmp::Reverse(*at)))?;
    // A single bar says nothing; a minute is what exports mostly hold.
    if *most.1 == 0 { (times.len() == 1).then_some(Timeframe::M1) } else { Some(Timeframe::ALL[most.0]) }
}
