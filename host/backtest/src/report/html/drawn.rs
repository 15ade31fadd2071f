//! What the page's scripts draw, bounded: frames instead of ticks, and of very many rows the first and the last.

use crate::breakdown::{Slot, exit, tag};
use crate::report::full::FullReport;
use crate::review::Frames;
use crate::trades::Trade;
use domain::desk::Remark;
use domain::symbol::SymbolId;
use serde::Serialize;
use serde_json::{Value, json};

/// Rows of one table on the page: more than a person pages through, little enough that the page opens at once.
const ROWS_MAX: usize = 6_000;
/// Bars of the distribution of results.
const BINS: usize = 40;

#[derive(Serialize)]
pub(super) struct Drawn<'a> {
    currency: &'a str,
    symbols: Vec<Symbol<'a>>,
    frames: FramesDrawn,
    plots: Vec<Plot<'a>>,
    by_hour: &'a [Slot],
    by_weekday: &'a [Slot],
    by_month: &'a [Slot],
    distribution: Vec<Bin>,
    trades: List,
    deals: List,
    orders: List,
    said: List,
}

#[derive(Serialize)]
struct Symbol<'a> {
    name: &'a str,
    digits: u8,
}

#[derive(Serialize)]
struct FramesDrawn {
    name: String,
    length: i64,
    times: Vec<i64>,
    bars: Vec<Bars>,
    equity_low: Vec<f64>,
    equity_high: Vec<f64>,
    equity: Vec<f64>,
    balance: Vec<f64>,
    fall: Vec<f64>,
    load: Vec<f64>,
}

#[derive(Serialize)]
struct Bars {
    open: Vec<f64>,
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
}

/// A series of the strategy's own; NaN in frames without a point.
#[derive(Serialize)]
struct Plot<'a> {
    name: &'a str,
    low: Vec<f64>,
    high: Vec<f64>,
    last: Vec<f64>,
}

#[derive(Serialize)]
struct Bin {
    from: f64,
    to: f64,
    count: u32,
}

/// Rows for a table, in the order of its columns.
#[derive(Serialize)]
struct List {
    rows: Vec<Value>,
    left_out: usize,
}

impl List {
    /// All rows, or the first and the last.
    fn of<T>(all: &[T], row: impl Fn(usize, &T) -> Value) -> Self {
        let half = ROWS_MAX / 2;
        let shown = |range: std::ops::Range<usize>| range.map(|at| row(at, &all[at])).collect::<Vec<_>>();
        if all.len() <= ROWS_MAX {
            return Self { rows: shown(0..all.len()), left_out: 0 };
        }
        let rows = [shown(0..half), shown(all.len() - half..all.len())].concat();
        Self { rows, left_out: all.len() - ROWS_MAX }
    }
}

pub(super) fn drawn<'a>(report: &'a FullReport<'a>) -> Drawn<'a> {
    let run = report.run;
    // The strategy's symbols come first, so that a place among them is a place among all.
    let shown = |id: SymbolId| report.symbols.iter().position(|&own| own == id);
    let breakdown = report.breakdown();
    let said: Vec<&Remark> = run.remarks.iter().filter(|remark| !matches!(remark, Remark::Plot { .. })).collect();
    Drawn {
        currency: &run.terms.currency,
        symbols: report
            .symbols
            .iter()
            .map(|&id| report.table.spec(id))
            .map(|spec| Symbol { name: &spec.name, digits: spec.digits })
            .collect(),
        frames: frames(&report.review.frames, |id| report.table.spec(id).digits),
        plots: plots(&report.review.frames, &run.remarks),
        by_hour: &breakdown.by_hour,
        by_weekday: &breakdown.by_weekday,
        by_month: &breakdown.by_month,
        distribution: distribution(&report.review.trades),
        trades: List::of(&report.review.trades, |_, trade| trade_row(report, trade, shown(trade.symbol))),
        deals: deals(report, &shown),
        orders: orders(report, &shown),
        said: List::of(&said, |_, remark| said_row(remark, &shown)),
    }
}

/// Cut to what can be seen: the page holds tens of thousands of them.
fn rounded(value: f64, digits: u8) -> f64 {
    let scale = 10_f64.powi(i32::from(digits));
    (value * scale).round() / scale
}

fn frames(frames: &Frames, digits: impl Fn(SymbolId) -> u8) -> FramesDrawn {
    let column = |values: &[f64], digits: u8| -> Vec<f64> { values.iter().map(|&value| rounded(value, digits)).collect() };
    let bars = frames.bars.iter().map(|bars| {
        let digits = digits(bars.symbol);
        Bars {
            open: column(&bars.opens, digits),
            high: column(&bars.highs, digits),
            low: column(&bars.lows, digits),
            close: column(&bars.closes, digits),
        }
    });
    FramesDrawn {
        name: frames.name(),
        length: frames.length_us,
        times: frames.times.clone(),
        bars: bars.collect(),
        equity_low: column(&frames.equity_lows, 2),
        equity_high: column(&frames.equity_highs, 2),
        equity: column(&frames.equities, 2),
        balance: column(&frames.balances, 2),
        fall: column(&frames.falls, 3),
        load: column(&frames.loads, 3),
    }
}

