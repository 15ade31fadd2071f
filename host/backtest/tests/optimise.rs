//! Optimisations of a known surface: the same passes whatever the number of threads and however often they were interrupted,
//! the best found, every fault listed.

use domain::contract::{Param, ParamSpec, ParamValue};
use domain::guest::FaultKind;
use proptest::prelude::*;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use stockade_backtest::optimise::windows::{Span, Walk, Window, walk};
use stockade_backtest::optimise::{
    Campaign, Criterion, Figures, Findings, GeneticOptions, Given, Known, Method, PassFault, Record, Space, SpanTrial, Tested, Trouble,
    assignment, ranked, threads,
};

fn specs() -> Vec<ParamSpec> {
    let spec = |name: &str, default, min, max, step| ParamSpec {
        name: name.into(),
        help: String::new(),
        default,
        min: Some(min),
        max: Some(max),
        step,
        choices: vec!["slow".into(), "fast".into()],
    };
    vec![
        spec("period", ParamValue::Integer(10), 1.0, 500.0, Some(1.0)),
        spec("alpha", ParamValue::Number(0.1), 0.0, 10.0, None),
        spec("mode", ParamValue::Choice(0), 0.0, 1.0, None),
        spec("active", ParamValue::Flag(true), 0.0, 1.0, None),
    ]
}

fn space(given: &[&str]) -> Result<Space, String> {
    let given: Result<Vec<(String, Given)>, String> = given.iter().map(|given| assignment(given)).collect();
    Space::new(&specs(), &given?)
}

fn value(params: &[Param], name: &str) -> f64 {
    match params.iter().find(|param| param.name == name).map(|param| &param.value) {
        Some(ParamValue::Integer(number)) => *number as f64,
        Some(ParamValue::Number(number)) => *number,
        Some(ParamValue::Choice(at)) => f64::from(*at),
        other => panic!("{name}: {other:?}"),
    }
}

/// Highest at period 137 and alpha 3.3, later in the year by a day's number; periods that divide by 50 fault.
fn surface(params: &[Param], span: Span) -> Result<Figures, Trouble> {
    let (period, alpha) = (value(params, "period"), value(params, "alpha"));
    if period % 50.0 == 0.0 {
        return Err(Trouble::Fault(PassFault::new(FaultKind::Refused, "period divides\nby 50")));
    }
    let moved = (span.first.0 % 10) as f64;
    let height = 1_000.0 - (period - 137.0 - moved).abs() * 3.0 - (alpha - 3.3).powi(2) * 100.0 + 1.0 / 3.0;
    Ok(Figures { balance: height, profit: height - 500.0, sharpe: Some(height / 7.0), trades: 10, ..Figures::default() })
}

fn days(first: &str, last: &str) -> Span {
    let time = |day: &str| day.parse::<market::Date>().unwrap().start();
    Span::holding(time(first), time(last))
}

fn one_window() -> Vec<Window> {
    vec![Window { optimised: days("2014-05-01", "2014-05-10"), tested: Some(days("2014-05-11", "2014-05-14")) }]
}

struct Setting {
    space: Space,
    windows: Vec<Window>,
    method: Method,
    threads: usize,
}

impl Setting {
    fn new(given: &[&str], method: Method) -> Self {
        Self { space: space(given).unwrap(), windows: one_window(), method, threads: 2 }
    }

