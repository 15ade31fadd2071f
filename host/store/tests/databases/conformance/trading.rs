use super::error_of;
use crate::samples::{append, deal, engine, filled, nth, place, report, request, symbols};
use domain::broker::{Deal, Entry, Happened, Reason, retcode};
use domain::contract::{Filling, OrderKind, Side};
use domain::ids::{EngineId, OrderId, PositionId};
use domain::number::{Money, Points, Steps};
use domain::numbering::AHEAD;
use domain::order::{Action, Command, OrderRequest, OrderState, Tag};
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::time::Time;
use stockade_store::{DealRecord, OrderRecord, Page, PositionFilter, PositionRecord, Store, StoreError, SymbolGrid};

use crate::samples::Line;

fn pending() -> OrderRequest {
    OrderRequest {
        symbol: SymbolId(1),
        side: Side::Sell,
        kind: OrderKind::StopLimit,
        volume: Steps(7),
        price: Some(Points(1_300_100)),
        stop_limit_price: Some(Points(1_300_200)),
        stop_loss: Some(Points(1_300_300)),
        take_profit: Some(Points(1_300_000)),
        filling: Filling::Return,
        deviation: Some(Points(5)),
        expires: Some(Time(99)),
        position: Some(PositionId(nth(EngineId(7), 7))),
        reduce_only: true,
        tag: Tag::new("breakout").expect("it is short"),
    }
}

pub async fn an_order_is_listed_with_all_its_parts(store: &Store) {
    let engine = engine(store, "anna").await;
    let (account, id) = (engine.account, nth(engine.id, 1));
    let modify = |at, price| {
        let action = Action::ModifyOrder { price, stop_loss: None, take_profit: Some(Points(1_299_000)) };
        Line::Command(Command { account, order: id, at: Time(at), action })
    };
    let epoch = store.take_over("a host", Time(9)).await.unwrap();
    let mut journal = store.journal(&symbols(), epoch).await.unwrap();
    let lines = vec![
        place(account, id, 10, pending()),
        report(account, id, 11, Happened::AnswerMissing),
        report(account, id, 12, Happened::Accepted { ticket: u64::MAX }),
        modify(13, Some(Points(1_300_150))),
        report(
            account,
            id,
            14,
            Happened::OrderModified { price: Some(Points(1_300_150)), stop_loss: None, take_profit: Some(Points(1_299_000)) },
        ),
        modify(15, None),
        report(account, id, 16, Happened::ModifyRejected { retcode: retcode::FROZEN }),
    ];
    tokio::task::spawn_blocking(move || crate::samples::append_to(journal.as_mut(), &lines)).await.unwrap().unwrap();
    let expected = OrderRecord {
        seq: 1,
        id,
        account,
        symbol: "XAUUSD".into(),
        side: Side::Sell,
        kind: OrderKind::StopLimit,
        volume: Steps(7),
        price: Some(Points(1_300_150)),
        stop_limit_price: Some(Points(1_300_200)),
        stop_loss: None,
        take_profit: Some(Points(1_299_000)),
        filling: Filling::Return,
        deviation: Some(Points(5)),
        expires: Some(Time(99)),
        position: Some(PositionId(nth(EngineId(7), 7))),
        reduce_only: true,
        tag: Tag::new("breakout").expect("it is short"),
        state: OrderState::Accepted,
        filled: Steps(0),
        ticket: Some(u64::MAX),
        retcode: 0,
        placed_at: Time(10),
        updated_at: Time(14),
        finished_at: None,
        owner_epoch: epoch,
    };
    assert_eq!(store.orders(engine.owner, None, Page::default()).await.unwrap(), [expected.clone()]);
    assert_eq!(store.order(engine.owner, id).await.unwrap(), expected);

    let second = nth(engine.id, 2);
    let refused = Happened::Rejected { retcode: retcode::NO_MONEY };
    let mut journal = store.journal(&symbols(), epoch).await.unwrap();
    let lines = vec![place(account, second, 20, request()), report(account, second, 21, refused)];
    tokio::task::spawn_blocking(move || crate::samples::append_to(journal.as_mut(), &lines)).await.unwrap().unwrap();
    let order = store.order(engine.owner, second).await.unwrap();
    assert_eq!((order.state, order.retcode, order.finished_at), (OrderState::Rejected, retcode::NO_MONEY, Some(Time(21))));
}

