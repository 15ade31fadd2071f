//! What hangs on the clock: delays, deviations, sessions, days, nights.

use super::bench::{Do::*, *};
use crate::{Delay, Execution, Venue, VenueOptions};
use domain::contract::AccountMode::{self, Hedging, Netting};
use domain::contract::OrderKind::{Limit, Stop};
use domain::contract::Side::{Buy, Sell};
use domain::number::{Money, Points};
use domain::order::OrderRequest;
use domain::server_clock::ServerClock;
use domain::sessions::Sessions;
use domain::swap::{Swap, SwapMode};
use domain::symbol::{OrderLife, SymbolSpec, SymbolTable};
use domain::time::{DAY_US, MINUTE_US, SECOND_US, Time};

/// Sunday, 4 May 2014, 00:00 UTC.
const SUNDAY: Time = Time(16_194 * DAY_US);

/// The usual symbols with another EURUSD, at some time.
fn bench(mode: AccountMode, options: VenueOptions, now: Time, change: impl Fn(&mut SymbolSpec)) -> Bench {
    let mut specs: Vec<SymbolSpec> = table().iter().map(|(_, spec)| spec.clone()).collect();
    change(&mut specs[0]);
    let mut bench = Bench::of(SymbolTable::new(specs).expect("they are valid"), mode, options);
    bench.now = now;
    bench
}

/// Runs steps, each with the seconds that pass before it, and compares what is reported.
fn timed(mut bench: Bench, steps: impl IntoIterator<Item = (i64, Do)>, expected: &[&str]) -> Bench {
    let mut lines = Vec::new();
    for (seconds, step) in steps {
        // A tick takes a second of its own.
        let own = if matches!(step, Tick(..) | TickOf(..)) { 1 } else { 0 };
        bench.now = bench.now.plus_us((seconds - own) * SECOND_US);
        lines.extend(bench.step(step));
    }
    assert_eq!(lines, expected);
    bench
}

fn delayed(delay: Delay) -> VenueOptions {
    VenueOptions { delay, ..VenueOptions::default() }
}

#[test]
fn a_delayed_order_meets_the_last_price_before_it_arrives() {
    let check = |delay_us: i64, expected: &[&str]| {
        let steps = [
            (1, Tick(130_000, 130_010)),
            (0, Place(market(Buy, 10))),
            (1, Tick(130_020, 130_030)),
            (1, Tick(130_040, 130_050)),
            (5, Tick(130_060, 130_070)),
        ];
        timed(bench(Hedging, delayed(Delay::Fixed(delay_us)), SUNDAY, |_| ()), steps, expected)
    };
    check(500_000, &["1 accepted", "1 deal in buy 10 @130010 of 1"]);
    check(1_000_000, &["1 accepted", "1 deal in buy 10 @130030 of 1"]);
    let bench = check(2_500_000, &["1 accepted", "1 deal in buy 10 @130050 of 1"]);
    let opened = bench.venue.ledger(ACCOUNT).expect("it is open").positions[&position(1)].opened;
    assert_eq!(opened, SUNDAY.plus_us(3_500_000), "dealt when it arrived");
}

#[test]
fn a_delayed_close_comes_too_late_when_the_stop_was_first() {
    let steps = [
        (1, Tick(130_000, 130_010)),
        (0, Place(with_stops(market(Buy, 10), 129_900, 0))),
        (2, Tick(130_000, 130_010)),
        (0, Place(closing(market(Sell, 10), 1))),
        (1, Tick(129_800, 129_810)),
        (9, Tick(129_800, 129_810)),
    ];
    let expected = ["1 accepted", "1 deal in buy 10 @130010 of 1", "- deal out sell 10 @129800 of 1 sl -21.00", "2 rejected 10036"];
    timed(bench(Hedging, delayed(Delay::Fixed(1_500_000)), SUNDAY, |_| ()), steps, &expected);
}

#[test]
fn a_price_that_moved_beyond_the_deviation_is_a_requote_unless_execution_is_market() {
    let order = |deviation: i64| OrderRequest { deviation: Some(Points(deviation)), ..market(Buy, 10) };
    let check = |execution, deviation, expected: &[&str]| {
        let steps = [(1, Tick(130_000, 130_010)), (0, Place(order(deviation))), (1, Tick(130_020, 130_030)), (3, Tick(130_020, 130_030))];
        let options = VenueOptions { execution, ..delayed(Delay::Fixed(2_000_000)) };
        timed(bench(Hedging, options, SUNDAY, |_| ()), steps, expected);
    };
    check(Execution::Instant, 19, &["1 rejected 10004"]);
    check(Execution::Instant, 20, &["1 accepted", "1 deal in buy 10 @130030 of 1"]);
    check(Execution::Market, 0, &["1 accepted", "1 deal in buy 10 @130030 of 1"]);
}

