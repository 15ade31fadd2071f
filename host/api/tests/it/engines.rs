//! Engines.

use crate::support::{TOKEN, World, fields, json};
use axum::body::Body;
use axum::http::Method;
use domain::contract::{LogLevel, Side};
use domain::ids::{Digest, EngineId};
use domain::time::Time;
use serde_json::Value;
use store::{EngineStep, Follows, LogClock, NewLog, NewSignal, StepKind};

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
    let expected = r#"["running","running",3,1,1,1,0,65536,65536,"2025-01-01T00:00:02.000000Z"]"#;
    assert_eq!(
        fields(&engine, "state wanted ticks orders deals positions faults memory_bytes memory_bytes_peak last_tick_at"),
        json(expected)
    );
    // Bought a lot at 1.10002 for 1 USD; the bid is 1.10002 now.
    assert_eq!((&engine["realised"], &engine["floating"], &engine["profit"]), (&(-1.0).into(), &0.0.into(), &(-1.0).into()));
    assert_eq!(world.get("/engines").await.ok()["items"], serde_json::json!([engine]));
    assert_eq!(world.get("/engines?user=ann").await.ok()["items"][0]["id"], 1);
    assert_eq!(world.get("/accounts/1").await.ok()["balance"], 9_999.0);

    // init, on-start, three ticks, its order accepted and filled, its position opened, save, on-stop: 10 fuel each.
    let stopped = world.post("/engines/1/stop", Value::Null).await.ok();
    assert_eq!(fields(&stopped, "state calls fuel_per_call fuel_last remarks_dropped"), json(r#"["stopped",10,10,10,0]"#));
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
    add(r#"{"seed":"x"}"#).await.refused(422, "INVALID_BODY", "seed: invalid type: string \"x\", expected a whole number of 0 or more");
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
    assert_eq!(world.get("/engines/1").await.ok()["wanted"], "stopped", "what was refused is not wanted");
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
    // The account has the same, whichever engine traded.
    assert_eq!(world.get("/accounts/1/orders").await.ok()["items"], serde_json::json!([order]));
    assert_eq!(world.get("/accounts/1/deals").await.ok()["items"], serde_json::json!([deal]));
    assert_eq!(world.get("/accounts/1/positions?which=open").await.ok()["items"], serde_json::json!([position]));
    world.get("/accounts/9/orders").await.refused(404, "NOT_FOUND", "there is no account 9");
    world.get("/engines/1/positions?which=lost").await.refused(400, "INVALID_QUERY", "lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_show_their_end_and_can_be_followed() {
    let world = World::running().await;
    let line =
        |n: i64| NewLog { engine: EngineId(1), at: Time(n), clock: LogClock::Market, level: LogLevel::Info, text: format!("line {n}") };
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
        led_to: None,
    };
    world.store.add_signals(&(1..=3).map(signal).collect::<Vec<_>>()).await.unwrap();
    let page = world.get("/engines/1/signals?limit=2").await.ok();
    let expected = r#"{"number":3,"at":"1970-01-01T00:00:00.000003Z","symbol":"EURUSD","side":"sell","confidence":75.0,"reason":"reason 3",
        "order":null,"order_state":null,"deal":null,"denied":null}"#;
    assert_eq!((&page["items"][0], &page["next"]), (&json(expected), &2.into()));
    let rest = world.get("/engines/1/signals?limit=2&after=2").await.ok();
    assert_eq!((&rest["items"][0]["number"], &rest["next"]), (&1.into(), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_is_swapped_while_it_works() {
    let world = World::running().await;
    world.ticks(1);
    world.forward(1);
    let next = world.upload("ann", "cross", "trader two").await.created();
    let swapped = world.post("/engines/1/swap", json(r#"{"params":{"mood":"wild"}}"#)).await.ok();
    assert_eq!((&swapped["live"], &swapped["engine"]["version"]), (&true.into(), &Digest::of(b"trader two").to_string().into()), "{next}");
    assert!(swapped["pause_us"].as_u64().is_some());
    let expected = json(r#"["running",true,{"mood":"wild"},1,1]"#);
    assert_eq!(fields(&swapped["engine"], "state on_trial params positions saved_bytes"), expected);
    // Positions and numbers are the engine's; the new version has the state of the old one and does not buy again.
    world.ticks(2);
    let engine = world.get("/engines/1").await.ok();
    assert_eq!(fields(&engine, "ticks orders positions faults"), json("[3,1,1,0]"));
    world.forward(1);
    world.upload("ann", "cross", "trapper three").await.created();
    let refused = world.post("/engines/1/swap", json("{}")).await;
    refused.refused(409, "NOT_SWAPPED", "its version is still on trial");
    world.post("/engines/1/swap", json(r#"{"version":"00000000"}"#)).await.refused(404, "NOT_FOUND", "no version 00000000");
    world.post("/engines/1/swap", json(r#"{"params":{"fast":"0"}}"#)).await.refused(422, "INVALID_PARAMS", "out of range");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_is_changed_while_it_is_stopped_and_as_strictly_as_when_it_was_added() {
    let world = World::running().await;
    let change = async |body: &str| world.patch("/engines/1", json(body)).await;
    change(r#"{"params":{"fast":"20"}}"#).await.refused(409, "NOT_NOW", "stop it first, or swap it");
    change("{}").await.refused(422, "INVALID_BODY", "nothing to change");
    world.post("/engines/1/stop", Value::Null).await.ok();
    change(r#"{"params":{"fast":"0"}}"#).await.refused(422, "INVALID_PARAMS", "0 is out of range; it may be 1 to 200");
    change(r#"{"params":{"slow":"9"}}"#).await.refused(422, "INVALID_PARAMS", "this strategy has: fast, mood");
    change(r#"{"defaults":["slow"]}"#).await.refused(422, "INVALID_PARAMS", "no parameter \"slow\"");
    change(r#"{"symbols":["GBPUSD"]}"#).await.refused(422, "UNKNOWN_SYMBOL", "GBPUSD");
    let changed = change(r#"{"params":{"fast":"20","mood":"wild"},"symbols":["XAUUSD"],"trading":"reducing"}"#).await.ok();
    let expected = json(r#"["stopped",{"fast":"20","mood":"wild"},["XAUUSD"],"reducing"]"#);
    assert_eq!(fields(&changed, "state params symbols trading"), expected);
    let changed = change(r#"{"defaults":["mood"],"forget_state":true}"#).await.ok();
    assert_eq!(fields(&changed, "params"), json(r#"[{"fast":"20"}]"#));
    let world = world.restarted().await;
    stockade_api::operations::resume(&world.state).await.unwrap();
    let engine = world.get("/engines/1").await.ok();
    assert_eq!(fields(&engine, "params symbols trading"), json(r#"[{"fast":"20"},["XAUUSD"],"reducing"]"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_engine_leaves_its_orders_and_its_name() {
    let world = World::running().await;
    world.ticks(1);
    let remove = async |query: &str| world.ask(Method::DELETE, &format!("/engines/1{query}"), Some(TOKEN), Body::empty(), None).await;
    remove("").await.refused(409, "NOT_NOW", "engine 1 has 1 open position and 0 working orders");
    assert_eq!(world.get("/engines/1").await.ok()["state"], "running");
    assert_eq!(remove("?abandon=true").await.status, 204);
    world.get("/engines/1").await.refused(404, "NOT_FOUND", "no engine 1");
    assert_eq!(world.get("/engines").await.ok()["items"], json("[]"));
    let account = world.get("/accounts/1").await.ok();
    assert_eq!(fields(&account, "positions balance"), json("[1,9999.0]"));
    assert_eq!(world.get("/orders?user=ann").await.ok()["items"][0]["id"], "1-1", "the ledger keeps what it did");
    let engine = json(r#"{"name":"one","account":"paper","strategy":"cross","symbols":["EURUSD"]}"#);
    assert_eq!(world.post("/engines?user=ann", engine).await.created()["id"], 2, "a name may come again, an id never");
    let world = world.restarted().await;
    let resumed = stockade_api::operations::resume(&world.state).await.unwrap();
    assert_eq!((resumed.engines, resumed.failed.len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_says_what_became_of_an_engine_and_why_latest_first() {
    let world = World::running().await;
    let step = |kind, from: &str, to: &str| {
        let (from, to, reason) = (from.to_owned(), to.to_owned(), "by test".to_owned());
        (EngineStep { engine: EngineId(1), at: Time(1), kind, from, to, reason }, Follows::Nothing)
    };
    let steps = [step(StepKind::State, "starting", "warming-up"), step(StepKind::RolledBack, "ab", "cd")];
    world.store.add_engine_steps(&steps).await.unwrap();
    let page = world.get("/engines/1/history?limit=1").await.ok();
    let expected = r#"{"number":2,"at":"1970-01-01T00:00:00.000001Z","kind":"rolled-back","from":"ab","to":"cd","reason":"by test"}"#;
    assert_eq!((&page["items"][0], &page["next"]), (&json(expected), &2.into()));
    assert_eq!(world.get("/engines/1/history?after=2").await.ok()["items"][0]["kind"], "state");
    world.get("/engines/9/history").await.refused(404, "NOT_FOUND", "no engine 9");
}