pub async fn a_position_is_listed_from_its_opening_to_its_close(store: &Store) {
    let engine = engine(store, "anna").await;
    let (account, id) = (engine.account, nth(engine.id, 1));
    let opening = OrderRequest { stop_loss: Some(Points(129_000)), tag: Tag::new("dip").expect("it is short"), ..request() };
    append(store, vec![place(account, id, 1, opening), filled(account, deal(1, id, 2))]).await.unwrap();
    let part = Deal {
        order: None,
        side: Side::Sell,
        entry: Entry::Out,
        reason: Reason::TakeProfit,
        volume: Steps(4),
        price: Points(130_100),
        profit: Money(4_000_000),
        swap: Money(-5),
        ..deal(2, id, 3)
    };
    let moved =
        Happened::PositionModified { position: PositionId(id), stop_loss: Some(Points(130_000)), take_profit: Some(Points(131_000)) };
    let night = Happened::SwapCharged { position: PositionId(id), amount: Money(-12) };
    append(store, vec![report(account, id, 3, night), filled(account, part.clone()), report(account, id, 4, moved)]).await.unwrap();
    let open = PositionRecord {
        seq: 1,
        id: PositionId(id),
        account,
        symbol: "EURUSD".into(),
        side: Side::Buy,
        volume: Steps(6),
        cost: 780_000,
        stop_loss: Some(Points(130_000)),
        take_profit: Some(Points(131_000)),
        realised: Money(4_000_000),
        commission: Money(-140_000),
        // What the night cost less what the deal booked of it.
        swap: Money(-7),
        charged_until: Some(Time(3)),
        tag: Tag::new("dip").expect("it is short"),
        volume_in: Steps(10),
        cost_in: 1_300_000,
        volume_out: Steps(4),
        cost_out: 520_400,
        opened_at: Time(2),
        closed_at: None,
    };
    let list = |filter| store.positions(engine.owner, Some(engine.id), filter, Page::default());
    assert_eq!(list(PositionFilter::Open).await.unwrap(), [open.clone()]);
    assert_eq!(list(PositionFilter::Closed).await.unwrap(), []);

    let rest = Deal { id: domain::ids::DealId(3), volume: Steps(6), time: Time(9), ..part.clone() };
    append(store, vec![filled(account, rest.clone())]).await.unwrap();
    let closed = PositionRecord {
        volume: Steps(0),
        realised: Money(8_000_000),
        commission: Money(-210_000),
        // What its last deal booked.
        swap: Money(-5),
        volume_out: Steps(10),
        cost_out: 1_301_000,
        closed_at: Some(Time(9)),
        ..open
    };
    assert_eq!(list(PositionFilter::Closed).await.unwrap(), [closed.clone()]);
    assert_eq!(list(PositionFilter::All).await.unwrap(), [closed]);
    assert_eq!(list(PositionFilter::Open).await.unwrap(), []);

    let record = |seq, deal: Deal| DealRecord { seq, account, engine: engine.id, symbol: "EURUSD".into(), deal };
    let expected = [record(3, rest), record(2, part), record(1, deal(1, id, 2))];
    assert_eq!(store.deals(engine.owner, None, Page::default()).await.unwrap(), expected);
    let ledger = store.ledger(account, &symbols()).await.unwrap();
    assert_eq!(ledger.balance, Money(5_000_000_000 + 8_000_000 - 210_000 - 10));
    assert!(ledger.orders.is_empty() && ledger.positions.is_empty());
}

pub async fn a_position_that_opens_again_is_a_new_row(store: &Store) {
    let engine = engine(store, "anna").await;
    let (account, id) = (engine.account, nth(engine.id, 1));
    let half = |deal: Deal| {
        let order = deal.order;
        let happened = Happened::Deal { deal, rest: Steps(5) };
        Line::Report(domain::broker::Report { account, order, at: Time(3), happened })
    };
    let close = Deal { order: None, side: Side::Sell, entry: Entry::Out, ..deal(2, id, 4) };
    let lines = vec![
        place(account, id, 1, request()),
        half(deal(1, id, 3)),
        filled(account, close),
        filled(account, Deal { price: Points(140_000), ..deal(3, id, 5) }),
    ];
    append(store, lines).await.unwrap();
    let rows = store.positions(engine.owner, None, PositionFilter::All, Page::default()).await.unwrap();
    let shown: Vec<_> = rows.iter().map(|row| (row.seq, row.volume_in, row.cost_in, row.closed_at)).collect();
    assert_eq!(shown, [(2, Steps(10), 1_400_000, None), (1, Steps(10), 1_300_000, Some(Time(4)))]);
}

