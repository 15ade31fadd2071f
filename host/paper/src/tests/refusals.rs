//! What the broker does not take, and its retcodes.

use super::bench::{Do::*, *};
use crate::{Venue, VenueOptions};
use domain::broker::{Broker, Happened, retcode};
use domain::contract::OrderKind::{Limit, Stop, StopLimit};
use domain::contract::Side::{Buy, Sell};
use domain::ids::AccountId;
use domain::number::Points;
use domain::order::{Action, Command, OrderRequest};
use domain::symbol::{SymbolId, SymbolSpec, SymbolTable, common};
use domain::time::Time;

#[test]
fn orders_that_make_no_sense_are_rejected_with_the_code_that_says_why() {
    let cases = [
        (market(Buy, 0), retcode::INVALID_VOLUME),
        (market(Buy, 10_001), retcode::INVALID_VOLUME),
        (OrderRequest { symbol: SymbolId(99), ..market(Buy, 1) }, retcode::INVALID),
        (OrderRequest { symbol: XAUUSD, ..market(Buy, 1) }, retcode::PRICE_OFF),
        (pending(Limit, Buy, 1, 130_010), retcode::INVALID_PRICE),
        (pending(Limit, Sell, 1, 130_000), retcode::INVALID_PRICE),
        (pending(Stop, Buy, 1, 130_010), retcode::INVALID_PRICE),
        (pending(Stop, Sell, 1, 130_000), retcode::INVALID_PRICE),
        (pending(Limit, Buy, 1, -5), retcode::INVALID_PRICE),
        (pending(StopLimit, Buy, 1, 130_100), retcode::INVALID),
        (OrderRequest { price: Some(Points(130_000)), ..market(Buy, 1) }, retcode::INVALID),
        (OrderRequest { kind: Limit, ..market(Buy, 1) }, retcode::INVALID),
        (with_stops(market(Buy, 1), 130_000, 0), retcode::INVALID_STOPS),
        (with_stops(market(Buy, 1), 0, 130_000), retcode::INVALID_STOPS),
        (with_stops(market(Sell, 1), 130_010, 0), retcode::INVALID_STOPS),
        (with_stops(pending(Limit, Buy, 1, 129_900), 129_900, 0), retcode::INVALID_STOPS),
        (OrderRequest { expires: Some(Time(1_000_000)), ..pending(Limit, Buy, 1, 129_900) }, retcode::INVALID_EXPIRATION),
        (closing(pending(Limit, Sell, 1, 130_100), 7), retcode::POSITION_CLOSED),
        (market(Buy, 10_000), retcode::NO_MONEY),
    ];
    for (request, code) in cases {
        let bench = hedging([Tick(130_000, 130_010), Place(request.clone())], &[&format!("1 rejected {code}")]);
        assert!(bench.venue.ledger(ACCOUNT).is_some_and(|ledger| ledger.orders.is_empty()), "{request:?}");
    }
}

#[test]
fn changes_of_what_is_gone_or_to_where_it_may_not_be_are_rejected_and_change_nothing() {
    let limit = pending(Limit, Buy, 1, 129_900);
    let cases = [
        (Modify(9, None, None, None), retcode::POSITION_CLOSED),
        (Cancel(9), retcode::POSITION_CLOSED),
        (Stops(9, None, None), retcode::POSITION_CLOSED),
        (Modify(1, Some(130_010), None, None), retcode::INVALID_PRICE),
        (Modify(1, None, Some(129_900), None), retcode::INVALID_STOPS),
        (Modify(2, Some(130_050), None, None), retcode::INVALID_PRICE),
        (Stops(3, Some(130_000), None), retcode::INVALID_STOPS),
        (Stops(3, None, Some(130_000)), retcode::INVALID_STOPS),
    ];
    for (step, code) in cases {
        let mut bench = hedging(
            [Tick(130_000, 130_010), Place(limit.clone()), Place(stop_limit(Buy, 1, 130_100, 130_050)), Place(market(Buy, 1))],
            &["1 accepted", "2 accepted", "3 accepted", "3 deal in buy 1 @130010 of 3"],
        );
        let before = bench.venue.ledger(ACCOUNT).cloned();
        let shown = format!("{step:?}");
        let lines = bench.step(step);
        assert!(lines.len() == 1 && lines[0].ends_with(&format!("modify-rejected {code}")), "{shown}: {lines:?}");
        assert_eq!(bench.venue.ledger(ACCOUNT), before.as_ref(), "{shown}");
    }
}

