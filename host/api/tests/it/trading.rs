//! The switches: host, engine; and the list of orders.

use crate::support::{World, fields, json};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn the_kill_switch_holds_at_once() {
    let world = World::running().await;
    assert_eq!(world.get("/trading").await.ok()["trading"], "active");
    let halted = world.post("/trading", json(r#"{"trading":"halted","reason":"news"}"#)).await.ok();
    assert_eq!(halted["trading"], "halted");
    world.ticks(1);
    // What a guest has used is counted up to its end.
    let engine = world.post("/engines/1/stop", Value::Null).await.ok();
    assert_eq!(fields(&engine, "orders denied"), json("[0,1]"));
    world.post("/trading", json(r#"{"trading":"off"}"#)).await.refused(422, "INVALID_BODY", "off");
    world.post("/trading", json(r#"{"trading":"active"}"#)).await.ok();
    assert_eq!(world.get("/trading").await.ok()["trading"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_engine_can_be_halted() {
    let world = World::running().await;
    let engine = world.patch("/engines/1", json(r#"{"trading":"reducing"}"#)).await.ok();
    assert_eq!(engine["trading"], "reducing");
    world.ticks(1);
    assert_eq!(world.post("/engines/1/stop", Value::Null).await.ok()["denied"], 1);
    world.patch("/engines/1", json(r#"{"trading":"active","until":"later"}"#)).await.refused(422, "INVALID_BODY", "until");
    world.patch("/engines/2", json(r#"{"trading":"active"}"#)).await.refused(404, "NOT_FOUND", "no engine 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_their_owners() {
    let world = World::running().await;
    world.post("/users", json(r#"{"name":"bob"}"#)).await.created();
    world.ticks(1);
    assert_eq!(world.get("/orders?user=ann").await.ok()["items"][0]["id"], "1-1");
    assert_eq!(world.get("/orders?user=ann&engine=1").await.ok()["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.get("/orders?user=bob").await.ok()["items"], json("[]"));
    world.get("/orders?user=bob&engine=1").await.refused(404, "NOT_FOUND", "bob has no engine 1");
    world.get("/orders?user=ann&engine=9").await.refused(404, "NOT_FOUND", "no engine 9");
    world.get("/orders").await.refused(400, "INVALID_QUERY", "user");
}

/// Halts somebody while the database takes nothing, and looks whether a restart knows of it.
async fn halted_without_a_database(path: &str) {
    let world = World::running().await;
    world.store.close().await;
    let halt = json(r#"{"trading":"halted","reason":"news"}"#);
    let answer = if path == "/trading" { world.post(path, halt).await } else { world.patch(path, halt).await };
    // Whatever it says: an answer of success is a promise, and so is the state that it names.
    if path == "/trading" {
        assert_eq!(answer.ok()["trading"], "halted");
    }
    let world = world.restarted().await;
    stockade_api::operations::resume(&world.state).await.unwrap();
    assert_eq!(world.get(path).await.ok()["trading"], "halted", "{path}");

    // A lift that both know of is one for good.
    let lift = json(r#"{"trading":"active"}"#);
    if path == "/trading" {
        world.post(path, lift).await.ok()
    } else {
        world.patch(path, lift).await.ok()
    };
    let world = world.restarted().await;
    stockade_api::operations::resume(&world.state).await.unwrap();
    assert_eq!(world.get(path).await.ok()["trading"], "active", "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_without_a_database_outlives_the_host_and_a_lift_ends_it() {
    for path in ["/trading", "/accounts/1", "/engines/1"] {
        halted_without_a_database(path).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_could_keep_holds_and_is_not_answered_with_success() {
    let world = World::running().await;
    world.keeper.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    // The database alone is enough for a halt, and for its lift when the file never had it.
    world.post("/trading", json(r#"{"trading":"halted"}"#)).await.ok();
    world.store.close().await;
    world.post("/trading", json(r#"{"trading":"active"}"#)).await.refused(
        507,
        "NOT_KEPT",
        "the host is active now, but neither the database",
    );
    assert_eq!(world.get("/trading").await.ok()["trading"], "active", "it holds all the same");
    let says = "the host is halted now, but neither the database (";
    world.post("/trading", json(r#"{"trading":"halted"}"#)).await.refused(507, "NOT_KEPT", says);
    assert_eq!(world.get("/trading").await.ok()["trading"], "halted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lift_that_one_of_the_two_does_not_know_of_is_refused_by_name() {
    let world = World::running().await;
    world.post("/trading", json(r#"{"trading":"halted"}"#)).await.ok();
    world.keeper.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    let says = "the data folder (input/output error) still has the state before: after a restart the host is halted again";
    world.post("/trading", json(r#"{"trading":"active"}"#)).await.refused(507, "NOT_KEPT", says);
    world.keeper.broken.store(false, std::sync::atomic::Ordering::SeqCst);
    world.post("/trading", json(r#"{"trading":"halted"}"#)).await.ok();
    world.store.close().await;
    world.post("/trading", json(r#"{"trading":"active"}"#)).await.refused(507, "NOT_KEPT", "the database (");
}
