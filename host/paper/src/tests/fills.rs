//! When and at what price orders fill.

use super::bench::{Do::*, *};
use crate::{LimitFills, VenueOptions};
use domain::contract::AccountMode::Hedging;
use domain::contract::OrderKind::{Limit, Stop};
use domain::contract::Side::{Buy, Sell};
use domain::order::OrderRequest;
use domain::time::Time;

const OPEN: (i64, i64) = (130_000, 130_010);

/// Places `request` at 130000/130010, plays `ticks` and compares what follows the acceptance.
fn fills(limit_fills: LimitFills, request: OrderRequest, ticks: &[(i64, i64)], expected: &[&str]) {
    let options = VenueOptions { limit_fills, ..VenueOptions::default() };
    let steps = [Tick(OPEN.0, OPEN.1), Place(request)].into_iter().chain(ticks.iter().map(|&(bid, ask)| Tick(bid, ask)));
    let expected: Vec<&str> = ["1 accepted"].into_iter().chain(expected.iter().copied()).collect();
    check(Hedging, &options, steps, &expected);
}

#[test]
fn market_orders_fill_at_once_buys_at_the_ask_sells_at_the_bid() {
    fills(LimitFills::Conservative, market(Buy, 10), &[], &["1 deal in buy 10 @130010 of 1"]);
    fills(LimitFills::Conservative, market(Sell, 10), &[], &["1 deal in sell 10 @130000 of 1"]);
}

#[test]
fn stops_fill_at_the_first_tick_at_or_beyond_their_trigger_at_its_price() {
    for mode in [LimitFills::Conservative, LimitFills::Mt5] {
        let buy = pending(Stop, Buy, 10, 130_100);
        fills(mode, buy.clone(), &[(130_089, 130_099)], &[]);
        fills(mode, buy.clone(), &[(130_090, 130_100)], &["1 deal in buy 10 @130100 of 1"]);
        fills(mode, buy.clone(), &[(130_490, 130_500), (130_000, 130_010)], &["1 deal in buy 10 @130500 of 1"]);
        let sell = pending(Stop, Sell, 10, 129_900);
        fills(mode, sell.clone(), &[(129_901, 129_911)], &[]);
        fills(mode, sell.clone(), &[(129_900, 129_910)], &["1 deal in sell 10 @129900 of 1"]);
        fills(mode, sell, &[(129_000, 129_010)], &["1 deal in sell 10 @129000 of 1"]);
    }
}

#[test]
fn limits_fill_when_the_market_reaches_them_at_their_price_or_as_mt5_at_the_ticks() {
    let buy = pending(Limit, Buy, 10, 129_900);
    let sell = pending(Limit, Sell, 10, 130_100);
    let gap = [(129_700, 129_710)];
    for mode in [LimitFills::Conservative, LimitFills::Mt5] {
        fills(mode, buy.clone(), &[(129_895, 129_905)], &[]);
        fills(mode, buy.clone(), &[(129_890, 129_900)], &["1 deal in buy 10 @129900 of 1"]);
        fills(mode, sell.clone(), &[(130_099, 130_109)], &[]);
        fills(mode, sell.clone(), &[(130_100, 130_110)], &["1 deal in sell 10 @130100 of 1"]);
    }
    fills(LimitFills::Conservative, buy.clone(), &gap, &["1 deal in buy 10 @129900 of 1"]);
    fills(LimitFills::Mt5, buy, &gap, &["1 deal in buy 10 @129710 of 1"]);
    fills(LimitFills::Conservative, sell.clone(), &[(130_400, 130_410)], &["1 deal in sell 10 @130100 of 1"]);
    fills(LimitFills::Mt5, sell, &[(130_400, 130_410)], &["1 deal in sell 10 @130400 of 1"]);
}

#[test]
fn a_stop_limit_becomes_a_limit_when_its_stop_is_reached() {
    let buy = stop_limit(Buy, 10, 130_100, 130_050);
    let reached = (130_095, 130_105);
    for mode in [LimitFills::Conservative, LimitFills::Mt5] {
        fills(mode, buy.clone(), &[(130_045, 130_055), (130_035, 130_045)], &[]);
        fills(mode, buy.clone(), &[reached], &["1 modified 130050 - -"]);
        fills(mode, buy.clone(), &[reached, (130_040, 130_050)], &["1 modified 130050 - -", "1 deal in buy 10 @130050 of 1"]);
    }
    // A limit on the far side of its stop is reached at once, at a price that the market never had: it fills at the market.
    for mode in [LimitFills::Conservative, LimitFills::Mt5] {
        let (above, below) = (stop_limit(Buy, 10, 130_100, 130_200), stop_limit(Sell, 10, 129_900, 129_800));
        fills(mode, above, &[reached], &["1 modified 130200 - -", "1 deal in buy 10 @130105 of 1"]);
        fills(mode, below, &[(129_895, 129_905)], &["1 modified 129800 - -", "1 deal in sell 10 @129895 of 1"]);
    }
    let sell = stop_limit(Sell, 10, 129_900, 129_950);
    fills(
        LimitFills::Conservative,
        sell,
        &[(129_895, 129_905), (129_990, 130_000)],
        &["1 modified 129950 - -", "1 deal in sell 10 @129950 of 1"],
    );
}

