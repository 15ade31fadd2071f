//! What the names of files say that their rows don't: whose they are, on which clock, how long bars are.

use super::names::Column;
use crate::import::clock::SourceClock;
use crate::import::source::symbol_of_name;
use crate::import::specs::{is_same_instrument, spec_for};
use domain::tick::Timeframe;

/// New York without summer time, all year.
const EST: SourceClock = SourceClock::AheadMinutes(-5 * 60);

/// `DAT_ASCII_EURUSD_T_201202.csv`, `DAT_MT_EURUSD_M1_2012.csv`: the symbol of a file of HistData.
fn histdata(name: &str) -> Option<&str> {
    let mut pieces = name.split('_');
    let is_theirs = pieces.next()?.eq_ignore_ascii_case("DAT") && matches!(pieces.next()?, "ASCII" | "MT" | "NT" | "MS" | "XLSX");
    pieces.next().filter(|_| is_theirs)
}

/// Whether it is the report that HistData puts beside each file, which has no rows.
pub(in crate::import) fn is_report(name: &str) -> bool {
    histdata(name).is_some() && name.to_ascii_lowercase().ends_with(".txt")
}

/// What a table shows of whose it is.
pub(super) struct Signs<'a> {
    /// The file's name.
    pub file: &'a str,
    /// The columns' names, none where it has no header.
    pub names: &'a [String],
    /// Columns of a row.
    pub fields: usize,
    /// The name of the column with the date or the time, and what the first row has there.
    pub time_name: &'a str,
    pub time: &'a [u8],
    /// Whether that first time says its own zone.
    pub is_utc: bool,
    /// What the first row names as its symbol, where rows do.
    pub ticker: &'a [u8],
    /// Whether a column says how long a bar is.
    pub has_period: bool,
    /// Whether all times are whole days, which no clock moves.
    pub is_daily: bool,
    /// As MetaTrader's terminal writes it; or that or its Python package.
    pub is_export: bool,
    pub is_metatrader: bool,
}

/// A clock that a vendor's files are on, and what to tell about it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct VendorClock {
    /// `None` for UTC.
    pub clock: Option<SourceClock>,
    pub note: Option<&'static str>,
}

/// Exchanges behind the point of stooq's tickers, as in `AAPL.US`.
const STOOQ_EXCHANGES: [&str; 10] = ["US", "UK", "DE", "JP", "HK", "HU", "PL", "V", "F", "B"];

const STOOQ: &str = "stooq's times were taken as Warsaw's; name another clock with --utc-offset";
const FINAM: &str = "Finam's times were taken as Moscow's, and as those at which bars begin; where the download was set otherwise, name its clock with --utc-offset";
const POINTS: &str = "dates such as 2024.03.05 are MetaTrader's, and its times those of the broker's server: they were taken as UTC; name the server's clock with --utc-offset if it is another";
const FOREX_TESTER: &str = "these columns are Forex Tester's, whose times are UTC; name another clock with --utc-offset";

/// The clock of a file that has one of its own.
///
/// # Errors
/// Why it can't be known, with the way out.
pub(super) fn clock(signs: &Signs<'_>) -> Result<VendorClock, String> {
    let known = |zone: &str, note| Ok(VendorClock { clock: Some(zone.parse().expect("a zone of the database")), note });
    let est = || Ok(VendorClock { clock: Some(EST), note: None });
    let is_time = Column::of(signs.time_name) == Column::Time;
    let plain: String = signs.time_name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let time = signs.time;
    // Nobody else writes milliseconds without a mark behind a compact date.
    let is_histdata =
        || histdata(signs.file).is_some() || (signs.names.is_empty() && time.len() == 18 && time[8] == b' ' && !time.contains(&b':'));
    match vendor(signs) {
        _ if plain.ends_with("eet") && is_time => known("Europe/Athens", None),
        _ if plain.ends_with("cet") && is_time => known("Europe/Berlin", None),
        _ if plain.ends_with("msk") && is_time => known("Europe/Moscow", None),
        _ if plain.ends_with("est") && is_time => est(),
        _ if is_histdata() => est(),
        _ if signs.is_daily || signs.is_utc => Ok(VendorClock::default()),
        _ if plain.contains("local") => Err(format!(
            "its column {:?} has local times, and no row says of which place: add that place, as in --utc-offset Europe/London",
            signs.time_name
        )),
        Some(Vendor::Stooq) => known("Europe/Warsaw", Some(STOOQ)),
        Some(Vendor::Finam) => known("Europe/Moscow", Some(FINAM)),
        Some(Vendor::ForexTester) => Ok(VendorClock { clock: None, note: Some(FOREX_TESTER) }),
        None if !signs.is_metatrader && time.get(4) == Some(&b'.') => Ok(VendorClock { clock: None, note: Some(POINTS) }),
        Some(Vendor::MetaStock) => Err(
            "its columns are those of MetaStock's text, which many tools write, each on its own clock: add --utc-offset utc where its times are UTC, or a place as in --utc-offset Europe/Paris"
                .into(),
        ),
        None => Ok(VendorClock::default()),
    }
}

