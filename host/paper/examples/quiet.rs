//! Times how fast rows are passed over at which nothing happens: `cargo run --release -p stockade-paper --example quiet`.

use domain::account::{Account, Standing};
use domain::broker::{AccountTerms, Broker};
use domain::contract::{Filling, OrderKind, Side, TradingState};
use domain::ids::{AccountId, EngineId, OrderId, UserId};
use domain::journal::{Forgetful, record};
use domain::ledger::Ledger;
use domain::number::{Points, Steps};
use domain::order::{Action, Command, OrderRequest, Tag};
use domain::ranges::PriceRanges;
use domain::risk::RiskLimits;
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::tick::{Quote, TickColumns};
use domain::time::Time;
use std::hint::black_box;
use std::time::Instant;
use stockade_paper::{Venue, VenueOptions};

const ACCOUNT: AccountId = AccountId(1);
const EURUSD: SymbolId = SymbolId(0);
const ROWS: usize = 1_000_000;
const BID: i64 = 130_000;

struct Ticks {
    times: Vec<i64>,
    bids: Vec<f64>,
    asks: Vec<f64>,
}

impl Ticks {
    /// A random walk of half points that is pulled back to its start.
    fn walk(table: &SymbolTable) -> Self {
        let spec = table.spec(EURUSD);
        let (mut seed, mut bid) = (0x9E37_79B9_7F4A_7C15_u64, BID);
        let mut ticks = Self { times: Vec::new(), bids: Vec::new(), asks: Vec::new() };
        for row in 0..ROWS as i64 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bid += (seed % 7) as i64 - 3 - (bid - BID) / 64;
            ticks.times.push(row * 100_000);
            ticks.bids.push(spec.price(Points(bid)));
            ticks.asks.push(spec.price(Points(bid + 5 + (seed >> 40 & 3) as i64)));
        }
        ticks
    }

    fn columns(&self) -> TickColumns<'_> {
        TickColumns { times: &self.times, bids: &self.bids, asks: &self.asks, lasts: &[], volumes: &[] }
    }
}

fn order(kind: OrderKind, side: Side, price: Option<i64>, stops: Option<(i64, i64)>) -> OrderRequest {
    OrderRequest {
        symbol: EURUSD,
        side,
        kind,
        volume: Steps(10),
        price: price.map(Points),
        stop_limit_price: None,
        stop_loss: stops.map(|(loss, _)| Points(loss)),
        take_profit: stops.map(|(_, profit)| Points(profit)),
        filling: Filling::Any,
        deviation: None,
        expires: None,
        position: None,
        reduce_only: false,
        tag: Tag::default(),
    }
}

/// A venue after its first tick, whose one account has these orders.
fn venue(table: &SymbolTable, ticks: &Ticks, orders: &[OrderRequest]) -> Venue {
    let mut venue = Venue::new(table.clone(), VenueOptions::default());
    venue.on_tick(&ticks.columns().tick(0, EURUSD, 1));
    give(&mut venue, ACCOUNT, table, orders);
    venue
}

/// Opens an account with these orders.
fn give(venue: &mut Venue, id: AccountId, table: &SymbolTable, orders: &[OrderRequest]) {
    let terms = AccountTerms::default();
    venue.open(id, terms.clone(), None);
    let ledger = Ledger::new(terms.deposit);
    let mut account = Account::new(id, UserId(1), terms, ledger, RiskLimits::default());
    for (number, request) in orders.iter().enumerate() {
        let order = OrderId::new(EngineId(1), number as u32 + 1);
        let command = Command { account: id, order, at: Time(0), action: Action::Place(request.clone()) };
        let quote = |symbol| venue.quote(symbol).map(|(bid, ask)| Quote { bid, ask, at: Time(0) });
        let by = Standing { engine: EngineId(1), trading: TradingState::Active, now: Time(0), quote, caps: None, by_host: false };
        let approved = account.approve(command, table, &by).expect("the orders are sane");
        for recorded in record(&mut Forgetful::default(), vec![approved]).expect("it forgets").into_iter().flatten() {
            venue.submit(recorded);
        }
    }
}

