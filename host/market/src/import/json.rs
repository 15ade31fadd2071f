//! Rows in JSON: a list of objects, an object that has one (`{"metadata": {"symbol": …}, "ticks": [{"time_msc": …}]}`), one object
//! after another (NDJSON), or lists of values in the order of `"columns"`. Read row by row, however long; what the columns hold is
//! told as in every table. Rows are counted from 1.

mod tokens;

use super::ImportOptions;
use super::error::ImportError;
use super::intake::Intake;
use super::table::names::ColumnNames;
use super::table::{Dialect, Fields, Layout, Sample, Table, direction, timeframe};
use super::timestamp::{self, DateOrder, Evidence, Stamp};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::io::{Read, Write as _};
use std::ops::Range;
use tokens::Tokens;

/// Rows whose looks tell what columns hold.
const SAMPLE_ROWS: usize = 200;
/// Names of columns of one file.
const NAMES_MAX: usize = 64;
/// Characters of a text that is a value.
const TEXT_CHARS_MAX: usize = 64;
/// Lists of rows have one of these names where an object holds them.
const LISTS: [&str; 12] = ["ticks", "bars", "candles", "data", "rows", "quotes", "prices", "rates", "values", "records", "items", "result"];

pub(super) fn read(text: impl Read, name: &str, options: &ImportOptions, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    let mut reader = Reader::new(options, intake);
    let mut json = serde_json::Deserializer::from_reader(std::io::BufReader::with_capacity(1 << 16, Tokens::new(text)));
    let read = loop {
        match Document(&mut reader).deserialize(&mut json) {
            Ok(()) if json.end().is_err() => {}
            done => break done,
        }
    };
    if let Some(error) = reader.error.take() {
        return Err(error);
    }
    // However many rows were read, a file that breaks off is not whole.
    read.map_err(|error| reader.intake.wrong(format!("it is no JSON with rows: {error}")))?;
    reader.finish(name)
}

/// A row's values as text, by place of its columns.
#[derive(Clone, Debug, Default)]
struct Row {
    text: Vec<u8>,
    places: Vec<Range<usize>>,
}

impl Row {
    fn clear(&mut self) {
        self.text.clear();
        self.places.clear();
    }

    fn put(&mut self, at: usize, start: usize) {
        if self.places.len() <= at {
            self.places.resize(at + 1, 0..0);
        }
        self.places[at] = start..self.text.len();
    }

    fn fields(&self) -> Fields<'_> {
        Fields { text: &self.text, places: &self.places }
    }
}

struct Reader<'a, 'b> {
    options: &'a ImportOptions,
    intake: &'a mut Intake<'b>,
    names: Vec<String>,
    /// Whether rows are lists, whose values have no names of their own.
    are_lists: bool,
    sample: Vec<Row>,
    table: Option<Table>,
    row: Row,
    rows: u64,
    /// Why it stopped, where serde can only say that it did.
    error: Option<ImportError>,
    clocks: Clocks,
}

impl<'a, 'b> Reader<'a, 'b> {
    fn new(options: &'a ImportOptions, intake: &'a mut Intake<'b>) -> Self {
        let names = options.columns.as_ref().map_or_else(Vec::new, |ColumnNames(names)| names.clone());
        Self {
            options,
            intake,
            names,
            are_lists: false,
            sample: Vec::new(),
            table: None,
            row: Row::default(),
            rows: 0,
            error: None,
            clocks: Clocks::default(),
        }
    }

    /// The row at hand is whole.
    fn take_row(&mut self) -> Result<(), ImportError> {
        if self.table.is_some() {
            let row = std::mem::take(&mut self.row);
            let taken = self.read_row(&row);
            self.row = row;
            return taken;
        }
        self.sample.push(std::mem::take(&mut self.row));
        if self.sample.len() == SAMPLE_ROWS { self.tell() } else { Ok(()) }
    }

    fn read_row(&mut self, row: &Row) -> Result<(), ImportError> {
        self.rows += 1;
        let table = self.table.as_mut().expect("it was told what the columns hold");
        self.clocks.look(&row.fields(), &self.names, table.layout());
        table.row(self.rows, &row.fields(), self.intake)
    }

