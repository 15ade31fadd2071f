//! Repeated, overtaken and late reports.

use super::*;
use crate::broker::{Entry, Reason};
use crate::contract::Filling;
use crate::ids::AccountId;
use proptest::prelude::*;

fn request(kind: OrderKind, stop_loss: Option<i64>) -> OrderRequest {
    OrderRequest {
        symbol: SymbolId(0),
        side: Side::Buy,
        kind,
        volume: Steps(2),
        price: (kind != OrderKind::Market).then_some(Points(110)),
        stop_limit_price: (kind == OrderKind::StopLimit).then_some(Points(105)),
        stop_loss: stop_loss.map(Points),
        take_profit: None,
        filling: Filling::Any,
        deviation: None,
        expires: None,
        position: None,
        reduce_only: false,
        tag: Tag::default(),
    }
}

fn order(number: u32) -> OrderId {
    OrderId::new(EngineId(1), number)
}

fn place(ledger: &mut Ledger, number: u32, request: OrderRequest) {
    ledger.recorded(&Command { account: AccountId(1), order: order(number), at: Time(0), action: Action::Place(request) });
    report(ledger, number, Happened::Accepted { ticket: 1 });
}

fn report(ledger: &mut Ledger, number: u32, happened: Happened) -> Vec<Change> {
    ledger.apply(&Report { account: AccountId(1), order: Some(order(number)), at: Time(0), happened })
}

fn buy(id: u64, number: u32) -> Happened {
    let deal = Deal {
        id: DealId(id),
        order: Some(order(number)),
        position: PositionId(order(1)),
        symbol: SymbolId(0),
        side: Side::Buy,
        entry: Entry::In,
        reason: Reason::Expert,
        volume: Steps(2),
        price: Points(100),
        profit: Money::ZERO,
        commission: Money(-5),
        swap: Money::ZERO,
        time: Time(0),
    };
    Happened::Deal { deal, rest: Steps(0) }
}

#[test]
fn stops_of_a_later_order_replace_those_of_the_position_it_increases() {
    let mut ledger = Ledger::new(Money(100));
    place(&mut ledger, 1, request(OrderKind::Market, Some(90)));
    report(&mut ledger, 1, buy(1, 1));
    place(&mut ledger, 2, request(OrderKind::Market, None));
    report(&mut ledger, 2, buy(2, 2));
    let position = &ledger.positions[&PositionId(order(1))];
    assert_eq!((position.volume, position.stop_loss), (Steps(4), None));
}

#[test]
fn a_closed_position_keeps_its_average_price() {
    let mut ledger = Ledger::new(Money(100));
    (1..=3).for_each(|number| place(&mut ledger, number, request(OrderKind::Market, None)));
    report(&mut ledger, 1, netted(1, Side::Buy, Entry::In, 4));
    report(&mut ledger, 2, netted(2, Side::Sell, Entry::Out, 1));
    let changes = report(&mut ledger, 3, netted(3, Side::Sell, Entry::Out, 3));
    let closed = changes.iter().find_map(|change| match change {
        Change::Position(position, PositionChange::Closed) => Some(position.clone()),
        _ => None,
    });
    let closed = closed.expect("it closed");
    assert_eq!((closed.volume, closed.open_points()), (Steps(0), 100.0));
}

/// A deal of a netting account: its position is the first order's.
fn netted(id: u64, side: Side, entry: Entry, volume: i64) -> Happened {
    let Happened::Deal { deal, rest } = buy(id, id as u32) else { unreachable!() };
    Happened::Deal { deal: Deal { side, entry, volume: Steps(volume), time: Time(id as i64), ..deal }, rest }
}

#[test]
fn a_turn_that_overtakes_what_made_its_position_smaller_only_reduces_it_until_then() {
    let mut ledger = Ledger::default();
    (1..4).for_each(|number| place(&mut ledger, number, request(OrderKind::Market, None)));
    let held = |ledger: &Ledger| ledger.positions.values().map(|position| (position.side, position.volume.0)).collect::<Vec<_>>();
    report(&mut ledger, 1, netted(1, Side::Buy, Entry::In, 10));
    let mut overtaking = ledger.clone();
    report(&mut overtaking, 3, netted(3, Side::Sell, Entry::InOut, 6));
    assert_eq!(held(&overtaking), [(Side::Buy, 4)], "as far as is known");
    report(&mut overtaking, 2, netted(2, Side::Sell, Entry::Out, 6));
    assert_eq!(held(&overtaking), [(Side::Sell, 2)]);
    report(&mut ledger, 2, netted(2, Side::Sell, Entry::Out, 6));
    report(&mut ledger, 3, netted(3, Side::Sell, Entry::InOut, 6));
    assert_eq!(ledger, overtaking);
}

