//! A whole optimisation: window by window a search, then the best of it on the time kept for testing.

use super::criterion::Criterion;
use super::job::{Job, JobError, Trouble};
use super::pass::{Figures, Outcome, Pass};
use super::record::{Known, Part};
use super::search::{Chosen, Complete, Genetic, GeneticOptions, Search, better};
use super::space::{Point, Space};
use super::windows::{Span, Window};
use domain::contract::Param;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

/// How points are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// All of them.
    Complete,
    /// So many of them, drawn with the seed.
    Random {
        /// How many.
        passes: u32,
        /// Start of the random numbers.
        seed: u64,
    },
    /// Those that a genetic search thinks of.
    Genetic(GeneticOptions),
}

impl Method {
    /// Proposes points of `space`.
    pub fn search(self, space: &Space) -> Box<dyn Search + '_> {
        match self {
            Self::Complete => Box::new(Complete::new(space)),
            Self::Random { passes, seed } => Box::new(Chosen::random(space, passes, seed)),
            Self::Genetic(options) => Box::new(Genetic::new(space, options)),
        }
    }
}

/// How many of a window's passes are tested on the time after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tested {
    /// The best one: what a trader would have gone on with.
    Best,
    /// This share of those that are worth anything, the best first; at least one.
    Share(f64),
}

/// What is optimised, and how.
pub struct Campaign<'a> {
    /// What passes differ in.
    pub space: &'a Space,
    /// The time.
    pub windows: &'a [Window],
    /// How points are found.
    pub method: Method,
    /// What makes one better.
    pub criterion: Criterion,
    /// Trades below which a pass is worth nothing.
    pub trades_min: u32,
    /// How many are tested.
    pub tested: Tested,
    /// Passes at most, over all windows.
    pub passes_max: u32,
    /// The threads.
    pub pool: &'a rayon::ThreadPool,
    /// Set to end early.
    pub stop: &'a AtomicBool,
}

/// What one window gave.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WindowFound {
    /// Which.
    pub window: Window,
    /// Its passes, in the order of their numbers.
    #[serde(skip)]
    pub passes: Vec<Pass>,
    /// The best of them on the time after it, the best in sample first, under the same numbers.
    #[serde(skip)]
    pub tested: Vec<Pass>,
}

/// What a campaign gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// Window by window; the last may be unfinished.
    pub windows: Vec<WindowFound>,
    /// Whether it was stopped before the end.
    pub is_stopped: bool,
}

/// Runs one pass on some days. Called from many threads at once.
pub type SpanTrial<'a> = dyn Fn(&[Param], Span) -> Result<Figures, Trouble> + Sync + 'a;

impl Campaign<'_> {
    /// How many passes it will run, as far as known.
    ///
    /// # Errors
    /// More than it may; the message has the ways out.
    pub fn expected(&self) -> Result<u64, String> {
        let in_window = match self.method {
            Method::Complete => self.space.size(),
            method => u128::from(method.search(self.space).expected()),
        };
        let all = in_window.saturating_mul(self.windows.len() as u128);
        if all <= u128::from(self.passes_max) {
            return Ok(all as u64);
        }
        let windows =
            if self.windows.len() > 1 { format!(" ({in_window} in each of {} windows)", self.windows.len()) } else { String::new() };
        let max = self.passes_max;
        Err(format!(
            "that is {all} passes{windows}, more than {max}; take larger steps or shorter ranges, search by --method genetic or random \
             with fewer --passes, or raise --passes-max"
        ))
    }

    /// Runs all windows. Passes in `known` are not run again; `done` hears of every other pass as it ends.
    ///
    /// # Errors
    /// The host can't go on, or `done` can't.
    pub fn run(
        &self,
        known: &Known,
        trial: &SpanTrial<'_>,
        mut done: impl FnMut(u32, Part, &Pass) -> std::io::Result<()>,
    ) -> Result<Findings, JobError> {
        let Self { space, criterion, trades_min, pool, stop, .. } = *self;
        let job = Job { space, criterion, trades_min, pool, stop };
        let none = HashMap::new();
        let mut findings = Findings::default();
        for (at, window) in (0..).zip(self.windows) {
            let of = |part| known.get(&(at, part)).unwrap_or(&none);
            let in_sample = |params: &[Param]| trial(params, window.optimised);
            let mut search = self.method.search(space);
            let found = job.run(&mut *search, of(Part::Optimised), &in_sample, |pass| done(at, Part::Optimised, pass))?;
            let mut one = WindowFound { window: *window, passes: found.passes, tested: Vec::new() };
            findings.is_stopped = found.is_stopped;
            if let Some(span) = window.tested.filter(|_| !found.is_stopped) {
                let chosen = self.chosen(&one.passes);
                let numbers: Vec<u32> = chosen.iter().map(|(number, _)| *number).collect();
                let named = |pass: &Pass| Pass { number: numbers[pass.number as usize], ..pass.clone() };
                let mut search = Chosen::new(chosen.into_iter().map(|(_, point)| point).collect());
                let out_of_sample = |params: &[Param]| trial(params, span);
                let found = job.run(&mut search, of(Part::Tested), &out_of_sample, |pass| done(at, Part::Tested, &named(pass)))?;
                one.tested = found.passes.iter().map(named).collect();
                findings.is_stopped = found.is_stopped;
            }
            findings.windows.push(one);
            if findings.is_stopped {
                break;
            }
        }
        Ok(findings)
    }

    /// The passes to test, the best first.
    fn chosen(&self, passes: &[Pass]) -> Vec<(u32, Point)> {
        let ranked = ranked(passes, self.criterion, self.trades_min);
        let count = match self.tested {
            Tested::Best => 1,
            Tested::Share(share) => ((ranked.len() as f64 * share).ceil() as usize).max(1),
        };
        ranked.into_iter().take(count).map(|(_, pass)| (pass.number, pass.point.clone())).collect()
    }
}

/// The passes that are worth anything, the best first; of equal ones the first.
pub fn ranked(passes: &[Pass], criterion: Criterion, trades_min: u32) -> Vec<(f64, &Pass)> {
    let worth = |pass: &'_ Pass| pass.figures().and_then(|figures| criterion.of(figures, trades_min));
    let mut ranked: Vec<(f64, &Pass)> = passes.iter().filter_map(|pass| Some((worth(pass)?, pass))).collect();
    ranked.sort_by(|a, b| better(Some(a.0), Some(b.0)).then(a.1.number.cmp(&b.1.number)));
    ranked
}

impl Findings {
    /// Every pass with its window and part, in order.
    pub fn passes(&self) -> impl Iterator<Item = (u32, Part, &Pass)> {
        (0..).zip(&self.windows).flat_map(|(at, one)| {
            let optimised = one.passes.iter().map(move |pass| (at, Part::Optimised, pass));
            optimised.chain(one.tested.iter().map(move |pass| (at, Part::Tested, pass)))
        })
    }

    /// How many passes ended in a fault.
    pub fn faults(&self) -> usize {
        self.passes().filter(|(_, _, pass)| matches!(pass.outcome, Outcome::Fault(_))).count()
    }
}
