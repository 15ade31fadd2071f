//! The figures of MT5's tester report, recomputed from deals by the formulas it uses (found by recomputing real reports).

use domain::broker::Entry;
use domain::contract::Side;
use domain::number::Money;
use domain::time::Time;
use serde::Serialize;

/// What the statistics need of a deal.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// When.
    pub time: Time,
    /// Direction of the deal itself; a deal that closes a short is a buy.
    pub side: Side,
    /// What it does.
    pub entry: Entry,
    /// Profit, swap and commission together: what the balance moved by.
    pub net: Money,
}

/// A fall of balance or equity, as MT5 shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Drawdown {
    /// Deposit less the lowest value; never negative.
    pub absolute: f64,
    /// Largest fall from a peak, money.
    pub maximal: f64,
    /// That fall in percent of its peak.
    pub maximal_percent: f64,
    /// Largest fall in percent of its peak.
    pub relative_percent: f64,
    /// That fall in money.
    pub relative: f64,
}

/// A series of wins or losses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Series {
    /// Longest series, trades, and its result.
    pub longest: u32,
    /// Result of the longest series.
    pub longest_result: f64,
    /// Best (or worst) result of a series.
    pub maximal_result: f64,
    /// Trades in that series.
    pub maximal_length: u32,
    /// Average length, rounded as MT5 does.
    pub average: u32,
}

/// Everything that follows from the deals of a run. Money in units of the account's currency.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Statistics {
    pub net_profit: f64,
    pub gross_profit: f64,
    pub gross_loss: f64,
    /// Gross profit over gross loss; `None` without losses.
    pub profit_factor: Option<f64>,
    pub expected_payoff: f64,
    pub balance_drawdown: Drawdown,
    pub trades: u32,
    pub deals: u32,
    pub short_trades: u32,
    pub short_won: u32,
    pub long_trades: u32,
    pub long_won: u32,
    /// Trades that lost nothing: MT5 has two kinds only, whose counts add up to all trades.
    pub profit_trades: u32,
    /// Those of them that earned nothing either.
    pub even_trades: u32,
    pub loss_trades: u32,
    pub largest_profit: f64,
    pub largest_loss: f64,
    pub average_profit: f64,
    pub average_loss: f64,
    pub wins: Series,
    pub losses: Series,
    /// Average growth of the balance per trade.
    pub ahpr: f64,
    /// Geometric mean of the growth per trade.
    pub ghpr: f64,
    pub lr_correlation: f64,
    pub lr_standard_error: f64,
    pub z_score: f64,
    /// Confidence of the Z score, percent, at most 99.74.
    pub z_confidence: f64,
}

impl Statistics {
    /// The statistics of `deals`, in order, on an account that started with `deposit`.
    pub fn of(deals: &[Row], deposit: Money) -> Self {
        let closing = || deals.iter().filter(|deal| deal.entry != Entry::In);
        let results: Vec<f64> = closing().map(|deal| deal.net.to_units()).collect();
        let gross = |wins: bool| -> Money { deals.iter().filter(|deal| (deal.net.0 > 0) == wins).map(|deal| deal.net).sum() };
        let (gross_profit, gross_loss) = (gross(true).to_units(), gross(false).to_units());
        let net = deals.iter().map(|deal| deal.net).sum::<Money>().to_units();

        // A deal that closes a short is a buy.
        let direction = |side: Side| closing().filter(move |deal| deal.side == side.opposite());
        let count = |all: &mut dyn Iterator<Item = &Row>| all.count() as u32;
        let won = |all: &mut dyn Iterator<Item = &Row>| all.filter(|deal| deal.net.0 >= 0).count() as u32;
        let (profits, losses): (Vec<f64>, Vec<f64>) = results.iter().partition(|result| **result >= 0.0);
        let mean = |values: &[f64]| if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 };
        let (lr_correlation, lr_standard_error) = regression(&balances_after_trades(deals, deposit));
        let (ahpr, ghpr) = growth(&balances_after_trades(deals, deposit));
        let (z_score, z_confidence) = z(&results);