pub async fn a_fill_that_overtakes_a_cancel_is_seen_in_the_order(store: &Store) {
    let engine = engine(store, "anna").await;
    let (account, id) = (engine.account, nth(engine.id, 1));
    let cancel = Line::Command(Command { account, order: id, at: Time(2), action: Action::Cancel });
    let lines = vec![place(account, id, 1, request()), cancel, report(account, id, 3, Happened::Canceled)];
    append(store, lines).await.unwrap();
    assert_eq!(store.order(engine.owner, id).await.unwrap().state, OrderState::Canceled);
    append(store, vec![filled(account, deal(1, id, 4))]).await.unwrap();
    let order = store.order(engine.owner, id).await.unwrap();
    assert_eq!((order.state, order.filled, order.finished_at), (OrderState::Filled, Steps(10), Some(Time(4))));
    let late = vec![report(account, id, 5, Happened::Accepted { ticket: 4 }), report(account, id, 6, Happened::Expired)];
    append(store, late).await.unwrap();
    let order = store.order(engine.owner, id).await.unwrap();
    assert_eq!((order.state, order.ticket, order.updated_at), (OrderState::Filled, Some(4), Time(4)));
}

pub async fn lists_are_read_page_by_page(store: &Store) {
    let engine = engine(store, "anna").await;
    let other = crate::samples::another_engine(store, engine.owner, "second").await;
    let mut lines = Vec::new();
    for number in 1..=5 {
        for (deals, engine) in [(0, &engine), (100, &other)] {
            let id = nth(engine.id, number);
            lines.push(place(engine.account, id, 1, request()));
            lines.push(filled(engine.account, deal(deals + u64::from(number), id, 2)));
        }
    }
    append(store, lines).await.unwrap();
    let seqs_of = |engine: Option<EngineId>| async move {
        let (mut pages, mut page) = (Vec::new(), Page::first(3));
        loop {
            let orders = store.orders(other.owner, engine, page).await.unwrap();
            let deals = store.deals(other.owner, engine, page).await.unwrap();
            let positions = store.positions(other.owner, engine, PositionFilter::All, page).await.unwrap();
            let seqs: Vec<i64> = orders.iter().map(|row| row.seq).collect();
            assert_eq!(seqs, deals.iter().map(|row| row.seq).collect::<Vec<_>>());
            assert_eq!(seqs, positions.iter().map(|row| row.seq).collect::<Vec<_>>());
            let Some(last) = seqs.last() else {
                return pages;
            };
            page = Page::beyond(*last, 3);
            pages.push(seqs);
        }
    };
    assert_eq!(seqs_of(None).await, [vec![10, 9, 8], vec![7, 6, 5], vec![4, 3, 2], vec![1]]);
    assert_eq!(seqs_of(Some(other.id)).await, [vec![10, 8, 6], vec![4, 2]]);
    let greedy = Page::first(u32::MAX);
    assert_eq!(store.orders(engine.owner, None, greedy).await.unwrap().len(), 10, "a page has a largest size");
}

pub async fn nobody_sees_what_another_trades(store: &Store) {
    let hers = engine(store, "anna").await;
    let bobs = engine(store, "bob").await;
    let id = nth(hers.id, 1);
    append(store, vec![place(hers.account, id, 1, request()), filled(hers.account, deal(1, id, 2))]).await.unwrap();
    for engine in [None, Some(hers.id)] {
        assert_eq!(store.orders(bobs.owner, engine, Page::default()).await.unwrap(), []);
        assert_eq!(store.deals(bobs.owner, engine, Page::default()).await.unwrap(), []);
        assert_eq!(store.positions(bobs.owner, engine, PositionFilter::All, Page::default()).await.unwrap(), []);
    }
    assert_eq!(error_of!(store.order(bobs.owner, id)), "there is no order 1-1");
}

