//! What holds for every sequence of commands and ticks.

use super::bench::{ACCOUNT, EURJPY, EURUSD, USDJPY, market, order, position, table};
use crate::{Charge, Commission, Commissions, Delay, EquityTrack, LimitFills, Sides, Venue, VenueOptions};
use domain::broker::{AccountTerms, Broker, Happened, Report};
use domain::contract::{AccountMode, OrderKind, Side};
use domain::ids::{AccountId, OrderId};
use domain::ledger::{Change, Ledger};
use domain::number::{Money, Points, Steps};
use domain::order::{Action, Command, OrderRequest};
use domain::ranges::{PriceRanges, RangesAhead};
use domain::sessions::Sessions;
use domain::swap::{Swap, SwapMode};
use domain::symbol::{OrderLife, SymbolId, SymbolSpec, SymbolTable};
use domain::tick::TickColumns;
use domain::time::{DAY_US, SECOND_US, Time};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A tick relative to the one before: change of the bid, spread, microseconds. One of the spreads below spoils the tick.
type Move = (i64, i64, i64);

/// No ask, no bid, a bid of nothing, an ask without end.
const SPOILED: std::ops::Range<i64> = 1_000..1_004;

#[derive(Clone, Debug)]
enum Event {
    Ticks(SymbolId, Vec<Move>),
    /// Prices are distances from the market: in the direction in which they make sense if `sane`, else anywhere.
    Place {
        symbol: SymbolId,
        side: Side,
        kind: OrderKind,
        volume: i64,
        offsets: [i64; 4],
        expires: Option<i64>,
        names: Option<u32>,
        reduce: bool,
        sane: bool,
    },
    Modify {
        number: u32,
        offsets: [i64; 3],
    },
    Stops {
        number: u32,
        offsets: [i64; 2],
    },
    Cancel(u32),
}

fn symbol() -> impl Strategy<Value = SymbolId> {
    prop_oneof![6 => Just(EURUSD), 2 => Just(USDJPY), 1 => Just(EURJPY)]
}

fn event() -> impl Strategy<Value = Event> {
    // Mostly small moves, now and then a gap, now and then a crossed market.
    let change = prop_oneof![8 => -30..=30_i64, 1 => -1_500..=1_500_i64];
    let spread = prop_oneof![180 => 0..=15_i64, 20 => -3..=60_i64, 1 => SPOILED];
    let moves = prop::collection::vec((change, spread, 0..=2_000_000_i64), 1..400);
    let offset = || prop_oneof![1 => Just(0), 4 => -200..=200_i64];
    let side = || prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let kind =
        prop_oneof![3 => Just(OrderKind::Market), 2 => Just(OrderKind::Limit), 2 => Just(OrderKind::Stop), 1 => Just(OrderKind::StopLimit)];
    let place = (
        symbol(),
        side(),
        kind,
        prop_oneof![4 => 1..=40_i64, 1 => 0..=400_i64],
        [offset(), offset(), offset(), offset()],
        prop::option::of(0..=90_000_000_i64),
    );
    let closing = (prop::option::weighted(0.2, 0..8_u32), prop::bool::weighted(0.1), prop::bool::weighted(0.9));
    prop_oneof![
        4 => (symbol(), moves).prop_map(|(symbol, moves)| Event::Ticks(symbol, moves)),
        5 => (place, closing).prop_map(|((symbol, side, kind, volume, offsets, expires), (names, reduce, sane))| {
            Event::Place { symbol, side, kind, volume, offsets, expires, names, reduce, sane }
        }),
        1 => (0..8_u32, [offset(), offset(), offset()]).prop_map(|(number, offsets)| Event::Modify { number, offsets }),
        1 => (0..8_u32, [offset(), offset()]).prop_map(|(number, offsets)| Event::Stops { number, offsets }),
        1 => (0..8_u32).prop_map(Event::Cancel),
    ]
}

/// Sequences that mostly start with a quote of every symbol, half of them with all orders on one.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let single = prop::option::of(symbol());
    (prop::bool::weighted(0.9), single, prop::collection::vec(event(), 1..40)).prop_map(|(quoted, single, mut events)| {
        for event in &mut events {
            if let (Event::Ticks(symbol, _) | Event::Place { symbol, .. }, Some(single)) = (event, single) {
                *symbol = single;
            }
        }
        if quoted {
            events.splice(0..0, [EURUSD, USDJPY, EURJPY].map(|symbol| Event::Ticks(symbol, vec![(0, 10, 0)])));
        }
        events
    })
}