        Self {
            net_profit: net,
            gross_profit,
            gross_loss,
            profit_factor: (gross_loss != 0.0).then(|| gross_profit / gross_loss.abs()),
            expected_payoff: if results.is_empty() { 0.0 } else { net / results.len() as f64 },
            balance_drawdown: drawdown(deals, deposit),
            trades: results.len() as u32,
            deals: deals.len() as u32,
            short_trades: count(&mut direction(Side::Sell)),
            short_won: won(&mut direction(Side::Sell)),
            long_trades: count(&mut direction(Side::Buy)),
            long_won: won(&mut direction(Side::Buy)),
            profit_trades: profits.len() as u32,
            even_trades: profits.iter().filter(|result| **result == 0.0).count() as u32,
            loss_trades: losses.len() as u32,
            largest_profit: profits.iter().copied().fold(0.0, f64::max),
            largest_loss: losses.iter().copied().fold(0.0, f64::min),
            average_profit: mean(&profits),
            average_loss: mean(&losses),
            wins: series(&results, |result| result >= 0.0),
            losses: series(&results, |result| result < 0.0),
            ahpr,
            ghpr,
            lr_correlation,
            lr_standard_error,
            z_score,
            z_confidence,
        }
    }
}

/// The deposit, then the balance after each trade.
fn balances_after_trades(deals: &[Row], deposit: Money) -> Vec<f64> {
    let mut balance = deposit;
    let mut balances = vec![deposit.to_units()];
    for deal in deals {
        balance += deal.net;
        if deal.entry != Entry::In {
            balances.push(balance.to_units());
        }
    }
    balances
}

fn drawdown(deals: &[Row], deposit: Money) -> Drawdown {
    let (mut balance, mut peak, mut lowest) = (deposit, deposit, deposit);
    let mut fall = Drawdown::default();
    for deal in deals {
        balance += deal.net;
        peak = peak.max(balance);
        lowest = lowest.min(balance);
        let money = (peak - balance).to_units();
        let percent = if peak.0 > 0 { money / peak.to_units() * 100.0 } else { 0.0 };
        if money > fall.maximal {
            (fall.maximal, fall.maximal_percent) = (money, percent);
        }
        if percent > fall.relative_percent {
            (fall.relative_percent, fall.relative) = (percent, money);
        }
    }
    fall.absolute = (deposit - lowest).to_units();
    fall
}

fn series(results: &[f64], belongs: impl Fn(f64) -> bool) -> Series {
    let mut found: Vec<(u32, f64)> = Vec::new();
    let mut running = false;
    for &result in results {
        match (belongs(result), running) {
            (true, true) => {
                let last = found.last_mut().expect("a running series has been pushed");
                *last = (last.0 + 1, last.1 + result);
            }
            (true, false) => found.push((1, result)),
            (false, _) => {}
        }
        running = belongs(result);
    }
    // Of equally long series, or equally large ones, the first counts.
    let longest = found.iter().copied().fold((0, 0.0), |best, one| if one.0 > best.0 { one } else { best });
    let maximal = found.iter().copied().fold((0, 0.0), |best: (u32, f64), one| if one.1.abs() > best.1.abs() { one } else { best });
    let total: u32 = found.iter().map(|one| one.0).sum();
    Series {
        longest: longest.0,
        longest_result: longest.1,
        maximal_result: maximal.1,
        maximal_length: maximal.0,
        average: if found.is_empty() { 0 } else { (f64::from(total) / found.len() as f64).round() as u32 },
    }
}

fn growth(balances: &[f64]) -> (f64, f64) {
    let trades = balances.len() - 1;
    if trades == 0 {
        return (0.0, 0.0);
    }
    let ahpr = balances.windows(2).map(|pair| pair[1] / pair[0]).sum::<f64>() / trades as f64;
    // A balance that is gone counts as one unit, as MT5 shows it.
    let last = if balances[trades] > 0.0 { balances[trades] } else { 1.0 };
    (ahpr, (last / balances[0]).powf(1.0 / trades as f64))
}