pub async fn a_repeated_entry_changes_nothing(store: &Store) {
    let engine = engine(store, "anna").await;
    let (account, id) = (engine.account, nth(engine.id, 1));
    let stops = Action::ModifyPosition { position: PositionId(id), stop_loss: Some(Points(1)), take_profit: None };
    let lines = vec![
        place(account, id, 1, request()),
        report(account, id, 2, Happened::Accepted { ticket: 3 }),
        filled(account, deal(1, id, 4)),
        Line::Command(Command { account, order: id, at: Time(5), action: stops }),
    ];
    append(store, lines.clone()).await.unwrap();
    let seen = async || {
        let page = Page::default();
        let orders = store.orders(engine.owner, None, page).await.unwrap();
        let deals = store.deals(engine.owner, None, page).await.unwrap();
        let positions = store.positions(engine.owner, None, PositionFilter::All, page).await.unwrap();
        (orders, deals, positions, store.ledger(account, &symbols()).await.unwrap())
    };
    let before = seen().await;
    append(store, lines).await.unwrap();
    assert_eq!(seen().await, before);
}

pub async fn an_entry_that_fails_takes_its_whole_batch_with_it(store: &Store) {
    let engine = engine(store, "anna").await;
    let (account, id) = (engine.account, nth(engine.id, 1));
    let mut journal = store.journal(&symbols(), 0).await.unwrap();
    let good = vec![place(account, id, 1, request()), filled(account, deal(1, id, 2))];
    let mut bad = good.clone();
    bad.push(place(domain::ids::AccountId(99), nth(engine.id, 2), 3, request()));
    let (error, journal) = tokio::task::spawn_blocking(move || {
        let error = crate::samples::append_to(journal.as_mut(), &bad).unwrap_err().to_string();
        (error, journal)
    })
    .await
    .unwrap();
    assert_eq!(error, "entry 2 can't be recorded: the journal failed: there is no account 99");
    let empty = domain::ledger::Ledger::new(Money(5_000_000_000));
    assert_eq!(store.ledger(account, &symbols()).await.unwrap(), empty);
    assert_eq!(store.orders(engine.owner, None, Page::default()).await.unwrap(), []);

    let mut journal = journal;
    tokio::task::spawn_blocking(move || crate::samples::append_to(journal.as_mut(), &good)).await.unwrap().unwrap();
    let ledger = store.ledger(account, &symbols()).await.unwrap();
    assert_eq!((ledger.balance, ledger.positions.len()), (Money(4_999_930_000), 1), "the same journal goes on after a failure");
}

pub async fn a_journal_that_was_taken_over_writes_nothing_and_is_told(store: &Store) {
    let engine = engine(store, "anna").await;
    let (account, id) = (engine.account, nth(engine.id, 1));
    let first = store.take_over("host one", Time(1)).await.unwrap();
    let mut stale = store.journal(&symbols(), first).await.unwrap();
    let order = vec![place(account, id, 1, request())];
    let mut stale = tokio::task::spawn_blocking(move || {
        crate::samples::append_to(stale.as_mut(), &order).unwrap();
        stale
    })
    .await
    .unwrap();
    let second = store.take_over("host two", Time(2)).await.unwrap();
    assert_eq!(second, first + 1);
    let before = store.ledger(account, &symbols()).await.unwrap();
    let late = [
        vec![place(account, nth(engine.id, 2), 3, request())],
        vec![filled(account, deal(1, id, 4))],
        vec![Line::Command(Command { account, order: id, at: Time(5), action: Action::Cancel })],
    ];
    for lines in late {
        let (error, back) = tokio::task::spawn_blocking(move || {
            let error = crate::samples::append_to(stale.as_mut(), &lines).expect_err("it was taken over");
            (error, stale)
        })
        .await
        .unwrap();
        stale = back;
        assert!(matches!(error, domain::journal::JournalError::Fenced(_)), "{error:?}");
        assert!(error.to_string().contains("host two has taken over"), "{error}");
    }
    assert_eq!(store.ledger(account, &symbols()).await.unwrap(), before);
    let mut owner = store.journal(&symbols(), second).await.unwrap();
    let order = vec![place(account, nth(engine.id, 2), 6, request())];
    tokio::task::spawn_blocking(move || crate::samples::append_to(owner.as_mut(), &order)).await.unwrap().unwrap();
    assert_eq!(store.order(engine.owner, nth(engine.id, 2)).await.unwrap().owner_epoch, second);
}

