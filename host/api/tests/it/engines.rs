//! Engines.

use crate::support::{World, fields, json};
use domain::contract::{LogLevel, Side};
use domain::ids::{Digest, EngineId};
use domain::time::Time;
use serde_json::Value;
use store::{NewLog, NewSignal};

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_is_added_started_and_trades() {
    let world = World::furnished().await;
    let body = r#"{"name":"one","account":"paper","strategy":"cross","symbols":["EURUSD"],"params":{"fast":"20","mood":"wild"},"seed":7}"#;
    let engine = world.post("/engines?user=ann", json(body)).await.created();
    assert_eq!((&engine["id"], &engine["state"], &engine["wanted"]), (&1.into(), &"defined".into(), &"stopped".into()));
    assert_eq!(engine["params"], json(r#"{"fast":"20","mood":"wild"}"#));
    assert_eq!((&engine["user"], &engine["account"], &engine["strategy"]), (&"ann".into(), &"paper".into(), &"cross".into()));
    assert_eq!(engine["version"], Digest::of(b"trader").to_string());

    world.post("/engines/1/start", Value::Null).await.ok();
    world.settle();
    world.ticks(3);
    let engine = world.get("/engines/1").await.ok();
    let expected = r#"["running","running",3,1,1,1,0,65536,"2025-01-01T00:00:02.000000Z"]"#;
    assert_eq!(fields(&engine, "state wanted ticks orders deals positions faults memory_bytes last_tick_at"), json(expected));
    // Bought a lot at 1.10002 for 1 USD; the bid is 1.10002 now.
    assert_eq!((&engine["realised"], &engine["floating"], &engine["profit"]), (&(-1.0).into(), &0.0.into(), &(-1.0).into()));
    assert_eq!(world.get("/engines").await.ok()["items"], serde_json::json!([engine]));
    assert_eq!(world.get("/engines?user=ann").await.ok()["items"][0]["id"], 1);
    assert_eq!(world.get("/accounts/1").await.ok()["balance"], 9_999.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_keep_it_from_starting_is_said_when_it_is_added() {
    let world = World::furnished().await;
    world.forward(1);
    world.upload("ann", "cross", "trader two").await.created();
    let add = async |changes: &str| {
        let mut body = json(r#"{"name":"one","account":"paper","strategy":"cross","symbols":["EURUSD"]}"#);
        let changes = json(changes);
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        world.post("/engines?user=ann", body).await
    };
    add(r#"{"account":"gold"}"#).await.refused(404, "NOT_FOUND", "ann has no account \"gold\"");
    add(r#"{"strategy":"grid"}"#).await.refused(404, "NOT_FOUND", "ann has no strategy \"grid\"");
    add(r#"{"version":"00000000"}"#).await.refused(404, "NOT_FOUND", "no version 00000000");
    add(r#"{"version":"latest"}"#).await.refused(422, "INVALID_VALUE", "no digest");
    add(r#"{"symbols":["GBPUSD"]}"#).await.refused(422, "UNKNOWN_SYMBOL", "no symbol \"GBPUSD\"; this host has EURUSD, XAUUSD");
    add(r#"{"symbols":["EURUSD","XAUUSD"]}"#).await.refused(422, "SYMBOLS_MISMATCH", "2 given, the strategy needs 1");
    add(r#"{"symbols":[]}"#).await.refused(422, "SYMBOLS_MISMATCH", "leaves the choice to you");
    add(r#"{"params":{"fast":"0"}}"#).await.refused(422, "INVALID_PARAMS", "0 is out of range; it may be 1 to 200");
    add(r#"{"params":{"slow":"9"}}"#).await.refused(422, "INVALID_PARAMS", "this strategy has: fast, mood");
    add(r#"{"params":{"fast":9}}"#).await.refused(422, "INVALID_BODY", "params");
    add(r#"{"mode":"live"}"#).await.refused(422, "INVALID_VALUE", "on paper, not live");
    add(r#"{"speed":1}"#).await.refused(422, "INVALID_BODY", "speed");
    assert_eq!(world.get("/engines").await.ok()["items"], json("[]"));

    // The version uploaded last, unless another is named.
    assert_eq!(add("{}").await.created()["version"], Digest::of(b"trader two").to_string());
    add("{}").await.refused(409, "ALREADY_EXISTS", "\"one\"");
    let first = Digest::of(b"trader").to_string();
    let named = format!(r#"{{"name":"two","version":"{}"}}"#, &first[..8]);
    assert_eq!(add(&named).await.created()["version"], first);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_may_be_repeated() {
    let world = World::running().await;
    for (command, state) in [
        ("start", "running"),
        ("pause", "paused"),
        ("pause", "paused"),
        ("resume", "running"),
        ("resume", "running"),
        ("stop", "stopped"),
        ("stop", "stopped"),
    ] {
        let engine = world.post(&format!("/engines/1/{command}"), Value::Null).await.ok();
        assert_eq!(engine["state"], state, "after {command}");
    }
    world.post("/engines/1/pause", Value::Null).await.refused(409, "NOT_NOW", "an engine that is stopped can't pause");
    assert_eq!(world.get("/engines/1").await.ok()["wanted"], "stopped");
    world.post("/engines/9/start", Value::Null).await.refused(404, "NOT_FOUND", "no engine 9");
    world.get("/engines/9/orders").await.refused(404, "NOT_FOUND", "no engine 9");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_shows_as_the_engines_state_with_its_reason() {
    let world = World::furnished().await;
    world.upload("ann", "bad", "trapper").await.created();
    let body = json(r#"{"name":"bad","account":"paper","strategy":"bad","symbols":["EURUSD"],"start":true}"#);
    world.post("/engines?user=ann", body).await.created();
    world.settle();
    world.ticks(1);
    let engine = world.get("/engines/1").await.ok();
    assert_eq!((&engine["state"], &engine["faults"]), (&"faulted".into(), &1.into()));
    assert!(engine["state_reason"].as_str().unwrap().contains("unreachable, in on_tick"), "{engine}");
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_deals_and_positions_are_shown_in_prices_and_lots() {
    let world = World::running().await;
    world.ticks(1);
    let order = world.get("/engines/1/orders").await.ok()["items"][0].clone();
    let expected = json(r#"["1-1",1,"EURUSD","buy","market",1.0,1.0,"filled",7,"test",null]"#);
    assert_eq!(fields(&order, "id engine_id symbol side kind volume filled state ticket tag price"), expected);
    let deal = world.get("/engines/1/deals").await.ok()["items"][0].clone();
    let expected = json(r#"[1,"1-1","1-1","EURUSD","in","expert",1.0,1.10002,-1.0]"#);
    assert_eq!(fields(&deal, "id order position symbol entry reason volume price commission"), expected);
    let position = world.get("/engines/1/positions?which=open").await.ok()["items"][0].clone();
    let expected = json(r#"["1-1","buy",1.0,1.10002,null,null]"#);
    assert_eq!(fields(&position, "id side volume open_price close_price closed_at"), expected);
    assert_eq!(world.get("/engines/1/positions?which=closed").await.ok()["items"], json("[]"));
    world.get("/engines/1/positions?which=lost").await.refused(400, "INVALID_QUERY", "lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_show_their_end_and_can_be_followed() {
    let world = World::running().await;
    let line = |n: i64| NewLog { engine: EngineId(1), at: Time(n), level: LogLevel::Info, text: format!("line {n}") };
    assert_eq!(world.get("/engines/1/logs").await.ok(), json(r#"{"items":[],"next":null}"#));
    world.store.add_logs(&(1..=5).map(line).collect::<Vec<_>>()).await.unwrap();
    let end = world.get("/engines/1/logs?limit=2").await.ok();
    assert_eq!((&end["items"][0]["text"], &end["items"][1]["text"], &end["next"]), (&"line 4".into(), &"line 5".into(), &5.into()));
    assert_eq!(world.get("/engines/1/logs?after=5").await.ok(), json(r#"{"items":[],"next":5}"#));
    world.store.add_logs(&[line(6)]).await.unwrap();
    let more = world.get("/engines/1/logs?after=5").await.ok();
    assert_eq!((&more["items"][0]["number"], &more["items"][0]["level"], &more["next"]), (&6.into(), &"info".into(), &6.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_come_latest_first_in_pages() {
    let world = World::running().await;
    let signal = |n: i64| NewSignal {
        engine: EngineId(1),
        at: Time(n),
        symbol: "EURUSD".into(),
        side: Some(Side::Sell),
        confidence: 75.0,
        reason: format!("reason {n}"),
    };
    world.store.add_signals(&(1..=3).map(signal).collect::<Vec<_>>()).await.unwrap();
    let page = world.get("/engines/1/signals?limit=2").await.ok();
    let expected =
        r#"{"number":3,"at":"1970-01-01T00:00:00.000003Z","symbol":"EURUSD","side":"sell","confidence":75.0,"reason":"reason 3"}"#;
    assert_eq!((&page["items"][0], &page["next"]), (&json(expected), &2.into()));
    let rest = world.get("/engines/1/signals?limit=2&after=2").await.ok();
    assert_eq!((&rest["items"][0]["number"], &rest["next"]), (&1.into(), &Value::Null));
}
