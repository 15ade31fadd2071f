//! What `stockade optimise` shows: progress, a text, JSON, a page.

use super::plan::Plan;
use crate::commands::backtest::beware_in_words;
use crate::output::{Align, grouped, table};
use backtest::optimise::page;
use backtest::optimise::summary::{PassTold, Summary};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

/// Why an optimisation ended without a best pass, and the way on.
pub fn nothing_found(summary: &Summary) -> String {
    let (passes, faulted) = (summary.passes, summary.faulted);
    let count = |passes: u64| format!("{} {}", grouped(passes), if passes == 1 { "pass" } else { "passes" });
    let few = passes - faulted;
    let trades = match summary.trades_min {
        0 | 1 => "no trade".to_owned(),
        trades => format!("fewer than {trades} trades (--trades-min)"),
    };
    let too_few = format!("{} made {trades}; `stockade backtest` with the parameters of one shows the outcome of its orders", count(few));
    let why = match (faulted, few) {
        (0, _) => too_few,
        (_, 0) => format!("{} failed; the faults are listed above", if passes == 1 { "its only pass" } else { "all of them" }),
        _ => format!("{} failed, as listed above, and {too_few}", count(faulted)),
    };
    format!("no pass of {} is worth anything: {why}", grouped(passes))
}

/// With fewer trades, reshuffling and resampling them says little.
const TELLING_TRADES_MIN: u32 = 30;

/// Passes shown.
const SHOWN_MAX: usize = 10;

/// A bar with the time left.
pub fn progress(passes: u64) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let template = "{percent:>3} % {wide_bar} {pos}/{len} passes, {per_sec}, {eta} left";
    let style = ProgressStyle::with_template(template).expect("the template is right");
    ProgressBar::with_draw_target(Some(passes), target).with_style(style)
}

/// For scripts.
pub fn json(plan: &Plan, summary: &Summary, took: Duration, ran: usize) -> Value {
    let mut answer = serde_json::to_value(summary).expect("a summary has only string keys");
    if let (Value::Object(answer), Value::Object(extra)) = (
        &mut answer,
        json!({
            "strategy": plan.stage.workshop.description.name, "version": plan.stage.workshop.description.version,
            "digest": plan.stage.workshop.loaded.digest.to_string(), "symbols": plan.stage.names, "ticks": plan.ticks.len(),
            "seconds": took.as_secs_f64(), "passes_run": ran,
        }),
    ) {
        answer.extend(extra);
    }
    answer
}

/// The page, which stands alone.
pub fn page(plan: &Plan, summary: &Summary) -> String {
    let description = &plan.stage.workshop.description;
    let title = format!("{} {}: optimisation", description.name, description.version);
    page::page(&title, &plan.stage.names.join(", "), summary)
}

/// For people.
pub fn text(plan: &Plan, summary: &Summary, took: Duration, ran: usize, folder: &Path) -> String {
    let description = &plan.stage.workshop.description;
    let speed = ran as f64 / took.as_secs_f64().max(1e-9);
    let lines = [
        ("strategy", format!("{} {}", description.name, description.version)),
        ("symbols", format!("{}, {} ticks", plan.stage.names.join(", "), grouped(plan.ticks.len()))),
        ("search", format!("{}, maximises {}", summary.method, summary.criterion.word())),
        (
            "passes",
            format!(
                "{}, {} faulted; {} run now in {:.1} s, {speed:.1} a second",
                grouped(summary.passes),
                summary.faulted,
                grouped(ran as u64),
                took.as_secs_f64()
            ),
        ),
        (
            "confirmed",
            match summary.confirmed {
                _ if summary.windows.iter().all(|window| window.best.is_empty()) => "nothing: there is no best pass".to_owned(),
                true if !plan.stage.is_handed_ticks() => "it is handed no ticks, so there are no batches to vary".to_owned(),
                true => "the best pass of each window decides the same in other batches, without a later tick at hand".to_owned(),
                false => "not confirmed: passes may have looked at ticks that followed their orders".to_owned(),
            },
        ),
    ];
    let mut text: String = lines.iter().map(|(name, value)| format!("{name:<14} {value}\n")).collect();
    text += &plan.stage.conditions.lines();
    text += &beware_in_words(&summary.beware);
    for fault in &summary.faults {
        let first: Vec<String> = fault.first.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let passes = if fault.passes == 1 { "pass" } else { "passes" };
        text += &format!("{:<14} {} {passes}, first {}: {}\n", "fault", fault.passes, first.join(" "), fault.fault);
    }
    if summary.windows.len() > 1 {
        text += &walk(summary)
    } else {
        text += &passes(summary)
    }
    text += &monte_carlo(summary);
    let best = if summary.best().is_some() { " best.set," } else { "" };
    text + &format!("\nin {}: report.html, report.json, passes.csv,{best} tester.ini\n", folder.display())
}