    /// Tells what the columns hold, from the sample, and reads it.
    fn tell(&mut self) -> Result<(), ImportError> {
        let mut rows = std::mem::take(&mut self.sample);
        let width = if self.names.is_empty() { rows.iter().map(|row| row.places.len()).max().unwrap_or(0) } else { self.names.len() };
        rows.iter_mut().for_each(|row| row.places.resize(width.max(row.places.len()), 0..0));
        let fields = |row| -> Vec<&[u8]> {
            let row: &Row = row;
            (0..row.places.len()).map(|at| row.fields().get(at)).collect()
        };
        let names = (!self.names.is_empty()).then(|| self.names.clone());
        let sample = Sample { dialect: Dialect::POINT, names, rows: rows.iter().map(fields).collect() };
        if sample.names.is_none() {
            let why = "its rows are lists without names";
            return Err(self.intake.wrong(Layout::refusal_without_names(&sample, why)));
        }
        let given = self.options.columns.as_ref().filter(|_| self.are_lists);
        let mut layout = Layout::of(&sample, given).map_err(|why| self.intake.wrong(why))?;
        layout.dates = self.dates(&rows, &layout)?;
        let time = |row: &Row| layout.stamp(&row.fields()).map(|(Stamp::Utc(us) | Stamp::Local(us))| us);
        self.intake.set_direction(direction(&rows.iter().filter_map(time).collect::<Vec<_>>()));
        self.table = Some(Table::new(layout, Dialect::POINT, false, self.intake));
        rows.iter().try_for_each(|row| self.read_row(row))
    }

    fn dates(&self, rows: &[Row], layout: &Layout) -> Result<Option<DateOrder>, ImportError> {
        if self.options.dates.is_some() {
            return Ok(self.options.dates);
        }
        let found = |row: &Row| timestamp::evidence(row.fields().get(layout.date_place()));
        let evidence: Vec<Evidence> = rows.iter().filter_map(found).collect();
        let only = evidence.iter().find_map(|evidence| if let Evidence::Only(order) = evidence { Some(*order) } else { None });
        match only {
            None if !evidence.is_empty() => Err(self
                .intake
                .wrong("its dates can be of two days each: give --dates day-first (31/12/2024) or --dates month-first (12/31/2024)")),
            only => Ok(only),
        }
    }

    fn finish(mut self, name: &str) -> Result<(), ImportError> {
        if self.table.is_none() && !self.sample.is_empty() {
            self.tell()?;
        }
        if let Some(minutes) = self.clocks.ahead_minutes().filter(|minutes| *minutes != 0) {
            self.intake.note(format!(
                "the broker's clock was {minutes} min ahead of the collector's; if that one ran in UTC, give the clock as {:+}",
                minutes as f64 / 60.0
            ));
        }
        self.table.map_or(Ok(()), |table| table.finish(timeframe(name), self.intake))
    }

    /// The place of a column, made where it has none yet and rows still tell what there is.
    fn place(&mut self, name: &str) -> Option<usize> {
        let known = self.names.iter().position(|known| known == name);
        if known.is_none() && self.table.is_none() && self.names.len() < NAMES_MAX {
            self.names.push(name.to_owned());
            return Some(self.names.len() - 1);
        }
        known
    }

    fn stopped<E: serde::de::Error>(&mut self, error: ImportError) -> E {
        self.error = Some(error);
        E::custom("stopped")
    }
}

/// Samples of the broker's time less the collector's, where rows have both.
#[derive(Default)]
struct Clocks {
    ahead_ms: Vec<i64>,
}

impl Clocks {
    const SAMPLES_MAX: usize = 1_000;

    fn look(&mut self, fields: &Fields<'_>, names: &[String], layout: &Layout) {
        if self.ahead_ms.len() >= Self::SAMPLES_MAX {
            return;
        }
        let Some(collected) = names.iter().position(|name| name == "collected_msc") else { return };
        let number = |at: usize| std::str::from_utf8(fields.get(at)).ok()?.parse::<i64>().ok();
        if let Some((server, collected)) = number(layout.date_place()).zip(number(collected)) {
            self.ahead_ms.push(server.saturating_sub(collected));
        }
    }

    /// Clocks differ by quarters of an hour.
    fn ahead_minutes(&mut self) -> Option<i64> {
        self.ahead_ms.sort_unstable();
        let median = self.ahead_ms.get(self.ahead_ms.len() / 2)?;
        Some((*median as f64 / 900_000.0).round() as i64 * 15)
    }
}

/// One value at the top of a file: a list of rows, an object that has one, or a row.
struct Document<'r, 'a, 'b>(&'r mut Reader<'a, 'b>);

