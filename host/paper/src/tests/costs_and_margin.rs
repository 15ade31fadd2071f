//! Commission, margin, margin call, stop-out, equity track.

use super::bench::{Do::*, *};
use crate::{Charge, Commission, Commissions, Drawdown, Level, MarginState, Sides, VenueOptions};
use domain::broker::{Happened, Reason};
use domain::contract::AccountMode::Hedging;
use domain::contract::OrderKind::Stop;
use domain::contract::Side::{Buy, Sell};
use domain::number::Money;
use domain::time::Time;

fn money(units: i64) -> Money {
    Money(units * Money::ONE.0)
}

#[test]
fn commission_is_charged_per_lot_and_side_in_whole_cents() {
    let of_symbol = [(XAUUSD, Commission { minimum: money(2), ..Commission::per_lot(money(1)) })].into();
    let commissions = Commissions { of_symbol, otherwise: Commission::per_lot(Money(3_500_000)) };
    let options = VenueOptions { commissions, ..VenueOptions::default() };
    let mut bench = Bench::new(Hedging, options);
    let steps = [
        (Tick(130_000, 130_000), None),
        (TickOf(XAUUSD, 2_000_000, 2_000_000), None),
        (Place(market(Buy, 100)), Some(-3_500_000)),
        (Place(closing(market(Sell, 1), 1)), Some(-40_000)),
        (Place(domain::order::OrderRequest { symbol: XAUUSD, ..market(Buy, 10) }), Some(-2_000_000)),
    ];
    for (step, expected) in steps {
        let before = bench.venue.ledger(ACCOUNT).map(|ledger| ledger.balance);
        bench.step(step.clone());
        let after = bench.venue.ledger(ACCOUNT).map(|ledger| ledger.balance);
        assert_eq!(after, before.map(|before| before + Money(expected.unwrap_or(0))), "{step:?}");
    }
}

#[test]
fn every_commission_scheme_charges_its_deals() {
    // Opens a lot at 1.3 and closes it in halves.
    let check = |charge, sides, maximum, expected: [f64; 3]| {
        let otherwise = Commission { charge, sides, minimum: Money::ZERO, maximum };
        let options = VenueOptions { commissions: Commissions { otherwise, ..Commissions::default() }, ..VenueOptions::default() };
        let mut bench = Bench::new(Hedging, options);
        bench.step(Tick(130_000, 130_000));
        let steps = [Place(market(Buy, 100)), Place(closing(market(Sell, 50), 1)), Place(closing(market(Sell, 50), 1))];
        let charged = steps.map(|step| {
            let before = bench.venue.ledger(ACCOUNT).map(|ledger| ledger.balance);
            bench.step(step);
            (bench.venue.ledger(ACCOUNT).map(|ledger| ledger.balance).unwrap() - before.unwrap()).to_units()
        });
        assert_eq!(charged, expected, "{charge:?} {sides:?}");
    };
    check(Charge::PerLot(money(7)), Sides::Each, None, [-7.0, -3.5, -3.5]);
    check(Charge::PerLot(money(7)), Sides::RoundTurn, None, [-3.5, -1.75, -1.75]);
    check(Charge::PerLot(money(7)), Sides::Entry, Some(money(5)), [-5.0, 0.0, 0.0]);
    check(Charge::PerDeal(money(2)), Sides::Exit, None, [0.0, -2.0, -2.0]);
    // 0.01 % of 130,000 USD.
    check(Charge::PercentE6(10_000), Sides::Each, None, [-13.0, -6.5, -6.5]);
}

#[test]
fn a_round_turn_costs_what_it_says_however_it_is_cut() {
    // At 7.00 a lot, on a netting account: what is bought, then what is sold of it, in hundredths of a lot.
    let check = |deals: &[i64], expected: &[f64]| {
        let otherwise = Commission { sides: Sides::RoundTurn, ..Commission::per_lot(money(7)) };
        let options = VenueOptions { commissions: Commissions { otherwise, ..Commissions::default() }, ..VenueOptions::default() };
        let mut bench = Bench::new(domain::contract::AccountMode::Netting, options);
        bench.step(Tick(130_000, 130_000));
        let mut charged = Vec::new();
        for &volume in deals {
            let before = bench.venue.ledger(ACCOUNT).map(|ledger| ledger.balance).unwrap();
            bench.step(Place(market(if volume > 0 { Buy } else { Sell }, volume.abs())));
            charged.push((bench.venue.ledger(ACCOUNT).map(|ledger| ledger.balance).unwrap() - before).to_units());
        }
        assert_eq!(charged, expected, "{deals:?}");
    };
    check(&[1, -1], &[-0.04, -0.03]);
    check(&[3, -1, -1, -1], &[-0.11, -0.03, -0.04, -0.03]);
    check(&[1, 1, -2], &[-0.04, -0.03, -0.07]);
    // A turn closes one and opens another: the rest of the first round turn and the half of the next.
    check(&[1, -2, 1], &[-0.04, -0.07, -0.03]);
}