/// The best passes of the only window.
fn passes(summary: &Summary) -> String {
    let Some(window) = summary.windows.first().filter(|window| !window.best.is_empty()) else {
        return String::new();
    };
    let tested = window.window.tested;
    let mut head = vec![("pass", Align::Right)];
    head.extend(summary.axes.iter().map(|axis| (axis.name.as_str(), Align::Right)));
    let figures = ["result", "profit", "factor", "payoff", "recovery", "sharpe", "drawdown %", "trades"];
    head.extend(figures.map(|name| (name, Align::Right)));
    if tested.is_some() {
        head.extend(["| tested", "profit", "drawdown %", "trades"].map(|name| (name, Align::Right)));
    }
    let rows: Vec<Vec<String>> = window.best.iter().take(SHOWN_MAX).map(|pass| row(pass, tested.is_some())).collect();
    let correlation = window.rank_correlation.map_or(String::new(), |rank| format!("; ranks in and out of sample correlate by {rank:.2}"));
    let test = tested.map_or(String::new(), |tested| format!(", tested {tested}{correlation}"));
    format!("\noptimised {}{test}\n\n{}", window.window.optimised, table(&head, &rows))
}

fn row(pass: &PassTold, is_tested: bool) -> Vec<String> {
    let optional = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
    let figures = &pass.figures;
    let mut row = vec![pass.pass.to_string()];
    row.extend(pass.params.iter().cloned());
    row.extend([
        format!("{:.2}", pass.result),
        format!("{:.2}", figures.profit),
        optional(figures.profit_factor),
        format!("{:.2}", figures.expected_payoff),
        optional(figures.recovery_factor),
        optional(figures.sharpe),
        format!("{:.2}", figures.drawdown_percent),
        figures.trades.to_string(),
    ]);
    if is_tested {
        let test = |text: fn(&backtest::optimise::Figures) -> String| pass.tested.as_ref().map(text).unwrap_or_default();
        row.push(optional(pass.tested_result));
        row.push(test(|figures| format!("{:.2}", figures.profit)));
        row.push(test(|figures| format!("{:.2}", figures.drawdown_percent)));
        row.push(test(|figures| figures.trades.to_string()));
    }
    row
}

/// The windows of a walk.
fn walk(summary: &Summary) -> String {
    let mut head = vec![("optimised", Align::Left), ("tested", Align::Left), ("passes", Align::Right), ("best", Align::Right)];
    head.extend(summary.axes.iter().map(|axis| (axis.name.as_str(), Align::Right)));
    head.extend(["profit", "tested profit", "drawdown %", "trades"].map(|name| (name, Align::Right)));
    let rows: Vec<Vec<String>> = summary
        .windows
        .iter()
        .map(|one| {
            let tested = one.window.tested.map(|span| span.to_string()).unwrap_or_default();
            let mut row = vec![one.window.optimised.to_string(), tested, one.passes.to_string()];
            let Some(best) = one.best.first() else {
                row.push("none".to_owned());
                return row;
            };
            row.push(best.pass.to_string());
            row.extend(best.params.iter().cloned());
            row.push(format!("{:.2}", best.figures.profit));
            let test = |text: fn(&backtest::optimise::Figures) -> String| best.tested.as_ref().map_or("-".to_owned(), text);
            row.push(test(|figures| format!("{:.2}", figures.profit)));
            row.push(test(|figures| format!("{:.2}", figures.drawdown_percent)));
            row.push(test(|figures| figures.trades.to_string()));
            row
        })
        .collect();
    let all = summary.walk.as_ref().map_or(String::new(), |walk| {
        let efficiency = walk.efficiency.map_or("none to compare with".to_owned(), |efficiency| format!("{:.0} %", efficiency * 100.0));
        format!(
            "\nout of sample  {:.2} in {} trades, {} of {} windows earned money; a day earned {efficiency} of what it did in sample\n",
            walk.profit_tested, walk.trades_tested, walk.profitable, walk.windows
        )
    });
    format!("\n{}{all}", table(&head, &rows))
}

fn monte_carlo(summary: &Summary) -> String {
    let Some(found) = &summary.monte_carlo else { return String::new() };
    let few = if found.trades < TELLING_TRADES_MIN { ", too few to tell luck from skill" } else { "" };
    let of = if summary.windows.len() > 1 { "all tests" } else { "the best pass" };
    let mut head = vec![("", Align::Left)];
    let names: Vec<String> = found.quantiles.iter().map(|quantile| format!("{:.0} %", quantile * 100.0)).collect();
    head.extend(names.iter().map(|name| (name.as_str(), Align::Right)));
    let row = |name: &str, values: &[f64]| {
        let mut row = vec![name.to_owned()];
        row.extend(values.iter().map(|value| format!("{value:.2}")));
        row
    };
    let rows = [
        row("drawdown %, reshuffled", &found.shuffled_drawdown_percent),
        row("drawdown %, resampled", &found.resampled_drawdown_percent),
        row("profit, resampled", &found.resampled_profit),
    ];
    format!(
        "\nthe trades of {of} ({1}{few}) reshuffled and resampled {0} times: {2:.0} % of the resamplings lost money, {3:.1} % all of it\n\n{4}",
        grouped(u64::from(found.runs)),
        found.trades,
        found.loss_probability * 100.0,
        found.ruin_probability * 100.0,
        table(&head, &rows)
    )
}
