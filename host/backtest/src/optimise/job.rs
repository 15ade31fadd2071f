//! Runs the passes that a search proposes, on all threads, and tells it what they are worth.

use super::criterion::Criterion;
use super::pass::{Figures, Outcome, Pass, PassFault};
use super::search::Search;
use super::space::{Point, Space};
use domain::contract::Param;
use domain::guest::FaultKind;
use rayon::prelude::*;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

/// Passes that are done and not yet written down, at most: then the threads wait.
const WAITING_MAX: usize = 1_024;

/// Why a pass gave no figures.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// The strategy failed or refused: the pass is listed with it, the others go on.
    Fault(PassFault),
    /// It was asked to stop, and counts as if it had not begun.
    Stopped,
    /// Nothing to do with the strategy: every other pass would fail as well.
    Host(String),
}

/// Runs one pass. Called from many threads at once.
pub type Trial<'a> = dyn Fn(&[Param]) -> Result<Figures, Trouble> + Sync + 'a;

/// Why an optimisation did not get through.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// What no pass can do without failed.
    #[error("{0}")]
    Host(String),
    /// What is done can't be written down.
    #[error("what is done can't be written down: {0}")]
    Record(#[from] std::io::Error),
    /// There are no threads to run on.
    #[error("no threads to run passes on: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// What is the same for all passes.
pub struct Job<'a> {
    /// What they differ in.
    pub space: &'a Space,
    /// What makes one better.
    pub criterion: Criterion,
    /// Trades below which a pass is worth nothing.
    pub trades_min: u32,
    /// The threads.
    pub pool: &'a rayon::ThreadPool,
    /// Set to end the job early: what is done stays.
    pub stop: &'a AtomicBool,
}

/// What a job found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The passes that ended, in the order of their numbers.
    pub passes: Vec<Pass>,
    /// Whether it was stopped before all had.
    pub is_stopped: bool,
}

/// Threads to run passes on.
///
/// # Errors
/// The system gives no threads.
pub fn threads(count: usize) -> Result<rayon::ThreadPool, JobError> {
    Ok(rayon::ThreadPoolBuilder::new().num_threads(count).thread_name(|at| format!("pass-{at}")).build()?)
}

impl Job<'_> {
    /// Runs what `search` proposes. Passes in `known` are not run again. `done` hears of every pass as it ends, in no
    /// particular order; the known ones are not told.
    ///
    /// # Errors
    /// The host can't go on, or `done` can't.
    pub fn run(
        &self,
        search: &mut dyn Search,
        known: &HashMap<Point, Outcome>,
        trial: &Trial<'_>,
        mut done: impl FnMut(&Pass) -> std::io::Result<()>,
    ) -> Result<Found, JobError> {
        let mut found = Found::default();
        let mut number = 0;
        loop {
            let points = search.propose();
            if points.is_empty() {
                return Ok(found);
            }
            let first = number;
            number += points.len() as u32;
            let mut batch = self.batch(points, first, known, trial, &mut done)?;
            let is_whole = batch.len() == (number - first) as usize;
            batch.sort_by_key(|pass| pass.number);
            if is_whole {
                let results: Vec<_> = batch.iter().map(|pass| self.result(pass)).collect();
                search.learn(&results);
            }
            found.passes.append(&mut batch);
            if !is_whole || self.stop.load(Ordering::Relaxed) {
                found.is_stopped = true;
                return Ok(found);
            }
        }
    }

    /// What a pass is worth.
    pub fn result(&self, pass: &Pass) -> Option<f64> {
        pass.figures().and_then(|figures| self.criterion.of(figures, self.trades_min))
    }

    /// Runs one proposal. What was stopped is not in the answer.
    fn batch(
        &self,
        points: Vec<Point>,
        first: u32,
        known: &HashMap<Point, Outcome>,
        trial: &Trial<'_>,
        done: &mut impl FnMut(&Pass) -> std::io::Result<()>,
    ) -> Result<Vec<Pass>, JobError> {
        let all = (first..).zip(points);
        let (old, new): (Vec<_>, Vec<_>) = all.partition(|(_, point)| known.contains_key(point));
        let old = old.into_iter().map(|(number, point)| Pass { outcome: known[&point].clone(), number, point });
        let mut passes: Vec<Pass> = old.collect();
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let give_up = AtomicBool::new(false);
        let ends = || give_up.load(Ordering::Relaxed) || self.stop.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Moved in, so that the channel closes when the last pass has ended.
                let sender = sender;
                self.pool.install(|| {
                    new.into_par_iter().with_max_len(1).for_each_with(sender, |sender, (number, point)| {
                        if !ends() {
                            let ended = attempt(trial, &self.space.params(&point));
                            // Fails only when the other side has given up.
                            _ = sender.send((number, point, ended));
                        }
                    });
                });
            });
            for (number, point, ended) in receiver {
                let outcome = match ended {
                    Ok(figures) => Outcome::Figures(figures),
                    Err(Trouble::Fault(fault)) => Outcome::Fault(fault),
                    Err(Trouble::Stopped) => continue,
                    Err(Trouble::Host(why)) => {
                        give_up.store(true, Ordering::Relaxed);
                        return Err(JobError::Host(why));
                    }
                };
                let pass = Pass { number, point, outcome };
                done(&pass).inspect_err(|_| give_up.store(true, Ordering::Relaxed))?;
                passes.push(pass);
            }
            Ok(passes)
        })
    }
}

/// A panic of the host's own code is a fault of this pass, told as such: the thousand others go on.
fn attempt(trial: &Trial<'_>, params: &[Param]) -> Result<Figures, Trouble> {
    catch_unwind(AssertUnwindSafe(|| trial(params))).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
        let message = format!("the host failed: {}", words.as_deref().unwrap_or("it did not say why"));
        Err(Trouble::Fault(PassFault::new(FaultKind::Trapped, &message)))
    })
}