/// Terms, rules, and what the symbols say of time.
type Setting = (AccountTerms, VenueOptions, Hours);

/// What of the symbols hangs on the clock.
#[derive(Clone, Copy, Debug, Default)]
struct Hours {
    swap: SwapMode,
    /// Closed for the last of every three minutes.
    sessions: bool,
    life: OrderLife,
}

impl Hours {
    fn table(self) -> SymbolTable {
        let open = (0..3_360).map(|third| (third * 3, third * 3 + 2)).collect();
        let sessions = self.sessions.then(|| Sessions::new(open).expect("they are in order"));
        let swap = Swap { mode: self.swap, long_e6: -2_300_000, short_e6: 900_000, ..Swap::default() }.every_night();
        let of = |spec: &SymbolSpec| SymbolSpec { swap, sessions: sessions.clone(), order_life: self.life, ..spec.clone() };
        SymbolTable::new(table().iter().map(|(_, spec)| of(spec)).collect()).expect("they are valid")
    }
}

/// Half of the time none of it.
fn hours() -> impl Strategy<Value = (Hours, Delay)> {
    let mode = prop_oneof![
        Just(SwapMode::Disabled),
        Just(SwapMode::Points),
        Just(SwapMode::CurrencySymbol),
        Just(SwapMode::CurrencyMargin),
        Just(SwapMode::CurrencyDeposit),
        Just(SwapMode::ReopenCurrent),
        Just(SwapMode::InterestCurrent),
        Just(SwapMode::InterestOpen)
    ];
    let life = prop_oneof![Just(OrderLife::Gtc), Just(OrderLife::Day)];
    let delay = prop_oneof![Just(Delay::None), (1..5_000_000_i64).prop_map(Delay::Fixed)];
    let all = (mode, any::<bool>(), life, delay).prop_map(|(swap, sessions, life, delay)| (Hours { swap, sessions, life }, delay));
    prop_oneof![Just((Hours::default(), Delay::None)), all]
}

fn commission() -> impl Strategy<Value = Commission> {
    let charge = prop_oneof![
        (0..=7_000_000_i64).prop_map(|amount| Charge::PerLot(Money(amount))),
        (0..=3_000_000_i64).prop_map(|amount| Charge::PerDeal(Money(amount))),
        (0..=20_000_i64).prop_map(Charge::PercentE6),
    ];
    let sides = prop_oneof![Just(Sides::Each), Just(Sides::Entry), Just(Sides::Exit), Just(Sides::RoundTurn)];
    let maximum = prop::option::weighted(0.2, Just(Money(2_000_000)));
    (charge, sides, maximum).prop_map(|(charge, sides, maximum)| Commission { charge, sides, minimum: Money::ZERO, maximum })
}

fn setting() -> impl Strategy<Value = Setting> {
    let mode = prop_oneof![Just(AccountMode::Hedging), Just(AccountMode::Netting), Just(AccountMode::Exchange)];
    let currency = prop_oneof![3 => Just("USD"), 1 => Just("EUR"), 1 => Just("JPY")];
    let fills = prop_oneof![Just(LimitFills::Conservative), Just(LimitFills::Mt5)];
    (mode, currency, fills, 300..=20_000_i64, prop_oneof![Just(30_u32), Just(500)], commission(), hours()).prop_map(
        |(mode, currency, limit_fills, deposit, leverage, otherwise, (hours, delay))| {
            let currency_digits = if currency == "JPY" { 0 } else { 2 };
            let deposit = Money(deposit * Money::ONE.0 * if currency == "JPY" { 130 } else { 1 });
            let commissions = Commissions { otherwise, ..Commissions::default() };
            let options = VenueOptions { limit_fills, commissions, delay, ..VenueOptions::default() };
            (AccountTerms { mode, currency: currency.into(), currency_digits, leverage, deposit }, options, hours)
        },
    )
}

/// How ticks are handed over, and what else is done that must make no difference.
#[derive(Clone, Copy, PartialEq)]
enum Feed {
    OneByOne,
    ByColumns,
    /// The same, with the price ranges of blocks.
    ByRanges,
    /// With two more accounts, one that does the same and one that does the opposite.
    AmongOthers,
    /// With the account taken off the venue and restored after every event.
    WithRestarts,
}