#[test]
fn a_turn_on_a_netting_account_pays_for_what_it_opens_and_what_it_closes() {
    let check = |sides, expected: f64| {
        let otherwise = Commission { sides, ..Commission::per_lot(money(10)) };
        let options = VenueOptions { commissions: Commissions { otherwise, ..Commissions::default() }, ..VenueOptions::default() };
        let mut bench = Bench::new(domain::contract::AccountMode::Netting, options);
        bench.step(Tick(130_000, 130_000));
        bench.step(Place(market(Buy, 100)));
        let before = bench.venue.ledger(ACCOUNT).map(|ledger| ledger.balance).unwrap();
        bench.step(Place(market(Sell, 150)));
        assert_eq!((bench.venue.ledger(ACCOUNT).map(|ledger| ledger.balance).unwrap() - before).to_units(), expected, "{sides:?}");
    };
    check(Sides::Each, -15.0);
    check(Sides::Entry, -5.0);
    check(Sides::Exit, -10.0);
}

#[test]
fn a_stop_out_in_money_closes_when_equity_has_fallen_so_far() {
    let options = VenueOptions { stop_out: Level::Money(money(9_000)), ..VenueOptions::default() };
    let mut bench = Bench::new(Hedging, options);
    bench.step(Tick(130_000, 130_000));
    bench.step(Place(market(Buy, 100)));
    assert_eq!(bench.step(Tick(129_001, 129_001)), [""; 0]);
    assert_eq!(bench.step(Tick(129_000, 129_000)), ["- deal out sell 100 @129000 of 1 so -1000.00"]);
}

#[test]
fn an_order_needs_its_margin_free_and_a_hedge_takes_none() {
    // 10,000 USD at 1:100 carry 7.69 lots of EURUSD at 1.3.
    hedging([Tick(130_000, 130_000), Place(market(Buy, 770))], &["1 rejected 10019"]);
    hedging(
        [Tick(130_000, 130_000), Place(market(Buy, 769)), Place(market(Buy, 1)), Place(market(Sell, 769))],
        &["1 accepted", "1 deal in buy 769 @130000 of 1", "2 rejected 10019", "3 accepted", "3 deal in sell 769 @130000 of 3"],
    );
    // A pending order is taken without margin and rejected when its price comes.
    hedging(
        [Tick(130_000, 130_000), Place(pending(Stop, Buy, 5_000, 130_100)), Tick(130_100, 130_100)],
        &["1 accepted", "1 rejected 10019"],
    );
}

#[test]
fn margin_call_is_told_and_stop_out_closes_the_most_unprofitable_first_until_above_the_level() {
    // 2 x 3 lots of gold at 2000: 12,000 margin of 14,000.
    let mut bench = Bench::new(Hedging, VenueOptions::default());
    let deposit = domain::broker::AccountTerms { deposit: money(14_000), ..Default::default() };
    bench.venue.open(ACCOUNT, deposit, None);
    let gold = |side, volume| domain::order::OrderRequest { symbol: XAUUSD, ..market(side, volume) };
    bench.step(TickOf(XAUUSD, 2_000_000, 2_000_000));
    bench.step(Place(gold(Buy, 300)));
    bench.step(TickOf(XAUUSD, 2_001_000, 2_001_000));
    bench.step(Place(gold(Buy, 300)));
    let state = |bench: &Bench| bench.venue.standing(ACCOUNT).map(|standing| (standing.equity, standing.margin, standing.state));
    assert_eq!(state(&bench), Some((money(14_300), money(12_003), MarginState::Fine)));
    // Each dollar is 600: at 1987 the level is 49.3 %.
    bench.step(TickOf(XAUUSD, 1_987_000, 1_987_000));
    assert_eq!(state(&bench), Some((money(5_900), money(12_003), MarginState::MarginCall)));
    assert_eq!(bench.step(TickOf(XAUUSD, 1_981_200, 1_981_200)), [""; 0], "20.16 %");
    let lines = bench.step(TickOf(XAUUSD, 1_981_100, 1_981_100));
    assert_eq!(lines, ["- deal out sell 300 @1981100 of 2 so -5970.00"], "19.66 %");
    // 2,360 of 6,000 margin are left: 39 %.
    assert_eq!(state(&bench).map(|state| state.1), Some(money(6_000)));
    let lines = bench.step(TickOf(XAUUSD, 1_900_000, 1_900_000));
    assert_eq!(lines, ["- deal out sell 300 @1900000 of 1 so -30000.00"]);
    assert_eq!(bench.venue.equity(ACCOUNT), Some(money(-21_970)), "a gap may leave a debt");
}