/// Who writes tables with names in pointed brackets.
enum Vendor {
    Stooq,
    Finam,
    ForexTester,
    /// Someone who writes MetaStock's text.
    MetaStock,
}

fn vendor(signs: &Signs<'_>) -> Option<Vendor> {
    let has = |name: &str| signs.names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let exchange = signs.ticker.rsplit(|byte| *byte == b'.').next().filter(|exchange| exchange.len() < signs.ticker.len());
    let is_stooqs_ticker =
        || exchange.is_some_and(|exchange| STOOQ_EXCHANGES.iter().any(|known| exchange.eq_ignore_ascii_case(known.as_bytes())));
    // Its Polish pages, and the last column of its other files, headed or not.
    let is_stooq = has("Otwarcie") || has("<OPENINT>") || (signs.names.is_empty() && signs.has_period && signs.fields == 10);
    match () {
        () if is_stooq || (signs.has_period && is_stooqs_ticker()) => Some(Vendor::Stooq),
        () if has("<DTYYYYMMDD>") && has("<VOL>") => Some(Vendor::ForexTester),
        () if has("<DTYYYYMMDD>") => Some(Vendor::MetaStock),
        () if signs.has_period || (has("<DATE>") && !signs.is_export) => Some(Vendor::Finam),
        () => None,
    }
}

/// How long bars are, as stooq's and Finam's column says it.
pub(super) fn period(field: &[u8]) -> Option<Timeframe> {
    match field {
        b"1" => Some(Timeframe::M1),
        b"5" => Some(Timeframe::M5),
        b"15" => Some(Timeframe::M15),
        b"30" => Some(Timeframe::M30),
        b"60" => Some(Timeframe::H1),
        b"240" => Some(Timeframe::H4),
        b"D" | b"1440" => Some(Timeframe::D1),
        b"W" => Some(Timeframe::W1),
        b"M" => Some(Timeframe::Mn1),
        _ => None,
    }
}

/// Whether a file's name says that its bars are of asks, as Dukascopy's do: `EURUSD_Candlestick_1_M_ASK_….csv`, `eurusd-m1-ask-….csv`.
pub(in crate::import) fn is_of_asks(file: &str) -> bool {
    let has_side = |side: &str| file.split(|byte: char| !byte.is_ascii_alphanumeric()).any(|piece| piece.eq_ignore_ascii_case(side));
    has_side("ask") && !has_side("bid")
}

/// The symbol that a file's name gives where a bar's minutes stand behind it, as MT4 puts them.
pub(super) fn symbol_before_minutes(file: &str, bar_minutes: Option<i64>) -> Option<String> {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    // The number may be the symbol's own: `GER30`.
    let rest = stem.strip_suffix(&bar_minutes?.to_string()).filter(|rest| rest.len() >= 3)?;
    let is_own = spec_for(stem).is_some() && !is_same_instrument(stem, rest);
    (!is_own && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| symbol_of_name(rest))?
}

