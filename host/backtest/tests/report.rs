//! A run's whole report, from a strategy that trades and talks: the figures agree with each other, every text stays a text, a
//! million ticks make a small page, and a browser, where there is one, runs it without a complaint.

use domain::broker::AccountTerms;
use domain::contract::*;
use domain::desk::Desk;
use domain::guest::{Call, Guest, GuestHost, Outcome, Reply, Used};
use domain::limits::GuestLimits;
use domain::risk::RiskLimits;
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::time::{MINUTE_US, SECOND_US, Time};
use market::OwnedColumns;
use market::columns::Row;
use paper::VenueOptions;
use serde_json::Value;
use std::process::Command;
use stockade_backtest::report::{About, FullReport};
use stockade_backtest::sensitivity::widened;
use stockade_backtest::source::{Chunks, owned};
use stockade_backtest::{Batching, RunReport, RunSetup, Source, review, run};

/// What nobody's page should run.
const EVIL: &str = "</script><b onclick=alert(1)>";

/// Buys, and closes a while later; says why with words missing.
struct Trader {
    desk: Desk,
    ticks: u64,
    every: u64,
}

impl Guest<Desk> for Trader {
    fn host(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        Outcome::Decided(match call {
            Call::Ticks { .. } | Call::Tick { .. } => {
                if matches!(call, Call::Ticks { .. }) {
                    self.desk.at(0).unwrap();
                }
                self.ticks += 1;
                match self.ticks % self.every {
                    1 => {
                        self.desk.signal(0, Some(Side::Buy), 70.0, EVIL).unwrap();
                        self.desk.plot(EVIL, self.ticks as f64);
                        let side = if (self.ticks / self.every).is_multiple_of(2) { Side::Buy } else { Side::Sell };
                        self.desk.submit(order(side)).unwrap();
                    }
                    half if half == self.every / 2 => {
                        let open = self.desk.positions();
                        open.iter().for_each(|position| assert!(self.desk.close(position.id, None).is_ok()));
                    }
                    _ => {}
                }
                Reply::Consumed(1)
            }
            Call::Tester(stats) => Reply::Criterion(stats.sharpe),
            Call::Save => Reply::State(Vec::new()),
            _ => Reply::Done,
        })
    }

    fn used(&self) -> Used {
        Used::default()
    }
}

fn order(side: Side) -> AskedOrder {
    AskedOrder {
        symbol: 0,
        side,
        kind: OrderKind::Market,
        volume: 0.1,
        price: None,
        stop_limit_price: None,
        stop_loss: None,
        take_profit: None,
        filling: Filling::Any,
        deviation: None,
        expires: None,
        position: None,
        reduce_only: false,
        tag: "=<i>tag</i>".into(),
    }
}

/// A price that goes up and down, a tick every `step_us`.
fn ticks(count: i64, step_us: i64) -> OwnedColumns {
    let spec = common::forex("EUR", "USD");
    let mut columns = OwnedColumns::default();
    for at in 0..count {
        let points = 138_000 + ((at as f64 / 700.0).sin() * 300.0) as i64 + at % 7;
        let price = |points| spec.price(domain::number::Points(points));
        // A Monday.
        columns.push(Row::quote(Time(1_399_248_000 * SECOND_US + at * step_us), price(points), price(points + 2)));
    }
    columns
}

struct Whole {
    run: RunReport,
    html: String,
    json: Value,
    csv: String,
}

fn whole(count: i64, step_us: i64, every: u64) -> Whole {
    let columns = ticks(count, step_us);
    let table = SymbolTable::new(vec![common::forex("EUR", "USD")]).unwrap();
    let symbols = vec![SymbolId(0)];
    let setup = RunSetup {
        table: table.clone(),
        symbols: symbols.clone(),
        description: Description {
            name: "trader".into(),
            version: "1".into(),
            about: String::new(),
            params: Vec::new(),
            needs: vec![DataNeed { symbol: String::new(), timeframes: Vec::new(), bars_before_start: 0, ticks_before_start: 0 }],
            latest_tick_only: false,
            callbacks: Callbacks { tick: true, bar: true, timer: true, order: true, position: true },
            state_schema: 0,
            memory_bytes: 0,
        },
        params: Vec::new(),
        restored: None,
        start: Time(0),
        terms: AccountTerms::default(),
        risk: RiskLimits::default(),
        venue: VenueOptions::default(),
        limits: GuestLimits::default(),
        seed: 1,
        mode: RunMode::Backtest,
        batching: Batching::Horizon,
        keep_remarks: true,
        witness: None,
    };
    let chunks = || -> Chunks { Box::new(std::iter::once(Ok(owned(columns.clone())))) };
    let source = |chunks: Chunks| Source::new(vec![(SymbolId(0), chunks)]).unwrap();
    let trader = |desk| -> Result<Box<dyn Guest<Desk>>, _> { Ok(Box::new(Trader { desk, ticks: 0, every })) };
    let run_of = |chunks| run(setup.clone(), source(chunks), trader, |_| ()).unwrap();
    let found = run_of(chunks());
    let doubled = run_of(widened(chunks(), table.spec(SymbolId(0)).clone(), 2.0));
    let review = review(&found, &table, &symbols, source(chunks())).unwrap();
    let about = About { strategy: EVIL.into(), params: vec![(EVIL.into(), EVIL.into())], ..About::default() };
    let report = FullReport::new(&about, &found, &table, &symbols, &review, Some(&doubled));
    let (mut json, mut csv) = (Vec::new(), Vec::new());
    report.write_json(&mut json).unwrap();
    report.write_deals_csv(&mut csv).unwrap();
    Whole { html: report.html(), json: serde_json::from_slice(&json).unwrap(), csv: String::from_utf8(csv).unwrap(), run: found }
}