/// Correlation of the balance with the number of the trade, and the standard error of the line through it.
fn regression(balances: &[f64]) -> (f64, f64) {
    let n = balances.len() as f64;
    if balances.len() < 3 {
        return (0.0, 0.0);
    }
    let mean_x = (n - 1.0) / 2.0;
    let mean_y = balances.iter().sum::<f64>() / n;
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in balances.iter().enumerate() {
        let (dx, dy) = (x as f64 - mean_x, y - mean_y);
        (xx, xy, yy) = (xx + dx * dx, xy + dx * dy, yy + dy * dy);
    }
    if yy == 0.0 {
        return (0.0, 0.0);
    }
    let residual = (yy - xy * xy / xx).max(0.0);
    (xy / (xx * yy).sqrt(), (residual / (n - 2.0)).sqrt())
}

/// Z score of the runs of wins and losses, and its confidence in percent, both as MT5 rounds them.
fn z(results: &[f64]) -> (f64, f64) {
    let n = results.len() as f64;
    let wins = results.iter().filter(|result| **result >= 0.0).count() as f64;
    let losses = n - wins;
    if wins == 0.0 || losses == 0.0 {
        return (0.0, 0.0);
    }
    let runs = 1.0 + results.windows(2).filter(|pair| (pair[0] >= 0.0) != (pair[1] >= 0.0)).count() as f64;
    let p = 2.0 * wins * losses;
    let spread = p * (p - n) / (n - 1.0);
    if spread <= 0.0 {
        return (0.0, 0.0);
    }
    let z = ((n * (runs - 0.5) - p) / spread.sqrt() * 100.0).round() / 100.0;
    (z, (erf(z.abs() / std::f64::consts::SQRT_2) * 100.0).min(99.74))
}

/// Error function to 1e-12, by its Maclaurin series: arguments here are small, and larger ones are capped by the caller.
fn erf(x: f64) -> f64 {
    if x > 4.0 {
        return 1.0;
    }
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while f64::abs(term) > 1e-15 {
        n += 1.0;
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(nets: &[i64]) -> Vec<Row> {
        let out = |(n, &net): (usize, &i64)| Row { time: Time(n as i64), side: Side::Sell, entry: Entry::Out, net: Money(net * 1_000_000) };
        nets.iter().enumerate().map(out).collect()
    }

    #[test]
    fn figures_of_a_small_run() {
        let stats = Statistics::of(&rows(&[100, -50, -30, 200, 20, -40]), Money(1_000_000_000));
        assert_eq!((stats.net_profit, stats.gross_profit, stats.gross_loss), (200.0, 320.0, -120.0));
        assert_eq!((stats.long_trades, stats.long_won, stats.short_trades), (6, 3, 0));
        assert_eq!((stats.balance_drawdown.maximal, stats.balance_drawdown.absolute), (80.0, 0.0));
        assert_eq!((stats.wins.longest, stats.wins.longest_result, stats.losses.maximal_result), (2, 220.0, -80.0));
        assert!((stats.balance_drawdown.relative_percent - 80.0 / 11.0).abs() < 1e-9);
    }

    #[test]
    fn a_run_without_trades_has_no_figures_and_no_nan() {
        let stats = Statistics::of(&[], Money(1_000_000_000));
        assert_eq!(stats, Statistics::default());
    }

    #[test]
    fn the_error_function_is_that_of_the_tables() {
        for (x, expected) in [(0.5, 0.520_499_877_813), (1.0, 0.842_700_792_950), (2.0, 0.995_322_265_019), (3.0, 0.999_977_909_503)] {
            assert!((erf(x) - expected).abs() < 1e-11, "erf({x})");
        }
    }
}
