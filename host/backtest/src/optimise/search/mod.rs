//! Which points are run, and in which order.
//!
//! A search proposes a batch of points, is told what they are worth, and proposes the next. What it proposes follows from its
//! seed and from what it was told, never from who was finished first: the same passes whatever the number of threads, and the
//! same again when an interrupted optimisation goes on.

mod genetic;

pub(super) use genetic::better;
pub use genetic::{Genetic, GeneticOptions};

use super::random::Random;
use super::space::{Point, Space};
use std::collections::HashSet;

/// Points of a complete search that are handed out at once: so many that waiting for the last of them costs nothing, so few
/// that they take no memory.
const BATCH: u128 = 4_096;

/// Proposes points.
pub trait Search {
    /// The next points, never twice the same; none when the search is over.
    fn propose(&mut self) -> Vec<Point>;
    /// What the points of the last proposal are worth, in their order; `None` for one that is worth nothing.
    fn learn(&mut self, results: &[Option<f64>]);
    /// How many points it will propose in all, as far as known.
    fn expected(&self) -> u64;
}

/// Every point of the space.
pub struct Complete<'a> {
    space: &'a Space,
    next: u128,
}

impl<'a> Complete<'a> {
    /// All of `space`.
    pub fn new(space: &'a Space) -> Self {
        Self { space, next: 0 }
    }
}

impl Search for Complete<'_> {
    fn propose(&mut self) -> Vec<Point> {
        let end = self.space.size().min(self.next + BATCH);
        let points = (self.next..end).map(|number| self.space.point(number)).collect();
        self.next = end;
        points
    }

    fn learn(&mut self, _results: &[Option<f64>]) {}

    fn expected(&self) -> u64 {
        u64::try_from(self.space.size()).unwrap_or(u64::MAX)
    }
}

/// Points that were chosen before.
pub struct Chosen {
    points: std::vec::IntoIter<Point>,
    count: usize,
}

impl Chosen {
    /// These points, in this order.
    pub fn new(points: Vec<Point>) -> Self {
        Self { count: points.len(), points: points.into_iter() }
    }

    /// `passes` different points of `space`, drawn evenly; all of them where there are no more.
    pub fn random(space: &Space, passes: u32, seed: u64) -> Self {
        let (size, passes) = (space.size(), u128::from(passes));
        if passes >= size {
            return Self::new((0..size).map(|number| space.point(number)).collect());
        }
        // Floyd's way: as many draws as points, each point as likely as any other, whatever the size.
        let mut random = Random::new(seed);
        let mut drawn = HashSet::new();
        let mut points = Vec::new();
        for last in size - passes..size {
            let number = random.below_wide(last + 1);
            let number = if drawn.insert(number) { number } else { last };
            drawn.insert(number);
            points.push(space.point(number));
        }
        Self::new(points)
    }
}

impl Search for Chosen {
    fn propose(&mut self) -> Vec<Point> {
        self.points.by_ref().take(BATCH as usize).collect()
    }

    fn learn(&mut self, _results: &[Option<f64>]) {}

    fn expected(&self) -> u64 {
        self.count as u64
    }
}
