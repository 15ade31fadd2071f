//! Equity at the end of each day, and what follows from it: Sharpe, Sortino, growth a year, the table of months.
//!
//! MT5 prints a Sharpe ratio that can't be recomputed from a report and whose sampling is nowhere documented. Ours is this
//! one, and pages say so: returns of equity from the end of one UTC day with ticks to that of the next, their mean over
//! their standard deviation (of a sample, n - 1), times the root of 252, without a risk-free rate.

use domain::number::Money;
use domain::time::{DAY_US, Time};
use serde::Serialize;

/// Trading days in a year, by which daily figures become yearly ones.
const DAYS_A_YEAR: f64 = 252.0;
const YEAR_US: f64 = 365.25 * DAY_US as f64;

/// Equity at the end of one UTC day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DayClose {
    /// Days since 1970.
    pub day: i64,
    /// Equity after its last tick.
    pub equity: Money,
}

/// Equity at the end of each day that had ticks, noted as a run goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct DailyEquity {
    closes: Vec<DayClose>,
    day: Option<i64>,
}

impl DailyEquity {
    /// The moment at which the day at hand is over: nothing may be handled across it.
    pub fn day_end(&self) -> Option<Time> {
        self.day.map(|day| Time((day + 1).saturating_mul(DAY_US)))
    }

    /// The next tick is at `now`; when that is another day, the equity until now is the close of the one before.
    pub fn begin(&mut self, now: Time, equity: impl FnOnce() -> Option<Money>) {
        if self.day_end().is_none_or(|end| now >= end) {
            self.close(equity());
            self.day = Some(now.day());
        }
    }

    /// The run is over.
    pub fn finish(mut self, equity: Option<Money>) -> Vec<DayClose> {
        self.close(equity);
        self.closes
    }

    fn close(&mut self, equity: Option<Money>) {
        self.closes.extend(self.day.zip(equity).map(|(day, equity)| DayClose { day, equity }));
    }
}

/// What follows from the equity of days. Ratios are `None` where there are too few days or nothing moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Returns {
    /// Days with ticks.
    pub days: u32,
    /// Mean over standard deviation of daily returns, times the root of 252.
    pub sharpe: Option<f64>,
    /// The same over the deviation of losses alone: the root of the mean of their squares, over all days.
    pub sortino: Option<f64>,
    /// Standard deviation of daily returns, times the root of 252, percent.
    pub volatility_percent: Option<f64>,
    /// Growth a year, compounded, percent; an extrapolation where the run was shorter.
    pub cagr_percent: Option<f64>,
    /// Growth a year over the largest relative drawdown of equity.
    pub calmar: Option<f64>,
    /// Largest gain of a day, percent.
    pub best_day_percent: f64,
    /// Largest loss of a day, percent, negative.
    pub worst_day_percent: f64,
    /// Days with more equity at their end than at their start.
    pub days_won: u32,
}

impl Returns {
    /// The returns of an account that began with `deposit` at `from` and had these closes.
    pub fn of(closes: &[DayClose], deposit: Money, from: Time, to: Time, drawdown_percent: f64) -> Self {
        let returns = daily(closes, deposit);
        let last = closes.last().map_or(deposit, |close| close.equity);
        let years = to.since_us(from) as f64 / YEAR_US;
        let growth = last.0 as f64 / deposit.0.max(1) as f64;
        // Less than a day says nothing of a year.
        let cagr = (years > 1.0 / 365.25 && growth > 0.0).then(|| (growth.powf(1.0 / years) - 1.0) * 100.0).filter(|cagr| cagr.is_finite());
        let mean = mean(&returns);
        let deviation = deviation(&returns, mean);
        let losses = (returns.iter().map(|one| one.min(0.0).powi(2)).sum::<f64>() / returns.len().max(1) as f64).sqrt();
        let ratio = |over: f64| (returns.len() >= 2 && over > 1e-15).then(|| mean / over * DAYS_A_YEAR.sqrt());
        Self {
            days: closes.len() as u32,
            sharpe: ratio(deviation),
            sortino: ratio(losses),
            volatility_percent: (returns.len() >= 2).then(|| deviation * DAYS_A_YEAR.sqrt() * 100.0),
            cagr_percent: cagr,
            calmar: cagr.filter(|_| drawdown_percent > 0.0).map(|cagr| cagr / drawdown_percent),
            best_day_percent: returns.iter().copied().fold(0.0, f64::max) * 100.0,
            worst_day_percent: returns.iter().copied().fold(0.0, f64::min) * 100.0,
            days_won: returns.iter().filter(|one| **one > 0.0).count() as u32,
        }
    }
}