#[test]
fn swap_floats_until_a_deal_books_its_share() {
    let mut ledger = Ledger::new(Money(100));
    place(&mut ledger, 1, request(OrderKind::Market, None));
    report(&mut ledger, 1, buy(1, 1));
    let position = PositionId(order(1));
    assert!(matches!(report(&mut ledger, 1, Happened::SwapCharged { position, amount: Money(-31) })[..], [Change::Swap(_)]));
    assert_eq!((ledger.balance, ledger.swap_due(), ledger.positions[&position].swap_of(Steps(1))), (Money(95), Money(-31), Money(-16)));
    let Happened::Deal { deal, rest } = buy(2, 1) else { unreachable!() };
    let close = Deal { side: Side::Sell, entry: Entry::Out, volume: Steps(1), swap: Money(-16), order: None, ..deal };
    report(&mut ledger, 1, Happened::Deal { deal: close, rest });
    assert_eq!((ledger.balance, ledger.swap_due()), (Money(95 - 16 - 5), Money(-15)));
}

#[test]
fn covered_volume_takes_the_hedged_margin() {
    use crate::symbol::{SymbolSpec, SymbolTable, common};
    let of = |hedged: Option<i64>| {
        let spec = SymbolSpec { margin_hedged_e6: hedged, ..common::forex("USD", "JPY") };
        let table = SymbolTable::new(vec![spec]).unwrap();
        let held =
            |side, volume| Held { symbol: SymbolId(0), side, volume: Steps(volume), open: Points(100_000), purpose: MarginFor::Holding };
        margin_of([held(Side::Buy, 300), held(Side::Sell, 100)].into_iter(), &table, "USD", 100, |_| None).to_units()
    };
    assert_eq!(of(None), 3_000.0, "the larger side");
    assert_eq!(of(Some(0)), 2_000.0, "what is not covered");
    assert_eq!(of(Some(50_000_000_000)), 2_500.0);
    assert_eq!(of(Some(100_000_000_000)), 3_000.0);
}

#[test]
fn a_stop_limit_whose_price_becomes_its_limit_is_a_limit_order() {
    let mut ledger = Ledger::new(Money(100));
    place(&mut ledger, 1, request(OrderKind::StopLimit, None));
    report(&mut ledger, 1, Happened::OrderModified { price: Some(Points(105)), stop_loss: None, take_profit: None });
    let request = &ledger.orders[&order(1)].request;
    assert_eq!((request.kind, request.price, request.stop_limit_price), (OrderKind::Limit, Some(Points(105)), None));
}

#[test]
fn a_deal_repeated_after_its_number_was_forgotten_books_nothing() {
    let mut ledger = Ledger::new(Money(100_000));
    place(&mut ledger, 1, request(OrderKind::Market, None));
    (1..=SEEN_DEALS_MAX as u64 + 2).for_each(|id| _ = report(&mut ledger, 1, buy(id, 1)));
    let balance = ledger.balance;
    assert!(report(&mut ledger, 1, buy(1, 1)).is_empty());
    assert_eq!(ledger.balance, balance);
}

#[test]
fn a_repeated_deal_books_nothing_and_the_highest_number_is_remembered() {
    let mut ledger = Ledger::new(Money(100));
    place(&mut ledger, 1, request(OrderKind::Market, None));
    report(&mut ledger, 1, buy(7, 1));
    assert!(report(&mut ledger, 1, buy(7, 1)).is_empty());
    assert_eq!((ledger.balance, ledger.last_deal), (Money(95), DealId(7)));
}

#[test]
fn a_late_fill_of_an_order_that_ended_opens_its_position_with_its_stops() {
    for end in [Happened::Canceled, Happened::Expired, Happened::Rejected { retcode: 10_006 }] {
        let mut ledger = Ledger::new(Money(100));
        place(&mut ledger, 1, OrderRequest { tag: Tag::new("note").unwrap(), ..request(OrderKind::Limit, Some(90)) });
        report(&mut ledger, 1, end.clone());
        let changes = report(&mut ledger, 1, buy(1, 1));
        assert!(matches!(&changes[0], Change::Order { order, fill: Some(_), .. } if order.state == OrderState::Filled), "{changes:?}");
        let position = &ledger.positions[&PositionId(order(1))];
        assert_eq!((position.stop_loss, position.tag.as_str()), (Some(Points(90)), "note"), "{end:?}");
    }
}

#[test]
fn a_fill_of_what_had_been_given_up_makes_a_person_look() {
    let mut ledger = Ledger::new(Money(100));
    place(&mut ledger, 1, request(OrderKind::Limit, None));
    report(&mut ledger, 1, Happened::Rejected { retcode: 10_006 });
    let changes = report(&mut ledger, 1, buy(1, 1));
    assert!(changes.iter().any(|change| matches!(change, Change::Contradiction(_))), "{changes:?}");
}

/// What happens at a broker, in the order in which it does; numbers name an order, or pick one of what is there.
#[derive(Clone, Debug)]
enum True {
    Accepted(u32),
    Fill { order: u32, against: Option<u8>, volume: i64, all: bool },
    Modified { order: u32, price: i64, stop_loss: Option<i64> },
    StopsMoved { which: u8, stop_loss: Option<i64> },
    Ended { order: u32, how: u8 },
    Unanswered(u32),
    Night { which: u8, amount: i64 },
}