#[test]
fn stops_level_and_freeze_level_hold() {
    let spec = SymbolSpec { stops_level: Points(20), freeze_level: Points(10), ..common::forex("EUR", "USD") };
    let mut venue = Venue::new(SymbolTable::new(vec![spec]).expect("it is valid"), VenueOptions::default());
    venue.open(ACCOUNT, Default::default(), None);
    let say = |venue: &mut Venue, number, action| {
        venue.send(&Command { account: ACCOUNT, order: order(number), at: Time(0), action });
        let mut reports = Vec::new();
        venue.reports(&mut reports);
        reports.iter().map(line).collect::<Vec<_>>().join(", ")
    };
    venue.on_tick(&tick(EURUSD, Time(1), 130_000, 130_010));
    assert_eq!(say(&mut venue, 1, Action::Place(pending(Limit, Buy, 1, 129_991))), "1 rejected 10015");
    assert_eq!(say(&mut venue, 2, Action::Place(pending(Limit, Buy, 1, 129_990))), "2 accepted");
    venue.on_tick(&tick(EURUSD, Time(2), 129_990, 130_000));
    assert_eq!(say(&mut venue, 2, Action::Cancel), "2 modify-rejected 10029");
    venue.on_tick(&tick(EURUSD, Time(3), 130_000, 130_010));
    assert_eq!(say(&mut venue, 2, Action::Cancel), "2 canceled");
}

#[test]
fn before_the_first_tick_there_is_no_price_and_without_a_conversion_no_profit() {
    hedging([Place(market(Buy, 1))], &["1 rejected 10021"]);
    let eurjpy = OrderRequest { symbol: EURJPY, ..market(Buy, 1) };
    hedging([TickOf(EURJPY, 160_000, 160_010), Place(eurjpy.clone())], &["1 rejected 10021"]);
    hedging(
        [
            TickOf(EURJPY, 160_000, 160_010),
            TickOf(USDJPY, 130_000, 130_010),
            Tick(110_000, 110_010),
            Place(eurjpy),
            TickOf(EURJPY, 161_310, 161_320),
            Place(closing(OrderRequest { symbol: EURJPY, ..market(Sell, 1) }, 1)),
        ],
        // 1300 points on 1,000 EUR: 1,300 JPY at 130.01.
        &["1 accepted", "1 deal in buy 1 @160010 of 1", "2 accepted", "2 deal out sell 1 @161310 of 1 10.00"],
    );
}

#[test]
fn an_unknown_account_and_a_tick_without_a_price_are_answered_and_ignored() {
    let mut bench = hedging([Tick(130_000, 130_010)], &[]);
    bench.venue.send(&Command { account: AccountId(7), order: order(1), at: Time(5), action: Action::Cancel });
    let reports = bench.take();
    assert_eq!(reports[0].happened, Happened::ModifyRejected { retcode: retcode::REJECT });
    for bad in [f64::NAN, 0.0, -1.0, f64::INFINITY, 1e300] {
        let good = tick(EURUSD, Time(9), 130_000, 130_010);
        bench.venue.on_tick(&domain::tick::Tick { bid: bad, ..good });
        bench.venue.on_tick(&domain::tick::Tick { ask: bad, ..good });
        bench.venue.on_tick(&domain::tick::Tick { symbol: SymbolId(99), ..good });
    }
    assert_eq!(bench.venue.quote(EURUSD), Some((Points(130_000), Points(130_010))));
}
