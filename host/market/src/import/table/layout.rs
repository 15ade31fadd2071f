//! What each column of a table holds, told from names, shape and values together.

use super::dialect::{Dialect, Fields};
use super::look::{Look, Profile};
use super::names::{Column, ColumnNames};
use crate::import::timestamp::{self, DateOrder, Stamp};
use domain::tick::Timeframe;

/// Columns that a message shows.
const COLUMNS_SHOWN_MAX: usize = 12;

/// Where a row's time stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Times {
    Whole(usize),
    /// The time of day beside its date; `digits` where it is written without colons.
    Split {
        date: usize,
        clock: usize,
        digits: Option<usize>,
    },
    /// A date alone, as daily bars have it.
    Day(usize),
}

/// What the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Quotes {
        bid: usize,
        ask: usize,
    },
    /// Without quotes: the price stands for both sides.
    Trades {
        price: usize,
    },
    Bars {
        prices: [usize; 4],
        spread: Option<usize>,
    },
}

/// Where everything stands in a row.
#[derive(Clone, Debug)]
pub(in crate::import) struct Layout {
    /// Fields of a row, and the last that it must have where blank ones at its end may be cut off.
    pub(super) fields: usize,
    pub(super) fields_min: usize,
    pub(super) times: Times,
    pub(in crate::import) dates: Option<DateOrder>,
    pub(super) kind: Kind,
    pub(super) last: Option<usize>,
    pub(super) volume: Option<usize>,
    pub(super) flags: Option<usize>,
    pub(super) symbol: Option<usize>,
    /// How long a bar is, as stooq and Finam say it: 5, 60, D.
    pub(super) period: Option<usize>,
    /// As MetaTrader or its Python package writes it: its times are those of the broker's server.
    pub(super) is_metatrader: bool,
    /// Of those, as the terminal itself writes it.
    pub(super) is_export: bool,
}

/// Some rows of a table, cut into fields, and its columns' names if it has any.
pub(in crate::import) struct Sample<'a> {
    pub dialect: Dialect,
    pub names: Option<Vec<String>>,
    pub rows: Vec<Vec<&'a [u8]>>,
}

impl Sample<'_> {
    fn width(&self) -> usize {
        let longest = || self.rows.iter().map(Vec::len).max().unwrap_or(0);
        self.names.as_ref().map_or_else(longest, Vec::len)
    }

    fn profiles(&self) -> Vec<Profile> {
        let mut profiles = vec![Profile::default(); self.width()];
        for row in &self.rows {
            for (profile, field) in profiles.iter_mut().zip(row) {
                profile.add(field, Look::of(field, self.dialect));
            }
        }
        profiles
    }

    fn number(&self, row: &[&[u8]], at: usize) -> Option<f64> {
        self.dialect.number(row.get(at)?).map(|number| number.value)
    }

    /// Each column as `name=value (what it was taken for)`.
    fn shown(&self, profiles: &[Profile], columns: &[Column]) -> String {
        let first = self.rows.first();
        let column = |at: usize| {
            let number = || (at + 1).to_string();
            let name = self.names.as_ref().map_or_else(number, |names| names[at].clone());
            let field = first.and_then(|row| row.get(at)).map_or_else(String::new, |field| super::shown(field));
            let taken = match columns.get(at) {
                Some(Column::Other) | None => profiles[at].name(),
                Some(column) => column.name(),
            };
            format!("{name}={field} ({taken})")
        };
        let mut columns: Vec<String> = (0..profiles.len().min(COLUMNS_SHOWN_MAX)).map(column).collect();
        if profiles.len() > COLUMNS_SHOWN_MAX {
            columns.push(format!("and {} more", profiles.len() - COLUMNS_SHOWN_MAX));
        }
        columns.join(", ")
    }
}