impl<'de> DeserializeSeed<'de> for Document<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows, an object with one, or a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reader = self.0;
        let (mut has_rows, mut has_values) = (false, false);
        reader.row.clear();
        while let Some(key) = map.next_key::<String>()? {
            if LISTS.contains(&key.as_str()) {
                has_rows |= map.next_value_seed(Rows(reader))?;
                continue;
            }
            if key == "columns" {
                map.next_value_seed(Names(reader))?;
                continue;
            }
            let start = reader.row.text.len();
            if !has_rows && map.next_value_seed(Value(&mut reader.row.text))? {
                has_values = true;
                if let Some(at) = reader.place(&key) {
                    reader.row.put(at, start);
                }
            } else if has_rows {
                map.next_value::<IgnoredAny>()?;
            }
        }
        match (has_rows, has_values) {
            (true, _) => Ok(()),
            (false, true) => reader.take_row().map_err(|error| reader.stopped(error)),
            (false, false) => Err(A::Error::custom(format!(
                "an object has neither values nor a list of rows ({}); in pandas, write to_json(orient='records')",
                LISTS.join(", ")
            ))),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        Rows(self.0).visit_seq(list).map(drop)
    }
}

/// A list of rows. Whether it was one.
struct Rows<'r, 'a, 'b>(&'r mut Reader<'a, 'b>);

impl<'de> DeserializeSeed<'de> for Rows<'_, '_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_, '_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        let reader = self.0;
        // What stood beside the list says nothing of its rows.
        if reader.sample.is_empty() && reader.table.is_none() && !reader.are_lists {
            reader.names = reader.options.columns.as_ref().map_or_else(Vec::new, |ColumnNames(names)| names.clone());
        }
        while let Some(()) = list.next_element_seed(OneRow(reader))? {
            reader.take_row().map_err(|error| reader.stopped(error))?;
        }
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Err(A::Error::custom("columns lie side by side; write rows, in pandas with to_json(orient='records')"))
    }
}

/// One row of a list.
struct OneRow<'r, 'a, 'b>(&'r mut Reader<'a, 'b>);

impl<'de> DeserializeSeed<'de> for OneRow<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        self.0.row.clear();
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneRow<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row, as an object or a list of values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reader = self.0;
        while let Some(place) = map.next_key_seed(Key(reader))? {
            let start = reader.row.text.len();
            map.next_value_seed(Value(&mut reader.row.text))?;
            if let Some(at) = place {
                reader.row.put(at, start);
            }
        }
        reader.row.places.resize(reader.names.len().max(reader.row.places.len()), 0..0);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let reader = self.0;
        reader.are_lists = true;
        let (mut at, mut start) = (0, 0);
        while let Some(_is_value) = list.next_element_seed(Value(&mut reader.row.text))? {
            if at < NAMES_MAX {
                reader.row.put(at, start);
            }
            (at, start) = (at + 1, reader.row.text.len());
        }
        Ok(())
    }
}

/// The name of a value, as its place.
struct Key<'r, 'a, 'b>(&'r mut Reader<'a, 'b>);

impl<'de> DeserializeSeed<'de> for Key<'_, '_, '_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_, '_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.place(name))
    }
}

/// The names of the values of rows that are lists.
struct Names<'r, 'a, 'b>(&'r mut Reader<'a, 'b>);

impl<'de> DeserializeSeed<'de> for Names<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Names<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names of columns")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut names = Vec::new();
        while let Some(name) = list.next_element::<String>()? {
            if names.len() < NAMES_MAX {
                names.push(name);
            }
        }
        if self.0.table.is_none() {
            self.0.names = names;
            self.0.are_lists = true;
        }
        Ok(())
    }
}

/// Puts a value into a row's text: a number, or a text as far as it can be of use. Whether it was one of these.
struct Value<'t>(&'t mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(true)
    }
    fn visit_i64<E>(self, number: i64) -> Result<bool, E> {
        Ok(write!(self.0, "{number}").is_ok())
    }
    fn visit_u64<E>(self, number: u64) -> Result<bool, E> {
        Ok(write!(self.0, "{number}").is_ok())
    }
    fn visit_f64<E>(self, number: f64) -> Result<bool, E> {
        Ok(write!(self.0, "{number}").is_ok())
    }
    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        let end = text.char_indices().nth(TEXT_CHARS_MAX).map_or(text.len(), |(at, _)| at);
        self.0.extend_from_slice(&text.as_bytes()[..end]);
        Ok(true)
    }
    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(true)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(false)
    }
}