    fn campaign<T>(&self, stop: &AtomicBool, work: impl FnOnce(&Campaign<'_>) -> T) -> T {
        let pool = threads(self.threads).unwrap();
        work(&Campaign {
            space: &self.space,
            windows: &self.windows,
            method: self.method,
            criterion: Criterion::Balance,
            trades_min: 1,
            tested: Tested::Share(0.1),
            passes_max: 100_000,
            pool: &pool,
            stop,
        })
    }

    fn run(&self, trial: &SpanTrial<'_>) -> Findings {
        self.campaign(&AtomicBool::new(false), |campaign| campaign.run(&Known::new(), trial, |_, _, _| Ok(())).unwrap())
    }

    /// Runs with a record in `folder`, until `passes` of them are done.
    fn recorded(&self, folder: &Path, passes: u32) -> (Findings, u32) {
        let stop = AtomicBool::new(false);
        let (mut record, known) = if folder.join("optimisation.json").exists() {
            Record::reopen(folder, &self.space, Criterion::Balance, 1).unwrap()
        } else {
            (Record::create(folder, &"header", &self.space, Criterion::Balance, 1).unwrap(), Known::new())
        };
        let (begun, done) = (AtomicU32::new(0), AtomicU32::new(0));
        let trial = |params: &[Param], span: Span| {
            if begun.fetch_add(1, Ordering::Relaxed) >= passes {
                stop.store(true, Ordering::Relaxed);
                return Err(Trouble::Stopped);
            }
            surface(params, span)
        };
        let findings = self.campaign(&stop, |campaign| {
            campaign
                .run(&known, &trial, |window, part, pass| {
                    done.fetch_add(1, Ordering::Relaxed);
                    record.add(window, part, pass, &self.space)
                })
                .unwrap()
        });
        if !findings.is_stopped {
            record.finish(findings.passes(), &self.space).unwrap();
        }
        (findings, done.into_inner())
    }
}

fn genetic(seed: u64) -> Method {
    Method::Genetic(GeneticOptions { seed, ..GeneticOptions::default() })
}

fn wide() -> Vec<&'static str> {
    vec!["period=1..500", "alpha=0..10:0.1"]
}

#[test]
fn the_same_passes_whatever_the_number_of_threads() {
    for method in [Method::Complete, Method::Random { passes: 200, seed: 3 }, genetic(3)] {
        let one = Setting { threads: 1, ..Setting::new(&["period=100..180:2", "alpha=2..4:0.2"], method) }.run(&surface);
        let many = Setting { threads: 5, ..Setting::new(&["period=100..180:2", "alpha=2..4:0.2"], method) }.run(&surface);
        assert_eq!(one, many, "{method:?}");
        assert!(one.windows[0].passes.len() > 100 && !one.windows[0].tested.is_empty());
    }
}

#[test]
fn what_was_interrupted_ends_as_if_it_had_not_been() {
    for method in [Method::Complete, Method::Random { passes: 300, seed: 9 }, genetic(9)] {
        let setting = Setting::new(&["period=100..180:2", "alpha=2..4:0.2"], method);
        let place = tempfile::tempdir().unwrap();
        let (whole, cut) = (place.path().join("whole"), place.path().join("cut"));
        let (expected, all) = setting.recorded(&whole, u32::MAX);
        let mut done = 0;
        let mut runs = 0;
        let found = loop {
            let (found, more) = setting.recorded(&cut, 83);
            (done, runs) = (done + more, runs + 1);
            // What a crash leaves of a line is dropped.
            if found.is_stopped {
                let path = cut.join("passes.csv");
                let mut bytes = std::fs::read(&path).unwrap();
                bytes.extend(b"0,optimised,77,12.");
                std::fs::write(&path, bytes).unwrap();
            } else {
                break found;
            }
        };
        assert_eq!(found, expected, "{method:?}");
        assert_eq!(done, all, "no pass was run twice");
        assert!(runs > 3, "it was interrupted");
        let read = |folder: &PathBuf| std::fs::read_to_string(folder.join("passes.csv")).unwrap();
        assert_eq!(read(&cut), read(&whole));
    }
}

#[test]
fn the_genetic_search_finds_the_top_of_a_hill_and_runs_nothing_twice() {
    for seed in 1..=10 {
        let seen = std::sync::Mutex::new(HashSet::new());
        let trial = |params: &[Param], span: Span| {
            let fresh = seen.lock().unwrap().insert(format!("{params:?} {span}"));
            assert!(fresh, "{params:?} was run twice");
            surface(params, span)
        };
        let setting = Setting::new(&wide(), genetic(seed));
        let found = setting.run(&trial);
        let passes = &found.windows[0].passes;
        let (height, best) = ranked(passes, Criterion::Balance, 1)[0];
        let params = setting.space.params(&best.point);
        // The top of the first window lies at 137 plus the last digit of its first day's number.
        let top = 137.0 + (days("2014-05-01", "2014-05-01").first.0 % 10) as f64;
        assert!((value(&params, "period") - top).abs() <= 2.0 && (value(&params, "alpha") - 3.3).abs() < 0.25, "seed {seed}: {params:?}");
        assert!(height > 985.0, "seed {seed}: {height}");
        assert!(passes.len() < 6_000, "seed {seed}: {} passes of 50,500", passes.len());
    }
}

