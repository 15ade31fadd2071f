//! The genetic search: generations of points, of which the better ones have more offspring.

use super::Search;
use crate::optimise::random::Random;
use crate::optimise::space::{Axis, Point, Space};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

/// Of how many points drawn at random the best becomes a parent.
const TOURNAMENT: usize = 3;
/// How often a child that has been seen before is mutated once more before it is let go.
const TRIES: usize = 16;

/// How the genetic search goes about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeneticOptions {
    /// Points in a generation.
    pub population: u32,
    /// Points that pass into the next generation as they are.
    pub elite: u32,
    /// Probability that a child takes from both parents, rather than after one.
    pub crossover: f64,
    /// Probability that one value of a child is changed; at least one value in `1 / axes` is.
    pub mutation: f64,
    /// Generations without a better point after which it ends.
    pub patience: u32,
    /// Generations in all.
    pub generations_max: u32,
    /// Passes in all.
    pub passes_max: u32,
    /// Start of its random numbers.
    pub seed: u64,
}

impl Default for GeneticOptions {
    /// A population of 64 as small ones of MT5, 6 of them elite; ends after 12 generations without progress, or after 100.
    fn default() -> Self {
        Self { population: 64, elite: 6, crossover: 0.9, mutation: 0.05, patience: 12, generations_max: 100, passes_max: 100_000, seed: 1 }
    }
}

/// The genetic search over a space.
pub struct Genetic<'a> {
    space: &'a Space,
    options: GeneticOptions,
    random: Random,
    /// What every point that was run is worth: none is run twice.
    seen: HashMap<Point, Option<f64>>,
    /// The generation at hand.
    population: Vec<Point>,
    /// Those of it that are being run.
    asked: Vec<Point>,
    generation: u32,
    best: Option<f64>,
    idle: u32,
}

impl<'a> Genetic<'a> {
    /// A search that starts with a generation drawn at random.
    pub fn new(space: &'a Space, options: GeneticOptions) -> Self {
        Self {
            space,
            options,
            random: Random::new(options.seed),
            seen: HashMap::new(),
            population: Vec::new(),
            asked: Vec::new(),
            generation: 0,
            best: None,
            idle: 0,
        }
    }

    fn is_over(&self) -> bool {
        self.idle >= self.options.patience
            || self.generation >= self.options.generations_max
            || self.seen.len() as u128 >= self.space.size()
            || self.seen.len() >= self.options.passes_max as usize
    }

    fn first_generation(&mut self) -> Vec<Point> {
        let mut drawn = HashSet::new();
        let size = self.space.size().min(u128::from(self.options.population)) as usize;
        let mut points = Vec::with_capacity(size);
        // A small space may take many draws to fill up; what is missing after these is found by mutation.
        for _ in 0..size * TRIES {
            let point = self.space.point(self.random.below_wide(self.space.size()));
            if points.len() < size && drawn.insert(point.clone()) {
                points.push(point);
            }
        }
        points
    }

    fn next_generation(&mut self) -> Vec<Point> {
        let ranked = self.ranked();
        let elite = (self.options.elite as usize).min(ranked.len());
        let mut next: Vec<Point> = ranked[..elite].to_vec();
        let mut born: HashSet<Point> = next.iter().cloned().collect();
        while next.len() < self.options.population as usize {
            let child = self.child(&ranked, &born);
            born.insert(child.clone());
            next.push(child);
        }
        next
    }

    /// The generation at hand, the best first; each point once. Equal ones in the order of their values, so that chance has
    /// no part in it.
    fn ranked(&self) -> Vec<Point> {
        let mut ranked = self.population.clone();
        ranked.sort_by(|a, b| better(self.worth(a), self.worth(b)).then_with(|| a.cmp(b)));
        ranked.dedup();
        ranked
    }

    fn worth(&self, point: &Point) -> Option<f64> {
        self.seen.get(point).copied().flatten()
    }

    fn child(&mut self, ranked: &[Point], born: &HashSet<Point>) -> Point {
        let (mother, father) = (self.parent(ranked), self.parent(ranked));
        let mut child = if self.random.chance(self.options.crossover) { self.crossed(&mother, &father) } else { mother };
        let rate = self.options.mutation.max(1.0 / self.space.axes().len().max(1) as f64);
        self.mutate(&mut child, rate);
        for _ in 0..TRIES {
            if !self.seen.contains_key(&child) && !born.contains(&child) {
                break;
            }
            self.mutate(&mut child, rate.max(0.5));
        }
        child
    }

    fn parent(&mut self, ranked: &[Point]) -> Point {
        // Ranked, so that the smallest place drawn is the best point drawn.
        let place = (0..TOURNAMENT).map(|_| self.random.below(ranked.len() as u32)).min().unwrap_or(0);
        ranked[place as usize].clone()
    }

    /// Each value from one parent or the other.
    fn crossed(&mut self, mother: &Point, father: &Point) -> Point {
        mother.iter().zip(father.iter()).map(|(&mother, &father)| if self.random.chance(0.5) { mother } else { father }).collect()
    }

    fn mutate(&mut self, child: &mut Point, rate: f64) {
        let space = self.space;
        for (axis, value) in space.axes().iter().zip(child.iter_mut()) {
            if self.random.chance(rate) {
                *value = self.mutated(axis, *value);
            }
        }
    }

    /// Half of the time a neighbour, to climb with; else any value, to get away.
    fn mutated(&mut self, axis: &Axis, value: u32) -> u32 {
        let last = axis.len() - 1;
        if self.random.chance(0.5) {
            return self.random.below(axis.len());
        }
        let reach = (axis.len() / 20).max(1);
        let distance = self.random.below(reach) + 1;
        let up = self.random.chance(0.5);
        if up { value.saturating_add(distance).min(last) } else { value.saturating_sub(distance) }
    }
}

impl Search for Genetic<'_> {
    fn propose(&mut self) -> Vec<Point> {
        while !self.is_over() {
            self.population = if self.generation == 0 { self.first_generation() } else { self.next_generation() };
            self.generation += 1;
            let room = self.options.passes_max as usize - self.seen.len();
            let mut fresh = HashSet::new();
            let unseen = self.population.iter().filter(|point| !self.seen.contains_key(*point) && fresh.insert((*point).clone()));
            self.asked = unseen.take(room).cloned().collect();
            if !self.asked.is_empty() {
                return self.asked.clone();
            }
            // A generation of points that are known is one without progress.
            self.idle += 1;
        }
        Vec::new()
    }

    fn learn(&mut self, results: &[Option<f64>]) {
        let before = self.best;
        for (point, &result) in std::mem::take(&mut self.asked).into_iter().zip(results) {
            self.seen.insert(point, result);
            if better(result, self.best) == Ordering::Less {
                self.best = result;
            }
        }
        self.idle = if self.best == before { self.idle + 1 } else { 0 };
    }

    fn expected(&self) -> u64 {
        let all = u64::from(self.options.population) * u64::from(self.options.generations_max);
        all.min(u64::from(self.options.passes_max)).min(u64::try_from(self.space.size()).unwrap_or(u64::MAX))
    }
}

/// The larger result first, none last.
pub(in crate::optimise) fn better(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}
