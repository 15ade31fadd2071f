//! Figures in words: the tiles at the top and MT5's table, with what it lacks.

use crate::page::text;
use crate::report::full::FullReport;
use crate::statistics::Drawdown;

/// `1,234.50`; never `-0.00`.
pub(super) fn grouped(value: f64, digits: usize) -> String {
    let shown = format!("{value:.digits$}");
    let (sign, digits_shown) = match shown.strip_prefix('-') {
        Some(rest) if rest.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) => ("−", rest),
        Some(rest) => ("", rest),
        None => ("", shown.as_str()),
    };
    let (whole, fraction) = digits_shown.split_once('.').unwrap_or((digits_shown, ""));
    if !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return shown;
    }
    let mut text = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if fraction.is_empty() { text } else { format!("{text}.{fraction}") }
}

pub(super) fn signed(value: f64) -> String {
    let shown = grouped(value, 2);
    if value > 0.0 && shown != "0.00" { format!("+{shown}") } else { shown }
}

/// The class of a sum: good, bad or neither.
pub(super) fn mark(value: f64) -> &'static str {
    match value {
        value if value > 0.0 => "good",
        value if value < 0.0 => "bad",
        _ => "",
    }
}

/// `2 d 01:02:03`.
pub(super) fn lasted(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    let clock = format!("{:02}:{:02}:{:02}", whole / 3_600 % 24, whole / 60 % 60, whole % 60);
    if whole >= 86_400 { format!("{} d {clock}", whole / 86_400) } else { clock }
}

fn optional(value: Option<f64>, digits: usize) -> String {
    value.map_or("–".to_owned(), |value| grouped(value, digits))
}

pub(super) fn tiles(report: &FullReport<'_>) -> String {
    let (run, stats) = (report.run, &report.run.statistics);
    let deposit = run.terms.deposit.to_units();
    let tile = |name: &str, value: String, mark: &str, below: String| {
        format!("<div class=\"tile\"><h3>{}</h3><b class=\"{mark}\">{}</b><small>{}</small></div>", text(name), text(&value), text(&below))
    };
    let growth = stats.net_profit / deposit.max(f64::MIN_POSITIVE) * 100.0;
    let won = share(stats.profit_trades, stats.trades);
    let fall = &run.equity_drawdown;
    let returns = &run.returns;
    let days = format!("from {} days' equity", returns.days);
    let level = report.review.account.margin_level_percent;
    let tiles = [
        tile("Net profit", signed(stats.net_profit), mark(stats.net_profit), format!("{} %, in {}", signed(growth), run.terms.currency)),
        tile(
            "Profit factor",
            optional(stats.profit_factor, 2),
            "",
            format!("{} won, {} lost", grouped(stats.gross_profit, 0), grouped(-stats.gross_loss, 0)),
        ),
        tile(
            "Equity drawdown",
            format!("{} %", grouped(fall.relative_percent, 2)),
            "",
            format!("at most {} {}", grouped(fall.maximal, 2), run.terms.currency),
        ),
        tile("Trades", grouped(f64::from(stats.trades), 0), "", format!("{won} won")),
        tile("Expected payoff", signed(stats.expected_payoff), mark(stats.expected_payoff), "a trade".into()),
        tile("Recovery factor", optional(run.recovery_factor, 2), "", "net over drawdown".into()),
        tile("Sharpe", optional(returns.sharpe, 2), "", days),
        tile(
            "Exposure",
            format!("{} %", grouped(report.review.account.exposure_percent, 1)),
            "",
            level.map_or("no margin used".into(), |level| format!("margin level ≥ {} %", grouped(level, 0))),
        ),
    ];
    format!("<div class=\"tiles\">{}</div>", tiles.concat())
}

fn share(part: u32, of: u32) -> String {
    format!("{} %", grouped(f64::from(part) * 100.0 / f64::from(of.max(1)), 2))
}

