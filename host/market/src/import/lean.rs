//! LEAN's files: the day and the symbol in names and folders, the rest in rows without names. Ticks, and bars of minutes, hours
//! and days, are read; each is on its market's clock, which only the folders name.

use super::clock::{SourceClock, new_york};
use super::error::ImportError;
use super::intake::{Intake, RawTick};
use super::number::{Decimal, decimal, decimals_of, scaled};
use super::source::{Stream, is_symbol};
use super::table::bars::{Bar, Gathered};
use super::table::{FLAGS_TRADE, shown, timeframes};
use super::timestamp::{self, Stamp};
use domain::tick::{FLAGS_BID_ASK, Timeframe};
use domain::time::DAY_US;
use std::io::Read;
use std::path::Path;

/// Folders above a file that are LEAN's: kind, market, resolution and symbol, and one more.
const FOLDERS_MAX: usize = 5;
const KINDS: [&str; 10] = ["equity", "forex", "cfd", "crypto", "cryptofuture", "index", "future", "option", "futureoption", "indexoption"];
const RESOLUTIONS: [(&str, Resolution); 5] = [
    ("tick", Resolution::Tick),
    ("second", Resolution::Second),
    ("minute", Resolution::Minute),
    ("hour", Resolution::Hour),
    ("daily", Resolution::Daily),
];
/// Prices of shares are whole ten-thousandths.
const SHARE_DIGITS: i32 = 4;
const FIELDS_MAX: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    Tick,
    Second,
    Minute,
    Hour,
    Daily,
}

/// What names and folders say of a file.
#[derive(Debug)]
pub(super) struct Place {
    pub symbol: Option<String>,
    /// Of the file's market, if it is known.
    pub clock: Option<SourceClock>,
    /// The start of the day, on that clock.
    midnight: Option<i64>,
    resolution: Option<Resolution>,
    is_trades: bool,
    /// Whether prices are ten-thousandths, if it is known.
    is_share: Option<bool>,
    /// A kind that is not read.
    other_kind: Option<String>,
}

impl Place {
    /// `None` where nothing says that the file is one of LEAN's.
    pub fn of(stream: &Stream<'_>) -> Option<Self> {
        let path = std::path::absolute(stream.path).unwrap_or_else(|_| stream.path.into());
        let file = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let name = stream.name.to_ascii_lowercase();
        let folders = folders(&path);
        let words: Vec<&str> = folders.iter().flat_map(|folder| folder.split(|byte: char| !byte.is_ascii_alphanumeric())).collect();
        let has = |word: &str| words.contains(&word);
        let says = |word: &str| name.contains(word) || file.contains(word);

        let midnight = [&name, &file].iter().find_map(|name| day_of(name));
        let kind = KINDS.into_iter().find(|kind| has(kind));
        let of_folder = RESOLUTIONS.iter().find(|(word, _)| folders.iter().any(|folder| folder == word));
        let is_dated = midnight.is_some() && (says("quote") || says("trade") || says("openinterest"));
        let is_whole =
            kind.is_some() && of_folder.is_some_and(|(_, resolution)| matches!(resolution, Resolution::Hour | Resolution::Daily));
        if !is_dated && !is_whole {
            return None;
        }
        let of_name = RESOLUTIONS.iter().find(|(word, _)| name.split(['_', '.']).any(|piece| piece == *word));
        let is_coin = kind.is_some_and(|kind| kind.starts_with("crypto"));
        let is_share = match kind {
            Some("equity" | "option") => Some(true),
            Some(_) => Some(false),
            None => (has("fxcm") || has("oanda")).then_some(false),
        };
        let clock = match () {
            () if has("fxcm") => Some(SourceClock::AheadMinutes(-5 * 60)),
            () if has("oanda") || is_coin => Some(SourceClock::AheadMinutes(0)),
            () if has("usa") && kind.is_some() => Some(SourceClock::Zone(new_york())),
            () if has("india") && kind.is_some() => "Asia/Kolkata".parse().ok(),
            () => None,
        };
        let other = kind.filter(|kind| kind.contains("option") || *kind == "future").map(str::to_owned);
        Some(Self {
            symbol: symbol(&name, &file, &folders, is_dated),
            clock,
            midnight,
            resolution: of_name.or(of_folder).map(|(_, resolution)| *resolution),
            is_trades: says("trade") || (is_whole && !says("quote") && !has("forex") && !has("cfd")),
            is_share,
            other_kind: other.or_else(|| says("openinterest").then(|| "open interest".into())),
        })
    }

    /// What to say where nothing tells the clock.
    pub fn no_clock() -> &'static str {
        "LEAN's files are on their market's clock, and no folder names the market: add --utc-offset -5 for FXCM, --utc-offset utc for Oanda and coins, or --utc-offset America/New_York for shares of the USA"
    }

    /// Why the file is not read, if so.
    fn refusal(&self) -> Option<String> {
        match (&self.other_kind, self.resolution) {
            (Some(kind), _) => {
                Some(format!("it holds LEAN's {kind}, which can't be imported; ticks and bars of forex, cfd, crypto, equity and index can"))
            }
            (None, Some(Resolution::Second)) => {
                let timeframes = timeframes();
                Some(format!("it holds LEAN's bars of seconds, and the store keeps {timeframes}: import the ticks or the bars of minutes"))
            }
            _ => None,
        }
    }
}

