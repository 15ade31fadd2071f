//! The names that columns have in other systems' files: one list for text, JSON and Parquet.

use std::str::FromStr;

/// What a column holds, as its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) enum Column {
    /// A moment, or the time of a day.
    Time,
    Date,
    Bid,
    Ask,
    /// The price of the last trade.
    Last,
    /// Traded volume.
    Volume,
    /// The same with decimals, where a file has both.
    RealVolume,
    /// A number of ticks or trades.
    TickVolume,
    Flags,
    Open,
    High,
    Low,
    Close,
    /// In points.
    Spread,
    Symbol,
    /// Without a name, like the index of a data frame. It may hold the time.
    Index,
    /// Nothing that the store keeps.
    Other,
}

impl Column {
    /// What messages and `--columns` call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Date => "date",
            Self::Bid => "bid",
            Self::Ask => "ask",
            Self::Last => "last",
            Self::Volume => "volume",
            Self::RealVolume => "real_volume",
            Self::TickVolume => "tick_volume",
            Self::Flags => "flags",
            Self::Open => "open",
            Self::High => "high",
            Self::Low => "low",
            Self::Close => "close",
            Self::Spread => "spread",
            Self::Symbol => "symbol",
            Self::Index => "index",
            Self::Other => "-",
        }
    }

    /// What a name stands for; letters' case, spaces, underscores and brackets make no difference.
    pub fn of(name: &str) -> Self {
        if name == Self::Other.name() {
            return Self::Other;
        }
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        let named = |(_, names): &&(Self, &[&str])| names.contains(&plain.as_str());
        match NAMES.iter().find(named) {
            Some((column, _)) => *column,
            // `Time (EET)`, `timestamp [ms]`, `datetime_utc`.
            None if plain.strip_prefix("time").or(plain.strip_prefix("datetime")).is_some_and(|rest| TIME_ENDS.contains(&rest)) => {
                Self::Time
            }
            None => Self::Other,
        }
    }
}

const NAMES: [(Column, &[&str]); 16] = [
    (
        Column::Time,
        &[
            "time",
            "timestamp",
            "datetime",
            "dateandtime",
            "ts",
            "localtime",
            "gmttime",
            "utctime",
            "servertime",
            "unixtime",
            "unix",
            "unixtimestamp",
            "epoch",
            "opentime",
            "ratedatetime",
            "transactiontime",
            "eventtime",
            "tradetime",
            "czas",
            "zeit",
            "uhrzeit",
            "heure",
            "hora",
        ],
    ),
    (Column::Date, &["date", "day", "dtyyyymmdd", "gmtdate", "localdate", "tradedate", "data", "datum", "fecha"]),
    (Column::Bid, &["bid", "bidprice", "bestbid", "bestbidprice", "ratebid", "pricebid", "geld"]),
    (Column::Ask, &["ask", "askprice", "bestask", "bestaskprice", "rateask", "priceask", "offer", "offerprice", "brief"]),
    (Column::Last, &["last", "lastprice", "price", "tradeprice", "lasttradeprice"]),
    (Column::Volume, &["volume", "vol", "lastvolume", "qty", "quantity", "size", "amount", "wolumen", "volumen"]),
    (Column::RealVolume, &["volumereal", "realvolume"]),
    (Column::TickVolume, &["tickvol", "tickvolume", "tickqty", "tickcount", "ticks", "trades", "numberoftrades"]),
    (Column::Flags, &["flags", "tickflags"]),
    (Column::Open, &["open", "openprice", "bidopen", "openbid", "otwarcie", "ouverture", "apertura"]),
    (Column::High, &["high", "highprice", "bidhigh", "highbid", "najwyzszy", "haut", "maximo", "mximo"]),
    (Column::Low, &["low", "lowprice", "bidlow", "lowbid", "najnizszy", "bas", "minimo", "mnimo"]),
    (Column::Close, &["close", "closeprice", "bidclose", "closebid", "zamkniecie", "cloture", "clture", "cierre"]),
    (Column::Spread, &["spread"]),
    (Column::Symbol, &["symbol", "ticker", "instrument", "pair", "currencypair", "sym"]),
    (Column::Index, &["", "index", "indexlevel0", "unnamed0"]),
];

/// Units and clocks behind a time's name.
const TIME_ENDS: [&str; 16] =
    ["s", "ms", "msc", "us", "ns", "utc", "gmt", "eet", "est", "local", "server", "utcms", "msutc", "stamp", "stampms", "stampmsc"];

/// The column that holds the time, as names alone tell: the finest of several; one without a name or a date where there is no other.
pub(in crate::import) fn finest_time(names: &[String]) -> Option<usize> {
    let places = |wanted: Column| (0..names.len()).filter(move |at| Column::of(&names[*at]) == wanted);
    let is_fine = |at: &usize| {
        let name = names[*at].to_ascii_lowercase();
        ["ms", "msc", "us", "ns"].iter().any(|unit| name.ends_with(unit))
    };
    let fine = places(Column::Time).find(is_fine);
    fine.or_else(|| places(Column::Time).next()).or_else(|| places(Column::Index).next()).or_else(|| places(Column::Date).next())
}

/// What the columns of a file hold, in their order, as somebody says who knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnNames(pub(in crate::import) Vec<String>);

impl FromStr for ColumnNames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        match names.iter().find(|name| *name != "-" && matches!(Column::of(name), Column::Other | Column::Index)) {
            None => Ok(Self(names)),
            Some(unknown) => Err(format!(
                "{unknown:?} is not a column; give time, date, bid, ask, last, volume, flags, open, high, low, close, tick_volume, spread or symbol for each column in order, and - for one to leave out"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_many_systems_mean_the_same() {
        for (names, expected) in [
            (
                &[
                    "Time",
                    "timestamp",
                    "time_msc",
                    "Local time",
                    "Gmt time",
                    "Time (EET)",
                    "datetime_utc",
                    "TIMESTAMP [ms]",
                    "RateDateTime",
                ][..],
                Column::Time,
            ),
            (&["<DATE>", "<DTYYYYMMDD>", "Date"], Column::Date),
            (&["bidPrice", "Bid price", "BID", "RateBid"], Column::Bid),
            (&["askPrice", "Ask price", "offer"], Column::Ask),
            (&["tick_volume", "<TICKVOL>", "trades"], Column::TickVolume),
            (&["", "Unnamed: 0", "__index_level_0__"], Column::Index),
            (&["Bid volume", "AskVolume", "bid_size", "closetime", "Adj Close", "-", "timely"], Column::Other),
        ] {
            names.iter().for_each(|name| assert_eq!(Column::of(name), expected, "{name}"));
        }
    }
}
