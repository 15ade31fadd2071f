//! What a run might have looked like with its trades in another order (shuffled), or with other draws of the same trades
//! (resampled, with replacement). Shuffling keeps the profit and shows what drawdowns the same trades can give; resampling
//! shows how much of the profit was luck. Both take trades to be independent of each other, which those of a trend follower
//! are not quite.

use super::random::Random;
use domain::broker::{Deal, Entry};
use domain::number::Money;
use serde::Serialize;

/// The quantiles that are told.
pub const QUANTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
/// Trades drawn in all, at most: some seconds of work.
const DRAWS_MAX: u64 = 1_000_000_000;

/// Quantiles of one figure, in the order of [`QUANTILES`].
pub type Quantiles = [f64; QUANTILES.len()];

/// What many reorderings of a run's trades gave. Money in units of the account's currency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MonteCarlo {
    /// How many of each kind.
    pub runs: u32,
    /// Start of the random numbers.
    pub seed: u64,
    /// Trades of the run.
    pub trades: u32,
    /// Which quantiles the rows below hold.
    pub quantiles: Quantiles,
    /// Largest fall of the balance, money, shuffled.
    pub shuffled_drawdown: Quantiles,
    /// Largest fall of the balance, percent of its peak, shuffled.
    pub shuffled_drawdown_percent: Quantiles,
    /// Net profit, resampled.
    pub resampled_profit: Quantiles,
    /// Largest fall of the balance, money, resampled.
    pub resampled_drawdown: Quantiles,
    /// Largest fall of the balance, percent of its peak, resampled.
    pub resampled_drawdown_percent: Quantiles,
    /// Share of resampled runs that lost money.
    pub loss_probability: f64,
    /// Share of resampled runs whose balance was gone at some trade.
    pub ruin_probability: f64,
}

/// What each closing deal moved the balance by, with the costs of the openings before it.
pub fn results(deals: &[Deal]) -> Vec<f64> {
    let mut results = Vec::new();
    let mut costs = Money::ZERO;
    for deal in deals {
        costs += deal.net();
        if deal.entry != Entry::In {
            results.push(std::mem::take(&mut costs).to_units());
        }
    }
    results
}

/// Draws `runs` orders and `runs` samples of `results`. `None` without trades.
///
/// # Errors
/// That would be too much work; the message says how many runs are possible.
pub fn monte_carlo(results: &[f64], deposit: f64, runs: u32, seed: u64) -> Result<Option<MonteCarlo>, String> {
    let draws = u64::from(runs) * results.len() as u64 * 2;
    if draws > DRAWS_MAX {
        let possible = DRAWS_MAX / (results.len() as u64 * 2);
        return Err(format!("{runs} Monte-Carlo runs of {} trades are too many; at most {possible}", results.len()));
    }
    if results.is_empty() || runs == 0 {
        return Ok(None);
    }
    let mut random = Random::new(seed);
    let mut shuffled = results.to_vec();
    let in_other_orders: Vec<Path> = (0..runs)
        .map(|_| {
            shuffle(&mut shuffled, &mut random);
            Path::of(shuffled.iter().copied(), deposit)
        })
        .collect();
    let count = results.len() as u32;
    let in_other_draws: Vec<Path> =
        (0..runs).map(|_| Path::of((0..count).map(|_| results[random.below(count) as usize]), deposit)).collect();
    let share = |which: fn(&Path) -> bool| in_other_draws.iter().filter(|path| which(path)).count() as f64 / f64::from(runs);
    Ok(Some(MonteCarlo {
        runs,
        seed,
        trades: count,
        quantiles: QUANTILES,
        shuffled_drawdown: quantiles(&in_other_orders, |path| path.drawdown),
        shuffled_drawdown_percent: quantiles(&in_other_orders, |path| path.drawdown_percent),
        resampled_profit: quantiles(&in_other_draws, |path| path.profit),
        resampled_drawdown: quantiles(&in_other_draws, |path| path.drawdown),
        resampled_drawdown_percent: quantiles(&in_other_draws, |path| path.drawdown_percent),
        loss_probability: share(|path| path.profit < 0.0),
        ruin_probability: share(|path| path.is_ruined),
    }))
}

/// Fisher and Yates.
fn shuffle(values: &mut [f64], random: &mut Random) {
    for at in (1..values.len()).rev() {
        values.swap(at, random.below(at as u32 + 1) as usize);
    }
}

/// A balance from trade to trade.
struct Path {
    profit: f64,
    drawdown: f64,
    drawdown_percent: f64,
    is_ruined: bool,
}

impl Path {
    fn of(results: impl Iterator<Item = f64>, deposit: f64) -> Self {
        let (mut balance, mut peak, mut lowest) = (deposit, deposit, deposit);
        let (mut drawdown, mut drawdown_percent) = (0.0_f64, 0.0_f64);
        for result in results {
            balance += result;
            peak = peak.max(balance);
            lowest = lowest.min(balance);
            drawdown = drawdown.max(peak - balance);
            // The peak is the deposit or more, and a deposit is above 0.
            drawdown_percent = drawdown_percent.max((peak - balance) / peak * 100.0);
        }
        Self { profit: balance - deposit, drawdown, drawdown_percent, is_ruined: lowest <= 0.0 }
    }
}

/// The value at each quantile: the smallest that this share of the runs does not exceed.
fn quantiles(paths: &[Path], figure: fn(&Path) -> f64) -> Quantiles {
    let mut values: Vec<f64> = paths.iter().map(figure).collect();
    values.sort_unstable_by(f64::total_cmp);
    QUANTILES.map(|quantile| values[((quantile * values.len() as f64).ceil() as usize).clamp(1, values.len()) - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffling_keeps_the_trades_and_resampling_draws_from_them() {
        let results: Vec<f64> = (0..100).map(|n| if n % 3 == 0 { -20.0 } else { 15.0 }).collect();
        let profit: f64 = results.iter().sum();
        let found = monte_carlo(&results, 1_000.0, 2_000, 7).unwrap().unwrap();
        assert_eq!(found, monte_carlo(&results, 1_000.0, 2_000, 7).unwrap().unwrap(), "the same seed gives the same");
        assert_ne!(found, monte_carlo(&results, 1_000.0, 2_000, 8).unwrap().unwrap());
        // The mean of a sum of draws is the sum; its deviation is 100^0.5 * 16.5.
        assert!((found.resampled_profit[3] - profit).abs() < 30.0, "{found:?}");
        assert!((found.resampled_profit[5] - found.resampled_profit[1] - 2.0 * 1.645 * 165.0).abs() < 60.0, "{found:?}");
        assert!(found.shuffled_drawdown.is_sorted() && found.shuffled_drawdown[0] >= 20.0);
        assert!((0.0..0.2).contains(&found.loss_probability) && found.ruin_probability == 0.0, "{found:?}");
    }

    #[test]
    fn one_order_of_one_trade_is_what_it_is() {
        let found = monte_carlo(&[-50.0], 100.0, 10, 1).unwrap().unwrap();
        assert_eq!(found.shuffled_drawdown, [50.0; 7]);
        assert_eq!(found.resampled_drawdown_percent, [50.0; 7]);
        assert_eq!((found.loss_probability, found.ruin_probability), (1.0, 0.0));
        assert_eq!(monte_carlo(&[-150.0], 100.0, 10, 1).unwrap().unwrap().ruin_probability, 1.0);
        assert_eq!(monte_carlo(&[], 100.0, 10, 1), Ok(None));
        assert!(monte_carlo(&[1.0; 100_000], 100.0, 100_000, 1).unwrap_err().contains("at most 5000"));
    }
}
