use super::error_of;
use crate::samples::{another_engine, append, deal, engine, filled, nth, place, request};
use domain::contract::{DenyCode, LogLevel, Side};
use domain::ids::{DealId, EngineId};
use domain::order::OrderState;
use domain::time::Time;
use stockade_store::{LOG_LINES_KEPT, LogClock, LogRecord, NewLog, NewSignal, Page, SIGNALS_KEPT, SignalRecord, Store};

fn line(engine: EngineId, text: &str) -> NewLog {
    NewLog { engine, at: Time(5), clock: LogClock::Market, level: LogLevel::Warn, text: text.into() }
}

fn signal(engine: EngineId, side: Option<Side>) -> NewSignal {
    NewSignal { engine, at: Time(6), symbol: "XAUUSD".into(), side, confidence: 0.1 + 0.2, reason: "RSI \u{2265} 70".into(), led_to: None }
}

pub async fn logs_are_numbered_and_read_in_both_directions(store: &Store) {
    let first = engine(store, "anna").await;
    let second = another_engine(store, first.owner, "second").await;
    let other = engine(store, "bob").await;
    store.add_logs(&[line(first.id, "a"), line(second.id, "x"), line(first.id, "b")]).await.unwrap();
    store.add_logs(&[line(first.id, "c\nd")]).await.unwrap();
    store.add_logs(&[line(second.id, "a\0b")]).await.unwrap();
    let shown = store.last_logs(first.owner, second.id, Page::first(1)).await.unwrap();
    assert_eq!(shown[0].line.text, "a\u{2400}b", "not every database can hold a NUL");
    let record = |number, text| LogRecord { number, line: line(first.id, text) };
    let all = [record(1, "a"), record(2, "b"), record(3, "c\nd")];
    assert_eq!(store.logs(first.owner, first.id, Page::default()).await.unwrap(), all);
    assert_eq!(store.logs(first.owner, first.id, Page::beyond(1, 1)).await.unwrap(), all[1..2]);
    assert_eq!(store.last_logs(first.owner, first.id, Page::first(2)).await.unwrap(), [all[2].clone(), all[1].clone()]);
    assert_eq!(store.last_logs(first.owner, first.id, Page::beyond(2, 9)).await.unwrap(), all[..1]);
    assert_eq!(store.logs(other.owner, first.id, Page::default()).await.unwrap(), []);
    assert_eq!(store.last_logs(other.owner, first.id, Page::default()).await.unwrap(), []);
}

pub async fn only_the_last_log_lines_and_signals_are_kept(store: &Store) {
    let first = engine(store, "anna").await;
    let quiet = another_engine(store, first.owner, "quiet").await;
    store.add_logs(&[line(quiet.id, "stays")]).await.unwrap();
    let flood: Vec<NewLog> = (0..=LOG_LINES_KEPT + 4).map(|n| line(first.id, &n.to_string())).collect();
    store.add_logs(&flood).await.unwrap();
    let oldest = store.logs(first.owner, first.id, Page::first(1)).await.unwrap();
    assert_eq!((oldest[0].number, oldest[0].line.text.as_str()), (6, "5"));
    assert_eq!(store.logs(first.owner, quiet.id, Page::default()).await.unwrap().len(), 1);

    let flood: Vec<NewSignal> = (0..=SIGNALS_KEPT).map(|_| signal(first.id, None)).collect();
    store.add_signals(&flood).await.unwrap();
    assert_eq!(store.signals(first.owner, first.id, Page::beyond(3, 9)).await.unwrap().len(), 1, "the first is gone");
}

pub async fn signals_are_kept_with_all_their_parts(store: &Store) {
    let first = engine(store, "anna").await;
    let other = engine(store, "bob").await;
    store.add_signals(&[signal(first.id, Some(Side::Sell)), signal(first.id, None)]).await.unwrap();
    let expected = [
        SignalRecord { number: 2, signal: signal(first.id, None), order: None, deal: None },
        SignalRecord { number: 1, signal: signal(first.id, Some(Side::Sell)), order: None, deal: None },
    ];
    assert_eq!(store.signals(first.owner, first.id, Page::default()).await.unwrap(), expected);
    assert_eq!(store.signals(other.owner, first.id, Page::default()).await.unwrap(), []);
}

pub async fn a_signal_knows_the_order_and_the_deal_that_it_led_to(store: &Store) {
    let engine = engine(store, "anna").await;
    let with = |led_to| NewSignal { led_to: Some(led_to), ..signal(engine.id, Some(Side::Buy)) };
    let order = nth(engine.id, 1);
    let signals = [with(Ok(order)), with(Ok(nth(engine.id, 2))), with(Err(DenyCode::ReducingOnly))];
    store.add_signals(&signals).await.unwrap();
    let found = async || store.signals(engine.owner, engine.id, Page::default()).await.unwrap();
    let of = |number: i64, order, deal| SignalRecord { number, signal: signals[number as usize - 1].clone(), order, deal };
    assert_eq!(found().await, [of(3, None, None), of(2, None, None), of(1, None, None)], "nothing is recorded yet");
    append(store, vec![place(engine.account, order, 1, request())]).await.unwrap();
    assert_eq!(found().await[2], of(1, Some(OrderState::Recorded), None));
    append(store, vec![filled(engine.account, deal(7, order, 2))]).await.unwrap();
    assert_eq!(found().await, [of(3, None, None), of(2, None, None), of(1, Some(OrderState::Filled), Some(DealId(7)))]);
}

pub async fn a_batch_with_an_unknown_engine_leaves_nothing(store: &Store) {
    let first = engine(store, "anna").await;
    assert_eq!(error_of!(store.add_logs(&[line(first.id, "a"), line(EngineId(99), "b")])), "there is no engine 99");
    assert_eq!(error_of!(store.add_signals(&[signal(first.id, None), signal(EngineId(99), None)])), "there is no engine 99");
    assert_eq!(store.logs(first.owner, first.id, Page::default()).await.unwrap(), []);
    assert_eq!(store.signals(first.owner, first.id, Page::default()).await.unwrap(), []);
}