pub async fn a_report_that_cannot_be_booked_is_kept_and_keeps_nobody_else(store: &Store) {
    let hers = engine(store, "anna").await;
    let bobs = engine(store, "bob").await;
    let id = nth(bobs.id, 1);
    let mut journal = store.journal(&symbols(), 0).await.unwrap();
    let unknown = Deal { symbol: SymbolId(77), ..deal(9, nth(hers.id, 1), 2) };
    let lines = vec![place(bobs.account, id, 1, request()), filled(hers.account, unknown), filled(bobs.account, deal(1, id, 2))];
    let (aside, mut journal) = tokio::task::spawn_blocking(move || {
        crate::samples::append_to(journal.as_mut(), &lines).unwrap();
        (journal.set_aside(), journal)
    })
    .await
    .unwrap();
    assert_eq!(aside.len(), 1);
    assert!(aside[0].account == hers.account && aside[0].why.contains("symbol \"number 77\""), "{aside:?}");
    assert_eq!(store.ledger(bobs.account, &symbols()).await.unwrap().positions.len(), 1, "bobs deal is booked");
    let empty = domain::ledger::Ledger::new(Money(5_000_000_000));
    assert_eq!(store.ledger(hers.account, &symbols()).await.unwrap(), empty);
    let trading = |engine: &stockade_store::EngineRecord| store.account(engine.owner, engine.account);
    assert_eq!(trading(&hers).await.unwrap().trading, domain::contract::TradingState::Reducing, "until a person has looked");
    assert_eq!(trading(&bobs).await.unwrap().trading, domain::contract::TradingState::Active);
    assert_eq!(journal.set_aside(), [], "told once");
}

pub async fn a_command_that_cannot_be_recorded_is_named_and_nothing_is_written(store: &Store) {
    let engine = engine(store, "anna").await;
    let (account, id) = (engine.account, nth(engine.id, 1));
    let gone = domain::ids::EngineId(99);
    let lines =
        vec![place(account, id, 1, request()), place(account, nth(gone, 1), 1, request()), place(account, nth(gone, 2), 1, request())];
    let error = append(store, lines).await.unwrap_err();
    assert!(matches!(error, domain::journal::JournalError::Refused { at: 1, .. }), "{error:?}");
    assert_eq!(store.orders(engine.owner, None, Page::default()).await.unwrap(), []);
}

pub async fn a_night_that_is_told_again_after_a_restart_is_charged_once(store: &Store) {
    let engine = engine(store, "anna").await;
    let (account, id) = (engine.account, nth(engine.id, 1));
    let night = |at| report(account, id, at, Happened::SwapCharged { position: PositionId(id), amount: Money(-500_000) });
    append(store, vec![place(account, id, 1, request()), filled(account, deal(1, id, 2)), night(100)]).await.unwrap();
    let swap = async || store.ledger(account, &symbols()).await.unwrap().swap_due();
    assert_eq!(swap().await, Money(-500_000));
    // Each with a journal that knows no more than the rows, as after a restart.
    append(store, vec![night(100)]).await.unwrap();
    assert_eq!(swap().await, Money(-500_000));
    let mut in_memory = store.ledger(account, &symbols()).await.unwrap();
    let Line::Report(again) = night(100) else { unreachable!() };
    assert_eq!((in_memory.apply(&again), in_memory.swap_due()), (Vec::new(), Money(-500_000)));
    append(store, vec![night(200), night(200)]).await.unwrap();
    assert_eq!(swap().await, Money(-1_000_000));
}

