//! What executions do to positions.

use super::bench::{Do::*, *};
use domain::broker::retcode;
use domain::contract::OrderKind::{Limit, Stop};
use domain::contract::Side::{Buy, Sell};
use domain::number::Points;

#[test]
fn on_hedging_each_fill_is_a_position_and_closes_name_theirs() {
    let bench = hedging(
        [
            Tick(130_000, 130_010),
            Place(market(Buy, 10)),
            Place(market(Sell, 10)),
            Place(closing(market(Sell, 4), 1)),
            Tick(130_100, 130_110),
            Place(closing(market(Sell, 6), 1)),
            Place(closing(market(Buy, 10), 2)),
        ],
        &[
            "1 accepted",
            "1 deal in buy 10 @130010 of 1",
            "2 accepted",
            "2 deal in sell 10 @130000 of 2",
            "3 accepted",
            "3 deal out sell 4 @130000 of 1 -0.40",
            "4 accepted",
            "4 deal out sell 6 @130100 of 1 5.40",
            "5 accepted",
            "5 deal out buy 10 @130110 of 2 -11.00",
        ],
    );
    let ledger = bench.venue.ledger(ACCOUNT).expect("it is open");
    assert!(ledger.positions.is_empty());
    assert_eq!(ledger.balance.to_string(), "9994.00");
}

#[test]
fn on_netting_fills_increase_reduce_close_and_turn_the_one_position() {
    let bench = netting(
        [
            Tick(130_000, 130_000),
            Place(market(Buy, 10)),
            Tick(130_300, 130_300),
            Place(market(Buy, 20)),
            Tick(130_400, 130_400),
            Place(market(Sell, 15)),
            Place(market(Sell, 25)),
            Place(closing(market(Buy, 10), 1)),
        ],
        &[
            "1 accepted",
            "1 deal in buy 10 @130000 of 1",
            "2 accepted",
            "2 deal in buy 20 @130300 of 1",
            "3 accepted",
            // The average is 130200.
            "3 deal out sell 15 @130400 of 1 30.00",
            "4 accepted",
            "4 deal in-out sell 25 @130400 of 1 30.00",
            "5 accepted",
            "5 deal out buy 10 @130400 of 1 0.00",
        ],
    );
    assert!(bench.venue.ledger(ACCOUNT).expect("it is open").positions.is_empty());
}

#[test]
fn on_netting_the_stops_of_the_last_order_count_and_a_turn_brings_its_own() {
    netting(
        [
            Tick(130_000, 130_000),
            Place(with_stops(market(Buy, 10), 129_900, 0)),
            Place(with_stops(market(Buy, 10), 129_800, 0)),
            Tick(129_850, 129_850),
            Place(with_stops(market(Sell, 30), 129_950, 0)),
            Tick(129_700, 129_700),
            Tick(129_950, 129_950),
        ],
        &[
            "1 accepted",
            "1 deal in buy 10 @130000 of 1",
            "2 accepted",
            "2 deal in buy 10 @130000 of 1",
            "3 accepted",
            "3 deal in-out sell 30 @129850 of 1 -30.00",
            "- deal out buy 10 @129950 of 1 sl -10.00",
        ],
    );
}

#[test]
fn a_close_whose_position_is_gone_smaller_or_on_the_same_side_is_rejected() {
    let gone = format!("{} rejected {}", 2, retcode::POSITION_CLOSED);
    hedging(
        [Tick(130_000, 130_010), Place(market(Buy, 1)), Place(closing(market(Sell, 1), 9))],
        &["1 accepted", "1 deal in buy 1 @130010 of 1", &gone],
    );
    hedging(
        [Tick(130_000, 130_010), Place(market(Buy, 1)), Place(closing(market(Sell, 2), 1))],
        &["1 accepted", "1 deal in buy 1 @130010 of 1", "2 rejected 10014"],
    );
    hedging(
        [Tick(130_000, 130_010), Place(market(Buy, 1)), Place(closing(market(Buy, 1), 1))],
        &["1 accepted", "1 deal in buy 1 @130010 of 1", "2 rejected 10013"],
    );
}

#[test]
fn reduce_only_orders_never_open_anything() {
    let opening = || [Tick(130_000, 130_010), Place(reducing(market(Buy, 1)))];
    hedging(opening(), &["1 rejected 10036"]);
    netting(opening(), &["1 rejected 10036"]);
    // On hedging they reduce the engine's positions, oldest first.
    hedging(
        [
            Tick(130_000, 130_010),
            Place(market(Buy, 5)),
            Place(market(Buy, 5)),
            Place(reducing(market(Sell, 7))),
            Place(reducing(market(Sell, 4))),
        ],
        &[
            "1 accepted",
            "1 deal in buy 5 @130010 of 1",
            "2 accepted",
            "2 deal in buy 5 @130010 of 2",
            "3 accepted",
            "3 deal out sell 5 @130000 of 1 -0.50 rest 2",
            "3 deal out sell 2 @130000 of 2 -0.20",
            "4 rejected 10014",
        ],
    );
    // A pending one whose position has shrunk closes what is left, and the rest is withdrawn.
    netting(
        [
            Tick(130_000, 130_000),
            Place(market(Buy, 10)),
            Place(reducing(pending(Limit, Sell, 8, 130_100))),
            Place(market(Sell, 6)),
            Tick(130_100, 130_100),
        ],
        &[
            "1 accepted",
            "1 deal in buy 10 @130000 of 1",
            "2 accepted",
            "3 accepted",
            "3 deal out sell 6 @130000 of 1 0.00",
            "2 deal out sell 4 @130100 of 1 4.00 rest 4",
            "2 canceled",
        ],
    );
}

#[test]
fn pending_closes_fill_against_their_position_and_end_with_it() {
    hedging(
        [
            Tick(130_000, 130_010),
            Place(market(Buy, 10)),
            Place(closing(pending(Limit, Sell, 4, 130_100), 1)),
            Place(closing(pending(Stop, Sell, 10, 129_900), 1)),
            Tick(130_100, 130_110),
            Place(closing(market(Sell, 6), 1)),
        ],
        &[
            "1 accepted",
            "1 deal in buy 10 @130010 of 1",
            "2 accepted",
            "3 accepted",
            "2 deal out sell 4 @130100 of 1 3.60",
            "4 accepted",
            "4 deal out sell 6 @130100 of 1 5.40",
            "3 canceled",
        ],
    );
}

#[test]
fn partial_closes_of_an_uneven_average_lose_nothing() {
    // Average 100000 + 1/3 point: what three closes book is what one would.
    let mut bench = netting(
        [Tick(100_000, 100_000), Place(market(Buy, 2)), Tick(100_001, 100_001), Place(market(Buy, 1)), Tick(100_101, 100_101)],
        &["1 accepted", "1 deal in buy 2 @100000 of 1", "2 accepted", "2 deal in buy 1 @100001 of 1"],
    );
    let cost = |bench: &Bench| bench.venue.ledger(ACCOUNT).and_then(|ledger| ledger.positions.values().next().map(|held| held.cost));
    assert_eq!(cost(&bench), Some(300_001));
    for _ in 0..3 {
        bench.step(Place(market(Sell, 1)));
    }
    assert_eq!(cost(&bench), None);
    // 302 point-steps at 0.01 each, booked in cents.
    assert_eq!(bench.venue.ledger(ACCOUNT).map(|ledger| ledger.balance.to_string()), Some("10003.02".into()));
    assert_eq!(bench.venue.quote(EURUSD), Some((Points(100_101), Points(100_101))));
}