#[test]
fn stop_losses_fill_at_the_tick_and_take_profits_as_limits() {
    let long = with_stops(market(Buy, 10), 129_900, 130_100);
    let short = with_stops(market(Sell, 10), 130_110, 129_910);
    let bought = "1 deal in buy 10 @130010 of 1";
    let sold = "1 deal in sell 10 @130000 of 1";
    for mode in [LimitFills::Conservative, LimitFills::Mt5] {
        fills(mode, long.clone(), &[(129_901, 129_911), (130_099, 130_109)], &[bought]);
        fills(mode, long.clone(), &[(129_900, 129_910)], &[bought, "- deal out sell 10 @129900 of 1 sl -11.00"]);
        fills(mode, long.clone(), &[(129_000, 129_010)], &[bought, "- deal out sell 10 @129000 of 1 sl -101.00"]);
        fills(mode, long.clone(), &[(130_100, 130_110)], &[bought, "- deal out sell 10 @130100 of 1 tp 9.00"]);
        fills(mode, short.clone(), &[(130_099, 130_109), (129_901, 129_911)], &[sold]);
        fills(mode, short.clone(), &[(130_100, 130_110)], &[sold, "- deal out buy 10 @130110 of 1 sl -11.00"]);
        fills(mode, short.clone(), &[(130_300, 130_310)], &[sold, "- deal out buy 10 @130310 of 1 sl -31.00"]);
        fills(mode, short.clone(), &[(129_900, 129_910)], &[sold, "- deal out buy 10 @129910 of 1 tp 9.00"]);
    }
    fills(LimitFills::Conservative, long.clone(), &[(130_300, 130_310)], &[bought, "- deal out sell 10 @130100 of 1 tp 9.00"]);
    fills(LimitFills::Mt5, long, &[(130_300, 130_310)], &[bought, "- deal out sell 10 @130300 of 1 tp 29.00"]);
    fills(LimitFills::Mt5, short, &[(129_700, 129_710)], &[sold, "- deal out buy 10 @129710 of 1 tp 29.00"]);
}

#[test]
fn the_stops_of_a_pending_order_go_to_its_position_and_count_from_the_next_tick() {
    let order = with_stops(pending(Limit, Buy, 10, 129_900), 129_800, 130_000);
    // The gap passes limit and stop loss at once.
    fills(
        LimitFills::Conservative,
        order,
        &[(129_700, 129_710), (129_710, 129_720)],
        &["1 deal in buy 10 @129900 of 1", "- deal out sell 10 @129710 of 1 sl -19.00"],
    );
}

#[test]
fn a_position_that_a_gap_opened_beyond_its_take_profit_closes_at_the_market() {
    let buy = || with_stops(pending(Stop, Buy, 10, 130_200), 0, 130_300);
    let sell = || with_stops(pending(Stop, Sell, 10, 129_800), 0, 129_700);
    for limit_fills in [LimitFills::Conservative, LimitFills::Mt5] {
        let lines = ["1 deal in buy 10 @131010 of 1", "- deal out sell 10 @130900 of 1 tp -11.00"];
        fills(limit_fills, buy(), &[(131_000, 131_010), (130_900, 130_910)], &lines);
        let lines = ["1 deal in sell 10 @129000 of 1", "- deal out buy 10 @129110 of 1 tp -11.00"];
        fills(limit_fills, sell(), &[(129_000, 129_010), (129_100, 129_110)], &lines);
    }
    // One that was opened before it waits for it, and is filled there.
    let lines = ["1 deal in buy 10 @130210 of 1", "- deal out sell 10 @130300 of 1 tp 9.00"];
    fills(LimitFills::Conservative, buy(), &[(130_200, 130_210), (130_900, 130_910)], &lines);
}

