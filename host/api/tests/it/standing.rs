//! Who may not trade, by whom, since when and why; and the audit, which says so after a restart as well.

use crate::support::{TOKEN, World, fields, json};
use axum::http::Method;
use serde_json::Value;

fn restrictions(thing: &Value) -> Vec<String> {
    let all = thing["restrictions"].as_array().expect("a list");
    all.iter().map(|one| fields(one, "of id state by since reason").to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_says_who_is_halted_by_whom_since_when_and_why() {
    let world = World::running().await;
    let halt = |reason: &str| json(&format!(r#"{{"trading":"halted","reason":"{reason}"}}"#));
    let engine = |list: Value| list["items"][0].clone();
    assert_eq!(restrictions(&engine(world.get("/engines").await.ok())), [""; 0]);

    let of_engine = r#"["engine",1,"halted","operator","2025-01-01T00:00:00.000000Z","too wild"]"#;
    let halted = world.patch("/engines/1", halt("too wild")).await.ok();
    assert_eq!((restrictions(&halted), &halted["trading_now"]), (vec![of_engine.to_owned()], &"halted".into()));
    world.forward(1_000_000);
    let of_host = r#"["host",null,"reducing","operator","2025-01-01T00:00:01.000000Z","news"]"#;
    let body = json(r#"{"trading":"reducing","reason":"news"}"#);
    assert_eq!(restrictions(&world.post("/trading", body).await.ok()), [of_host]);
    assert_eq!(restrictions(&world.get("/trading").await.ok()), [of_host]);
    assert_eq!(restrictions(&world.get("/health").await.ok()), [of_host]);
    assert_eq!(restrictions(&world.get("/accounts/1").await.ok()), [of_host]);
    let listed = engine(world.get("/engines").await.ok());
    assert_eq!(restrictions(&listed), [of_host, of_engine]);
    assert_eq!(fields(&listed, "trading trading_now"), json(r#"["halted","halted"]"#), "the strictest counts");

    // The host has nothing to say of what it did not do: the audit does.
    let world = world.restarted().await;
    stockade_api::operations::resume(&world.state).await.unwrap();
    world.settle();
    assert_eq!(restrictions(&world.get("/engines/1").await.ok()), [of_host, of_engine]);
    world.patch("/engines/1", json(r#"{"trading":"active"}"#)).await.ok();
    assert_eq!(restrictions(&world.get("/engines/1").await.ok()), [of_host], "the host's is not the engine's to lift");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_does_by_itself_is_told_as_its_own() {
    let world = World::running().await;
    world.host.set_trading(engine::Scope::Host, domain::contract::TradingState::Halted, "the journal failed").unwrap();
    world.settle();
    let expected = r#"["host",null,"halted","host","2025-01-01T00:00:00.000000Z","the journal failed"]"#;
    let told = async || restrictions(&world.get("/trading").await.ok()) == [expected];
    for _ in 0..1_000 {
        if told().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{:?}", world.get("/trading").await.ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_has_who_did_what_and_why() {
    let world = World::running().await;
    let paused = world.post("/engines/1/pause?reason=lunch", Value::Null).await.ok();
    assert_eq!(paused["state_reason"], "lunch", "its owner reads why");
    world.post("/engines/1/resume", Value::Null).await.ok();
    let body = || r#"{"positions_max":2}"#.to_owned().into();
    let limits = "/accounts/1/limits?reason=careful";
    world.ask(Method::PUT, limits, Some(TOKEN), body(), Some("application/json")).await.ok();
    let audit = world.get("/audit?limit=3").await.ok();
    let lines: Vec<Value> = audit["items"].as_array().unwrap().iter().map(|line| fields(line, "actor action object reason")).collect();
    let expected = [
        r#"["operator","limits.lower","account 1","careful"]"#,
        r#"["operator","engine.resume","engine 1","by the operator"]"#,
        r#"["operator","engine.pause","engine 1","lunch"]"#,
    ];
    assert_eq!(lines, expected.map(json));
    let of_account = world.get("/audit?object=account%201").await.ok();
    assert_eq!(of_account["items"].as_array().unwrap().len(), 2, "opened, and limited: {of_account}");
    world.get("/audit?subject=x").await.refused(400, "INVALID_QUERY", "subject");
}
