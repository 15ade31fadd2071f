//! What a database refuses once: errors that pass are tried again, those of one report set that aside, and what was set aside is
//! booked at the next start. And changes, each with its own answer.

use crate::fence::{Kind, Place, on_both};
use crate::samples::{Line, append, append_to, deal, engine, filled, nth, place, report, request, symbols};
use domain::broker::{Deal, Entry, Happened};
use domain::contract::{LogLevel, Side};
use domain::ids::{DealId, PositionId};
use domain::journal::JournalError;
use domain::number::{Points, Steps};
use domain::order::{Action, Command};
use domain::time::Time;
use stockade_store::{LogClock, NewLog, Page, PositionFilter, PositionRecord, TriedAgain};

/// Has every insertion of a deal fail for which `when` holds, with this SQLSTATE where there are any.
fn refuse(when: &str, state: &str) -> String {
    format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN IF {when} THEN RAISE EXCEPTION 'told to' USING ERRCODE = '{state}'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON deals FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
}

async fn what_was_set_aside_is_booked_at_the_next_start(at: Place) {
    let store = at.open().await;
    let (hers, his) = (engine(&store, "anna").await, engine(&store, "bob").await);
    let of = |engine: &stockade_store::EngineRecord| {
        let (account, id) = (engine.account, nth(engine.id, 1));
        let out = |number, volume, time| Deal {
            id: DealId(number),
            order: None,
            position: PositionId(id),
            side: Side::Sell,
            entry: Entry::Out,
            volume: Steps(volume),
            price: Points(130_100),
            ..deal(number, id, time)
        };
        let moved = Happened::PositionModified { position: PositionId(id), stop_loss: Some(Points(129_500)), take_profit: None };
        vec![
            place(account, id, 1, request()),
            filled(account, deal(1, id, 2)),
            filled(account, out(2, 3, 3)),
            report(account, id, 4, moved),
            filled(account, out(3, 4, 5)),
        ]
    };
    append(&store, of(&his)).await.unwrap();
    match at.kind {
        Kind::Sqlite(_) => {
            at.sql("CREATE TRIGGER refuse BEFORE INSERT ON deals WHEN NEW.account = 1 AND NEW.id IN (1, 2) BEGIN SELECT RAISE(ABORT, 'told to'); END")
                .await
        }
        Kind::Postgres(_) => at.sql(&refuse("NEW.account = 1 AND NEW.id IN (1, 2)", "23514")).await,
    }
    let mut journal = store.journal(&symbols(), 0).await.unwrap();
    let lines = of(&hers);
    let aside = tokio::task::spawn_blocking(move || {
        append_to(journal.as_mut(), &lines).expect("the others are written");
        journal.set_aside()
    });
    let aside = aside.await.unwrap();
    assert_eq!(aside.len(), 2);
    assert!(aside.iter().all(|report| report.account == hers.account && report.why.contains("told to")), "{aside:?}");

    // Still refused, still kept.
    let again = store.book_set_aside(&symbols(), Time(8)).await.unwrap();
    assert!(again.len() == 2 && again.iter().all(|tried| tried.failed.as_ref().is_some_and(|why| why.contains("told to"))), "{again:?}");
    // Rolls back what failed, which would keep the next statement waiting.
    store.create_user("carl", Time(8)).await.unwrap();
    match at.kind {
        Kind::Sqlite(_) => at.sql("DROP TRIGGER refuse").await,
        Kind::Postgres(_) => at.sql("DROP TRIGGER refuse ON deals").await,
    }
    let booked = TriedAgain { account: hers.account, failed: None };
    assert_eq!(store.book_set_aside(&symbols(), Time(9)).await.unwrap(), [booked.clone(), booked]);
    assert_eq!(store.book_set_aside(&symbols(), Time(9)).await.unwrap(), [], "once");

    let rows = async |engine: &stockade_store::EngineRecord| {
        let rows = store.positions(engine.owner, None, PositionFilter::All, Page::default()).await.unwrap();
        rows.into_iter()
            .map(|row| PositionRecord { seq: 0, id: PositionId(nth(hers.id, 1)), account: hers.account, ..row })
            .collect::<Vec<_>>()
    };
    let (hers_now, his_now) = (rows(&hers).await, rows(&his).await);
    assert_eq!(hers_now.len(), 1);
    // What was moved while its opening was not known is not in any deal.
    let without_stops = |row: &PositionRecord| PositionRecord { stop_loss: None, ..row.clone() };
    assert_eq!(without_stops(&hers_now[0]), without_stops(&his_now[0]), "as if nothing had been refused");
    let balance = async |engine: &stockade_store::EngineRecord| store.ledger(engine.account, &symbols()).await.unwrap().balance;
    assert_eq!(balance(&hers).await, balance(&his).await);
    store.close().await;
}