/// What `--columns` would have to say, as far as shape and looks tell.
fn columns_flag(sample: &Sample<'_>, profiles: &[Profile], columns: &[Column]) -> String {
    let is_price = |column: &Column| matches!(column, Column::Bid | Column::Ask | Column::Last | Column::Open | Column::Close);
    // Names say the prices: what is missing is the time.
    if columns.iter().any(is_price) {
        let has_time = columns.iter().any(|column| matches!(column, Column::Time | Column::Date));
        let mut times = profiles.iter().map(|profile| matches!(profile.look(), Look::Moment(_)) && !has_time);
        let first_time = times.position(|is_time| is_time);
        let names = columns.iter().enumerate().map(|(at, column)| match column {
            _ if Some(at) == first_time => Column::Time.name(),
            Column::Index => Column::Other.name(),
            column => column.name(),
        });
        return format!("--columns {}", names.collect::<Vec<_>>().join(","));
    }
    let guess = by_shape(sample, profiles);
    if guess.contains(&Column::Bid) || guess.contains(&Column::Open) {
        let names = guess.iter().map(|column| column.name());
        return format!("--columns {}", names.collect::<Vec<_>>().join(","));
    }
    let numbers = profiles.iter().filter(|profile| profile.look() == Look::Number).count();
    let prices: &[&str] = match numbers {
        4.. => &["open", "high", "low", "close", "volume"],
        3 => &["bid", "ask", "volume"],
        // A bid and an ask would have been seen.
        _ => &["last", "volume"],
    };
    let mut prices = prices.iter();
    let names = profiles.iter().map(|profile| match profile.look() {
        Look::Moment(_) | Look::TimeOfDay => "time",
        Look::Day => "date",
        Look::Number => prices.next().copied().unwrap_or("-"),
        Look::Text | Look::Blank => "-",
    });
    format!("--columns {}", names.collect::<Vec<_>>().join(","))
}

fn refusal(sample: &Sample<'_>, profiles: &[Profile], columns: &[Column], why: &str) -> String {
    let (shown, flag) = (sample.shown(profiles, columns), columns_flag(sample, profiles, columns));
    format!("{why}. Its columns: {shown}. Say what they hold, in their order: {flag} for example (- leaves one out)")
}

impl Layout {
    /// Tells the columns of a sample.
    ///
    /// # Errors
    /// Why it can't, with what each column was taken for and the way out.
    pub fn of(sample: &Sample<'_>, given: Option<&ColumnNames>) -> Result<Self, String> {
        let profiles = sample.profiles();
        let columns = match (given, &sample.names) {
            (Some(ColumnNames(given)), _) if given.len() != profiles.len() => {
                let (given, found) = (given.len(), profiles.len());
                return Err(format!("--columns names {given} columns, and the rows have {found}: {}", sample.shown(&profiles, &[])));
            }
            (Some(ColumnNames(given)), _) => given.iter().map(|name| Column::of(name)).collect(),
            (None, Some(names)) => names.iter().map(|name| Column::of(name)).collect(),
            (None, None) => by_shape(sample, &profiles),
        };
        if let Some(at) = small_counts(sample, &profiles, &columns) {
            let (first, shown) = (super::shown(sample.rows[0][at]), sample.shown(&profiles, &columns));
            return Err(format!(
                "its times look like {first:?}, which is neither a date nor a count of s, ms, µs or ns since 1970 (counts from before 1990 are not read). Its columns: {shown}"
            ));
        }
        Self::of_columns(sample, &profiles, &columns).map_err(|why| refusal(sample, &profiles, &columns, &why))
    }

    /// Why a list without names is not read, with what it might hold and the way out.
    pub fn refusal_without_names(sample: &Sample<'_>, why: &str) -> String {
        refusal(sample, &sample.profiles(), &[], why)
    }

    fn of_columns(sample: &Sample<'_>, profiles: &[Profile], columns: &[Column]) -> Result<Self, String> {
        let place = |wanted: Column| columns.iter().position(|column| *column == wanted);
        let times = times(profiles, columns).ok_or("no column holds a date and a time")?;
        let kind = kind(sample, &place)?;
        check_values(sample, kind)?;
        let names = sample.names.as_deref().unwrap_or_default();
        let has = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let times_split = matches!(times, Times::Split { .. });
        let has_points = |row: &Vec<&[u8]>| row.first().is_some_and(|date| date.get(4) == Some(&b'.'));
        let is_unnamed_export = sample.names.is_none() && times_split && sample.rows.first().is_some_and(has_points);
        // Finam's names of columns are the same. The terminal's dates have points.
        let is_terminals = || has("<TICKVOL>") || has("<BID>") || sample.rows.first().is_none_or(has_points);
        let is_export = (has("<DATE>") && !has("<TICKER>") && is_terminals()) || is_unnamed_export;
        let is_frame = has("time_msc") || has("real_volume") || has("volume_real");
        let real = place(Column::RealVolume);
        let volume = match kind {
            Kind::Bars { .. } => place(Column::TickVolume).or(place(Column::Volume)).or(real),
            _ => real.or(place(Column::Volume)),
        };
        let mut layout = Self {
            fields: profiles.len(),
            fields_min: profiles.len(),
            times,
            dates: None,
            kind,
            last: place(Column::Last),
            volume,
            flags: place(Column::Flags),
            symbol: place(Column::Symbol),
            period: period(sample, columns),
            is_metatrader: is_export || is_frame,
            is_export,
        };
        if let (Kind::Quotes { bid, .. }, true) = (kind, is_export) {
            // The terminal cuts off blank fields at the end.
            layout.fields_min = layout.time_places().into_iter().chain([bid]).max().unwrap_or(0);
        }
        Ok(layout)
    }

