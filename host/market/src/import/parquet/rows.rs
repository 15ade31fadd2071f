//! Tables that are no quotes with a bid and an ask: bars, trades. What their columns hold is told as it is of text.

use super::{Numbers, Times};
use crate::import::error::ImportError;
use crate::import::intake::Intake;
use crate::import::table::names::Column;
use crate::import::table::{Dialect, Fields, Layout, Sample, Table, direction};
use crate::import::timestamp::Stamp;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use domain::time::Time;
use std::ops::Range;

/// Rows whose looks tell what columns hold.
const SAMPLE_ROWS: usize = 200;

/// Takes batches of rows.
pub(super) struct Rows {
    names: Vec<String>,
    table: Option<Table>,
    row: u64,
    text: Vec<u8>,
    places: Vec<Range<usize>>,
}

/// Columns whose names mean something, by place.
pub(super) fn wanted(names: &[String]) -> Vec<usize> {
    (0..names.len()).filter(|at| Column::of(&names[*at]) != Column::Other).collect()
}

impl Rows {
    /// Of columns with these names.
    pub fn new(names: Vec<String>) -> Self {
        Self { names, table: None, row: 0, text: Vec::new(), places: Vec::new() }
    }

    pub fn take(&mut self, batch: &RecordBatch, intake: &mut Intake<'_>) -> Result<(), ImportError> {
        let cells: Vec<Cells<'_>> = batch.columns().iter().map(Cells::of).collect();
        if self.table.is_none() {
            self.table = Some(self.table_of(&cells, batch.num_rows(), intake)?);
        }
        let table = self.table.as_mut().expect("it was made with the first batch");
        for row in 0..batch.num_rows() {
            self.row += 1;
            write(&cells, row, &mut self.text, &mut self.places);
            table.row(self.row, &Fields { text: &self.text, places: &self.places }, intake)?;
        }
        Ok(())
    }

    /// What the columns hold, told from the first rows.
    fn table_of(&self, cells: &[Cells<'_>], rows: usize, intake: &mut Intake<'_>) -> Result<Table, ImportError> {
        let written: Vec<_> = (0..rows.min(SAMPLE_ROWS)).map(|row| written(cells, row)).collect();
        let rows = written.iter().map(|(text, places)| places.iter().map(|place| &text[place.clone()]).collect()).collect();
        let sample = Sample { dialect: Dialect::POINT, names: Some(self.names.clone()), rows };
        let layout = Layout::of(&sample, None).map_err(|why| intake.wrong(why))?;
        let time = |(text, places): &(Vec<u8>, Vec<Range<usize>>)| {
            layout.stamp(&Fields { text, places }).map(|(Stamp::Utc(us) | Stamp::Local(us))| us)
        };
        intake.set_direction(direction(&written.iter().filter_map(time).collect::<Vec<_>>()));
        Ok(Table::new(layout, Dialect::POINT, false, intake))
    }

    pub fn finish(self, intake: &mut Intake<'_>) -> Result<(), ImportError> {
        self.table.map_or(Ok(()), |table| table.finish(None, intake))
    }
}

/// A column whose values can be written as text files write them.
enum Cells<'a> {
    Times(Times<'a>),
    Numbers(Numbers<'a>),
    Texts(&'a ArrayRef),
    Other,
}

impl<'a> Cells<'a> {
    fn of(array: &'a ArrayRef) -> Self {
        match array.data_type() {
            DataType::Timestamp(..) | DataType::Date32 => Times::of(array).map_or(Self::Other, Self::Times),
            DataType::Utf8 => Self::Texts(array),
            _ => Numbers::of(array).map_or(Self::Other, Self::Numbers),
        }
    }

    /// Nothing where there is no value.
    fn write(&self, row: usize, text: &mut Vec<u8>) {
        match self {
            Self::Times(times) => match times.at(row) {
                Some(Stamp::Utc(us)) => text.extend_from_slice(Time(us).to_string().as_bytes()),
                Some(Stamp::Local(us)) => text.extend_from_slice(Time(us).to_string().trim_end_matches('Z').as_bytes()),
                None => {}
            },
            Self::Numbers(numbers) => {
                if let Some(number) = numbers.at(row) {
                    text.extend_from_slice(number.value.to_string().as_bytes());
                }
            }
            Self::Texts(array) if !array.is_null(row) => text.extend_from_slice(array.as_string::<i32>().value(row).as_bytes()),
            Self::Texts(_) | Self::Other => {}
        }
    }
}

fn write(cells: &[Cells<'_>], row: usize, text: &mut Vec<u8>, places: &mut Vec<Range<usize>>) {
    text.clear();
    places.clear();
    for cell in cells {
        let start = text.len();
        cell.write(row, text);
        places.push(start..text.len());
    }
}

fn written(cells: &[Cells<'_>], row: usize) -> (Vec<u8>, Vec<Range<usize>>) {
    let (mut text, mut places) = (Vec::new(), Vec::new());
    write(cells, row, &mut text, &mut places);
    (text, places)
}
