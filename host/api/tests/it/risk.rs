//! Limits, halts and resets over the API, as they hold at the gate.

use crate::support::{World, fields, json};
use axum::body::Body;
use axum::http::Method;
use serde_json::Value;
use store::Page;

impl World {
    async fn put(&self, path: &str, body: &str) -> Value {
        let token = Some(crate::support::TOKEN);
        self.ask(Method::PUT, path, token, Body::from(body.to_owned()), Some("application/json")).await.ok()
    }

    /// What was done to limits and gates, oldest first.
    async fn audited(&self) -> Vec<String> {
        let mut rows = self.store.audit(Page::default()).await.unwrap();
        rows.reverse();
        let of_risk = |action: &str| action.starts_with("limits.") || action.starts_with("gate.");
        rows.iter().filter(|row| of_risk(&row.entry.action)).map(|row| format!("{} {}", row.entry.action, row.entry.object)).collect()
    }

    /// Orders that passed the gate.
    async fn orders(&self) -> usize {
        self.get("/orders?user=ann").await.ok()["items"].as_array().unwrap().len()
    }
}

/// A world in which engine 1 buys a lot, which is 100 hundredths, at every tick.
async fn with_a_buyer() -> World {
    let world = World::furnished().await;
    world.upload("ann", "eager", "trader at every tick").await.created();
    let engine = json(r#"{"name":"one","account":"paper","strategy":"eager","symbols":["EURUSD"],"start":true}"#);
    world.post("/engines?user=ann", engine).await.created();
    world.settle();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_levels_the_strictest_holds_at_once_and_a_raise_is_audited() {
    let world = with_a_buyer().await;
    world.ticks(1);
    assert_eq!(world.orders().await, 1);

    for (path, strict) in [("/limits", 99), ("/users/limits?user=ann", 98), ("/accounts/1/limits", 97)] {
        let limits = |centilots: u32| format!(r#"{{"order_centilots_max":{centilots}}}"#);
        let before = world.orders().await;
        world.put(path, &limits(1_000)).await;
        world.ticks(1);
        assert_eq!(world.orders().await, before + 1, "{path} allows it");
        world.put(path, &limits(strict)).await;
        world.ticks(2);
        assert_eq!(world.orders().await, before + 1, "{path} was lowered");
        let shown = world.get("/accounts/1/limits").await.ok();
        assert_eq!(shown["effective"]["order_centilots_max"], strict, "{shown}");
        world.put(path, &limits(1_000)).await;
    }
    let shown = world.get("/accounts/1/limits").await.ok();
    let of = |level: &str| shown[level]["order_centilots_max"].clone();
    assert_eq!([of("account"), of("user"), of("operator"), of("effective")], [1_000, 1_000, 1_000, 1_000]);
    let audited = world.audited().await;
    // From no limit down, further down, and up again; an account begins with a limit of its own.
    let expected = |object: &str| ["lower", "lower", "raise"].map(|what| format!("limits.{what} {object}"));
    assert_eq!(audited, [expected("host"), expected("user 1"), expected("account 1")].concat());

    // What was set outlasts the host.
    world.put("/limits", r#"{"order_centilots_max":7}"#).await;
    let world = world.restarted().await;
    assert_eq!(world.get("/accounts/1/limits").await.ok()["effective"]["order_centilots_max"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_opened_too_often_waits_for_a_person() {
    let world = with_a_buyer().await;
    world.put("/accounts/1/limits", r#"{"executions_max":2,"executions_window_s":3600}"#).await;
    world.ticks(4);
    assert_eq!(world.orders().await, 2, "the third is denied");
    world.post("/accounts/1/reset", json(r#"{"engine":9}"#)).await.ok();
    world.ticks(1);
    assert_eq!(world.orders().await, 2, "another engine was meant");
    world.post("/accounts/1/reset", json(r#"{"engine":1}"#)).await.ok();
    world.ticks(1);
    assert_eq!(world.orders().await, 3);
    assert_eq!(world.audited().await[1..], ["gate.reset account 1", "gate.reset account 1"]);
    world.post("/accounts/9/reset", json("{}")).await.refused(404, "NOT_FOUND", "there is no account 9");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_holds_at_its_level_and_may_close_what_is_open() {
    let levels = [("/trading", Method::POST), ("/accounts/1", Method::PATCH), ("/engines/1", Method::PATCH)];
    for (path, method) in levels {
        let world = with_a_buyer().await;
        let set = async |body: &str| {
            let token = Some(crate::support::TOKEN);
            world.ask(method.clone(), path, token, Body::from(body.to_owned()), Some("application/json")).await.ok()
        };
        world.ticks(2);
        let set_to = set(r#"{"trading":"halted","reason":"news","cancel_orders":true,"flatten":true}"#).await;
        assert_eq!(fields(&set_to, "trading cancels_sent closes_sent"), json(r#"["halted",0,2]"#), "{path}");
        world.settle();
        world.ticks(1);
        // Two that opened, and for each one that closed it.
        assert_eq!((world.orders().await, world.get("/accounts/1").await.ok()["positions"].clone()), (4, Value::from(0)), "{path}");
        set(r#"{"trading":"active"}"#).await;
        world.ticks(1);
        assert_eq!(world.orders().await, 5, "{path} is lifted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_holds_though_the_database_is_down_and_closes_go_out() {
    let world = with_a_buyer().await;
    world.ticks(1);
    world.store.close().await;
    let done = world.post("/trading", json(r#"{"trading":"halted","flatten":true}"#)).await.ok();
    assert_eq!(fields(&done, "trading closes_sent"), json(r#"["halted",1]"#));
    world.settle();
    let account = world.host.account(domain::ids::AccountId(1)).unwrap();
    assert!(account.lock().unwrap().ledger.positions.is_empty());
}