    /// Places of the columns with the time.
    pub fn time_places(&self) -> Vec<usize> {
        match self.times {
            Times::Whole(at) | Times::Day(at) => vec![at],
            Times::Split { date, clock, .. } => vec![date, clock],
        }
    }

    /// The place of the column with the date.
    #[inline]
    pub fn date_place(&self) -> usize {
        match self.times {
            Times::Whole(at) | Times::Day(at) | Times::Split { date: at, .. } => at,
        }
    }

    /// A row's time, in UTC where it says so itself.
    #[inline]
    pub fn stamp(&self, fields: &Fields<'_>) -> Option<Stamp> {
        let time = match self.times {
            Times::Whole(at) => {
                let field = fields.get(at);
                // A terminal counts from 1970 on its server's clock.
                return match timestamp::stamp_in(field, self.dates) {
                    Some(Stamp::Utc(us)) if self.is_metatrader && field.iter().all(u8::is_ascii_digit) => Some(Stamp::Local(us)),
                    stamp => stamp,
                };
            }
            Times::Day(_) => 0,
            Times::Split { clock, digits: None, .. } => timestamp::time_of_day(fields.get(clock))?,
            Times::Split { clock, digits: Some(digits), .. } => padded_time_of_day(fields.get(clock), digits)?,
        };
        Some(Stamp::Local(timestamp::date(fields.get(self.date_place()), self.dates)? + time))
    }

    /// Whether the rows are bars.
    pub fn is_bars(&self) -> bool {
        matches!(self.kind, Kind::Bars { .. })
    }
}

/// A time of day whose leading zeros may be lost.
fn padded_time_of_day(field: &[u8], digits: usize) -> Option<i64> {
    let mut padded = [b'0'; 9];
    padded[digits.checked_sub(field.len())?..digits].copy_from_slice(field);
    timestamp::time_of_day(&padded[..digits])
}

/// The finest of the columns that hold a whole time; else a date with the time of day beside it, or a date alone.
fn times(profiles: &[Profile], columns: &[Column]) -> Option<Times> {
    let named = |wanted: &[Column]| (0..columns.len()).filter(|at| wanted.contains(&columns[*at])).collect::<Vec<_>>();
    let known = named(&[Column::Time, Column::Date]);
    let candidates = if known.is_empty() { named(&[Column::Index]) } else { known };
    let look = |at: &usize| profiles[*at].look();
    let whole = candidates.iter().copied().filter(|at| matches!(look(at), Look::Moment(_)));
    if let Some(at) = whole.rev().max_by_key(|at| profiles[*at].decimals) {
        return Some(Times::Whole(at));
    }
    let by_name = |wanted: Column| candidates.iter().copied().find(|at| columns[*at] == wanted);
    let date = candidates.iter().copied().find(|at| look(at) == Look::Day).or_else(|| by_name(Column::Date));
    let clock = candidates.iter().copied().filter(|at| Some(*at) != date);
    let clock = clock.clone().find(|at| look(at) == Look::TimeOfDay).or_else(|| clock.clone().find(|at| columns[*at] == Column::Time));
    match (date, clock) {
        (Some(date), Some(clock)) => {
            let digits = if look(&clock) == Look::Number { Some(profiles[clock].clock_digits()?) } else { None };
            Some(Times::Split { date, clock, digits })
        }
        (Some(date), None) => Some(Times::Day(date)),
        // Its fields are told from rows one by one.
        (None, Some(at)) if look(&at) != Look::TimeOfDay => Some(Times::Whole(at)),
        (None, _) => None,
    }
}

fn kind(sample: &Sample<'_>, place: &dyn Fn(Column) -> Option<usize>) -> Result<Kind, String> {
    let [open, high, low] = [Column::Open, Column::High, Column::Low].map(place);
    let quotes = place(Column::Bid).zip(place(Column::Ask));
    // Daily bars from the web call their close the price.
    let bars = open.zip(high).zip(low).zip(place(Column::Close).or(place(Column::Last)));
    match (bars, quotes) {
        (Some(_), Some((bid, ask))) if place(Column::Close).is_none() || sample.rows.is_empty() => Ok(Kind::Quotes { bid, ask }),
        (Some((((open, high), low), close)), _) => Ok(Kind::Bars { prices: [open, high, low, close], spread: place(Column::Spread) }),
        (None, Some((bid, ask))) => Ok(Kind::Quotes { bid, ask }),
        (None, None) => match (place(Column::Bid), place(Column::Ask), place(Column::Last)) {
            (Some(_), None, _) => Err("it has bids and no asks, so its rows are no ticks".into()),
            (None, Some(_), _) => Err("it has asks and no bids, so its rows are no ticks".into()),
            (_, _, Some(price)) if open.or(high).or(low).is_none() => Ok(Kind::Trades { price }),
            _ => Err("its rows are neither ticks (time, bid, ask) nor bars (time, open, high, low, close)".into()),
        },
    }
}