const OTHERS: [AccountId; 2] = [AccountId(0), AccountId(2)];

struct Run {
    venue: Venue,
    feed: Feed,
    orders: u32,
    now: Time,
    bids: BTreeMap<SymbolId, i64>,
    /// The host's own ledger, by commands and reports only.
    host: Ledger,
    reports: Vec<Report>,
    /// Equity as it was counted after every step, without any short cut.
    counted: EquityTrack,
    setting: Setting,
}

impl Run {
    fn of(events: &[Event], setting: &Setting, feed: Feed) -> Self {
        let (terms, options, hours) = setting;
        let mut venue = Venue::new(hours.table(), options.clone());
        venue.open(ACCOUNT, terms.clone(), None);
        if feed == Feed::AmongOthers {
            OTHERS.into_iter().for_each(|other| venue.open(other, terms.clone(), None));
        }
        let host = Ledger::new(terms.deposit);
        let bids = [(EURUSD, 130_000), (USDJPY, 110_000), (EURJPY, 143_000)].into();
        // A midnight comes soon.
        let now = Time(DAY_US - 60 * SECOND_US);
        let (counted, setting) = (EquityTrack::new(terms.deposit), setting.clone());
        let mut run = Self { venue, feed, orders: 0, now, bids, host, reports: Vec::new(), counted, setting };
        for event in events {
            run.step(event);
            if feed == Feed::WithRestarts {
                let ledger = run.venue.close(ACCOUNT);
                run.venue.open(ACCOUNT, terms.clone(), ledger);
            }
        }
        run
    }

    fn step(&mut self, event: &Event) {
        let around = |bid: i64, offset: i64| (offset != 0).then_some(Points(bid + offset));
        match event {
            Event::Ticks(symbol, moves) => self.ticks(*symbol, moves),
            Event::Place { symbol, side, kind, volume, offsets, expires, names, reduce, sane } => {
                let bid = self.bids[symbol];
                // Away from the market by the largest spread, on the side of the order that makes sense for the price.
                let placed = |offset: i64, better: i64| {
                    if *sane { bid - side.sign() * better * (offset.abs() + 80) } else { bid + offset }
                };
                let price = placed(offsets[0], if *kind == OrderKind::Limit { 1 } else { -1 });
                let limit = placed(offsets[1], -1);
                let entry = match kind {
                    OrderKind::Market => bid,
                    OrderKind::StopLimit => limit,
                    OrderKind::Limit | OrderKind::Stop => price,
                };
                let beyond = |offset: i64, better: i64| {
                    let distance = if *sane { -side.sign() * better * (offset.abs() + 80) } else { offset };
                    (offset != 0).then_some(Points(entry + distance))
                };
                let request = OrderRequest {
                    symbol: *symbol,
                    kind: *kind,
                    price: (*kind != OrderKind::Market).then_some(Points(price)),
                    stop_limit_price: (*kind == OrderKind::StopLimit).then_some(Points(limit)),
                    stop_loss: beyond(offsets[2], 1),
                    take_profit: beyond(offsets[3], -1),
                    expires: expires.filter(|_| *kind != OrderKind::Market).map(|us| self.now.plus_us(us)),
                    position: names.map(|back| position(self.orders.saturating_sub(back))),
                    reduce_only: *reduce,
                    ..market(*side, *volume)
                };
                self.orders += 1;
                self.command(order(self.orders), Action::Place(request));
            }
            Event::Modify { number, offsets } => {
                let [price, stop_loss, take_profit] = offsets.map(|offset| around(self.bids[&EURUSD], offset));
                self.command(order(self.orders.saturating_sub(*number)), Action::ModifyOrder { price, stop_loss, take_profit });
            }
            Event::Stops { number, offsets } => {
                let [stop_loss, take_profit] = offsets.map(|offset| around(self.bids[&EURUSD], offset));
                let number = self.orders.saturating_sub(*number);
                self.command(order(number), Action::ModifyPosition { position: position(number), stop_loss, take_profit });
            }
            Event::Cancel(number) => self.command(order(self.orders.saturating_sub(*number)), Action::Cancel),
        }
    }

