//! The statistics of a real MT5 tester report, recomputed from its deals, are what MT5 printed.

use domain::broker::{Deal, Entry, Reason};
use domain::contract::Side;
use domain::ids::{DealId, OrderId, PositionId};
use domain::number::{Money, Points, Steps};
use domain::server_clock::ServerClock;
use domain::symbol::SymbolId;
use domain::time::{SECOND_US, Time};
use std::path::Path;
use stockade_backtest::breakdown::Holding;
use stockade_backtest::statistics::{Row, Statistics};
use stockade_backtest::trades::{Trade, trades};

/// What the report prints and its deals can't tell, and why.
const NOT_FROM_DEALS: [(&str, &str); 12] = [
    ("History Quality:", "says how much of the broker's history was there"),
    ("Bars:", "counts what the tester went through"),
    ("Ticks:", "counts what the tester went through"),
    ("Equity Drawdown Absolute:", "hangs on every tick between the deals"),
    ("Equity Drawdown Maximal:", "hangs on every tick between the deals"),
    ("Equity Drawdown Relative:", "hangs on every tick between the deals"),
    ("Margin Level:", "hangs on every tick between the deals, and on the symbol's margin"),
    ("Sharpe Ratio:", "is of equity, sampled and annualised in a way that is nowhere written: ours is another, and says so"),
    ("OnTester result:", "is what the expert makes of it"),
    ("Correlation (Profits,MFE):", "hangs on every tick while a position was open"),
    ("Correlation (Profits,MAE):", "hangs on every tick while a position was open"),
    ("Correlation (MFE,MAE):", "hangs on every tick while a position was open"),
];

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

    /// Labels of the part with the results.
    fn labels(&self) -> Vec<&str> {
        let place = |label: &str| self.0.iter().position(|cell| cell == label).unwrap_or_else(|| panic!("no {label}"));
        let results = &self.0[place("History Quality:")..=place("Average position holding time:")];
        results.iter().map(String::as_str).filter(|cell| cell.ends_with(':')).collect()
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
            rows.push(Row { time: server_time(&row[0]), side, entry, net: money(&row[8]) + money(&row[9]) + money(&row[10]) });
        }
        (deposit, rows)
    }
}

/// `2024.12.30 10:52:08`.
fn server_time(text: &str) -> Time {
    let (date, clock) = text.split_once(' ').expect("a date and a time");
    let day: market::Date = date.replace('.', "-").parse().expect("a date");
    let seconds = clock.split(':').fold(0, |seconds, part| seconds * 60 + part.parse::<i64>().expect("a number"));
    day.start().plus_us(seconds * SECOND_US)
}

/// The trades that the rows make: in this report every position is closed before the next is opened.
fn trades_of(rows: &[Row]) -> Vec<Trade> {
    let deal = |(at, row): (usize, &Row)| Deal {
        id: DealId(at as u64 + 1),
        order: None,
        position: PositionId(OrderId(at as u64 / 2)),
        symbol: SymbolId(0),
        side: row.side,
        entry: row.entry,
        reason: Reason::Expert,
        volume: Steps(1),
        price: Points(1),
        profit: row.net,
        commission: Money::ZERO,
        swap: Money::ZERO,
        time: row.time,
    };
    trades(&rows.iter().enumerate().map(deal).collect::<Vec<_>>())
}

/// `5:06:08`, as MT5 writes how long something lasted.
fn lasted(seconds: f64) -> String {
    let seconds = seconds as u64;
    format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
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
    let holding = Holding::of(&trades_of(&deals), ServerClock::UTC);
    // MT5 divides by the drawdown of equity, which hangs on ticks: its own is taken.
    let equity_drawdown = number(printed.get("Equity Drawdown Maximal:").split('(').next().expect("an amount"));
    let compared = [
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
        ("Recovery Factor:", two(stats.net_profit / equity_drawdown)),
        ("Symbols:", "1".to_owned()),
        ("Minimal position holding time:", lasted(holding.minimal_s)),
        ("Maximal position holding time:", lasted(holding.maximal_s)),
        ("Average position holding time:", lasted(holding.average_s)),
    ];
    for label in printed.labels() {
        let known = compared.iter().any(|(name, _)| *name == label) || NOT_FROM_DEALS.iter().any(|(name, _)| *name == label);
        assert!(known, "{label} is neither compared nor explained");
    }
    for (label, ours) in compared {
        let theirs: String = printed.get(label).chars().filter(|c| !c.is_whitespace()).collect();
        let ours: String = ours.chars().filter(|c| !c.is_whitespace()).collect();
        assert_eq!(ours, theirs, "{label}");
    }
}
