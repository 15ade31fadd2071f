//! What an optimisation found, in the form in which it is told: as JSON, as text, as a page.

use super::campaign::{Findings, Method, ranked};
use super::criterion::Criterion;
use super::map::{Map, maps};
use super::monte_carlo::MonteCarlo;
use super::pass::{Figures, Pass};
use super::space::Space;
use super::windows::Window;
use serde::Serialize;
use std::collections::BTreeMap;

/// Passes told of each window; all of them are in `passes.csv`.
const TOLD_MAX: usize = 1_000;
/// Faults told, most frequent first.
const FAULTS_TOLD_MAX: usize = 20;

/// What an optimisation found.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// What was maximised.
    pub criterion: Criterion,
    /// Trades below which a pass is worth nothing.
    pub trades_min: u32,
    /// The search, in words.
    pub method: String,
    /// What all passes have in common: ticks, broker, account. Names with their values; whoever sets them says them.
    pub settings: Vec<(String, String)>,
    /// What makes the results worth less than they look, a sentence each; whoever sets them says them.
    pub beware: Vec<String>,
    /// What passes differ in.
    pub axes: Vec<AxisTold>,
    /// Whether it was stopped before the end.
    pub interrupted: bool,
    /// Whether the best pass of each window was run again with other batches and decided the same; see
    /// [`Runner::reads_ahead`](super::Runner::reads_ahead).
    pub confirmed: bool,
    /// Passes that ended, over all windows, tests included.
    pub passes: u64,
    /// Those of them that failed.
    pub faulted: u64,
    /// How they failed.
    pub faults: Vec<FaultTold>,
    /// Window by window.
    pub windows: Vec<WindowTold>,
    /// Results by pairs of parameters, for the page.
    #[serde(skip)]
    pub maps: Vec<Map>,
    /// All tests together, where there were windows that walk.
    pub walk: Option<WalkTold>,
    /// The trades reshuffled and resampled: of the best pass, or of all tests together.
    pub monte_carlo: Option<MonteCarlo>,
}

/// An axis.
#[derive(Clone, Debug, Serialize)]
pub struct AxisTold {
    /// The parameter.
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
}

/// A fault with how often it happened.
#[derive(Clone, Debug, Serialize)]
pub struct FaultTold {
    /// What and why.
    pub fault: String,
    /// How often.
    pub passes: u64,
    /// The parameters of the first of them.
    pub first: BTreeMap<String, String>,
}

/// A window with its best passes.
#[derive(Clone, Debug, Serialize)]
pub struct WindowTold {
    /// Which time.
    #[serde(flatten)]
    pub window: Window,
    /// Passes in sample.
    pub passes: u64,
    /// The best of them, best first, with their tests.
    pub best: Vec<PassTold>,
    /// How alike the order of the passes is in sample and out of it, from -1 to 1; `None` with fewer than 3 tests.
    pub rank_correlation: Option<f64>,
}

/// A pass.
#[derive(Clone, Debug, Serialize)]
pub struct PassTold {
    /// Its number.
    pub pass: u32,
    /// What it is worth.
    pub result: f64,
    /// The values of the axes.
    pub params: Vec<String>,
    /// In sample.
    pub figures: Figures,
    /// What it is worth out of sample, where it was tested and is worth anything.
    pub tested_result: Option<f64>,
    /// Out of sample.
    pub tested: Option<Figures>,
}

/// All tests of a walk together: what a trader would have earned who optimised and went on with the best, each time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WalkTold {
    /// Windows that were tested.
    pub windows: u32,
    /// Those whose test earned money.
    pub profitable: u32,
    /// Net profit in sample, of the best of each window.
    pub profit_optimised: f64,
    /// Net profit out of sample.
    pub profit_tested: f64,
    /// Trades out of sample.
    pub trades_tested: u64,
    /// The largest equity drawdown of a test, percent.
    pub drawdown_percent_max: f64,
    /// Net profit a day out of sample over that in sample; `None` when there was none in sample.
    pub efficiency: Option<f64>,
}

impl Summary {
    /// The summary of `findings`.
    pub fn new(findings: &Findings, space: &Space, method: Method, criterion: Criterion, trades_min: u32) -> Self {
        let axes = space.axes().iter().map(|axis| AxisTold {
            name: axis.name().to_owned(),
            values: (0..axis.len().min(TOLD_MAX as u32)).map(|at| axis.text(at)).collect(),
        });
        let windows: Vec<WindowTold> = findings
            .windows
            .iter()
            .map(|one| {
                let tested: BTreeMap<u32, &Pass> = one.tested.iter().map(|pass| (pass.number, pass)).collect();
                let ranked = ranked(&one.passes, criterion, trades_min);
                let told = |&(result, pass): &(f64, &Pass)| {
                    let test = tested.get(&pass.number).and_then(|test| test.figures());
                    PassTold {
                        pass: pass.number,
                        result,
                        params: space.texts(&pass.point),
                        figures: pass.figures().cloned().unwrap_or_default(),
                        tested_result: test.and_then(|figures| criterion.of(figures, trades_min)),
                        tested: test.cloned(),
                    }
                };
                let best: Vec<PassTold> = ranked.iter().take(TOLD_MAX).map(told).collect();
                let pairs: Vec<(f64, f64)> = best.iter().filter_map(|pass| Some((pass.result, pass.tested_result?))).collect();
                let rank_correlation = rank_correlation(&pairs);
                WindowTold { window: one.window, passes: one.passes.len() as u64, best, rank_correlation }
            })
            .collect();
        Self {
            criterion,
            trades_min,
            method: method_told(method),
            settings: Vec::new(),
            beware: Vec::new(),
            axes: axes.collect(),
            interrupted: findings.is_stopped,
            confirmed: false,
            passes: findings.passes().count() as u64,
            faulted: findings.faults() as u64,
            faults: faults(findings, space),
            maps: maps(findings, space, criterion, trades_min),
            walk: (windows.len() > 1).then(|| walk(&windows)),
            windows,
            monte_carlo: None,
        }
    }