/// A live host: ticks one by one past thousands of accounts whose stops they don't reach.
fn time_live(accounts: u32, track_equity: bool, table: &SymbolTable, ticks: &Ticks, orders: &[OrderRequest]) {
    let mut venue = Venue::new(table.clone(), VenueOptions { track_equity, ..VenueOptions::default() });
    venue.on_tick(&ticks.columns().tick(0, EURUSD, 1));
    (1..=accounts).for_each(|account| give(&mut venue, AccountId(account), table, orders));
    let rows = if track_equity { 2_000 } else { ROWS };
    let begun = Instant::now();
    (1..rows).for_each(|row| venue.on_tick(&ticks.columns().tick(row, EURUSD, 1)));
    let ns = begun.elapsed().as_secs_f64() * 1e9 / rows as f64;
    println!("{accounts} accounts with a position, SL and TP, equity tracks {track_equity}: on_tick {ns:.0} ns");
}

/// Row by row, and with the price ranges of blocks.
fn time(name: &str, table: &SymbolTable, ticks: &Ticks, orders: &[OrderRequest], batch: usize) {
    let [rows, ranges] = [PriceRanges::default(), PriceRanges::of(&ticks.bids, &ticks.asks)].map(|ranges| {
        let [quiet, skip] = best(table, ticks, orders, batch, &ranges);
        format!("quiet_rows {quiet:5.2} ns, skip_quiet {skip:5.2} ns")
    });
    println!("{name:<34} {batch:>6} rows a batch: a tick {rows}; by ranges {ranges}");
}

/// How long the two take, ns a tick.
fn best(table: &SymbolTable, ticks: &Ticks, orders: &[OrderRequest], batch: usize, ranges: &PriceRanges) -> [f64; 2] {
    let mut best = [f64::INFINITY; 2];
    for _ in 0..7 {
        let mut venue = venue(table, ticks, orders);
        let mut spent = [0.0; 2];
        for start in (0..ROWS).step_by(batch) {
            let rows = ticks.columns().slice(start..ROWS.min(start + batch));
            let begun = Instant::now();
            let quiet = black_box(venue.quiet_rows(EURUSD, &rows, ranges.starting(start)));
            spent[0] += begun.elapsed().as_secs_f64();
            assert_eq!(quiet, rows.len(), "everything here is meant to be quiet");
            let begun = Instant::now();
            venue.skip_quiet(EURUSD, &rows, ranges.starting(start));
            spent[1] += begun.elapsed().as_secs_f64();
        }
        black_box(venue.track(ACCOUNT));
        best = [best[0].min(spent[0]), best[1].min(spent[1])];
    }
    best.map(|seconds| seconds * 1e9 / ROWS as f64)
}

fn main() {
    let table = SymbolTable::new(vec![common::forex("EUR", "USD")]).expect("a common spec is valid");
    let ticks = Ticks::walk(&table);
    let limit = order(OrderKind::Limit, Side::Buy, Some(BID - 5_000), None);
    let stop = order(OrderKind::Stop, Side::Buy, Some(BID + 5_000), None);
    let long = order(OrderKind::Market, Side::Buy, None, None);
    let bracket = order(OrderKind::Market, Side::Buy, None, Some((BID - 5_000, BID + 5_000)));
    let short = order(OrderKind::Market, Side::Sell, None, None);
    time_live(10_000, false, &table, &ticks, std::slice::from_ref(&bracket));
    time_live(10_000, true, &table, &ticks, std::slice::from_ref(&bracket));
    let made = || {
        let begun = Instant::now();
        black_box(PriceRanges::of(&ticks.bids, &ticks.asks));
        begun.elapsed()
    };
    let made = (0..7).map(|_| made()).min().expect("there are some");
    println!("making the price ranges: {:.2} ns a tick", made.as_secs_f64() * 1e9 / ROWS as f64);
    for batch in [256, 65_536] {
        time("nothing", &table, &ticks, &[], batch);
        time("1 pending order", &table, &ticks, std::slice::from_ref(&limit), batch);
        time("2 pending orders", &table, &ticks, &[limit.clone(), stop.clone()], batch);
        time("position", &table, &ticks, std::slice::from_ref(&long), batch);
        time("position with SL and TP", &table, &ticks, std::slice::from_ref(&bracket), batch);
        time("long, short and 2 pending orders", &table, &ticks, &[bracket.clone(), short.clone(), limit.clone(), stop.clone()], batch);
    }
}