async fn a_change_is_answered_by_its_own_answer_and_ends_as_lost_without_one(at: Place) {
    let store = at.open().await;
    let engine = engine(&store, "anna").await;
    let (account, id) = (engine.account, nth(engine.id, 1));
    let stops = |time, loss: i64| {
        let action = Action::ModifyPosition { position: PositionId(id), stop_loss: Some(Points(loss)), take_profit: None };
        Line::Command(Command { account, order: id, at: Time(time), action })
    };
    let done = |time, loss: i64| {
        report(account, id, time, Happened::PositionModified { position: PositionId(id), stop_loss: Some(Points(loss)), take_profit: None })
    };
    let refused = |time| report(account, id, time, Happened::ModifyRejected { retcode: 10_029 });
    let outcomes = async || at.text("SELECT string_agg(outcome, ' ' ORDER BY seq) FROM modifications").await;
    append(&store, vec![place(account, id, 1, request()), filled(account, deal(1, id, 2))]).await.unwrap();
    append(&store, vec![stops(3, 110_634), stops(4, 110_528), stops(5, 110_400)]).await.unwrap();
    append(&store, vec![done(6, 110_528)]).await.unwrap();
    assert_eq!(outcomes().await, "pending done pending", "by what it asked for, not by its age");
    append(&store, vec![refused(5)]).await.unwrap();
    assert_eq!(outcomes().await, "pending done refused", "by when it was asked for");
    append(&store, vec![done(7, 99)]).await.unwrap();
    assert_eq!(outcomes().await, "pending done refused", "what the broker did by itself answers nothing");

    store.ledger_to_trade(account, &symbols(), &[]).await.unwrap();
    assert_eq!(outcomes().await, "lost done refused", "the crash swallowed it");
    append(&store, vec![stops(8, 110_634)]).await.unwrap();
    append(&store, vec![done(9, 110_634)]).await.unwrap();
    assert_eq!(outcomes().await, "lost done refused done", "the one that waits, and not its like before the crash");
    append(&store, vec![done(10, 110_634)]).await.unwrap();
    assert_eq!(outcomes().await, "done done refused done", "it had reached the broker after all");
    store.close().await;
}

on_both! { what_was_set_aside_is_booked_at_the_next_start a_change_is_answered_by_its_own_answer_and_ends_as_lost_without_one }

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_passes_sets_nothing_aside() {
    let at = Place::postgres();
    let store = at.open().await;
    let engine = engine(&store, "anna").await;
    let (account, id) = (engine.account, nth(engine.id, 1));
    // What a sequence has given is not taken back, so that the third try works.
    at.sql("CREATE SEQUENCE tries").await;
    at.sql(&refuse("nextval('tries') <= 2", "40001")).await;
    append(&store, vec![place(account, id, 1, request()), filled(account, deal(1, id, 2))]).await.expect("tried again at once");
    assert_eq!(at.text("SELECT last_value FROM tries").await, "3");
    assert_eq!(at.text("SELECT COUNT(*) FROM set_aside").await, "0");

    for state in ["40001", "40P01", "53200", "0A000", "XX000", "58P01"] {
        at.sql("DROP TRIGGER refuse ON deals").await;
        at.sql("DROP FUNCTION refuse()").await;
        at.sql(&refuse("TRUE", state)).await;
        let error = append(&store, vec![filled(account, deal(2, id, 3))]).await.expect_err("it is refused each time");
        assert!(error.to_string().contains("told to") && error.to_string().contains(state), "{state}: {error}");
        assert_eq!(
            matches!(error, JournalError::Passing(_)),
            state.starts_with('4') || state.starts_with('5') && state != "58P01",
            "{error:?}"
        );
        assert_eq!(at.text("SELECT COUNT(*) FROM set_aside").await, "0", "{state}");
    }
    at.sql("DROP TRIGGER refuse ON deals").await;
    append(&store, vec![filled(account, deal(2, id, 3))]).await.expect("as a whole, when it works again");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_entry_of_the_journal_is_tried_again_as_well() {
    let at = Place::postgres();
    let store = at.open().await;
    let engine = engine(&store, "anna").await;
    let line = |text: &str| NewLog { engine: engine.id, at: Time(1), clock: LogClock::Market, level: LogLevel::Info, text: text.into() };
    at.sql("CREATE SEQUENCE tries").await;
    at.sql(&refuse("nextval('tries') <= 3", "40001").replace("ON deals", "ON engine_logs")).await;
    store.add_logs(&[line("one"), line("two")]).await.expect("tried again at once");
    let kept = store.logs(engine.owner, engine.id, Page::default()).await.unwrap();
    assert_eq!(kept.iter().map(|line| &*line.line.text).collect::<Vec<_>>(), ["one", "two"], "each once");

    for (state, tries) in [("40P01", 6), ("53200", 6), ("23514", 1)] {
        at.sql("DROP TRIGGER refuse ON engine_logs").await;
        at.sql("DROP FUNCTION refuse()").await;
        at.sql("ALTER SEQUENCE tries RESTART").await;
        at.sql(&refuse("nextval('tries') > 0", state).replace("ON deals", "ON engine_logs")).await;
        let error = store.add_logs(&[line("three")]).await.expect_err("it is refused each time");
        assert_eq!((at.text("SELECT last_value FROM tries").await, error.may_pass()), (tries.to_string(), tries > 1), "{state}: {error}");
    }
    store.close().await;
}
