//! Tables as text: a sample at the head tells what they hold, then they are read line by line.

use super::dialect::{Dialect, Fields};
use super::layout::{Kind, Layout, Sample};
use super::look::Look;
use super::names::Column;
use super::reader::Table;
use super::shown;
use super::vendor::{self, Signs, VendorClock};
use crate::import::clock::SourceClock;
use crate::import::error::ImportError;
use crate::import::intake::{Direction, Intake};
use crate::import::source::{Stream, symbol_of};
use crate::import::timestamp::{self, DateOrder, Evidence, Stamp};
use crate::import::{Format, ImportOptions};
use domain::tick::Timeframe;
use domain::time::{DAY_US, MINUTE_US, SECOND_US};
use std::io::Read;
use std::ops::Range;

const SAMPLE_BYTES: usize = 64 << 10;
/// Rows whose looks are counted.
const SAMPLE_ROWS: usize = 500;
/// Bytes read ahead to find a date that says which is the month, where the first ones do not.
const DATES_BYTES_MAX: u64 = 64 << 20;
/// Lines above a header: comments, a title.
const PREAMBLE_LINES_MAX: usize = 20;

/// The head of a text and all it tells.
pub(in crate::import) struct Head<'a> {
    bytes: Vec<u8>,
    rest: Box<dyn Read + 'a>,
    dialect: Dialect,
    layout: Layout,
    /// The number of the first line that is a row.
    first_row: u64,
    direction: Direction,
    clock: Option<SourceClock>,
    /// What to tell of it and of its dates.
    clock_note: Option<&'static str>,
    dates_note: Option<String>,
    /// How long bars are, where a column says it.
    period: Option<Timeframe>,
    /// Of the bars of a file without names: its name may end with them.
    bar_minutes: Option<i64>,
    file: String,
}

impl<'a> Head<'a> {
    /// Reads the head of a stream's text.
    ///
    /// # Errors
    /// Why its columns can't be told, and the way out.
    pub fn of(mut rest: Box<dyn Read + 'a>, stream: &Stream<'_>, options: &ImportOptions) -> Result<Self, ImportError> {
        let (file, label) = (stream.name.as_str(), stream.label.as_str());
        let wrong = |why: String| ImportError::WrongFormat { file: label.into(), why };
        let mut bytes = Vec::new();
        rest.by_ref().take(SAMPLE_BYTES as u64).read_to_end(&mut bytes).map_err(ImportError::io(label))?;
        let lines = lines(&bytes, bytes.len() < SAMPLE_BYTES);
        let start = preamble(&lines);
        let (line, first) = *lines.get(start).ok_or_else(|| wrong("it has no rows".into()))?;
        let texts: Vec<&[u8]> = lines[start..].iter().take(SAMPLE_ROWS).map(|(_, text)| *text).collect();
        let dialect = Dialect::of(&texts).ok_or_else(|| {
            wrong(format!("line {line}: {:?} is not a row of columns, with a comma, semicolon, tab or | between them", shown(first)))
        })?;
        let mut places = Vec::new();
        let header = header(dialect, first, &mut places);
        let skipped = usize::from(header.is_some());
        let cut: Vec<Vec<Range<usize>>> = texts[skipped..]
            .iter()
            .map(|text| dialect.cut(text, &mut places).map_or_else(Vec::new, |fields| fields.places.to_vec()))
            .collect();
        let fields = |at: usize| Fields { text: texts[skipped + at], places: &cut[at] };
        let rows: Vec<Vec<&[u8]>> = (0..cut.len()).map(|at| (0..cut[at].len()).map(|field| fields(at).get(field)).collect()).collect();
        let sample = Sample { dialect, names: header, rows };
        let mut layout = Layout::of(&sample, options.columns.as_ref()).map_err(|why| wrong(format!("line {line}: {why}")))?;

        let names = sample.names.clone().unwrap_or_default();
        let first_field =
            |at: Option<usize>| sample.rows.first().and_then(|row| row.get(at?)).map_or_else(Vec::new, |field| field.to_vec());
        let (first_time, ticker) = (first_field(Some(layout.date_place())), first_field(layout.symbol));
        let period = vendor::period(&first_field(layout.period));
        let first_row = lines.get(start + skipped).map_or(u64::MAX, |(number, _)| *number);
        let is_named = sample.names.is_some();
        let has_blank_side = match layout.kind {
            Kind::Quotes { bid, ask } => {
                sample.rows.iter().any(|row| [bid, ask].iter().any(|at| row.get(*at).is_some_and(|field| field.is_empty())))
            }
            _ => false,
        };
        drop(lines);

        let mut dates_note = None;
        layout.dates = match options.dates {
            Some(given) => Some(given),
            None => dates(&mut bytes, &mut rest, &layout, dialect, first_row, &mut dates_note).map_err(wrong)?,
        };
        let stamps = sample_stamps(&bytes, &layout, dialect, first_row);
        let times: Vec<i64> = stamps.iter().map(|(Stamp::Utc(us) | Stamp::Local(us))| *us).collect();
        let signs = Signs {
            file,
            names: &names,
            fields: layout.fields,
            time_name: names.get(layout.date_place()).map_or("", String::as_str),
            time: &first_time,
            is_utc: matches!(stamps.first(), Some(Stamp::Utc(_))),
            ticker: &ticker,
            has_period: layout.period.is_some(),
            is_daily: times.iter().all(|us| us % DAY_US == 0),
            is_export: layout.is_export,
            is_metatrader: layout.is_metatrader,
        };
        let VendorClock { clock, note: clock_note } = match vendor::clock(&signs) {
            Err(why) if options.clock == SourceClock::Usual => return Err(wrong(why)),
            clock => clock.unwrap_or_default(),
        };
        let direction = direction(&times);
        if direction == Direction::NewestFirst && has_blank_side {
            return Err(wrong(
                "its newest rows come first, and sides that are blank have the price of an earlier row: sort it by time".into(),
            ));
        }
        let bar_minutes = (layout.is_bars() && (!is_named || layout.is_export)).then(|| commonest_minutes(&times)).flatten();
        let file = file.into();
        let head = Self { bytes, rest, dialect, layout, first_row, direction, clock, clock_note, dates_note, period, bar_minutes, file };
        head.check_format(options.format).map_err(|why| ImportError::WrongFormat { file: label.into(), why })?;
        Ok(head)
    }

