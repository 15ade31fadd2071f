//! What is wanted of an engine is stored, and the engine does it: both agree, whatever is asked at the same time.

use crate::support::{TOKEN, World, json};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use domain::ids::{AccountId, EngineId};
use engine::Scope;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// Rounds of two requests at once.
const ROUNDS: usize = 250;
/// The same for each of three scopes: every pair of states five times.
const TRADING_ROUNDS: usize = 45;

/// Two commands to the engine at once.
async fn both(world: &World, requests: [(&str, Value); 2]) -> [StatusCode; 2] {
    let paths = requests.each_ref().map(|(command, _)| format!("/engines/1/{command}"));
    let [(_, one), (_, other)] = requests;
    at_once(world, [(Method::POST, &*paths[0], one), (Method::POST, &*paths[1], other)]).await
}

/// Both requests at once, each on a task of its own.
async fn at_once(world: &World, requests: [(Method, &str, Value); 2]) -> [StatusCode; 2] {
    let asked = requests.map(|(method, path, body)| {
        let request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        let request = request.header(header::AUTHORIZATION, format!("Bearer {TOKEN}")).header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        tokio::spawn(stockade_api::router(world.state.clone()).oneshot(request))
    });
    let mut statuses = [StatusCode::OK; 2];
    for (status, asked) in statuses.iter_mut().zip(asked) {
        *status = asked.await.unwrap().unwrap().status();
    }
    world.settle();
    statuses
}

/// What is wanted of the engine, and what it does.
async fn wanted_and_done(world: &World) -> (String, String) {
    let engine = world.get("/engines/1").await.ok();
    let word = |name: &str| engine[name].as_str().unwrap().to_owned();
    (word("wanted"), word("state"))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_requests_at_once_what_is_stored_is_what_the_engine_does_also_after_a_restart() {
    let world = World::running().await;
    let whats = ["start", "stop", "pause", "resume"];
    let mut differ = Vec::new();
    for round in 0..ROUNDS {
        let (one, other) = (whats[round % 4], whats[round / 4 % 4]);
        both(&world, [(one, Value::Null), (other, Value::Null)]).await;
        let (wanted, done) = wanted_and_done(&world).await;
        if wanted != done {
            differ.push(format!("{one} and {other}: wanted {wanted}, {done}"));
        }
        if round % 50 == 0 {
            // Whatever state it was left in is one to begin from.
            world.post("/engines/1/start", Value::Null).await.ok();
        }
    }
    assert!(differ.is_empty(), "{} of {ROUNDS}: {differ:?}", differ.len());
    let before = wanted_and_done(&world).await;
    let world = world.restarted().await;
    stockade_api::operations::resume(&world.state).await.unwrap();
    world.settle();
    let (wanted, done) = wanted_and_done(&world).await;
    assert_eq!(wanted, before.0);
    assert!(wanted == done || done == "defined", "wanted {wanted}, {done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_at_once_the_engine_and_the_database_have_the_same_one() {
    let world = World::running().await;
    world.post("/engines/1/stop", Value::Null).await.ok();
    for round in 0..50 {
        let with = |fast: i32| json!({ "params": { "fast": fast.to_string() } });
        both(&world, [("swap", with(2 + round)), ("swap", with(102 + round))]).await;
        let runs = world.get("/engines/1").await.ok()["params"]["fast"].clone();
        let stored = world.store.every_engine(store::Page::first(1)).await.unwrap()[0].params.clone();
        let stored = stored.iter().find(|param| param.name == "fast").map(|param| param.value.clone());
        let domain::contract::ParamValue::Integer(stored) = stored.unwrap() else { panic!("it is a whole number") };
        assert_eq!(runs, stored.to_string(), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_refused_leaves_nothing_wanted() {
    let world = World::furnished().await;
    let engine = json(r#"{"name":"one","account":"paper","strategy":"cross","symbols":["EURUSD"]}"#);
    world.post("/engines?user=ann", engine).await.created();
    for what in ["pause", "resume"] {
        world.post(&format!("/engines/1/{what}"), Value::Null).await.refused(409, "NOT_NOW", "can't");
        assert_eq!(world.get("/engines/1").await.ok()["wanted"], "stopped", "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_sender_has_gone_is_carried_out_to_its_end() {
    let world = World::running().await;
    for what in ["pause", "resume", "stop", "start"].repeat(10) {
        let request = Request::post(format!("/api/v1/engines/1/{what}")).header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        let router = stockade_api::router(world.state.clone());
        let asked = tokio::spawn(router.oneshot(request.body(Body::empty()).unwrap()));
        tokio::task::yield_now().await;
        asked.abort();
        drop(asked.await);
        // The next one has its turn when that is done.
        world.post("/engines/1/shadow", Value::Null).await;
        let mut agree = false;
        for _ in 0..1_000 {
            world.settle();
            let (wanted, done) = wanted_and_done(&world).await;
            agree = wanted == done;
            if agree {
                break;
            }
        }
        assert!(agree, "{what}");
    }
}

/// What a path's `trading` is at the host, and what a restart would find of it.
async fn trading_and_stored(world: &World, path: &str) -> (String, String) {
    let page = store::Page::first(1);
    let (scope, stored) = match path {
        "/trading" => (Scope::Host, world.store.host_setting("trading").await.unwrap()),
        "/accounts/1" => (Scope::Account(AccountId(1)), Some(world.store.every_account(page).await.unwrap()[0].trading.word().into())),
        _ => (Scope::Engine(EngineId(1)), Some(world.store.every_engine(page).await.unwrap()[0].trading.word().into())),
    };
    let holds = world.get(path).await.ok()["trading"].as_str().unwrap().to_owned();
    assert_eq!(world.host.kept_trading(scope).word(), holds, "{path}: what the data folder has");
    (holds, stored.unwrap_or_else(|| "active".into()))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_trading_states_at_once_the_one_that_holds_is_the_one_that_is_stored() {
    let world = World::running().await;
    let states = ["active", "halted", "reducing"];
    for (path, method) in [("/engines/1", Method::PATCH), ("/accounts/1", Method::PATCH), ("/trading", Method::POST)] {
        let mut differ = Vec::new();
        for round in 0..TRADING_ROUNDS {
            let (one, other) = (states[round % 3], states[round / 3 % 3]);
            let bodies = [one, other].map(|state| (method.clone(), path, json!({ "trading": state })));
            assert_eq!(at_once(&world, bodies).await, [StatusCode::OK; 2], "{path}");
            let (holds, stored) = trading_and_stored(&world, path).await;
            if holds != stored {
                differ.push(format!("{one} and {other}: {holds}, stored {stored}"));
            }
        }
        assert!(differ.is_empty(), "{path}: {} of {TRADING_ROUNDS}: {differ:?}", differ.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_holds_and_is_kept_although_the_rest_of_its_request_is_refused() {
    let world = World::running().await;
    let halt = json!({ "trading": "halted", "params": { "fast": "3" } });
    world.patch("/engines/1", halt).await.refused(409, "NOT_NOW", "stop it first");
    assert_eq!(trading_and_stored(&world, "/engines/1").await, ("halted".into(), "halted".into()));
    let lift = json!({ "trading": "active", "params": { "fast": "3" } });
    world.patch("/engines/1", lift).await.refused(409, "NOT_NOW", "stop it first");
    assert_eq!(trading_and_stored(&world, "/engines/1").await, ("halted".into(), "halted".into()));
}