    /// The best pass; of a walk, the best of its last window: what one would go on with.
    pub fn best(&self) -> Option<&PassTold> {
        self.windows.last().and_then(|window| window.best.first())
    }
}

fn method_told(method: Method) -> String {
    match method {
        Method::Complete => "complete".to_owned(),
        Method::Random { passes, seed } => format!("random, {passes} passes, seed {seed}"),
        Method::Genetic(options) => format!("genetic, population {}, seed {}", options.population, options.seed),
    }
}

fn faults(findings: &Findings, space: &Space) -> Vec<FaultTold> {
    let mut told: BTreeMap<String, FaultTold> = BTreeMap::new();
    for (_, _, pass) in findings.passes() {
        let Some(fault) = pass.fault() else { continue };
        // The same failure at another time is the same failure.
        let message = fault.message.strip_prefix("at ").and_then(|rest| rest.split_once(": ")).map_or(&*fault.message, |(_, rest)| rest);
        // Lines after the first are frames of its stack, and those of another pass may be others.
        let fault = format!("{}: {}", fault.kind, message.lines().next().unwrap_or_default());
        let first = || space.axes().iter().map(|axis| axis.name().to_owned()).zip(space.texts(&pass.point)).collect();
        told.entry(fault.clone()).or_insert_with(|| FaultTold { fault, passes: 0, first: first() }).passes += 1;
    }
    let mut told: Vec<FaultTold> = told.into_values().collect();
    told.sort_by_key(|fault| std::cmp::Reverse(fault.passes));
    told.truncate(FAULTS_TOLD_MAX);
    told
}

fn walk(windows: &[WindowTold]) -> WalkTold {
    let mut walk = WalkTold::default();
    let (mut days_optimised, mut days_tested) = (0, 0);
    for one in windows {
        let Some((best, tested)) = one.best.first().and_then(|best| Some((best, best.tested.as_ref()?))) else { continue };
        walk.windows += 1;
        walk.profitable += u32::from(tested.profit > 0.0);
        walk.profit_optimised += best.figures.profit;
        walk.profit_tested += tested.profit;
        walk.trades_tested += u64::from(tested.trades);
        walk.drawdown_percent_max = walk.drawdown_percent_max.max(tested.drawdown_percent);
        days_optimised += one.window.optimised.days();
        days_tested += one.window.tested.map_or(0, |span| span.days());
    }
    let a_day = |profit: f64, days: i64| profit / days.max(1) as f64;
    let in_sample = a_day(walk.profit_optimised, days_optimised);
    walk.efficiency = (in_sample > 0.0).then(|| a_day(walk.profit_tested, days_tested) / in_sample);
    walk
}

/// Spearman's: the correlation of places, equal values sharing theirs.
fn rank_correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let (a, b) = (places(pairs.iter().map(|pair| pair.0)), places(pairs.iter().map(|pair| pair.1)));
    let mean = (pairs.len() as f64 - 1.0) / 2.0;
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.into_iter().zip(b) {
        (ab, aa, bb) = (ab + (a - mean) * (b - mean), aa + (a - mean).powi(2), bb + (b - mean).powi(2));
    }
    (aa > 0.0 && bb > 0.0).then(|| ab / (aa * bb).sqrt())
}

fn places(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let values: Vec<f64> = values.collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut places = vec![0.0; values.len()];
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]).scan(0, |first, equal| {
        let place = *first as f64 + (equal.len() as f64 - 1.0) / 2.0;
        *first += equal.len();
        Some((place, equal))
    }) {
        equal.1.iter().for_each(|&at| places[at] = equal.0);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_that_agree_correlate_and_orders_that_do_not_do_not() {
        let check = |pairs: &[(f64, f64)], expected: Option<f64>| match (rank_correlation(pairs), expected) {
            (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-12, "{found}"),
            (found, expected) => assert_eq!(found, expected),
        };
        check(&[(1.0, 10.0), (2.0, 1e6), (3.0, 1e7)], Some(1.0));
        check(&[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)], Some(-1.0));
        check(&[(1.0, 1.0), (1.0, 2.0), (2.0, 3.0), (2.0, 4.0)], Some(4.0 / 20.0_f64.sqrt()));
        check(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)], None);
        check(&[(1.0, 1.0), (2.0, 2.0)], None);
    }
}
