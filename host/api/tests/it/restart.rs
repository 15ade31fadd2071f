//! What a restart of the host keeps.

use crate::support::{World, json};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_engines_go_on_where_they_were() {
    let world = World::running().await;
    world.ticks(1);
    let stopped = json(r#"{"name":"two","account":"paper","strategy":"cross","symbols":["XAUUSD"]}"#);
    world.post("/engines?user=ann", stopped).await.created();
    let world = world.restarted().await;
    let resumed = stockade_api::operations::resume(&world.state).await.unwrap();
    assert_eq!((resumed.accounts, resumed.engines, resumed.started, resumed.failed), (1, 2, 1, Vec::new()));
    world.settle();
    let engine = world.get("/engines/1").await.ok();
    assert_eq!((&engine["state"], &engine["positions"], &engine["realised"]), (&"running".into(), &1.into(), &(-1.0).into()));
    assert_eq!(world.get("/engines/2").await.ok()["state"], "defined");
    assert_eq!(world.get("/accounts/1").await.ok()["balance"], 9_999.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_engine_stays_stopped_and_a_restart_may_be_repeated() {
    let world = World::running().await;
    world.post("/engines/1/stop", Value::Null).await.ok();
    let world = world.restarted().await;
    for _ in 0..2 {
        let resumed = stockade_api::operations::resume(&world.state).await.unwrap();
        assert_eq!((resumed.engines, resumed.started), (1, 0));
    }
    world.post("/engines/1/start", Value::Null).await.ok();
    world.settle();
    assert_eq!(world.get("/engines/1").await.ok()["state"], "running");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_engine_stays_paused() {
    let world = World::running().await;
    world.post("/engines/1/pause", Value::Null).await.ok();
    assert_eq!(world.post("/engines/1/start", Value::Null).await.ok()["wanted"], "paused", "a start does not end a pause");
    let world = world.restarted().await;
    stockade_api::operations::resume(&world.state).await.unwrap();
    world.settle();
    world.ticks(1);
    let engine = world.get("/engines/1").await.ok();
    assert_eq!((&engine["state"], &engine["ticks"]), (&"paused".into(), &0.into()));
    assert_eq!(world.post("/engines/1/resume", Value::Null).await.ok()["wanted"], "running");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_an_account_that_is_not_open_nothing_is_added() {
    let world = World::furnished().await.restarted().await;
    let engine = json(r#"{"name":"one","account":"paper","strategy":"cross","symbols":["EURUSD"]}"#);
    world.post("/engines?user=ann", engine.clone()).await.refused(409, "ACCOUNT_NOT_OPEN", "account 1 is not open");
    assert_eq!(world.get("/engines").await.ok()["items"], json("[]"));
    stockade_api::operations::resume(&world.state).await.unwrap();
    world.post("/engines?user=ann", engine).await.created();
}