    fn command(&mut self, order: OrderId, action: Action) {
        let command = Command { account: ACCOUNT, order, at: self.now, action };
        self.host.recorded(&command);
        self.venue.send(&command);
        if self.feed == Feed::AmongOthers {
            for account in OTHERS {
                let mut action = command.action.clone();
                if let (Action::Place(request), AccountId(0)) = (&mut action, account) {
                    request.side = request.side.opposite();
                }
                self.venue.send(&Command { account, action, ..command });
            }
        }
        self.take();
    }

    fn ticks(&mut self, symbol: SymbolId, moves: &[Move]) {
        let table = table();
        let spec = table.spec(symbol);
        let (mut times, mut bids, mut asks) = (Vec::new(), Vec::new(), Vec::new());
        for (change, spread, us) in moves {
            let bid = self.bids.get_mut(&symbol).expect("all have a start");
            *bid = (*bid + change).max(100);
            self.now = self.now.plus_us(*us);
            times.push(self.now.0);
            let (sound, spoiled) = (spec.price(Points(*bid)), spread - SPOILED.start);
            bids.push([sound, f64::NAN, 0.0].get(spoiled.max(0) as usize).copied().unwrap_or(sound));
            let sound = spec.price(Points(*bid + if SPOILED.contains(spread) { 10 } else { *spread }));
            asks.push([f64::NAN, sound, sound, f64::INFINITY].get(spoiled as usize).copied().unwrap_or(sound));
        }
        let ticks = TickColumns { times: &times, bids: &bids, asks: &asks, lasts: &[], volumes: &[] };
        let ranges = PriceRanges::of(&bids, &asks);
        let by_ranges = self.feed == Feed::ByRanges;
        let ahead = |row| if by_ranges { ranges.starting(row) } else { RangesAhead::default() };
        let mut row = 0;
        while row < ticks.len() {
            if matches!(self.feed, Feed::ByColumns | Feed::ByRanges) {
                let quiet = self.venue.quiet_rows(symbol, &ticks.slice(row..ticks.len()), ahead(row));
                self.venue.skip_quiet(symbol, &ticks.slice(row..row + quiet), ahead(row));
                self.take_nothing();
                row += quiet;
            }
            if row < ticks.len() {
                let before = self.reports.len();
                self.venue.on_tick(&ticks.tick(row, symbol, 1));
                self.take();
                row += 1;
                self.never_left_below_the_stop_out(self.reports.len() == before);
            }
        }
    }

    /// After a tick without a deal the margin level is above the stop-out, wherever every price is known.
    fn never_left_below_the_stop_out(&self, nothing_happened: bool) {
        if self.setting.2.sessions {
            return;
        }
        let standing = self.venue.standing(ACCOUNT).expect("it is open");
        let known = [EURUSD, USDJPY, EURJPY].iter().all(|&symbol| self.venue.quote(symbol).is_some());
        let stopped = standing.margin > Money::ZERO && standing.equity.0 * 100 <= standing.margin.0 * 20;
        assert!(!(known && nothing_happened && stopped), "missed a stop-out: {standing:?}");
    }

    fn take_nothing(&mut self) {
        let before = self.reports.len();
        self.take();
        assert_eq!(self.reports.len(), before, "quiet rows are quiet");
    }

    fn take(&mut self) {
        let from = self.reports.len();
        self.venue.reports(&mut self.reports);
        self.reports.retain(|report| report.account == ACCOUNT);
        for report in &self.reports[from..] {
            let contradictions: Vec<Change> =
                self.host.apply(report).into_iter().filter(|change| matches!(change, Change::Contradiction(_))).collect();
            assert!(contradictions.is_empty(), "{contradictions:?}");
        }
        if self.setting.1.delay == Delay::None {
            assert_eq!(self.venue.ledger(ACCOUNT), Some(&self.host), "host and broker agree");
        }
        self.counted.observe(self.venue.equity(ACCOUNT).expect("it is open"));
    }