    fn check_format(&self, named: Format) -> Result<(), String> {
        match (named, self.layout.is_bars()) {
            (Format::Mt5Ticks, true) => Err("its rows are bars and not ticks as --format says".into()),
            (Format::Mt5Bars, false) => Err("its rows are ticks and not bars as --format says".into()),
            _ => Ok(()),
        }
    }

    /// Whose format it is.
    pub fn format(&self) -> Format {
        // MT4's bars have fewer columns.
        let is_export = self.layout.is_export && !(self.layout.is_bars() && self.layout.fields == 7);
        match (is_export, self.layout.is_bars()) {
            (true, false) => Format::Mt5Ticks,
            (true, true) => Format::Mt5Bars,
            (false, _) => Format::Csv,
        }
    }

    /// The clock that files like this are on; UTC unless they say otherwise.
    pub fn clock(&self) -> SourceClock {
        self.clock.clone().unwrap_or(SourceClock::Usual)
    }

    /// Whose prices they are, if names tell; rows may name it themselves.
    pub fn symbol(&self, stream: &Stream<'_>) -> Option<String> {
        match self.layout.symbol {
            Some(_) => None,
            None => vendor::symbol_before_minutes(&self.file, self.bar_minutes).or_else(|| symbol_of(stream)),
        }
    }
}

/// Reads all rows of a text.
pub(in crate::import) fn read(head: Head<'_>, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    let Head { bytes, rest, dialect, layout, first_row, direction, file, clock, clock_note, dates_note, period, .. } = head;
    let text = std::io::Cursor::new(bytes).chain(rest);
    clock_note.into_iter().for_each(|note| intake.note_of_clock(note));
    dates_note.into_iter().for_each(|note| intake.note(note));
    intake.set_direction(direction);
    let mut table = Table::new(layout, dialect, clock.is_some(), intake);
    let mut places = Vec::new();
    intake.each_line(text, |intake, line, text| {
        if line < first_row {
            return Ok(());
        }
        let Some(fields) = dialect.cut(text, &mut places) else { return intake.dirty(line, || "it has too many fields".into()) };
        table.row(line, &fields, intake)
    })?;
    table.finish(period.or_else(|| vendor::timeframe(&file)), intake)
}