/// One month of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Month {
    /// Its year.
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// What equity gained, account currency.
    pub profit: f64,
    /// That in percent of the equity at its start.
    pub percent: f64,
}

/// What equity gained in each month with ticks.
pub fn months(closes: &[DayClose], deposit: Money) -> Vec<Month> {
    let mut months: Vec<Month> = Vec::new();
    let (mut start, mut before) = (deposit, deposit);
    for close in closes {
        let (year, month, _) = Time(close.day.saturating_mul(DAY_US)).date();
        if months.last().is_none_or(|last| (last.year, last.month) != (year, month)) {
            start = before;
            months.push(Month { year, month, profit: 0.0, percent: 0.0 });
        }
        let last = months.last_mut().expect("one was pushed");
        last.profit = (close.equity - start).to_units();
        last.percent = if start.0 > 0 { last.profit / start.to_units() * 100.0 } else { 0.0 };
        before = close.equity;
    }
    months
}

/// Returns from day to day, up to the day on which nothing was left.
pub fn daily(closes: &[DayClose], deposit: Money) -> Vec<f64> {
    let equities = std::iter::once(deposit).chain(closes.iter().map(|close| close.equity));
    let pairs = equities.clone().zip(equities.skip(1)).take_while(|(before, _)| before.0 > 0);
    pairs.map(|(before, after)| after.0 as f64 / before.0 as f64 - 1.0).collect()
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

fn deviation(values: &[f64], mean: f64) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closes(equities: &[i64]) -> Vec<DayClose> {
        equities.iter().enumerate().map(|(day, &units)| DayClose { day: 16_191 + day as i64, equity: Money(units * 1_000_000) }).collect()
    }

    #[test]
    fn ratios_are_those_of_the_daily_returns() {
        // Returns of +10 %, -10 %, +10 %: mean 1/30, deviation of a sample 0.11547, of losses 0.1 / root 3.
        let closes = closes(&[1_100, 990, 1_089]);
        let returns = Returns::of(&closes, Money(1_000_000_000), Time(0), Time(2 * 365 * DAY_US), 10.0);
        let near = |found: Option<f64>, expected: f64| assert!((found.unwrap() - expected).abs() < 1e-6, "{found:?} {expected}");
        near(returns.sharpe, (1.0 / 30.0) / 0.115_470_053_8 * 252_f64.sqrt());
        near(returns.sortino, (1.0 / 30.0) / (0.01_f64 / 3.0).sqrt() * 252_f64.sqrt());
        near(returns.cagr_percent, (1.089_f64.powf(365.25 / 730.0) - 1.0) * 100.0);
        near(returns.calmar, returns.cagr_percent.unwrap() / 10.0);
        assert_eq!((returns.days, returns.days_won), (3, 2));
    }

    #[test]
    fn an_account_that_is_gone_and_one_that_never_moved_have_no_ratios() {
        let gone = Returns::of(&closes(&[500, -100, -100]), Money(1_000_000_000), Time(0), Time(DAY_US * 3), 110.0);
        assert_eq!((gone.cagr_percent, gone.calmar), (None, None));
        assert!(gone.sharpe.is_some_and(f64::is_finite));
        let still = Returns::of(&closes(&[1_000, 1_000, 1_000]), Money(1_000_000_000), Time(0), Time(DAY_US * 3), 0.0);
        assert_eq!((still.sharpe, still.sortino, still.calmar), (None, None, None));
        assert_eq!(Returns::of(&[], Money(0), Time(0), Time(0), 0.0), Returns::default());
    }

    #[test]
    fn months_add_up_to_the_run() {
        let closes: Vec<DayClose> =
            (0..100).map(|day| DayClose { day: 16_191 + day, equity: Money((1_000 + day * day) * 1_000_000) }).collect();
        let months = months(&closes, Money(1_000_000_000));
        assert_eq!(months.iter().map(|month| (month.year, month.month)).collect::<Vec<_>>(), [(2014, 5), (2014, 6), (2014, 7), (2014, 8)]);
        assert_eq!(months.iter().map(|month| month.profit).sum::<f64>(), 99.0 * 99.0);
    }
}
