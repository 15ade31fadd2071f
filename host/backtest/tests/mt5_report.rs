//! The statistics of a real MT5 tester report, recomputed from its deals, are what MT5 printed.

use domain::broker::Entry;
use domain::contract::Side;
use domain::number::Money;
use domain::time::Time;
use std::path::Path;
use stockade_backtest::statistics::{Row, Statistics};

/// The cells of a report's tables, in order, as text.
fn cells(html: &str) -> Vec<String> {
    let mut cells = Vec::new();
    for part in html.split("<td").skip(1) {
        let inner = part.split_once('>').map_or("", |(_, inner)| inner).split("</td>").next().unwrap_or_default();
        let mut text = String::new();
        let mut in_tag = false;
        for c in inner.chars() {
            match c {
                '<' => in_tag = true,
                '>' => in_tag = false,
                c if !in_tag => text.push(c),
                _ => {}
            }
        }
        cells.push(text.replace("&nbsp;", " ").trim().to_owned());
    }
    cells
}

/// `1 234.56` as a number.
fn number(text: &str) -> f64 {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

fn money(text: &str) -> Money {
    Money::from_units(number(text))
}

struct Printed(Vec<String>);

impl Printed {
    /// What stands behind a label.
    fn get(&self, label: &str) -> &str {
        let at = self.0.iter().position(|cell| cell == label).unwrap_or_else(|| panic!("the report has no {label:?}"));
        &self.0[at + 1]
    }

    fn deals(&self) -> (Money, Vec<Row>) {
        let head = self.0.iter().rposition(|cell| cell == "Direction").expect("a table of deals");
        let first = head + 9;
        let mut deposit = Money::ZERO;
        let mut rows = Vec::new();
        for row in self.0[first..].chunks(13).take_while(|row| row.len() == 13) {
            let side = match row[3].as_str() {
                "balance" => {
                    deposit = money(&row[10]);
                    continue;
                }
                "buy" => Side::Buy,
                "sell" => Side::Sell,
                _ => break,
            };
            let entry = Entry::from_word(&row[4]).expect("in or out");
            rows.push(Row { time: Time(0), side, entry, net: money(&row[8]) + money(&row[9]) + money(&row[10]) });
        }
        (deposit, rows)
    }
}

#[test]
fn statistics_equal_what_mt5_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/mt5-reports/tester-346-trades.html");
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("SKIPPED: {} is not here, so nothing was compared with a real MT5 report", path.display());
        return;
    };
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let printed = Printed(cells(&String::from_utf16(&units).expect("MT5 writes UTF-16")));
    let (deposit, deals) = printed.deals();
    let stats = Statistics::of(&deals, deposit);

    let two = |value: f64| format!("{:.2}", if value == 0.0 { 0.0 } else { value });
    let share = |count: u32, of: u32| format!("{count} ({:.2}%)", 100.0 * f64::from(count) / f64::from(of));
    let won = |all: u32, won: u32| format!("{all} ({:.2}%)", 100.0 * f64::from(won) / f64::from(all));
    let drawdown = &stats.balance_drawdown;
    for (label, ours) in [
        ("Total Net Profit:", two(stats.net_profit)),
        ("Gross Profit:", two(stats.gross_profit)),
        ("Gross Loss:", two(stats.gross_loss)),
        ("Profit Factor:", two(stats.profit_factor.expect("it has losses"))),
        ("Expected Payoff:", two(stats.expected_payoff)),
        ("Balance Drawdown Absolute:", two(drawdown.absolute)),
        ("Balance Drawdown Maximal:", format!("{} ({}%)", two(drawdown.maximal), two(drawdown.maximal_percent))),
        ("Balance Drawdown Relative:", format!("{}% ({})", two(drawdown.relative_percent), two(drawdown.relative))),
        ("Z-Score:", format!("{} ({}%)", two(stats.z_score), two(stats.z_confidence))),
        ("AHPR:", format!("{:.4} ({:.2}%)", stats.ahpr, (stats.ahpr - 1.0) * 100.0)),
        ("GHPR:", format!("{:.4} ({:.2}%)", stats.ghpr, (stats.ghpr - 1.0) * 100.0)),
        ("LR Correlation:", two(stats.lr_correlation)),
        ("LR Standard Error:", two(stats.lr_standard_error)),
        ("Total Trades:", stats.trades.to_string()),
        ("Total Deals:", stats.deals.to_string()),
        ("Short Trades (won %):", won(stats.short_trades, stats.short_won)),
        ("Long Trades (won %):", won(stats.long_trades, stats.long_won)),
        ("Profit Trades (% of total):", share(stats.profit_trades, stats.trades)),
        ("Loss Trades (% of total):", share(stats.loss_trades, stats.trades)),
        ("Largest profit trade:", two(stats.largest_profit)),
        ("Largest loss trade:", two(stats.largest_loss)),
        ("Average profit trade:", two(stats.average_profit)),
        ("Average loss trade:", two(stats.average_loss)),
        ("Maximum consecutive wins ($):", format!("{} ({})", stats.wins.longest, two(stats.wins.longest_result))),
        ("Maximum consecutive losses ($):", format!("{} ({})", stats.losses.longest, two(stats.losses.longest_result))),
        ("Maximal consecutive profit (count):", format!("{} ({})", two(stats.wins.maximal_result), stats.wins.maximal_length)),
        ("Maximal consecutive loss (count):", format!("{} ({})", two(stats.losses.maximal_result), stats.losses.maximal_length)),
        ("Average consecutive wins:", stats.wins.average.to_string()),
        ("Average consecutive losses:", stats.losses.average.to_string()),
    ] {
        let theirs: String = printed.get(label).chars().filter(|c| !c.is_whitespace()).collect();
        let ours: String = ours.chars().filter(|c| !c.is_whitespace()).collect();
        assert_eq!(ours, theirs, "{label}");
    }
}