#[test]
fn what_is_on_its_way_at_the_end_never_arrives() {
    let steps = [(1, Tick(130_000, 130_010)), (0, Place(market(Buy, 10)))];
    let mut bench = timed(bench(Hedging, delayed(Delay::Mt5), SUNDAY.plus_us(1), |_| ()), steps, &[]);
    bench.venue.close_all(ACCOUNT, domain::broker::Reason::EndOfTest, bench.now);
    assert_eq!(bench.take().iter().map(line).collect::<Vec<_>>(), ["1 canceled"]);
}

/// Open from Monday 00:05 to Friday 23:55 by the server's clock.
fn weekdays(spec: &mut SymbolSpec) {
    spec.sessions = Some(Sessions::new(vec![(24 * 60 + 5, 5 * 24 * 60 + 23 * 60 + 55)]).expect("they are in order"));
}

#[test]
fn outside_of_its_sessions_a_symbol_takes_no_command_and_keeps_what_waits() {
    // Friday, 9 May, 20:50 UTC: 23:50 on a server that keeps New York's close.
    let friday = SUNDAY.plus_us(5 * DAY_US + (20 * 60 + 50) * MINUTE_US);
    let options = VenueOptions { clock: ServerClock::NEW_YORK_CLOSE, ..VenueOptions::default() };
    let steps = [
        (1, Tick(130_000, 130_010)),
        (0, Place(with_stops(market(Buy, 10), 129_900, 0))),
        (0, Place(pending(Stop, Buy, 5, 130_200))),
        (300, Tick(129_000, 130_300)),
        (0, Place(market(Buy, 1))),
        (0, Place(pending(Limit, Buy, 1, 129_000))),
        (0, Cancel(2)),
        (0, Stops(1, None, None)),
        // Monday 00:05 is Sunday 21:05 UTC.
        ((48 * 60 + 9) * 60, Tick(129_000, 129_010)),
        (60, Tick(129_010, 129_020)),
        (60, Place(market(Buy, 1))),
    ];
    let expected = [
        "1 accepted",
        "1 deal in buy 10 @130010 of 1",
        "2 accepted",
        "3 rejected 10018",
        "4 rejected 10018",
        "2 modify-rejected 10018",
        "1 modify-rejected 10018",
        "- deal out sell 10 @129010 of 1 sl -100.00",
        "5 accepted",
        "5 deal in buy 1 @129020 of 5",
    ];
    timed(bench(Hedging, options, friday, weekdays), steps, &expected);
}

#[test]
fn orders_that_live_for_a_day_expire_at_the_servers_midnight() {
    let options = || VenueOptions { clock: ServerClock::NEW_YORK_CLOSE, ..VenueOptions::default() };
    // 20:59 UTC is a minute before the server's midnight.
    let evening = SUNDAY.plus_us(DAY_US + (20 * 60 + 59) * MINUTE_US);
    let steps = [
        (1, Tick(130_000, 130_010)),
        (0, Place(pending(Limit, Buy, 1, 129_000))),
        (58, Tick(130_000, 130_010)),
        (1, Tick(130_000, 130_010)),
    ];
    timed(bench(Hedging, options(), evening, |spec| spec.order_life = OrderLife::Day), steps.clone(), &["1 accepted", "1 expired"]);
    timed(bench(Hedging, options(), evening, |_| ()), steps, &["1 accepted"]);
}

fn swap(mode: SwapMode, long: i64, short: i64) -> Swap {
    Swap { mode, long_e6: long * 1_000_000, short_e6: short * 1_000_000, ..Swap::default() }
}

#[test]
fn nights_are_charged_at_the_servers_midnight_three_for_wednesdays_and_none_at_weekends() {
    let options = VenueOptions { clock: ServerClock::NEW_YORK_CLOSE, ..VenueOptions::default() };
    // A lot held from Monday noon: the server's midnights are at 21:00 UTC.
    let noon = SUNDAY.plus_us(DAY_US + 12 * 60 * MINUTE_US);
    let day = 24 * 3600;
    let steps = [
        (1, Tick(130_000, 130_000)),
        (0, Place(market(Buy, 100))),
        (day, Tick(130_000, 130_000)),
        (day, Tick(130_000, 130_000)),
        (day, Tick(130_000, 130_000)),
        // Over the weekend to Monday.
        (4 * day, Tick(130_000, 130_000)),
        (0, Place(closing(market(Sell, 40), 1))),
        (0, Place(closing(market(Sell, 60), 1))),
    ];
    let expected = [
        "1 accepted",
        "1 deal in buy 100 @130000 of 1",
        "1 swap -8.00",
        "1 swap -8.00",
        "1 swap -24.00",
        "1 swap -8.00",
        "1 swap -8.00",
        "2 accepted",
        "2 deal out sell 40 @130000 of 1 0.00",
        "3 accepted",
        "3 deal out sell 60 @130000 of 1 0.00",
    ];
    let bench = timed(bench(Hedging, options, noon, |spec| spec.swap = swap(SwapMode::Points, -8, 3)), steps, &expected);
    // The shares of the closing deals are all there was.
    assert_eq!(bench.venue.ledger(ACCOUNT).map(|ledger| ledger.balance), Some(Money(9_944_000_000)));
    assert_eq!(bench.venue.track(ACCOUNT).map(|track| track.minimum), Some(Money(9_944_000_000)), "it counted before it was booked");
}