#[test]
fn all_parts_of_a_report_tell_the_same_story() {
    let Whole { run, json, csv, .. } = whole(40_000, 5 * SECOND_US, 400);
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6 * a.abs().max(1.0), "{a} {b}");
    let sum = |list: &Value, field: &str| list.as_array().unwrap().iter().map(|row| row[field].as_f64().unwrap()).sum::<f64>();
    let net = run.statistics.net_profit;
    assert!(run.statistics.trades >= 99, "{}", run.statistics.trades);
    near(sum(&json["trades"], "net"), net);
    near(sum(&json["deals"], "net"), net);
    near(sum(&json["breakdown"]["by_tag"], "net"), net);
    near(sum(&json["breakdown"]["by_exit"], "net"), net);
    near(sum(&json["breakdown"]["by_hour"], "profit") + sum(&json["breakdown"]["by_hour"], "loss"), net);
    near(sum(&json["months"], "profit"), net);
    assert_eq!(json["breakdown"]["by_tag"][0]["name"], "=<i>tag</i>");
    assert_eq!(json["orders"].as_array().unwrap().len() as u64, run.orders.rows().len() as u64);
    assert!(json["orders"].as_array().unwrap().iter().all(|order| order["state"] == "filled"));
    // The spread is two points, so twice of it costs two points more a trade: 0.20 on 0.1 lots.
    near(json["sensitivity"][1]["net_profit"].as_f64().unwrap(), net - 0.2 * f64::from(run.statistics.trades));
    near(json["account"]["spread_cost"].as_f64().unwrap(), -0.2 * f64::from(run.statistics.trades));
    for trade in json["trades"].as_array().unwrap() {
        let of = |field: &str| trade[field].as_f64().unwrap();
        assert!(of("mae") <= of("profit") && of("profit") <= of("mfe") && of("mfe") >= 0.0 && of("mae") <= 0.0, "{trade}");
    }
    // Equity day by day gives the criterion that a strategy is told.
    assert_eq!(run.closes.len(), 3);
    near(run.criterion, run.returns.sharpe.unwrap());
    assert_eq!(csv.lines().count(), run.deals.len() + 1);
    assert!(csv.contains(",'=<i>tag</i>"), "no formula: {}", csv.lines().nth(1).unwrap());
}

#[test]
fn the_second_look_agrees_with_what_the_run_counted_exactly() {
    let Whole { run, html, .. } = whole(40_000, 5 * SECOND_US, 400);
    let from = html.find("id=\"report\">").unwrap() + "id=\"report\">".len();
    let drawn: Value = serde_json::from_str(&html[from..from + html[from..].find("</script>").unwrap()]).unwrap();
    let column = |name: &str| drawn["frames"][name].as_array().unwrap().iter().filter_map(Value::as_f64).collect::<Vec<_>>();
    let deepest = column("fall").into_iter().fold(0.0, f64::max);
    assert!((deepest - run.equity_drawdown.relative_percent).abs() < 0.001, "{deepest} {}", run.equity_drawdown.relative_percent);
    let lowest = column("equity_low").into_iter().fold(f64::INFINITY, f64::min);
    assert!((run.terms.deposit.to_units() - lowest - run.equity_drawdown.absolute).abs() < 0.006, "{lowest}");
    assert_eq!(column("balance").last().copied(), Some(run.balance.to_units()));
    let bars = &drawn["frames"]["bars"][0];
    assert_eq!(bars["high"].as_array().unwrap().len(), column("times").len());
}

#[test]
fn a_page_of_a_million_ticks_is_small_and_holds_texts_as_texts() {
    let Whole { run, html, .. } = whole(1_000_000, SECOND_US, 100);
    assert!(run.statistics.trades > 9_000 && run.ticks == 1_000_000);
    assert!(html.len() < 4 << 20, "{} bytes", html.len());
    assert!(html.contains("rows between the first and the last") && html.contains("\"left_out\":"));
    assert!(!html.contains("<b onclick") && !html.contains("<i>tag"));
    assert!(html.contains("&lt;/script&gt;&lt;b onclick=alert(1)&gt;"));
    for part in ["Total net profit", "Margin level, lowest", "Correlation (MFE, MAE)", "Longest under water", "Calmar ratio"] {
        assert!(html.contains(part), "{part}");
    }
}

#[test]
fn a_browser_runs_the_page_without_a_complaint() {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let found = names.iter().find(|name| Command::new(name).arg("--version").output().is_ok_and(|ran| ran.status.success()));
    let Some(browser) = found else {
        eprintln!("SKIPPED: none of {} is here, so no browser has run the report's scripts", names.join(", "));
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    std::fs::write(&page, whole(20_000, MINUTE_US / 4, 400).html).unwrap();
    let ran = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000", "--enable-logging=stderr", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let (dom, said) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE") || line.contains("Uncaught")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    assert!(dom.contains("<canvas") && dom.contains("<a href=\"#summary\">"), "scripts have run");
    assert!(dom.matches("<tr>").count() > 50, "tables are filled");
}
