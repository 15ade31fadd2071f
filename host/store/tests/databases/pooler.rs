//! PgBouncer between the store and the server: right in session mode, refused where it mixes up sessions.

use crate::samples::{append, deal, engine, filled, nth, place, request, symbols};
use stockade_store::{Location, Store, StoreError};
use testkit::postgres::{PgBouncer, server};

fn location(bouncer: &PgBouncer) -> Location {
    Location::parse(&bouncer.url(&server().fresh_database())).expect("it is a URL")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_in_session_mode_is_as_good_as_the_server() {
    let bouncer = PgBouncer::start(server(), "session");
    let location = location(&bouncer);
    let store = Store::open_at(&location).await.unwrap();
    let engine = engine(&store, "anna").await;
    let id = nth(engine.id, 1);
    append(&store, vec![place(engine.account, id, 1, request()), filled(engine.account, deal(1, id, 2))]).await.unwrap();
    let expected = store.ledger(engine.account, &symbols()).await.unwrap();
    assert_eq!(expected.positions.len(), 1);
    let asked = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..50 {
                assert_eq!(store.find_user("anna").await.unwrap().map(|user| user.name), Some("anna".into()));
                assert_eq!(store.find_user("bob").await.unwrap(), None);
            }
        })
    });
    for task in asked.collect::<Vec<_>>() {
        task.await.expect("every answer is the one to its question");
    }
    let error = Store::open_at(&location).await.expect_err("the first store has it");
    assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
    store.close().await;
    let again = Store::open_at(&location).await.expect("the lock went with its session");
    assert_eq!(again.ledger(engine.account, &symbols()).await.unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_mixes_up_sessions_is_refused_with_the_way_out() {
    for mode in ["transaction", "statement"] {
        let bouncer = PgBouncer::start(server(), mode);
        let location = location(&bouncer);
        let error = Store::open_at(&location).await.expect_err("this must be refused");
        assert!(matches!(error, StoreError::Unusable { .. }), "{mode}: {error:?}");
        let shown = error.to_string();
        assert!(shown.contains("set pool_mode = session for this database, or name the server itself"), "{mode}: {shown}");
        assert!(shown.contains(&location.to_string()) && !shown.contains(testkit::postgres::PASSWORD), "{mode}: {shown}");
    }
}