fn plots<'a>(frames: &Frames, remarks: &'a [Remark]) -> Vec<Plot<'a>> {
    let mut plots: Vec<Plot<'a>> = Vec::new();
    for remark in remarks {
        let Remark::Plot { at, series, value } = remark else { continue };
        let Some(frame) = frames.at(*at) else { continue };
        let place = plots.iter().position(|plot| plot.name == series).unwrap_or_else(|| {
            let none = || vec![f64::NAN; frames.len()];
            plots.push(Plot { name: series, low: none(), high: none(), last: none() });
            plots.len() - 1
        });
        let plot = &mut plots[place];
        plot.low[frame] = plot.low[frame].min(*value);
        plot.high[frame] = plot.high[frame].max(*value);
        plot.last[frame] = *value;
    }
    plots
}

/// Results cut into equally wide bins, of which one begins at 0: no bin holds winners and losers.
fn distribution(trades: &[Trade]) -> Vec<Bin> {
    let results = || trades.iter().map(|trade| trade.net().to_units());
    let (low, high) = results().fold((0.0_f64, 0.0_f64), |(low, high), result| (low.min(result), high.max(result)));
    if trades.is_empty() || high - low <= 0.0 {
        return Vec::new();
    }
    let width = (high - low) / (BINS - 2) as f64;
    let first = (low / width).floor() as i64;
    let last = (high / width).floor() as i64;
    let mut bins: Vec<Bin> = (first..=last).map(|bin| Bin { from: bin as f64 * width, to: (bin + 1) as f64 * width, count: 0 }).collect();
    for result in results() {
        let bin = (result / width).floor() as i64 - first;
        if let Some(bin) = usize::try_from(bin).ok().and_then(|bin| bins.get_mut(bin)) {
            bin.count += 1;
        }
    }
    bins
}

fn trade_row(report: &FullReport<'_>, trade: &Trade, symbol: Option<usize>) -> Value {
    let spec = report.table.spec(trade.symbol);
    json!([
        trade.opened.0,
        trade.closed.0,
        symbol,
        trade.side.word(),
        spec.lots(trade.volume),
        trade.open_points / spec.points_per_unit(),
        spec.price(trade.close),
        rounded(trade.best.to_units(), 2),
        rounded(trade.worst.to_units(), 2),
        trade.profit.to_units(),
        trade.commission.to_units(),
        trade.swap.to_units(),
        trade.net().to_units(),
        exit(trade),
        tag(trade, &report.run.orders),
    ])
}

fn deals(report: &FullReport<'_>, shown: &impl Fn(SymbolId) -> Option<usize>) -> List {
    let run = report.run;
    let balances: Vec<f64> = run
        .deals
        .iter()
        .scan(run.terms.deposit, |balance, deal| {
            *balance += deal.net();
            Some(balance.to_units())
        })
        .collect();
    List::of(&run.deals, |at, deal| {
        let spec = report.table.spec(deal.symbol);
        let order = deal.order.or(Some(deal.position.0)).and_then(|id| run.orders.get(id));
        json!([
            deal.time.0,
            deal.id.0,
            deal.order.map(|id| id.number()),
            shown(deal.symbol),
            deal.side.word(),
            deal.entry.word(),
            spec.lots(deal.volume),
            spec.price(deal.price),
            deal.commission.to_units(),
            deal.swap.to_units(),
            deal.profit.to_units(),
            balances[at],
            deal.reason.word(),
            order.map_or("", |order| order.tag.as_str()),
        ])
    })
}

fn orders(report: &FullReport<'_>, shown: &impl Fn(SymbolId) -> Option<usize>) -> List {
    List::of(report.run.orders.rows(), |_, order| {
        let spec = report.table.spec(order.symbol);
        let state = match order.retcode {
            0 => order.state.word().to_owned(),
            retcode => format!("{} {retcode}", order.state.word()),
        };
        let kind = match order.price {
            None => order.side.word().to_owned(),
            Some(_) => format!("{} {}", order.side.word(), order.kind.word()),
        };
        let price = |points: Option<domain::number::Points>| points.map(|points| spec.price(points));
        json!([
            order.placed.0,
            order.id.number(),
            shown(order.symbol),
            kind,
            format!("{} / {}", spec.lots(order.filled), spec.lots(order.volume)),
            price(order.price),
            price(order.stop_loss),
            price(order.take_profit),
            order.done.map(|time| time.0),
            state,
            order.tag.as_str(),
        ])
    })
}

fn said_row(remark: &Remark, shown: &impl Fn(SymbolId) -> Option<usize>) -> Value {
    match remark {
        Remark::Log { at, level, text } => json!([at.0, "log", null, level.word(), null, text]),
        Remark::Signal { at, symbol, side, confidence, reason, .. } => {
            json!([at.0, "signal", shown(*symbol), side.map_or("flat", |side| side.word()), confidence, reason])
        }
        Remark::Plot { .. } => Value::Null,
    }
}
