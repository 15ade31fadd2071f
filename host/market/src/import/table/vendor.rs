//! What the names of files say that their rows don't: whose they are, on which clock, how long bars are.

use super::names::Column;
use crate::import::clock::SourceClock;
use crate::import::source::symbol_of_name;
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

/// The clock of a file that has one of its own, by its name, its time column's name and a time in it.
pub(super) fn clock(file: &str, column: &str, time: &[u8]) -> Option<SourceClock> {
    let plain: String = column.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    // Nobody else writes milliseconds without a mark behind a compact date.
    let is_histdata = || histdata(file).is_some() || (column.is_empty() && time.len() == 18 && time[8] == b' ' && !time.contains(&b':'));
    match () {
        () if plain.ends_with("eet") && Column::of(column) == Column::Time => "Europe/Athens".parse().ok(),
        () if plain.ends_with("est") && Column::of(column) == Column::Time => Some(EST),
        () if is_histdata() => Some(EST),
        () => None,
    }
}

/// The symbol that a file's name gives where a bar's minutes stand behind it, as MT4 puts them.
pub(super) fn symbol_before_minutes(file: &str, bar_minutes: Option<i64>) -> Option<String> {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let rest = stem.strip_suffix(&bar_minutes?.to_string()).filter(|rest| rest.len() >= 3)?;
    rest.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| symbol_of_name(rest))?
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
        check("US30.csv", None, None);
        check("EURUSD_M15_2024.csv", Some(15), None);
        assert_eq!(clock("DAT_MT_EURUSD_M1_201202.csv", "", b"2012.02.01"), Some(EST));
        assert_eq!(clock("x.csv", "", b"20120201 000003660"), Some(EST));
        assert_eq!(clock("x.csv", "Time (EET)", b"2024.03.05 09:00:00"), "Europe/Athens".parse().ok());
        assert_eq!(clock("x.csv", "Gmt time", b"05.03.2024 09:00:00.332"), None);
        assert_eq!((timeframe("EURUSD_M15_2024.csv"), timeframe("EURUSD.csv")), (Some(Timeframe::M15), None));
    }
}
