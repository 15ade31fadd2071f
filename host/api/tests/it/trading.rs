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