/// Lines with a text, by number; the last only where it is whole.
fn lines(bytes: &[u8], is_whole: bool) -> Vec<(u64, &[u8])> {
    let mut lines: Vec<(u64, &[u8])> = bytes.split(|byte| *byte == b'\n').zip(1..).map(|(text, number)| (number, text)).collect();
    if !is_whole && lines.len() > 1 {
        lines.pop();
    }
    lines
        .into_iter()
        .map(|(number, text)| (number, text.strip_suffix(b"\r").unwrap_or(text)))
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

/// How many lines stand above the header or the first row.
fn preamble(lines: &[(u64, &[u8])]) -> usize {
    let is_known = |text: &[u8]| {
        let names = Dialect::of(&[text]).map_or(0, |dialect| {
            let mut places = Vec::new();
            let names = header(dialect, text, &mut places).unwrap_or_default();
            names.iter().filter(|name| !matches!(Column::of(name), Column::Other | Column::Index)).count()
        });
        names >= 2
    };
    let head = &lines[..lines.len().min(PREAMBLE_LINES_MAX)];
    let comment = |text: &[u8]| text.starts_with(b"#") || text.starts_with(b"sep=");
    let comments = head.iter().take_while(|(_, text)| comment(text) && !is_known(text)).count();
    head.iter().position(|(_, text)| is_known(text)).unwrap_or(comments)
}

/// The names of a line's fields; `None` where it is a row.
fn header(dialect: Dialect, line: &[u8], places: &mut Vec<Range<usize>>) -> Option<Vec<String>> {
    let fields = dialect.cut(line, places)?;
    let looks: Vec<Look> = (0..fields.count()).map(|at| Look::of(fields.get(at), dialect)).collect();
    let is_header = looks.contains(&Look::Text) && looks.iter().all(|look| matches!(look, Look::Text | Look::Blank));
    let name = |at: usize| String::from_utf8_lossy(fields.get(at)).trim_start_matches(['#', ' ']).to_owned();
    is_header.then(|| (0..fields.count()).map(name).collect())
}

/// Which of day, month and year comes first, where the date does not show it by itself. `note` says what was taken for granted.
fn dates(
    bytes: &mut Vec<u8>,
    rest: &mut dyn Read,
    layout: &Layout,
    dialect: Dialect,
    first_row: u64,
    note: &mut Option<String>,
) -> Result<Option<DateOrder>, String> {
    let mut either: Option<(u64, String)> = None;
    let mut short: Option<Vec<u8>> = None;
    let (mut read_to, mut line) = (0, 0);
    let mut places = Vec::new();
    loop {
        let mut found = None;
        while let Some(length) = memchr::memchr(b'\n', &bytes[read_to..]) {
            line += 1;
            let text = &bytes[read_to..read_to + length];
            read_to += length + 1;
            if line < first_row {
                continue;
            }
            let Some(fields) = dialect.cut(text, &mut places) else { continue };
            let date = fields.get(layout.date_place());
            if let Some(date) = timestamp::short_date_of(date) {
                found = short.as_deref().and_then(|last| timestamp::order_of_short_dates(last, date));
                if short.as_deref() != Some(date) {
                    short = Some(date.to_vec());
                }
            }
            match timestamp::evidence(date) {
                Some(Evidence::Only(order)) => found = Some(order),
                Some(Evidence::Either) if either.is_none() => either = Some((line, shown(date))),
                // Most files have other dates, and the first row tells.
                None if either.is_none() && short.is_none() && line > first_row + SAMPLE_ROWS as u64 => return Ok(None),
                _ => {}
            }
            if found.is_some() {
                return Ok(found);
            }
        }
        if either.is_none() && short.is_none() {
            return Ok(None);
        }
        let before = bytes.len();
        let more = DATES_BYTES_MAX.saturating_sub(before as u64).min(1 << 20);
        rest.take(more).read_to_end(bytes).map_err(|error| error.to_string())?;
        if bytes.len() > before {
            continue;
        }
        if let Some((line, date)) = &either {
            return Err(format!(
                "line {line}: {date:?} can be one of two days, and no date of the file says which: give --dates day-first (31/12/2024) or --dates month-first (12/31/2024)"
            ));
        }
        if let Some(date) = &short {
            let date = shown(date);
            *note = Some(format!("dates of six digits such as {date} were read as year, month and day; name another order with --dates"));
        }
        return Ok(Some(DateOrder::YearFirst));
    }
}

/// The times of a sample's rows.
fn sample_stamps(bytes: &[u8], layout: &Layout, dialect: Dialect, first_row: u64) -> Vec<Stamp> {
    let mut places = Vec::new();
    let bytes = &bytes[..bytes.len().min(SAMPLE_BYTES)];
    let lines = bytes.split(|byte| *byte == b'\n').zip(1..).filter(|(_, line)| *line >= first_row).take(SAMPLE_ROWS);
    let time = |(text, _): (&[u8], u64)| {
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        layout.stamp(&dialect.cut(text, &mut places)?)
    };
    lines.filter_map(time).collect()
}

pub(in crate::import) fn direction(times: &[i64]) -> Direction {
    let falls = times.windows(2).filter(|pair| pair[1] < pair[0]).count();
    let rises = times.windows(2).filter(|pair| pair[1] > pair[0]).count();
    let span = times.first().zip(times.last()).map_or(0, |(first, last)| first - last);
    // A rise among many falls is the hour that autumn repeats, or a late row.
    if span > SECOND_US && falls > 20 * rises { Direction::NewestFirst } else { Direction::OldestFirst }
}

fn commonest_minutes(times: &[i64]) -> Option<i64> {
    let mut distances: Vec<i64> = times.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    distances.sort_unstable();
    // The commonest is the one in the middle: gaps are fewer than half.
    distances.get(distances.len() / 2).filter(|us| **us % MINUTE_US == 0).map(|us| us / MINUTE_US)
}
