//! A ledger rebuilt from rows is the ledger that was written, whatever was reported in whatever order.

use crate::samples::{Line, append_to, engine, nth, request, symbols};
use domain::broker::{Deal, Entry, Happened, Reason, Report};
use domain::contract::Side;
use domain::ids::{AccountId, DealId, EngineId, OrderId, PositionId};
use domain::ledger::Ledger;
use domain::number::{Money, Points, Steps};
use domain::order::{Action, Command, OrderRequest, Tag};
use domain::symbol::SymbolId;
use domain::time::Time;
use proptest::prelude::*;
use stockade_store::{Location, Store};

/// One of six orders: few enough that reports meet each other.
fn order() -> impl Strategy<Value = OrderId> {
    (1..=6_u32).prop_map(|number| nth(EngineId(1), number))
}

fn price() -> impl Strategy<Value = Option<Points>> {
    proptest::option::of((129_000..131_000_i64).prop_map(Points))
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn action() -> impl Strategy<Value = Action> {
    let place = (side(), 1..50_i64, price(), price(), price(), "[a-zé ]{0,8}", any::<bool>(), 0..2_u16).prop_map(
        |(side, volume, price, stop_loss, take_profit, tag, reduce_only, symbol)| {
            let tag = Tag::new(tag).expect("it is short");
            let volume = Steps(volume);
            let symbol = SymbolId(symbol);
            Action::Place(OrderRequest { symbol, side, volume, price, stop_loss, take_profit, tag, reduce_only, ..request() })
        },
    );
    prop_oneof![
        6 => place,
        1 => (price(), price()).prop_map(|(price, stop_loss)| Action::ModifyOrder { price, stop_loss, take_profit: None }),
        1 => (order(), price())
            .prop_map(|(id, stop_loss)| Action::ModifyPosition { position: PositionId(id), stop_loss, take_profit: None }),
        1 => Just(Action::Cancel),
    ]
}

fn a_deal() -> impl Strategy<Value = Deal> {
    let entry = prop_oneof![4 => Just(Entry::In), 4 => Just(Entry::Out), 1 => Just(Entry::OutBy), 1 => Just(Entry::InOut)];
    let money = || (-1_000..1_000_i64).prop_map(|cents| Money(cents * 10_000));
    // Small numbers, so that some deals repeat.
    let who = (1..40_u64, proptest::option::weighted(0.7, order()), order());
    (who, side(), entry, 0..30_i64, 129_000..131_000_i64, (money(), money(), money())).prop_map(
        |((id, order, position), side, entry, volume, price, (profit, commission, swap))| Deal {
            id: DealId(id),
            order,
            position: PositionId(order.filter(|_| entry == Entry::In).unwrap_or(position)),
            symbol: SymbolId(0),
            side,
            entry,
            reason: Reason::Expert,
            // A turn closes all there is and more.
            volume: Steps(if entry == Entry::InOut { volume + 100_000 } else { volume }),
            price: Points(price),
            profit,
            commission,
            swap,
            time: Time(0),
        },
    )
}

fn happened() -> impl Strategy<Value = Happened> {
    prop_oneof![
        2 => any::<u64>().prop_map(|ticket| Happened::Accepted { ticket }),
        1 => Just(Happened::Rejected { retcode: 10_006 }),
        1 => Just(Happened::AnswerMissing),
        8 => (a_deal(), 0..3_i64).prop_map(|(deal, rest)| Happened::Deal { deal, rest: Steps(rest) }),
        1 => Just(Happened::Canceled),
        1 => Just(Happened::Expired),
        1 => (price(), price(), price())
            .prop_map(|(price, stop_loss, take_profit)| Happened::OrderModified { price, stop_loss, take_profit }),
        1 => (order(), price(), price())
            .prop_map(|(id, stop_loss, take_profit)| Happened::PositionModified { position: PositionId(id), stop_loss, take_profit }),
        1 => (order(), -500_000..500_000_i64)
            .prop_map(|(id, amount)| Happened::SwapCharged { position: PositionId(id), amount: Money(amount) }),
        1 => Just(Happened::ModifyRejected { retcode: 10_029 }),
    ]
}

fn line() -> impl Strategy<Value = Line> {
    let account = AccountId(1);
    prop_oneof![
        2 => (order(), action()).prop_map(move |(order, action)| Line::Command(Command { account, order, at: Time(0), action })),
        3 => (proptest::option::weighted(0.95, order()), happened()).prop_map(move |(order, happened)| {
            let order = if let Happened::Deal { deal, .. } = &happened { deal.order } else { order };
            Line::Report(Report { account, order, at: Time(0), happened })
        }),
    ]
}

/// What the host keeps in memory.
struct Memory {
    ledger: Ledger,
    placed: std::collections::BTreeSet<OrderId>,
}

impl Memory {
    fn follow(&mut self, line: &Line) {
        match line {
            // The host never numbers two orders alike; the journal must not let a repetition bring an old one back.
            Line::Command(command) if matches!(command.action, Action::Place(_)) && !self.placed.insert(command.order) => {}
            Line::Command(command) => self.ledger.recorded(command),
            Line::Report(report) => {
                self.ledger.apply(report);
            }
        }
    }
}

/// Appends the lines in batches; after each, a ledger read from the database must be the one in memory.
async fn check(location: Location, batches: Vec<Vec<Line>>, reopen_after: usize) {
    let mut store = Store::open_at(&location).await.expect("it is an empty database");
    let engine = engine(&store, "anna").await;
    let mut memory = Memory { ledger: Ledger::new(Money(5_000_000_000)), placed: Default::default() };
    assert_eq!(store.ledger(engine.account, &symbols()).await.unwrap(), memory.ledger);
    let mut journal = store.journal(&symbols(), 0).await.unwrap();
    for (n, mut batch) in batches.into_iter().enumerate() {
        for (at, line) in batch.iter_mut().enumerate() {
            let time = Time((n * 100 + at) as i64);
            match line {
                Line::Command(command) => command.at = time,
                Line::Report(report) => {
                    report.at = time;
                    if let Happened::Deal { deal, .. } = &mut report.happened {
                        deal.time = time;
                    }
                }
            }
            memory.follow(line);
        }
        journal = tokio::task::spawn_blocking(move || {
            append_to(journal.as_mut(), &batch).unwrap();
            journal
        })
        .await
        .unwrap();
        if n == reopen_after {
            let before = memory.ledger.clone();
            drop(journal);
            store.close().await;
            drop(store);
            store = Store::open_at(&location).await.unwrap();
            journal = store.journal(&symbols(), 0).await.unwrap();
            // A host that starts again remembers no more than its rows.
            memory.ledger = store.ledger(engine.account, &symbols()).await.unwrap();
            assert_eq!(memory.ledger, before, "after batch {n}");
        }
        assert_eq!(store.ledger(engine.account, &symbols()).await.unwrap(), memory.ledger, "after batch {n}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_ledger_read_back_is_the_one_that_was_written(
        batches in proptest::collection::vec(proptest::collection::vec(line(), 1..12), 1..12),
        reopen_after in 0..12_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
        let file = Location::Sqlite(folder.path().join("stockade.db"));
        runtime.block_on(check(file, batches, reopen_after));
    }
}

proptest! {
    // Fewer: each makes a database on the server.
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_ledger_read_back_from_a_server_is_the_one_that_was_written(
        batches in proptest::collection::vec(proptest::collection::vec(line(), 1..12), 1..12),
        reopen_after in 0..12_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let server = testkit::postgres::server();
        let url = Location::parse(&server.url(&server.fresh_database())).expect("it is a URL");
        runtime.block_on(check(url, batches, reopen_after));
    }
}
