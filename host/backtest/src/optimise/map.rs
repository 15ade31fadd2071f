//! Results over two parameters at a time: what a heat map shows.

use super::campaign::{Findings, ranked};
use super::criterion::Criterion;
use super::space::Space;
use serde::Serialize;
use std::collections::HashMap;

/// Pairs of parameters that are shown: those of the first six.
const AXES_MAX: usize = 6;
/// Cells in a row: values that are closer together share one.
const CELLS_MAX: u32 = 160;

/// The best result of each pair of values, whatever the other parameters; over several windows the mean of their bests.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Map {
    /// The parameter across.
    pub x: String,
    /// The one upwards, or none where only one varies.
    pub y: Option<String>,
    /// Its cells' values, as text.
    pub xs: Vec<String>,
    /// Its cells' values, as text.
    pub ys: Vec<String>,
    /// Row by row from the first value upwards, `None` where no pass is worth anything.
    pub cells: Vec<Option<f64>>,
}

/// A map for each pair of the first parameters, or one of a single row.
pub fn maps(findings: &Findings, space: &Space, criterion: Criterion, trades_min: u32) -> Vec<Map> {
    let axes = space.axes().len().min(AXES_MAX);
    if axes == 1 {
        return vec![map(findings, space, criterion, trades_min, 0, None)];
    }
    let pairs = (0..axes).flat_map(|x| (x + 1..axes).map(move |y| (x, y)));
    pairs.map(|(x, y)| map(findings, space, criterion, trades_min, x, Some(y))).collect()
}

fn map(findings: &Findings, space: &Space, criterion: Criterion, trades_min: u32, x: usize, y: Option<usize>) -> Map {
    let (width, height) = (cells(space, x), y.map_or(1, |y| cells(space, y)));
    let cell = |axis: usize, value: u32| (u64::from(value) * u64::from(cells(space, axis)) / u64::from(space.axes()[axis].len())) as u32;
    let mut sums: HashMap<(u32, u32), (f64, u32)> = HashMap::new();
    for one in &findings.windows {
        let mut best: HashMap<(u32, u32), f64> = HashMap::new();
        // Best first: the first of a cell is its best.
        for (result, pass) in ranked(&one.passes, criterion, trades_min) {
            let at = (cell(x, pass.point[x]), y.map_or(0, |y| cell(y, pass.point[y])));
            best.entry(at).or_insert(result);
        }
        for (at, result) in best {
            let sum = sums.entry(at).or_default();
            *sum = (sum.0 + result, sum.1 + 1);
        }
    }
    let mean = |column, row| sums.get(&(column, row)).map(|(sum, count)| sum / f64::from(*count));
    Map {
        x: space.axes()[x].name().to_owned(),
        y: y.map(|y| space.axes()[y].name().to_owned()),
        xs: texts(space, x),
        ys: y.map_or(vec![String::new()], |y| texts(space, y)),
        cells: (0..height).flat_map(|row| (0..width).map(move |column| (column, row))).map(|(column, row)| mean(column, row)).collect(),
    }
}

fn cells(space: &Space, axis: usize) -> u32 {
    space.axes()[axis].len().min(CELLS_MAX)
}

/// The first value of each cell.
fn texts(space: &Space, at: usize) -> Vec<String> {
    let axis = &space.axes()[at];
    let (len, cells) = (u64::from(axis.len()), u64::from(cells(space, at)));
    (0..cells).map(|cell| axis.text((cell * len).div_ceil(cells) as u32)).collect()
}