/// Names of the folders above a file, the nearest first.
fn folders(path: &Path) -> Vec<String> {
    let names = path.ancestors().skip(1).take(FOLDERS_MAX).filter_map(|folder| folder.file_name());
    names.map(|name| name.to_string_lossy().to_ascii_lowercase()).collect()
}

fn day_of(name: &str) -> Option<i64> {
    timestamp::date(name.get(..8)?.as_bytes(), None).filter(|_| !name.as_bytes().get(8).is_some_and(u8::is_ascii_digit))
}

/// `20140501_eurusd_tick_quote.csv`, `btcusd_trade.zip` of hours or days, or a zip in a folder `tick/eurusd`.
fn symbol(name: &str, file: &str, folders: &[String], is_dated: bool) -> Option<String> {
    let pieces: Vec<&str> = name.split('_').collect();
    let of_folder = || {
        let is_resolution = RESOLUTIONS.iter().any(|(word, _)| folders.get(1).is_some_and(|folder| folder == word));
        folders.first().filter(|_| is_resolution).map(String::as_str)
    };
    let found = match is_dated {
        true if pieces.len() >= 4 => Some(pieces[1]),
        true => of_folder(),
        false => file.split(['_', '.']).next(),
    };
    found.map(str::to_ascii_uppercase).filter(|symbol| is_symbol(symbol))
}

/// Reads one file.
pub(super) fn read(place: &Place, text: impl Read, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    if let Some(why) = place.refusal() {
        return Err(intake.wrong(why));
    }
    if place.is_trades {
        intake.note("these are trades, without quotes: bid and ask were taken to be the price of the trade");
    }
    let mut rows = Rows { place, held: [None; 2] };
    let mut bars = Gathered::default();
    let mut has_bars = false;
    intake.each_line(text, |intake, line, text| {
        let mut fields = [&[][..]; FIELDS_MAX];
        let count = text.split(|byte| *byte == b',').zip(&mut fields).map(|(field, place)| *place = field).count();
        match rows.row(&fields[..count], intake) {
            Ok(Row::Tick(tick)) => intake.tick(line, tick),
            Ok(Row::Bar(bar)) => {
                has_bars = true;
                bars.take(line, &bar, intake)
            }
            Err(Wrong::Row(reason)) => intake.dirty(line, || reason),
            Err(Wrong::File(why)) => Err(intake.wrong(format!("line {line}: {why}"))),
        }
    })?;
    match place.resolution {
        _ if !has_bars => Ok(()),
        Some(Resolution::Hour) => bars.finish_as(Timeframe::H1, intake),
        Some(Resolution::Daily) => bars.finish_as(Timeframe::D1, intake),
        Some(Resolution::Minute) => bars.finish_as(Timeframe::M1, intake),
        _ => bars.finish(None, intake),
    }
}

struct Rows<'a> {
    place: &'a Place,
    held: [Option<Decimal>; 2],
}

enum Row {
    Tick(RawTick),
    Bar(Bar),
}

enum Wrong {
    /// Of a row, whose neighbours may be right.
    Row(String),
    /// Of all rows.
    File(String),
}

impl From<String> for Wrong {
    fn from(reason: String) -> Self {
        Self::Row(reason)
    }
}