pub async fn a_host_gives_no_order_a_number_that_one_before_it_may_have_given(store: &Store) {
    let engine = engine(store, "anna").await;
    let (other, elsewhere) =
        (crate::samples::another_engine(store, engine.owner, "second").await, crate::samples::engine(store, "bert").await);
    let account = engine.account;
    let begun = async |engine| store.orders_begun(engine).await.unwrap();
    assert_eq!((begun(engine.id).await, begun(other.id).await), (0, 0), "an engine that is new has given none");
    // What a host gives that starts after a crash, when it has taken the account on: of its own and of the guest's.
    let next = async || {
        store.skip_numbers(AHEAD).await.unwrap();
        let ledger = store.ledger_to_trade(account, &symbols(), &[]).await.unwrap();
        (ledger.next_hosts_order(engine.id).unwrap(), nth(engine.id, begun(engine.id).await + 1))
    };
    let mut sent = Vec::new();
    for life in 0..3 {
        let (hosts, guests) = next().await;
        assert!((hosts.engine(), guests.engine()) == (engine.id, engine.id) && hosts.is_hosts() && !guests.is_hosts());
        for order in [hosts, guests] {
            // As many as it may owe are sent and not written down; of the second life not one is, and it dies.
            let written = if life == 1 { 0 } else { 2 };
            for number in 0..written {
                append(store, vec![place(account, OrderId(order.0 + number), 1, request())]).await.unwrap();
            }
            let last = OrderId(order.0 + u64::from(AHEAD) + written - 1);
            assert!(
                sent.iter().all(|range: &std::ops::RangeInclusive<OrderId>| !range.contains(&order)),
                "{order} was sent before: {sent:?}"
            );
            sent.push(order..=last);
        }
    }
    assert!(begun(other.id).await >= 3 * AHEAD, "engines of the account that stood still are numbered on all the same");
    assert!(begun(elsewhere.id).await >= 3 * AHEAD, "and so are another account's, which may not be open yet");
    store.ledger_to_trade(account, &symbols(), &[]).await.unwrap();
    let before = begun(engine.id).await;
    store.ledger_to_trade(account, &symbols(), &[]).await.unwrap();
    assert_eq!(begun(engine.id).await, before, "a start after a clean stop uses up none");
    let error = error_of!(store.orders_begun(EngineId(999)));
    assert!(error.contains("999"), "{error}");
}

pub async fn orders_that_a_broker_has_had_are_numbered_no_more_though_the_database_never_had_them(store: &Store) {
    let engine = engine(store, "anna").await;
    let hosts = |number: u32| OrderId::new(engine.id, domain::ids::HOSTS_ORDERS_FROM + number);
    let unknown = EngineId(engine.id.0 + 10);
    let seen = [nth(engine.id, 70_000), nth(engine.id, 69_999), hosts(80_000), nth(unknown, 1)];
    let ledger = store.ledger_to_trade(engine.account, &symbols(), &seen).await.unwrap();
    assert_eq!(ledger.hosts_orders, 80_000);
    assert_eq!(store.orders_begun(engine.id).await.unwrap(), 70_000);
    let next = crate::samples::another_engine(store, engine.owner, "second").await;
    assert_eq!(next.id.0, unknown.0 + 1, "an engine that the broker knows had this id");
    // What is once on disk holds, also when the broker says nothing of it any more.
    store.ledger_to_trade(engine.account, &symbols(), &[]).await.unwrap();
    assert!(store.orders_begun(engine.id).await.unwrap() >= 70_000);
}

pub async fn a_restored_database_goes_beyond_all_that_it_has_forgotten(store: &Store) {
    let engine = engine(store, "anna").await;
    append(store, vec![place(engine.account, nth(engine.id, 7), 1, request())]).await.unwrap();
    let first = store.identity("a name").await.unwrap();
    assert_eq!(store.identity("another").await.unwrap(), first, "it keeps its name");
    assert_eq!(first.name, "a name");
    let highest = store.highest_given().await.unwrap();
    assert_eq!((highest.orders, highest.hosts_orders, highest.engines), (7, 0, engine.id.0));
    let forgotten = domain::keeper::Given { orders: 9_000, hosts_orders: 50, engines: engine.id.0 + 20 };
    store.go_beyond(first.epoch + 5, forgotten).await.unwrap();
    assert_eq!(store.highest_given().await.unwrap(), forgotten);
    assert_eq!(store.take_over("the next host", Time(9)).await.unwrap(), first.epoch + 6);
    assert_eq!(store.ledger_to_trade(engine.account, &symbols(), &[]).await.unwrap().hosts_orders, 50);
    assert_eq!(store.orders_begun(engine.id).await.unwrap(), 9_000);
    let next = crate::samples::another_engine(store, engine.owner, "second").await;
    assert_eq!(next.id.0, engine.id.0 + 21, "an engine that was forgotten had the ids before");
    // What the database knows better stays.
    store.go_beyond(1, domain::keeper::Given::default()).await.unwrap();
    assert_eq!((store.identity("x").await.unwrap().epoch, store.orders_begun(engine.id).await.unwrap()), (first.epoch + 6, 9_000));
}