/// Names can lie: prices of a row must be able to be what they are called, in most rows.
fn check_values(sample: &Sample<'_>, kind: Kind) -> Result<(), String> {
    let (mut seen, mut wrong) = (0, 0);
    for row in &sample.rows {
        let is_wrong = match kind {
            Kind::Trades { .. } => None,
            Kind::Quotes { bid, ask } => sample.number(row, bid).zip(sample.number(row, ask)).map(|(bid, ask)| {
                let (low, high) = (bid.min(ask), bid.max(ask));
                low > 0.0 && high > 2.0 * low
            }),
            Kind::Bars { prices, .. } => bar_of(sample, row, prices).map(|bar| !is_bar(bar)),
        };
        seen += usize::from(is_wrong.is_some());
        wrong += usize::from(is_wrong == Some(true));
    }
    if wrong * 2 <= seen {
        return Ok(());
    }
    Err(match kind {
        Kind::Bars { .. } => "in most rows the open and the close do not lie between the low and the high, so these are no bars",
        _ => "in most rows bid and ask are far apart, so these are no ticks",
    }
    .into())
}

fn bar_of(sample: &Sample<'_>, row: &[&[u8]], places: [usize; 4]) -> Option<[f64; 4]> {
    let [open, high, low, close] = places.map(|at| sample.number(row, at));
    Some([open?, high?, low?, close?])
}

fn is_bar([open, high, low, close]: [f64; 4]) -> bool {
    low > 0.0 && low <= open.min(close) && high >= open.max(close)
}

/// The column of stooq's and Finam's tables that says how long a bar is.
fn period(sample: &Sample<'_>, columns: &[Column]) -> Option<usize> {
    match &sample.names {
        Some(names) => names.iter().position(|name| name.eq_ignore_ascii_case("<PER>")),
        None => (columns.first() == Some(&Column::Symbol) && columns.get(2) == Some(&Column::Date)).then_some(1),
    }
}

/// The column of times, where it has numbers that can be none.
fn small_counts(sample: &Sample<'_>, profiles: &[Profile], columns: &[Column]) -> Option<usize> {
    let has_date = columns.contains(&Column::Date);
    let at = columns.iter().position(|column| *column == Column::Time).filter(|_| !has_date)?;
    let is_other =
        |other: &usize| *other != at && columns[*other] == Column::Time && matches!(profiles[*other].look(), Look::Moment(_) | Look::Day);
    let is_small = sample.rows.first().and_then(|row| row.get(at)).is_some_and(|field| timestamp::is_small_count(field));
    (is_small && profiles[at].look() == Look::Number && !(0..columns.len()).any(|other| is_other(&other))).then_some(at)
}

/// What columns without names hold. All columns that can't be told are [`Column::Other`].
fn by_shape(sample: &Sample<'_>, profiles: &[Profile]) -> Vec<Column> {
    let mut columns = vec![Column::Other; profiles.len()];
    let look = |at: usize| profiles.get(at).map_or(Look::Blank, Profile::look);
    let is_short_day = |at: usize| {
        let is_clock = |next: &Profile| next.look() == Look::TimeOfDay || next.is_clock_by_shape();
        profiles.get(at).is_some_and(Profile::are_short_dates) && profiles.get(at + 1).is_some_and(is_clock)
    };
    let mut first = (0..profiles.len()).find(|at| look(*at) != Look::Text).unwrap_or(0);
    if look(0) == Look::Text && is_period(sample, 1) && (look(2) == Look::Day || is_short_day(2)) {
        (first, columns[0]) = (2, Column::Symbol);
    } else if first == 1 {
        columns[0] = Column::Symbol;
    }
    let values = match look(first) {
        Look::Number if is_short_day(first) && (are_bars(sample, first + 2) || !quotes(sample, first + 2).is_empty()) => {
            (columns[first], columns[first + 1]) = (Column::Date, Column::Time);
            first + 2
        }
        Look::Moment(_) => {
            columns[first] = Column::Time;
            first + 1
        }
        Look::Day => {
            columns[first] = Column::Date;
            // A whole number of these lengths beside a date is its time, unless it is the first of four prices.
            let is_compact = profiles.get(first + 1).is_some_and(Profile::is_clock_by_shape) && !are_bars(sample, first + 1);
            if look(first + 1) == Look::TimeOfDay || is_compact {
                columns[first + 1] = Column::Time;
                first + 2
            } else {
                first + 1
            }
        }
        _ => return columns,
    };
    let names: &[Column] = if are_bars(sample, values) {
        let metatrader = [Column::Open, Column::High, Column::Low, Column::Close, Column::TickVolume, Column::Volume, Column::Spread];
        if profiles.len() - values == metatrader.len() && columns[first] == Column::Date {
            &[Column::Open, Column::High, Column::Low, Column::Close, Column::TickVolume, Column::Volume, Column::Spread]
        } else {
            &[Column::Open, Column::High, Column::Low, Column::Close, Column::Volume]
        }
    } else {
        quotes(sample, values)
    };
    columns[values..].iter_mut().zip(names).for_each(|(column, name)| *column = *name);
    columns
}