    fn track(&self) -> EquityTrack {
        *self.venue.track(ACCOUNT).expect("it is open")
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn columns_give_what_ticks_one_by_one_give(events in events(), setting in setting()) {
        let one_by_one = Run::of(&events, &setting, Feed::OneByOne);
        for feed in [Feed::ByColumns, Feed::ByRanges] {
            let by_columns = Run::of(&events, &setting, feed);
            prop_assert_eq!(&one_by_one.reports, &by_columns.reports);
            prop_assert_eq!(one_by_one.track(), by_columns.track());
            prop_assert_eq!(one_by_one.venue.ledger(ACCOUNT), by_columns.venue.ledger(ACCOUNT));
            prop_assert_eq!(one_by_one.venue.standing(ACCOUNT), by_columns.venue.standing(ACCOUNT));
        }
        // Only ticks are counted here; what is due between them moves equity as well.
        if setting.1.delay == Delay::None && setting.2.swap == SwapMode::Disabled {
            prop_assert_eq!(one_by_one.track(), one_by_one.counted);
        }
    }

    #[test]
    fn neighbours_and_restarts_change_nothing(events in events(), setting in setting()) {
        let alone = Run::of(&events, &setting, Feed::OneByOne);
        let among_others = Run::of(&events, &setting, Feed::AmongOthers);
        prop_assert_eq!(&alone.reports, &among_others.reports);
        prop_assert_eq!(alone.track(), among_others.track());
        let restarted = Run::of(&events, &setting, Feed::WithRestarts);
        prop_assert_eq!(&alone.reports, &restarted.reports);
        prop_assert_eq!(alone.venue.standing(ACCOUNT), restarted.venue.standing(ACCOUNT));
    }

    #[test]
    fn the_balance_is_the_deposit_and_every_deal_and_no_order_fills_twice(
        events in events(),
        setting in setting(),
    ) {
        let run = Run::of(&events, &setting, Feed::OneByOne);
        let deals = run.reports.iter().filter_map(|report| match &report.happened {
            Happened::Deal { deal, rest } => Some((deal, *rest)),
            _ => None,
        });
        let mut sum = setting.0.deposit;
        let mut filled: BTreeMap<OrderId, (Steps, Steps)> = BTreeMap::new();
        for (at, (deal, rest)) in deals.enumerate() {
            prop_assert_eq!(deal.id.0, at as u64 + 1, "deals count up");
            sum += deal.net();
            let unit = 10_i64.pow(6 - u32::from(setting.0.currency_digits));
            prop_assert_eq!(deal.net().0 % unit, 0, "booked in the currency's digits");
            if let Some(order) = deal.order {
                let (volume, last_rest) = filled.entry(order).or_insert((Steps(0), deal.volume + rest));
                prop_assert_eq!(deal.volume + rest, *last_rest, "each deal takes from what the last one left");
                *volume += deal.volume;
                *last_rest = rest;
            }
        }
        let ledger = run.venue.ledger(ACCOUNT).expect("it is open");
        prop_assert_eq!(ledger.balance, sum);
        prop_assert!(ledger.positions.values().all(|position| position.volume > Steps(0)));
        let track = run.track();
        let equity = run.venue.equity(ACCOUNT).expect("it is open");
        prop_assert!(track.minimum <= equity && equity <= track.peak);
        prop_assert!(track.maximal.amount <= track.peak - track.minimum);
    }

    #[test]
    fn a_netting_position_is_the_sum_of_its_deals_at_their_average(trades in prop::collection::vec((1..=50_i64, -40..=40_i64), 1..20)) {
        let options = VenueOptions::default();
        let terms = AccountTerms { mode: AccountMode::Netting, deposit: Money(1_000_000 * Money::ONE.0), ..AccountTerms::default() };
        let mut run = Run::of(&[], &(terms, options, Hours::default()), Feed::OneByOne);
        let (mut volume, mut cost) = (0, 0);
        for (steps, change) in trades {
            run.ticks(EURUSD, &[(change, 0, 1)]);
            run.orders += 1;
            run.command(order(run.orders), Action::Place(market(Side::Buy, steps)));
            (volume, cost) = (volume + steps, cost + steps * run.bids[&EURUSD]);
        }
        let held = run.venue.ledger(ACCOUNT).and_then(|ledger| ledger.positions.values().next()).expect("it is open");
        prop_assert_eq!((held.volume, held.cost), (Steps(volume), cost));
        // Closed at the market, it books what it floated, to the cent.
        let before = run.venue.equity(ACCOUNT).expect("it is open");
        run.orders += 1;
        run.command(order(run.orders), Action::Place(market(Side::Sell, volume)));
        let after = run.venue.equity(ACCOUNT).expect("it is open");
        prop_assert!((before - after).abs() <= Money(5_000), "{} then {}", before, after);
        prop_assert_eq!(run.venue.ledger(ACCOUNT).map(|ledger| ledger.positions.len()), Some(0));
    }
}