impl Rows<'_> {
    fn row(&mut self, fields: &[&[u8]], intake: &mut Intake<'_>) -> Result<Row, Wrong> {
        let is_tick = match self.place.resolution {
            Some(resolution) => resolution == Resolution::Tick,
            // A tick of shares has as many fields as a bar and names its exchange.
            None => !matches!(fields.len(), 6 | 11) || fields[3..5].iter().any(|field| decimal(field).is_none()),
        };
        match (is_tick, self.place.is_trades) {
            (true, true) => self.trade(fields, intake).map(Row::Tick),
            (true, false) => self.quote(fields, intake).map(Row::Tick),
            (false, _) => self.bar(fields, intake).map(Row::Bar),
        }
    }

    fn quote(&mut self, fields: &[&[u8]], intake: &mut Intake<'_>) -> Result<RawTick, Wrong> {
        let (bid, ask, has_exchange) = match fields {
            [_, bid, ask] => {
                let time = self.time(fields[0], intake)?;
                let (bid, ask) = (price(bid, "bid")?, price(ask, "ask")?);
                return Ok(RawTick { time, bid, ask, last: None, volume: 0.0, flags: FLAGS_BID_ASK });
            }
            [_, bid, _, ask, _] => (bid, ask, false),
            [_, bid, _, ask, _, _, _, suspicious] => {
                not_suspicious(suspicious)?;
                (bid, ask, true)
            }
            _ => return Err(Wrong::Row(format!("{} fields instead of milliseconds, bid, ask", fields.len()))),
        };
        let time = self.time(fields[0], intake)?;
        // Both are looked at before either is missed: the next row may need the one that is there.
        let (bid, ask) = (self.side(0, "bid", bid, has_exchange), self.side(1, "ask", ask, has_exchange));
        Ok(RawTick { time, bid: bid?, ask: ask?, last: None, volume: 0.0, flags: FLAGS_BID_ASK })
    }

    /// A side's price, or its last one where it did not change.
    fn side(&mut self, side: usize, what: &str, field: &[u8], has_exchange: bool) -> Result<Decimal, Wrong> {
        if !field.is_empty() {
            let read = self.scaled(price(field, what)?, has_exchange);
            if read.value > 0.0 {
                self.held[side] = Some(read);
            }
            if read.value != 0.0 {
                return Ok(read);
            }
        }
        self.held[side].ok_or_else(|| Wrong::Row(format!("{what} is blank and no row before it has one")))
    }

    fn trade(&self, fields: &[&[u8]], intake: &mut Intake<'_>) -> Result<RawTick, Wrong> {
        let [ms, traded, volume, rest @ ..] = fields else {
            return Err(Wrong::Row(format!("{} fields instead of milliseconds, price, volume", fields.len())));
        };
        if let [.., suspicious] = rest {
            not_suspicious(suspicious)?;
        }
        let time = self.time(ms, intake)?;
        let (traded, volume) = (self.scaled(price(traded, "price")?, !rest.is_empty()), price(volume, "volume")?);
        Ok(RawTick { time, bid: traded, ask: traded, last: Some(traded), volume: volume.value, flags: FLAGS_TRADE })
    }

    /// Open, high, low and close of trades with their volume, or of bids with their size, and then of asks.
    fn bar(&self, fields: &[&[u8]], intake: &mut Intake<'_>) -> Result<Bar, Wrong> {
        let [_, prices @ .., volume] = fields.get(..6).unwrap_or_default() else {
            return Err(Wrong::Row(format!("{} fields instead of time, open, high, low, close, volume", fields.len())));
        };
        if !matches!(fields.len(), 6 | 11) {
            return Err(Wrong::Row(format!("{} fields instead of 6 of trades or 11 of quotes", fields.len())));
        }
        let is_share = self.place.is_share.ok_or_else(|| {
            let why = "prices of shares are ten-thousandths in LEAN's bars and others are not, and no folder says which these are";
            Wrong::File(format!(
                "{why}: keep LEAN's folders above the file, such as equity/usa/minute/ibm or crypto/coinbase/minute/btcusd"
            ))
        })?;
        let time = self.local(fields[0])?;
        let mut bar = Bar { time: intake.utc_of_bar(time), prices: [0.0; 4], decimals: [0; 4], volume: 0.0, spread: 0 };
        for (at, (field, name)) in prices.iter().zip(["open", "high", "low", "close"]).enumerate() {
            let price = self.scaled(price(field, name)?, is_share);
            (bar.prices[at], bar.decimals[at]) = (price.value, price.decimals);
        }
        bar.volume = price(volume, "volume")?.value;
        Ok(bar.checked()?)
    }

    /// In units, where the file has ten-thousandths. Only shares name an exchange.
    fn scaled(&self, price: Decimal, has_exchange: bool) -> Decimal {
        if !self.place.is_share.unwrap_or(has_exchange) {
            return price;
        }
        let value = price.value / 10_f64.powi(SHARE_DIGITS);
        Decimal { value, decimals: decimals_of(value) }
    }

    fn time(&self, field: &[u8], intake: &mut Intake<'_>) -> Result<i64, Wrong> {
        Ok(intake.utc(self.local(field)?))
    }

    /// Milliseconds since midnight, or a whole time in files of hours and days.
    fn local(&self, field: &[u8]) -> Result<i64, Wrong> {
        let Some(midnight) = self.place.midnight else {
            return match timestamp::stamp(field) {
                Some(Stamp::Local(us) | Stamp::Utc(us)) => Ok(us),
                None => Err(Wrong::Row(format!("{:?} is no time like 20140501 00:00", shown(field)))),
            };
        };
        let us = scaled(field, 3).filter(|us| *us < DAY_US);
        let us = us.ok_or_else(|| format!("{:?} is no number of milliseconds within a day", shown(field)))?;
        Ok(midnight + us)
    }
}

fn price(field: &[u8], what: &str) -> Result<Decimal, Wrong> {
    decimal(field).ok_or_else(|| Wrong::Row(format!("{what} {:?} is no number", shown(field))))
}

fn not_suspicious(flag: &[u8]) -> Result<(), Wrong> {
    if flag == b"1" { Err(Wrong::Row("it is marked as suspicious".into())) } else { Ok(()) }
}