#[test]
fn faults_are_listed_and_the_others_go_on() {
    let panicking = |params: &[Param], span: Span| {
        assert!(value(params, "period") != 103.0, "period is 103");
        surface(params, span)
    };
    let found = Setting::new(&["period=96..105"], Method::Complete).run(&panicking);
    let passes = &found.windows[0].passes;
    assert_eq!(passes.len(), 10);
    let faults: Vec<(u32, &str)> = passes.iter().filter_map(|pass| Some((pass.number, pass.fault()?.message.as_str()))).collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert_eq!(faults[0], (4, "period divides by 50"));
    assert!(faults[1].0 == 7 && faults[1].1.contains("the host failed: period is 103"), "{faults:?}");
    assert_eq!(found.windows[0].tested.len(), 1, "a tenth of eight, rounded up");
}

#[test]
fn each_window_is_optimised_by_itself_and_its_best_is_tested_on_the_days_after_it() {
    let windows = walk(days("2014-05-01", "2014-05-12"), Walk::Rolling, 4, 3).unwrap();
    let setting = Setting { windows, ..Setting::new(&["period=130..160", "alpha=3.3"], Method::Complete) };
    let found = setting.run(&surface);
    assert_eq!(found.windows.len(), 3);
    for one in &found.windows {
        let (_, best) = ranked(&one.passes, Criterion::Balance, 1)[0];
        let top = 137 + one.window.optimised.first.0 % 10;
        assert_eq!(value(&setting.space.params(&best.point), "period"), top as f64, "{:?}", one.window);
        assert_eq!(one.tested[0].number, best.number);
        let tested = surface(&setting.space.params(&best.point), one.window.tested.unwrap()).unwrap();
        assert_eq!(one.tested[0].figures(), Some(&tested));
    }
}

#[test]
fn a_host_that_cannot_go_on_ends_it_with_its_own_words() {
    let broken = |_: &[Param], _: Span| Err(Trouble::Host("the disk is gone".into()));
    let setting = Setting::new(&["period=1..40"], Method::Complete);
    let ended = setting.campaign(&AtomicBool::new(false), |campaign| campaign.run(&Known::new(), &broken, |_, _, _| Ok(())));
    assert_eq!(ended.unwrap_err().to_string(), "the disk is gone");
    let full = |_, _, _: &_| Err(std::io::Error::other("disk full"));
    let ended = setting.campaign(&AtomicBool::new(false), |campaign| campaign.run(&Known::new(), &surface, full));
    assert!(ended.unwrap_err().to_string().contains("disk full"));
}

#[test]
fn too_many_passes_are_refused_with_their_number_and_the_ways_out() {
    let setting = Setting::new(&["period=1..500", "alpha=0..10:0.001"], Method::Complete);
    let refused = setting.campaign(&AtomicBool::new(false), |campaign| campaign.expected()).unwrap_err();
    for word in ["5000500 passes", "more than 100000", "--method genetic", "--passes-max"] {
        assert!(refused.contains(word), "{refused}");
    }
    let setting = Setting { method: genetic(1), ..setting };
    assert_eq!(setting.campaign(&AtomicBool::new(false), |campaign| campaign.expected()), Ok(6_400));
}