pub async fn a_guest_meets_no_number_again_that_it_remembers(store: &Store) {
    let engine = engine(store, "anna").await;
    let save = stockade_store::EngineSave {
        engine: engine.id,
        version: engine.version,
        schema: 1,
        bytes: Vec::new(),
        orders_asked: 70_000,
        last_ticks: Vec::new(),
        saved_at: Time(1),
    };
    store.save_engines(&[save]).await.unwrap();
    store.ledger_to_trade(engine.account, &symbols(), &[]).await.unwrap();
    assert!(store.orders_begun(engine.id).await.unwrap() >= 70_000);
}

pub async fn a_balance_that_was_noted_is_the_sum_of_all_deals(store: &Store) {
    let engine = engine(store, "anna").await;
    let id = nth(engine.id, 1);
    let mut lines = vec![place(engine.account, id, 1, OrderRequest { volume: Steps(100_000), ..request() })];
    for number in 1..=700 {
        let deal = deal(number, id, 2);
        let happened = Happened::Deal { deal, rest: Steps(1) };
        lines.push(Line::Report(domain::broker::Report { account: engine.account, order: Some(id), at: Time(2), happened }));
    }
    let expected = |deals: i64| Money(5_000_000_000 - 70_000 * deals);
    for (batch, so_far) in lines.chunks(251).zip([250, 501, 700]) {
        append(store, batch.to_vec()).await.unwrap();
        // A new journal each time, which goes on from what was noted.
        assert_eq!(store.ledger(engine.account, &symbols()).await.unwrap().balance, expected(so_far), "after {so_far}");
    }
}

pub async fn a_grid_that_changed_is_refused_once_it_is_used(store: &Store) {
    let engine = engine(store, "anna").await;
    let grid = |digits| {
        let spec = domain::symbol::SymbolSpec { digits, ..common::forex("EUR", "USD") };
        SymbolTable::new(vec![spec]).expect("it is sound")
    };
    store.journal(&grid(4), 0).await.unwrap();
    store.journal(&symbols(), 0).await.expect("nothing lies on the old grid yet");
    append(store, vec![place(engine.account, nth(engine.id, 1), 1, request())]).await.unwrap();
    let error = store.journal(&grid(4), 0).await.err().expect("an order lies on the grid");
    assert!(matches!(&error, StoreError::Symbol { name, .. } if name == "EURUSD"), "{error}");
    assert!(error.to_string().contains("5 digits") && error.to_string().contains("has 4"), "{error}");
    let noted = |name: &str, digits| SymbolGrid { name: name.into(), digits, volume_step_e8: 1_000_000 };
    assert_eq!(store.symbol_grids("").await.unwrap(), [noted("EURUSD", 5), noted("XAUUSD", 3)]);
    assert_eq!(store.symbol_grids("EURUSD").await.unwrap(), [noted("XAUUSD", 3)]);
}

pub async fn a_symbol_that_is_gone_is_named(store: &Store) {
    let engine = engine(store, "anna").await;
    append(store, vec![place(engine.account, nth(engine.id, 1), 1, pending())]).await.unwrap();
    let without_gold = SymbolTable::new(vec![common::forex("EUR", "USD")]).expect("it is sound");
    let error = error_of!(store.ledger(engine.account, &without_gold));
    assert!(error.starts_with("symbol \"XAUUSD\": order 1-1 refers to it"), "{error}");
    let moved = SymbolTable::new(vec![common::gold(), common::forex("EUR", "USD")]).expect("it is sound");
    let ledger = store.ledger(engine.account, &moved).await.unwrap();
    assert_eq!(ledger.orders[&nth(engine.id, 1)].request.symbol, SymbolId(0), "found by name, not by place");
    let error = store.ledger(domain::ids::AccountId(9), &moved).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { what: "account", .. }));
}

pub async fn a_stop_limit_that_was_reached_is_a_limit_after_a_restart(store: &Store) {
    let engine = engine(store, "anna").await;
    let (account, id) = (engine.account, nth(engine.id, 1));
    let reached = Happened::OrderModified { price: pending().stop_limit_price, stop_loss: None, take_profit: None };
    let lines = vec![
        place(account, id, 10, pending()),
        report(account, id, 11, Happened::Accepted { ticket: 1 }),
        report(account, id, 12, reached),
    ];
    append(store, lines).await.unwrap();
    let request = store.ledger(account, &symbols()).await.unwrap().orders[&id].request.clone();
    assert_eq!((request.kind, request.price, request.stop_limit_price), (OrderKind::Limit, pending().stop_limit_price, None));
}