type Line = (&'static str, String);

fn table(heading: &str, lines: &[Line]) -> String {
    let rows: String =
        lines.iter().map(|(name, value)| format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>", text(name), text(value))).collect();
    format!("<div><h3>{}</h3><table class=\"figures\">{rows}</table></div>", text(heading))
}

/// Every field of MT5's report, and beside them what it lacks.
pub(super) fn groups(report: &FullReport<'_>) -> String {
    let groups = [
        table("Result", &result(report)),
        table("Drawdown", &drawdown(report)),
        table("Trades", &trades(report)),
        table("Series", &series(report)),
        table("Ratios", &ratios(report)),
        table("Way and time", &way(report)),
    ];
    format!(
        "<div class=\"groups\">{}</div><p class=\"note\">By the formulas of MetaTrader 5's tester, recomputed from real reports, where it has the field. Its Sharpe ratio can't be recomputed and ours differs: mean over standard deviation of the daily returns of equity (UTC days with ticks), times √252. Growth a year of a shorter run is an extrapolation.</p>",
        groups.concat()
    )
}

fn result(report: &FullReport<'_>) -> Vec<Line> {
    let (run, stats) = (report.run, &report.run.statistics);
    vec![
        ("Initial deposit", grouped(run.terms.deposit.to_units(), 2)),
        ("Total net profit", signed(stats.net_profit)),
        ("Gross profit", grouped(stats.gross_profit, 2)),
        ("Gross loss", grouped(stats.gross_loss, 2)),
        ("Profit factor", optional(stats.profit_factor, 2)),
        ("Expected payoff", grouped(stats.expected_payoff, 2)),
        ("Recovery factor", optional(run.recovery_factor, 2)),
        ("Balance at the end", grouped(run.balance.to_units(), 2)),
        ("OnTester result", grouped(run.criterion, 6)),
        ("Bars", format!("{} of {}", grouped(report.review.frames.len() as f64, 0), report.review.frames.name())),
        ("Ticks", grouped(run.ticks as f64, 0)),
        ("Symbols", report.symbols.len().to_string()),
    ]
}

fn drawdown(report: &FullReport<'_>) -> Vec<Line> {
    let (run, account) = (report.run, &report.review.account);
    let maximal = |fall: &Drawdown| format!("{} ({} %)", grouped(fall.maximal, 2), grouped(fall.maximal_percent, 2));
    let relative = |fall: &Drawdown| format!("{} % ({})", grouped(fall.relative_percent, 2), grouped(fall.relative, 2));
    let (balance, equity) = (&run.statistics.balance_drawdown, &run.equity_drawdown);
    let open = if account.underwater_at_end { ", not over" } else { "" };
    vec![
        ("Balance drawdown absolute", grouped(balance.absolute, 2)),
        ("Balance drawdown maximal", maximal(balance)),
        ("Balance drawdown relative", relative(balance)),
        ("Equity drawdown absolute", grouped(equity.absolute, 2)),
        ("Equity drawdown maximal", maximal(equity)),
        ("Equity drawdown relative", relative(equity)),
        ("Margin level, lowest", account.margin_level_percent.map_or("–".into(), |level| format!("{} %", grouped(level, 2)))),
        ("Longest under water", format!("{}{open}", lasted(account.underwater_longest_s))),
        ("Time under water", format!("{} %", grouped(account.underwater_percent, 1))),
    ]
}

fn trades(report: &FullReport<'_>) -> Vec<Line> {
    let stats = &report.run.statistics;
    let with_share = |count: u32, part: u32, of: u32| format!("{} ({})", grouped(f64::from(count), 0), share(part, of));
    vec![
        ("Total trades", grouped(f64::from(stats.trades), 0)),
        ("Total deals", grouped(f64::from(stats.deals), 0)),
        ("Short trades (won)", with_share(stats.short_trades, stats.short_won, stats.short_trades)),
        ("Long trades (won)", with_share(stats.long_trades, stats.long_won, stats.long_trades)),
        ("Profit trades", with_share(stats.profit_trades, stats.profit_trades, stats.trades)),
        ("of these, broke even", grouped(f64::from(stats.even_trades), 0)),
        ("Loss trades", with_share(stats.loss_trades, stats.loss_trades, stats.trades)),
        ("Largest profit trade", grouped(stats.largest_profit, 2)),
        ("Largest loss trade", grouped(stats.largest_loss, 2)),
        ("Average profit trade", grouped(stats.average_profit, 2)),
        ("Average loss trade", grouped(stats.average_loss, 2)),
        (
            "Orders, denied",
            format!("{}, {}", grouped(report.run.decisions.asked() as f64, 0), grouped(report.run.decisions.denied() as f64, 0)),
        ),
    ]
}

fn series(report: &FullReport<'_>) -> Vec<Line> {
    let (wins, losses) = (&report.run.statistics.wins, &report.run.statistics.losses);
    let long = |series: &crate::statistics::Series| format!("{} ({})", series.longest, grouped(series.longest_result, 2));
    let large = |series: &crate::statistics::Series| format!("{} ({})", grouped(series.maximal_result, 2), series.maximal_length);
    let stats = &report.run.statistics;
    vec![
        ("Maximum consecutive wins (money)", long(wins)),
        ("Maximum consecutive losses (money)", long(losses)),
        ("Maximal consecutive profit (count)", large(wins)),
        ("Maximal consecutive loss (count)", large(losses)),
        ("Average consecutive wins", wins.average.to_string()),
        ("Average consecutive losses", losses.average.to_string()),
        ("Z score", format!("{} ({} %)", grouped(stats.z_score, 2), grouped(stats.z_confidence, 2))),
        ("AHPR", format!("{} ({} %)", grouped(stats.ahpr, 4), grouped((stats.ahpr - 1.0) * 100.0, 2))),
        ("GHPR", format!("{} ({} %)", grouped(stats.ghpr, 4), grouped((stats.ghpr - 1.0) * 100.0, 2))),
        ("LR correlation", grouped(stats.lr_correlation, 2)),
        ("LR standard error", grouped(stats.lr_standard_error, 2)),
    ]
}

fn ratios(report: &FullReport<'_>) -> Vec<Line> {
    let returns = &report.run.returns;
    let percent = |value: Option<f64>| value.map_or("–".into(), |value| format!("{} %", grouped(value, 2)));
    vec![
        ("Sharpe ratio (daily equity)", optional(returns.sharpe, 2)),
        ("Sortino ratio", optional(returns.sortino, 2)),
        ("Calmar ratio", optional(returns.calmar, 2)),
        ("Growth a year (CAGR)", percent(returns.cagr_percent)),
        ("Volatility a year", percent(returns.volatility_percent)),
        ("Best day", format!("{} %", grouped(returns.best_day_percent, 2))),
        ("Worst day", format!("{} %", grouped(returns.worst_day_percent, 2))),
        ("Days won", format!("{} of {}", returns.days_won, returns.days)),
    ]
}

fn way(report: &FullReport<'_>) -> Vec<Line> {
    let (excursions, holding, account) = (report.excursions(), &report.breakdown().holding, &report.review.account);
    vec![
        ("Correlation (Profits, MFE)", grouped(excursions.profit_mfe, 2)),
        ("Correlation (Profits, MAE)", grouped(excursions.profit_mae, 2)),
        ("Correlation (MFE, MAE)", grouped(excursions.mfe_mae, 4)),
        ("Minimal holding time", lasted(holding.minimal_s)),
        ("Maximal holding time", lasted(holding.maximal_s)),
        ("Average holding time", lasted(holding.average_s)),
        ("Exposure", format!("{} %", grouped(account.exposure_percent, 2))),
        ("Turnover", format!("{} ({} deposits)", grouped(account.turnover, 0), grouped(account.turnover_times, 1))),
    ]
}

/// What it cost, and what it would have been at twice the spread.
pub(super) fn costs(report: &FullReport<'_>) -> String {
    let (costs, account) = (&report.breakdown().costs, &report.review.account);
    let together = costs.commission + costs.swap + account.spread_cost;
    let lines = [
        ("Profit by price, spread included", signed(costs.before_costs)),
        ("Commission", signed(costs.commission)),
        ("Swap", signed(costs.swap)),
        ("Net profit", signed(report.run.statistics.net_profit)),
        ("Spread, half of it at each deal", signed(account.spread_cost)),
        ("Commission, swap and spread", signed(together)),
    ];
    let head = "<tr><th scope=\"col\" class=\"left\">Spread</th><th scope=\"col\">Net profit</th><th scope=\"col\">Factor</th><th scope=\"col\">Drawdown</th><th scope=\"col\">Trades</th><th scope=\"col\">Sharpe</th></tr>";
    let rows: String = report
        .sensitivity()
        .iter()
        .map(|run| {
            let name = if run.spread_times == 1.0 { "as it was".to_owned() } else { format!("{} times as wide", run.spread_times) };
            format!(
                "<tr><td class=\"left\">{name}</td><td class=\"{}\">{}</td><td>{}</td><td>{} %</td><td>{}</td><td>{}</td></tr>",
                mark(run.net_profit),
                signed(run.net_profit),
                optional(run.profit_factor, 2),
                grouped(run.equity_drawdown_percent, 2),
                grouped(f64::from(run.trades), 0),
                optional(run.sharpe, 2)
            )
        })
        .collect();
    let note = if report.doubled.is_some() {
        "The strategy was run again with every ask twice as far above its bid: a strategy that lives on the spread shows it here."
    } else {
        "The run was not repeated with a wider spread."
    };
    format!(
        "<div class=\"groups\">{}<div><h3>Twice the spread</h3><div class=\"scroll\"><table class=\"rows\"><thead>{head}</thead><tbody>{rows}</tbody></table></div><p class=\"note\">{note}</p></div></div>",
        table("Costs", &lines)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let shown: Vec<String> = [0.0, -0.001, 1_234_567.891, -1_234.5, 999.0].into_iter().map(|value| grouped(value, 2)).collect();
        assert_eq!(shown, ["0.00", "0.00", "1,234,567.89", "−1,234.50", "999.00"]);
        assert_eq!(grouped(f64::INFINITY, 2), "inf");
        assert_eq!([0.2, 3_661.0, 90_061.0].map(lasted), ["00:00:00", "01:01:01", "1 d 01:01:01"]);
    }
}