#[test]
fn pending_orders_expire_at_the_first_tick_at_or_after_their_end_without_a_fill() {
    let order = |end_s: i64| OrderRequest { expires: Some(Time(end_s * 1_000_000)), ..pending(Limit, Buy, 10, 129_900) };
    let ticks = [(130_000, 130_010), (129_800, 129_810)];
    // Placed at 1 s; ticks at 2 s and 3 s.
    fills(LimitFills::Conservative, order(4), &ticks, &["1 deal in buy 10 @129900 of 1"]);
    fills(LimitFills::Conservative, order(3), &ticks, &["1 expired"]);
    fills(LimitFills::Conservative, order(2), &ticks, &["1 expired"]);
}

#[test]
fn within_a_tick_stop_losses_go_before_take_profits_and_both_before_pending_orders() {
    hedging(
        [
            Tick(130_000, 130_010),
            Place(pending(Stop, Sell, 3, 129_800)),
            Place(pending(Limit, Buy, 1, 129_700)),
            Place(pending(Limit, Buy, 2, 129_800)),
            Place(with_stops(market(Sell, 4), 0, 129_900)),
            Place(with_stops(market(Buy, 5), 129_900, 0)),
            Tick(129_600, 129_610),
        ],
        &[
            "1 accepted",
            "2 accepted",
            "3 accepted",
            "4 accepted",
            "4 deal in sell 4 @130000 of 4",
            "5 accepted",
            "5 deal in buy 5 @130010 of 5",
            "- deal out sell 5 @129600 of 5 sl -20.50",
            "- deal out buy 4 @129900 of 4 tp 4.00",
            "3 deal in buy 2 @129800 of 3",
            "2 deal in buy 1 @129700 of 2",
            "1 deal in sell 3 @129600 of 1",
        ],
    );
}

#[test]
fn orders_and_stops_that_were_changed_or_withdrawn_act_as_they_are_now() {
    hedging(
        [
            Tick(130_000, 130_010),
            Place(pending(Limit, Buy, 10, 129_900)),
            Modify(1, Some(129_800), Some(129_700), None),
            Tick(129_880, 129_890),
            Tick(129_790, 129_800),
            Stops(1, Some(129_600), Some(130_100)),
            Tick(129_650, 129_660),
            Tick(129_600, 129_610),
            Place(pending(Limit, Buy, 10, 129_500)),
            Cancel(2),
            Tick(129_400, 129_410),
        ],
        &[
            "1 accepted",
            "1 modified 129800 129700 -",
            "1 deal in buy 10 @129800 of 1",
            "1 stops 129600 130100",
            "- deal out sell 10 @129600 of 1 sl -20.00",
            "2 accepted",
            "2 canceled",
        ],
    );
}

#[test]
fn an_order_that_comes_again_is_answered_and_not_executed_again() {
    let order = market(Buy, 10);
    let limit = pending(Limit, Buy, 10, 129_900);
    let bench = hedging(
        [Tick(130_000, 130_010), Place(order.clone()), Again(1, order), Place(limit.clone()), Again(2, limit)],
        &["1 accepted", "1 deal in buy 10 @130010 of 1", "1 deal in buy 10 @130010 of 1", "2 accepted", "2 accepted"],
    );
    let ledger = bench.venue.ledger(ACCOUNT).expect("it is open");
    assert_eq!((ledger.positions.len(), ledger.orders.len(), ledger.last_deal.0), (1, 1, 1));
}

#[test]
fn a_restored_account_goes_on_with_its_orders_and_positions() {
    let mut before = hedging(
        [
            Tick(130_000, 130_010),
            Place(with_stops(market(Buy, 10), 129_900, 0)),
            Place(stop_limit(Sell, 10, 129_800, 129_850)),
            Tick(129_950, 129_960),
        ],
        &["1 accepted", "1 deal in buy 10 @130010 of 1", "2 accepted"],
    );
    let ledger = before.venue.close(ACCOUNT).expect("it is open");
    assert_eq!(before.step(Tick(129_000, 129_010)), [""; 0], "a closed account has nothing waiting");

    let mut after = Bench::new(Hedging, VenueOptions::default());
    after.venue.open(ACCOUNT, terms(Hedging), Some(ledger));
    assert_eq!(after.step(Tick(129_900, 129_910)), ["- deal out sell 10 @129900 of 1 sl -11.00"]);
    assert_eq!(after.step(Tick(129_790, 129_800)), ["2 modified 129850 - -"]);
    assert_eq!(after.step(Tick(129_850, 129_860)), ["2 deal in sell 10 @129850 of 2"]);
    assert_eq!(after.venue.ledger(ACCOUNT).map(|ledger| ledger.last_deal.0), Some(3));
}