#[test]
fn ranges_mean_what_their_authors_wrote() {
    let texts = |given: &str| {
        let space = space(&[given]).unwrap();
        (0..space.size()).map(|number| space.texts(&space.point(number)).concat()).collect::<Vec<_>>()
    };
    assert_eq!(texts("alpha=0.1..0.5:0.1"), ["0.1", "0.2", "0.3", "0.4", "0.5"]);
    assert_eq!(texts("period=5..20:4"), ["5", "9", "13", "17"]);
    assert_eq!(texts("period=7,3,11"), ["7", "3", "11"]);
    assert_eq!(texts("mode=*"), ["slow", "fast"]);
    assert_eq!(texts("active=*"), ["false", "true"]);
    assert_eq!(texts("period=*").len(), 500);
    assert_eq!(texts("period=5"), [""], "one value does not vary");
}

#[test]
fn what_cannot_be_meant_is_refused_in_one_line_with_the_way_out() {
    let says = |given: &[&str], what: &str| {
        let error = space(given).unwrap_err();
        assert!(error.contains(what) && error.lines().count() == 1, "{given:?}: {error}");
    };
    says(&["speed=1..2"], "there is no parameter \"speed\"; this strategy has: period, alpha, mode, active");
    says(&["period=50..5"], "period: 50..5 is empty; the smaller value comes first");
    says(&["period=1..5:0"], "with a step of 0 the range has no end");
    says(&["period=1..5:-1"], "with a step of -1");
    says(&["alpha=0..1:NaN"], "with a step of NaN");
    says(&["alpha=0..1"], "no step; give one: alpha=0..1:STEP");
    says(&["alpha=*"], "no step; give one: alpha=0..10:STEP");
    says(&["period=0..5"], "out of range; it may be 1 to 500");
    says(&["alpha=0..10:0.000001"], "more than 1000000; give a larger step");
    says(&["period=1..x"], "\"x\" is not a whole number");
    says(&["period=1,2,1"], "1 is listed twice");
    says(&["period=1.."], "is no range; give FROM..TO:STEP");
    says(&["mode=wild"], "is not one of: slow, fast");
    says(&["period"], "NAME=FROM..TO:STEP");
}

proptest! {
    #[test]
    fn a_point_reads_back_from_its_texts(start in -1000_i64..1000, step in 1_i64..50, count in 2_u32..200, at in any::<u128>(), decimals in 0_u32..6) {
        let unit = 10_f64.powi(-(decimals as i32));
        let (first, last) = (start as f64 * unit, (start + step * i64::from(count)) as f64 * unit);
        let number = |value: f64| format!("{value:.0$}", decimals as usize);
        let mut specs = specs();
        specs[1].min = None;
        specs[1].max = None;
        let given = [
            assignment(&format!("alpha={}..{}:{}", number(first), number(last), number(step as f64 * unit))).unwrap(),
            assignment("mode=*").unwrap(),
            assignment("period=3..30:9").unwrap(),
        ];
        let space = Space::new(&specs, &given).unwrap();
        prop_assert_eq!(space.size(), u128::from(count + 1) * 2 * 4);
        let point = space.point(at % space.size());
        let texts = space.texts(&point);
        prop_assert_eq!(space.point_of(texts.iter().map(String::as_str)), Some(point.clone()));
        let params = space.params(&point);
        let parsed = domain::params::resolve(&specs, space.axes().iter().zip(&texts).map(|(axis, text)| (axis.name(), text.as_str()))).unwrap();
        for (axis, _) in space.axes().iter().zip(&texts) {
            let of = |params: &[Param]| params.iter().find(|param| param.name == axis.name()).unwrap().value.clone();
            prop_assert_eq!(of(&params), of(&parsed), "a pass has exactly the value that its text names");
        }
    }

    #[test]
    fn random_points_are_different_and_the_same_for_the_same_seed(seed in any::<u64>(), passes in 1_u32..200) {
        use stockade_backtest::optimise::search::{Chosen, Search};
        let space = space(&["period=1..20", "alpha=0..1:0.1"]).unwrap();
        let points = Chosen::random(&space, passes, seed).propose();
        prop_assert_eq!(points.len(), passes as usize);
        prop_assert_eq!(points.iter().collect::<HashSet<_>>().len(), passes as usize);
        prop_assert_eq!(points, Chosen::random(&space, passes, seed).propose());
    }
}