/// The length of bars, as in `EURUSD_M15_2024.csv` or `BTC_USDT-5m.csv`.
pub(in crate::import) fn timeframe(file: &str) -> Option<Timeframe> {
    let named = |piece: &str| match piece {
        "M1" | "1m" => Some(Timeframe::M1),
        "M5" | "5m" => Some(Timeframe::M5),
        "M15" | "15m" => Some(Timeframe::M15),
        "M30" | "30m" => Some(Timeframe::M30),
        "H1" | "1h" | "Hourly" => Some(Timeframe::H1),
        "H4" | "4h" => Some(Timeframe::H4),
        "D1" | "1d" | "Daily" => Some(Timeframe::D1),
        "W1" | "1w" | "Weekly" => Some(Timeframe::W1),
        "MN1" | "MN" | "1M" | "Monthly" => Some(Timeframe::Mn1),
        _ => None,
    };
    file.split(|byte: char| !byte.is_ascii_alphanumeric()).find_map(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_symbols_clocks_and_lengths() {
        let check = |file: &str, minutes: Option<i64>, expected: Option<&str>| {
            assert_eq!(symbol_before_minutes(file, minutes).as_deref(), expected, "{file}");
        };
        check("EURUSD1.csv", Some(1), Some("EURUSD"));
        check("XAUUSD240.csv", Some(240), Some("XAUUSD"));
        check("US305.csv", Some(5), Some("US30"));
        check("US30.csv", Some(30), None);
        check("GER30.csv", Some(30), None);
        check("US30.csv", None, None);
        check("EURUSD_M15_2024.csv", Some(15), None);
        assert_eq!((timeframe("EURUSD_M15_2024.csv"), timeframe("EURUSD.csv")), (Some(Timeframe::M15), None));
        for (file, expected) in [
            ("EURUSD_Candlestick_1_M_ASK_08.01.2024-08.01.2024.csv", true),
            ("eurusd-m1-ask-2024-01-08-2024-01-09.json", true),
            ("EURUSD_1 Min_Ask_2024.01.08.csv", true),
            ("EURUSD_Candlestick_1_M_BID_08.01.2024.csv", false),
            ("bid-ask.csv", false),
            ("ASKUSD.csv", false),
        ] {
            assert_eq!(is_of_asks(file), expected, "{file}");
        }
    }

    #[test]
    fn tables_say_whose_clock_they_are_on() {
        let names = |header: &str| header.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let zone = |header: &str, file: &str, time: &str, ticker: &str| {
            let names = names(header);
            let time_name = names.iter().find(|name| matches!(Column::of(name), Column::Time | Column::Date)).map_or("", String::as_str);
            let found = clock(&Signs {
                file,
                names: &names,
                fields: names.len(),
                time_name,
                time: time.as_bytes(),
                is_utc: time.ends_with('Z'),
                ticker: ticker.as_bytes(),
                has_period: header.contains("<PER>"),
                is_daily: time.is_empty(),
                is_export: header.contains("<TICKVOL>"),
                is_metatrader: header.contains("<TICKVOL>"),
            });
            match found {
                Ok(VendorClock { clock: None, .. }) => "utc".to_owned(),
                Ok(VendorClock { clock: Some(clock), .. }) => clock.to_string(),
                Err(why) => why,
            }
        };
        let finam = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>";
        let check = |header: &str, file: &str, time: &str, ticker: &str, expected: &str| {
            let found = zone(header, file, time, ticker);
            assert!(found.contains(expected), "{header} {file} {ticker}: {found}");
        };
        check("", "DAT_MT_EURUSD_M1_201202.csv", "2012.02.01", "", "UTC-05:00");
        check("", "x.csv", "20120201 000003660", "", "UTC-05:00");
        check("Time (EET),Ask,Bid", "x.csv", "2024.03.05 09:00:00", "", "Europe/Athens");
        check("Gmt time,Open", "x.csv", "05.03.2024 09:00:00.332", "", "utc");
        check(finam, "x.csv", "20240108", "SBER", "Europe/Moscow");
        check(finam, "x.csv", "20240108", "SPFB.RTS", "Europe/Moscow");
        check(finam, "x.csv", "20240108", "AAPL.US", "Europe/Warsaw");
        check(finam, "x.csv", "", "AAPL.US", "utc");
        check(&format!("{finam},<OPENINT>"), "x.txt", "20240108", "EURUSD", "Europe/Warsaw");
        check("<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>", "x.txt", "20240108", "", "Europe/Moscow");
        check("<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>,<VOL>", "x.txt", "2024.01.08", "", "utc");
        check("<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>", "x.txt", "20240108", "EURUSD", "utc");
        check("<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>", "x.txt", "20240108", "EURUSD", "add --utc-offset utc");
        check("Local time,Open", "x.csv", "05.03.2024 09:00:00.332", "", "local times, and no row says of which place");
        check("Local time,Open", "x.csv", "2024-03-05T09:00:00Z", "", "utc");
        check("Data,Czas,Otwarcie", "x.csv", "2024-03-05", "", "Europe/Warsaw");
    }
}
