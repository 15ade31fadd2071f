//! Accounts.

use crate::support::{World, json};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_open_with_its_terms_and_limits() {
    let world = World::new().await;
    world.post("/users", json(r#"{"name":"ann"}"#)).await.created();
    let terms = json(r#"{"name":"yen","mode":"netting","currency":"JPY","leverage":25,"deposit":1000000.4,"limits":{"positions_max":3}}"#);
    let account = world.post("/accounts?user=ann", terms).await.created();
    let expected = json(
        r#"{"id":1,"user":"ann","name":"yen","mode":"netting","currency":"JPY","leverage":25,"deposit":1000000.0,"balance":1000000.0,
            "equity":1000000.0,"margin":0.0,"margin_free":1000000.0,"positions":0,"working_orders":0,"open":true,"trading":"active","trading_reason":null,
            "trading_now":"active","restrictions":[],"unresolved_orders":[],
            "limits":{"symbols":[],"order_centilots_max":5000,"commands_per_minute":120,"working_orders_max":200,"positions_max":3,"executions_window_s":60,"stop_loss_required":false},
            "created_at":"2025-01-01T00:00:00.000000Z"}"#,
    );
    assert_eq!(account, expected);
    assert_eq!(world.get("/accounts/1").await.ok(), expected);
    assert_eq!(world.get("/accounts?user=ann").await.ok()["items"], serde_json::json!([expected]));
    assert_eq!(world.get("/accounts").await.ok()["items"], serde_json::json!([expected]), "whoever's");
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_out_of_range_open_nothing() {
    let world = World::new().await;
    world.post("/users", json(r#"{"name":"ann"}"#)).await.created();
    for (terms, part) in [
        (r#"{"name":"a","currency":"dollar"}"#, "three letters"),
        (r#"{"name":"a","leverage":0}"#, "1 to 10000"),
        (r#"{"name":"a","deposit":-5}"#, "must be positive"),
        (r#"{"name":"a","deposit":1e300}"#, "at most 1000000000"),
        (r#"{"name":"a","deposit":-1e300}"#, "must be positive"),
        (r#"{"name":"a","deposit":0.4,"currency":"JPY"}"#, "less than the smallest amount of JPY"),
        (r#"{"name":""}"#, "1 to 64 bytes"),
    ] {
        world.post("/accounts?user=ann", json(terms)).await.refused(422, "INVALID_VALUE", part);
    }
    world.post("/accounts?user=ann", json(r#"{"name":"a","mode":"margin"}"#)).await.refused(422, "INVALID_BODY", "mode");
    world.post("/accounts?user=ann", json(r#"{"name":"a","limits":{"luck":1}}"#)).await.refused(422, "INVALID_BODY", "luck");
    world.post("/accounts?user=bob", json(r#"{"name":"a"}"#)).await.refused(404, "NOT_FOUND", "no user \"bob\"");
    assert_eq!(world.get("/accounts?user=ann").await.ok()["items"], json("[]"));
    world.get("/accounts/1").await.refused(404, "NOT_FOUND", "no account 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halted_account_stays_so_after_a_restart() {
    let world = World::furnished().await;
    let halted = world.patch("/accounts/1", json(r#"{"trading":"halted","reason":"holiday"}"#)).await.ok();
    assert_eq!(halted["trading"], "halted");
    let world = world.restarted().await;
    assert_eq!(world.get("/accounts/1").await.ok()["open"], false);
    stockade_api::operations::resume(&world.state).await.unwrap();
    let account = world.get("/accounts/1").await.ok();
    assert_eq!((&account["trading"], &account["open"]), (&"halted".into(), &true.into()));
}