/// Whether a field says in every row how long a bar is: in minutes, or as a letter.
fn is_period(sample: &Sample<'_>, at: usize) -> bool {
    let first = sample.rows.first().and_then(|row| row.get(at));
    let is_one = |field: &&[u8]| {
        matches!(*field, b"D" | b"W" | b"M")
            || std::str::from_utf8(field).is_ok_and(|text| text.parse::<u16>().is_ok_and(|minutes| minutes <= 1_440))
    };
    first.is_some_and(is_one) && sample.rows.iter().all(|row| row.get(at) == first)
}

/// Whether four fields from `first` on are open, high, low and close in every row: all prices, and near each other.
fn are_bars(sample: &Sample<'_>, first: usize) -> bool {
    /// Of a bar's high to its low: the wildest day of a coin, and where few rows speak for it, that of a currency.
    const RANGES_MAX: [f64; 2] = [2.0, 1.1];
    let range_max = if sample.rows.len() >= 5 { RANGES_MAX[0] } else { RANGES_MAX[1] };
    let (mut bars, mut others) = (0, 0);
    for row in &sample.rows {
        let bar = bar_of(sample, row, [first, first + 1, first + 2, first + 3]);
        if bar.is_some_and(|bar| is_bar(bar) && bar[1] <= bar[2] * range_max) { bars += 1 } else { others += 1 }
    }
    bars > 0 && others * 20 <= bars
}

/// Columns from `first` on of rows that begin with a bid and an ask, in either order; none where they don't.
fn quotes(sample: &Sample<'_>, first: usize) -> &'static [Column] {
    let (mut near, mut far, mut rising, mut falling, mut third_is_price, mut thirds) = (0, 0, 0, 0, 0, 0);
    for row in &sample.rows {
        let Some((one, two)) = sample.number(row, first).zip(sample.number(row, first + 1)) else { continue };
        if one <= 0.0 || two <= 0.0 {
            continue;
        }
        if (one - two).abs() <= 0.1 * one.min(two) {
            near += 1
        } else {
            far += 1
        }
        rising += usize::from(one < two);
        falling += usize::from(one > two);
        if let Some(third) = sample.number(row, first + 2).filter(|third| *third != 0.0) {
            thirds += 1;
            third_is_price += usize::from((third - one).abs() <= 0.1 * one);
        }
    }
    if near == 0 || far * 20 > near {
        return &[];
    }
    // Some feeds send quotes that cross, a tenth of all.
    let ordered = rising + falling;
    let has_last = sample.width() >= first + 4 && third_is_price * 2 >= thirds.max(1) || sample.width() == first + 5;
    let is_export = sample.width() == first + 5;
    match () {
        () if falling * 4 > ordered && rising * 4 > ordered => &[],
        () if falling > rising => &[Column::Ask, Column::Bid],
        () if is_export => &[Column::Bid, Column::Ask, Column::Last, Column::Volume, Column::Flags],
        () if has_last => &[Column::Bid, Column::Ask, Column::Last, Column::Volume],
        // Two more are what is offered on each side.
        () if sample.width() == first + 4 => &[Column::Bid, Column::Ask],
        () => &[Column::Bid, Column::Ask, Column::Volume],
    }
}

/// The timeframes that the store keeps, for messages.
pub(in crate::import) fn timeframes() -> String {
    let names: Vec<String> = Timeframe::ALL.iter().map(|timeframe| format!("{timeframe:?}").to_ascii_uppercase()).collect();
    let (last, rest) = names.split_last().expect("there are some");
    format!("{} and {last}", rest.join(", "))
}

impl Fields<'_> {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.places.len()
    }
}