fn truth() -> impl Strategy<Value = Vec<True>> {
    let price = || prop::option::of(80..99_i64);
    let one = prop_oneof![
        1 => (1..6_u32).prop_map(True::Accepted),
        1 => (1..6_u32).prop_map(True::Unanswered),
        5 => (1..6_u32, prop::option::of(any::<u8>()), 1..5_i64, any::<bool>())
            .prop_map(|(order, against, volume, all)| True::Fill { order, against, volume, all }),
        2 => (1..6_u32, 100..120_i64, price()).prop_map(|(order, price, stop_loss)| True::Modified { order, price, stop_loss }),
        2 => (any::<u8>(), price()).prop_map(|(which, stop_loss)| True::StopsMoved { which, stop_loss }),
        1 => (any::<u8>(), -9..9_i64).prop_map(|(which, amount)| True::Night { which, amount }),
        2 => (1..6_u32, 0..3_u8).prop_map(|(order, how)| True::Ended { order, how }),
    ];
    prop::collection::vec(one, 1..14)
}

fn fresh() -> Ledger {
    let mut ledger = Ledger::new(Money(1_000));
    for number in 1..6 {
        let request = OrderRequest { volume: Steps(100), ..request(OrderKind::Limit, Some(80 + i64::from(number))) };
        ledger.recorded(&Command { account: AccountId(1), order: order(number), at: Time(0), action: Action::Place(request) });
    }
    ledger
}

/// The broker's reports, in order, and the ledger they lead to.
fn told(truth: &[True]) -> (Vec<Report>, Ledger) {
    let (mut ledger, mut reports, mut deals) = (fresh(), Vec::new(), 0);
    for (at, one) in truth.iter().enumerate() {
        let time = Time(1 + at as i64);
        let works = |number: &u32| ledger.orders.contains_key(&order(*number));
        let open = |which: u8| ledger.positions.values().nth(usize::from(which) % ledger.positions.len().max(1));
        let (of, happened) = match one {
            True::Accepted(number) if works(number) => (*number, Happened::Accepted { ticket: 1 }),
            True::Unanswered(number) if works(number) => (*number, Happened::AnswerMissing),
            True::Modified { order, price, stop_loss } if works(order) => {
                let price = Some(Points(*price));
                (*order, Happened::OrderModified { price, stop_loss: stop_loss.map(Points), take_profit: None })
            }
            True::Ended { order, how } if works(order) => {
                (*order, [Happened::Canceled, Happened::Expired, Happened::Rejected { retcode: 1 }][usize::from(*how)].clone())
            }
            True::Night { which, amount } => {
                let Some(position) = open(*which) else { continue };
                (position.id.0.number(), Happened::SwapCharged { position: position.id, amount: Money(*amount) })
            }
            True::StopsMoved { which, stop_loss } => {
                let Some(position) = open(*which) else { continue };
                let moved = Happened::PositionModified { position: position.id, stop_loss: stop_loss.map(Points), take_profit: None };
                (position.id.0.number(), moved)
            }
            True::Fill { order: number, against, volume, all } if works(number) => {
                deals += 1;
                let closes = against.and_then(open);
                let Happened::Deal { mut deal, .. } = buy(deals, *number) else { unreachable!() };
                let position = closes.map_or(PositionId(order(*number)), |position| position.id);
                let volume = Steps(*volume);
                let entry = match closes {
                    Some(position) if volume > position.volume => Entry::InOut,
                    Some(_) => Entry::Out,
                    None => Entry::In,
                };
                let swap = closes.map_or(Money::ZERO, |position| position.swap_of(volume));
                deal = Deal { position, entry, volume, time, swap, price: Points(100 + deals as i64), ..deal };
                (*number, Happened::Deal { deal, rest: Steps(i64::from(!all)) })
            }
            _ => continue,
        };
        let report = Report { account: AccountId(1), order: Some(order(of)), at: time, happened };
        let changes = ledger.apply(&report);
        assert!(!changes.iter().any(|change| matches!(change, Change::Contradiction(_))), "{changes:?}");
        reports.push(report);
    }
    (reports, ledger)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_reports_in_any_order_and_however_often_lead_to_the_same_ledger(
        (reports, ledger, shuffled) in truth().prop_flat_map(|truth| {
            let (reports, ledger) = told(&truth);
            let twice: Vec<Report> = reports.iter().chain(&reports).cloned().collect();
            (Just(reports), Just(ledger), Just(twice).prop_shuffle())
        })
    ) {
        let mut other = fresh();
        for report in &shuffled {
            other.apply(report);
            prop_assert!(other.positions.values().all(|position| position.volume > Steps(0)), "{:#?}", other.positions);
        }
        prop_assert_eq!(&other, &ledger, "{:#?}", reports);
    }
}
