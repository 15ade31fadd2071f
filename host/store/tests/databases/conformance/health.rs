use crate::samples::{append, deal, engine, filled, nth, place, request};
use stockade_store::{Counts, Store, Wanted};

pub async fn the_store_answers_and_counts(store: &Store) {
    store.ping().await.unwrap();
    let engine = engine(store, "anna").await;
    store.set_engine_wanted(engine.owner, engine.id, Wanted::Running).await.unwrap();
    let (first, second) = (nth(engine.id, 1), nth(engine.id, 2));
    let lines = vec![
        place(engine.account, first, 1, request()),
        place(engine.account, second, 1, request()),
        filled(engine.account, deal(1, first, 2)),
    ];
    append(store, lines).await.unwrap();
    let counts = store.counts().await.unwrap();
    let expected = Counts {
        users: 1,
        accounts: 1,
        strategies: 1,
        versions: 1,
        engines: 1,
        engines_wanted: 1,
        orders: 2,
        orders_working: 1,
        deals: 1,
        positions_open: 1,
        size_bytes: counts.size_bytes,
    };
    assert_eq!(counts, expected);
    assert!(counts.size_bytes > 0);
}