#[test]
fn a_turned_position_books_its_swap_and_shorts_have_their_own() {
    let options = VenueOptions::default;
    let steps = [
        (1, Tick(130_000, 130_000)),
        (0, Place(market(Sell, 100))),
        (24 * 3600, Tick(130_000, 130_000)),
        (0, Place(market(Buy, 150))),
        (24 * 3600, Tick(130_000, 130_000)),
    ];
    let expected = [
        "1 accepted",
        "1 deal in sell 100 @130000 of 1",
        "1 swap 3.00",
        "2 accepted",
        "2 deal in-out buy 150 @130000 of 1 0.00",
        "1 swap -4.00",
    ];
    let start = SUNDAY.plus_us(DAY_US);
    let bench = timed(bench(Netting, options(), start, |spec| spec.swap = swap(SwapMode::CurrencyDeposit, -8, 3)), steps, &expected);
    assert_eq!(bench.venue.equity(ACCOUNT), Some(Money(9_999_000_000)));
}

#[test]
fn swap_alone_can_stop_an_account_out() {
    let mut bench = bench(Hedging, VenueOptions::default(), SUNDAY.plus_us(DAY_US), |spec| spec.swap = swap(SwapMode::Points, -2_500, 0));
    let steps = [(1, Tick(130_000, 130_000)), (0, Place(market(Buy, 300))), (24 * 3600, Tick(130_000, 130_000))];
    let lines: Vec<String> = steps
        .into_iter()
        .flat_map(|(seconds, step)| {
            bench.now = bench.now.plus_us(seconds * SECOND_US);
            bench.step(step)
        })
        .collect();
    assert_eq!(lines[2..], ["1 swap -7500.00"], "2,500 of 3,900 margin are left");
    let lines = bench.step(Tick(129_400, 129_400));
    assert_eq!(lines, ["- deal out sell 300 @129400 of 1 so -1800.00"]);
}

#[test]
fn a_stop_out_leaves_positions_alone_whose_symbol_is_not_traded() {
    let mut bench = bench(Hedging, VenueOptions::default(), SUNDAY.plus_us(DAY_US + 10 * MINUTE_US), weekdays);
    let usdjpy = OrderRequest { symbol: USDJPY, ..market(Buy, 400) };
    let steps = [Tick(130_000, 130_000), TickOf(USDJPY, 110_000, 110_000), Place(usdjpy), Place(market(Buy, 300))];
    steps.into_iter().for_each(|step| _ = bench.step(step));
    // On Friday at 23:57 EURUSD is not traded any more. The account owes 1,214.95.
    bench.now = SUNDAY.plus_us(5 * DAY_US + (23 * 60 + 57) * MINUTE_US);
    assert_eq!(bench.step(TickOf(USDJPY, 107_000, 107_000)), ["- deal out sell 400 @107000 of 1 so -11214.95"]);
    // With its next session EURUSD is closed as well.
    bench.now = SUNDAY.plus_us(8 * DAY_US + 10 * MINUTE_US);
    assert_eq!(bench.step(Tick(130_000, 130_000)), ["- deal out sell 300 @130000 of 2 so 0.00"]);
}

#[test]
fn rows_are_quiet_up_to_midnight_and_up_to_what_arrives() {
    let start = SUNDAY.plus_us(DAY_US + 23 * 60 * MINUTE_US);
    let mut bench = bench(Hedging, delayed(Delay::Fixed(90_000_000)), start, |spec| spec.swap = swap(SwapMode::Points, -8, 3));
    let times: Vec<i64> = (1..=120).map(|minute| start.0 + minute * MINUTE_US).collect();
    let (bids, asks) = ([1.3; 120], [1.3001; 120]);
    let columns = domain::tick::TickColumns { times: &times, bids: &bids, asks: &asks, ..Default::default() };
    let quiet = |venue: &Venue| venue.quiet_rows(EURUSD, &columns, domain::ranges::RangesAhead::default());
    assert_eq!(quiet(&bench.venue), 0, "the first tick tells the time");
    bench.step(Tick(130_000, 130_010));
    assert_eq!(quiet(&bench.venue), 59);
    bench.step(Place(market(Buy, 1)));
    assert_eq!(quiet(&bench.venue), 1, "it arrives after a minute and a half");
}
