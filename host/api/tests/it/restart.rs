//! What a restart of the host keeps.

use crate::support::{World, json};
use serde_json::Value;
use std::sync::atomic::Ordering;

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

#[tokio::test(flavor = "multi_thread")]
async fn many_engines_go_on_at_once_each_as_it_was() {
    let world = World::running().await;
    let many = 40;
    for number in 2..=many {
        let engine = serde_json::json!({ "name": format!("n{number}"), "account": "paper", "strategy": "cross", "symbols": ["XAUUSD"] });
        world.post("/engines?user=ann", engine).await.created();
        if number % 2 == 0 {
            world.post(&format!("/engines/{number}/start"), Value::Null).await.ok();
        }
    }
    world.settle();
    let world = world.restarted().await;
    let resumed = stockade_api::operations::resume(&world.state).await.unwrap();
    assert_eq!((resumed.engines, resumed.started, resumed.failed), (many, 1 + many / 2, Vec::new()));
    world.settle();
    for number in 1..=many {
        let expected = if number == 1 || number % 2 == 0 { "running" } else { "defined" };
        assert_eq!(world.get(&format!("/engines/{number}")).await.ok()["state"], expected, "engine {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_orders_are_numbered_beyond_all_that_were_sent() {
    let world = World::running().await;
    world.ticks(1);
    let begun = async |world: &World| world.store.orders_begun(domain::ids::EngineId(1)).await.unwrap();
    assert_eq!(begun(&world).await, 0);
    let world = world.restarted().await;
    stockade_api::operations::resume(&world.state).await.unwrap();
    world.settle();
    assert_eq!(begun(&world).await, 1, "one order is on record");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lacks_what_the_broker_has_had_gives_none_of_its_numbers_again() {
    use domain::ids::{EngineId, OrderId};
    let world = World::running().await;
    world.ticks(1);
    let world = world.restarted().await;
    *world.seen.lock().unwrap() = None;
    let resumed = stockade_api::operations::resume(&world.state).await.unwrap();
    assert!(resumed.failed[0].contains("can't say"), "nobody knows yet where numbers begin: {:?}", resumed.failed);

    let world = world.restarted().await;
    *world.seen.lock().unwrap() = Some(vec![OrderId::new(EngineId(1), 50_000)]);
    stockade_api::operations::resume(&world.state).await.unwrap();
    world.settle();
    assert_eq!(world.store.orders_begun(EngineId(1)).await.unwrap(), 50_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_whose_stop_the_host_before_could_not_note_is_stopped() {
    use domain::{ids::EngineId, life::EngineState};
    let world = World::running().await;
    world.post("/engines/1/stop", serde_json::Value::Null).await.ok();
    world.settle();
    // As a host leaves it that is killed right after its answer.
    world.store.set_engine_state(EngineId(1), EngineState::Running, "started", domain::time::Time(1)).await.unwrap();
    let world = world.restarted().await;
    stockade_api::operations::resume(&world.state).await.unwrap();
    let engine = world.get("/engines/1").await.ok();
    assert_eq!((&engine["wanted"], &engine["state"]), (&json(r#""stopped""#), &json(r#""stopped""#)));
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_of_an_account_that_could_not_be_opened_wait_and_open_it_when_they_start() {
    let world = World::running().await;
    let world = world.restarted().await;
    *world.seen.lock().unwrap() = None;
    let resumed = stockade_api::operations::resume(&world.state).await.unwrap();
    assert_eq!((resumed.accounts, &*resumed.later), (0, &[domain::ids::EngineId(1)][..]), "{:?}", resumed.failed);
    let engine = world.get("/engines/1").await.ok();
    assert_eq!((&engine["wanted"], &engine["state"]), (&json(r#""running""#), &json(r#""waiting""#)));
    let health = world.get("/health").await.ok();
    assert_eq!((&health["status"], &health["engines"]["status"]), (&json(r#""degraded""#), &json(r#""degraded""#)));
    let reason = health["engines"]["reason"].as_str().unwrap();
    assert!(reason.contains("account 1 is not open (") && reason.contains("can't say"), "{reason}");

    *world.seen.lock().unwrap() = Some(Vec::new());
    world.post("/engines/1/start", serde_json::Value::Null).await.ok();
    world.settle();
    assert_eq!(world.get("/engines/1").await.ok()["state"], "running");
    assert_eq!(world.get("/health").await.ok()["engines"]["status"], "ok", "nothing is stranded any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_room_for_fewer_the_same_ones_run_and_the_others_wait_by_name_and_go_on_by_themselves() {
    let world = World::furnished().await;
    world.post("/users", json(r#"{"name":"bob"}"#)).await.created();
    world.post("/accounts?user=bob", json(r#"{"name":"paper"}"#)).await.created();
    world.upload("bob", "cross", "trader").await.created();
    for (user, names) in [("ann", ["a1", "a2", "a3", "a4"]), ("bob", ["b1", "b2", "b3", "b4"])] {
        for name in names {
            let engine = serde_json::json!({ "name": name, "account": "paper", "strategy": "cross", "symbols": ["EURUSD"], "start": true });
            world.post(&format!("/engines?user={user}"), engine).await.created();
        }
    }
    let mut world = world;
    for _ in 0..2 {
        world = world.restarted().await;
        world.places_max.store(3, Ordering::SeqCst);
        let resumed = stockade_api::operations::resume(&world.state).await.unwrap();
        assert_eq!((resumed.engines, resumed.started, resumed.failed), (8, 8, Vec::new()));
        world.settle();
        let engines = world.get("/engines").await.ok();
        let of = |state: &str| -> Vec<String> {
            let all = engines["items"].as_array().unwrap().iter().filter(|engine| engine["state"] == state);
            all.map(|engine| engine["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(
            (of("running"), of("waiting")),
            (vec!["a1".into(), "a2".into(), "b1".into()], vec!["a3".into(), "a4".into(), "b2".into(), "b3".into(), "b4".into()])
        );
        assert_eq!(engines["items"][2]["faults"], 0);
    }
    let engines = world.get("/health").await.ok()["engines"].clone();
    assert_eq!((&engines["waiting"], &engines["status"]), (&5.into(), &"degraded".into()));
    let why = engines["reason"].as_str().unwrap();
    assert!(why.starts_with("5 engines wait for the host, engine ") && why.contains("room for 3 guests"), "{why}");
    // A place that comes free is the next user's in turn.
    world.post("/engines/1/stop", Value::Null).await.ok();
    world.settle();
    assert_eq!(world.get("/engines/6").await.ok()["state"], "running", "b2 was before a3");
}