#[test]
fn a_deal_that_leaves_too_little_stops_the_account_out_before_the_next_tick_of_any_symbol() {
    // 1,000 USD: half a lot of USDJPY takes 500 of margin, and to close anything costs 900.
    let otherwise = Commission { charge: Charge::PerDeal(money(900)), sides: Sides::Exit, ..Commission::default() };
    let options = VenueOptions { commissions: Commissions { otherwise, ..Commissions::default() }, ..VenueOptions::default() };
    let check = |closed: Do, expected: [&str; 2]| {
        let mut bench = Bench::new(Hedging, options.clone());
        bench.venue.open(ACCOUNT, domain::broker::AccountTerms { deposit: money(1_000), ..Default::default() }, None);
        let usdjpy = domain::order::OrderRequest { symbol: USDJPY, ..market(Buy, 50) };
        let start =
            [Tick(130_000, 130_000), TickOf(USDJPY, 110_000, 110_000), Place(usdjpy), Place(with_stops(market(Buy, 10), 129_900, 0))];
        start.into_iter().for_each(|step| _ = bench.step(step));
        let mut lines = bench.step(closed);
        lines.retain(|line| line.contains("deal"));
        assert_eq!(lines, expected);
    };
    check(Tick(129_900, 129_900), ["- deal out sell 10 @129900 of 2 sl -10.00", "- deal out sell 50 @110000 of 1 so 0.00"]);
    check(Place(closing(market(Sell, 10), 2)), ["3 deal out sell 10 @130000 of 2 0.00", "- deal out sell 50 @110000 of 1 so 0.00"]);
}

#[test]
fn equity_is_tracked_at_every_tick_and_counts_each_drawdown_from_its_peak() {
    let bench = hedging(
        [
            Tick(130_000, 130_000),
            Place(market(Buy, 100)),
            Tick(131_000, 131_000),
            Tick(130_500, 130_500),
            Tick(130_600, 130_600),
            Tick(132_000, 132_000),
            Tick(129_000, 129_000),
        ],
        &["1 accepted", "1 deal in buy 100 @130000 of 1"],
    );
    let track = *bench.venue.track(ACCOUNT).expect("it is open");
    assert_eq!((track.peak, track.minimum), (money(12_000), money(9_000)));
    let fall = Drawdown { amount: money(3_000), peak: money(12_000) };
    assert_eq!((track.maximal, track.relative), (fall, fall));
    assert!((track.relative.percent() - 25.0).abs() < 1e-12);
}

#[test]
fn the_end_of_a_test_withdraws_orders_and_closes_positions() {
    let mut bench = hedging(
        [Tick(130_000, 130_010), Place(market(Buy, 10)), Place(pending(Stop, Buy, 1, 130_500))],
        &["1 accepted", "1 deal in buy 10 @130010 of 1", "2 accepted"],
    );
    bench.venue.close_all(ACCOUNT, Reason::EndOfTest, Time(77_000_000));
    let reports = bench.take();
    assert_eq!(reports.iter().map(line).collect::<Vec<_>>(), ["2 canceled", "- deal out sell 10 @130000 of 1 end-of-test -1.00"]);
    assert!(reports.iter().all(|report| report.at == Time(77_000_000)));
    assert!(matches!(&reports[1].happened, Happened::Deal { deal, .. } if deal.order.is_none()));
}
