//! Health.

use crate::support::{TOKEN, World};
use axum::body::Body;
use axum::http::Method;
use domain::time::Time;
use engine::Event;
use stockade_api::Status;

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_the_summary_and_nothing_else() {
    let world = World::running().await;
    world.ticks(2);
    let open = world.ask(Method::GET, "/health", None, Body::empty(), None).await.ok();
    let mut fields: Vec<&str> = open.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!((fields, &open["status"]), (vec!["status", "uptime_s", "version"], &"ok".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parts_have_figures() {
    let world = World::running().await;
    world.ticks(2);
    let health = world.get("/health").await.ok();
    assert_eq!((&health["status"], &health["trading"], &health["detail"]), (&"ok".into(), &"active".into(), &serde_json::Value::Null));
    assert_eq!((&health["database"]["status"], &health["database"]["users"]), (&"ok".into(), &1.into()));
    assert!(health["database"]["ping_ms"].as_f64().unwrap() >= 0.0);
    assert_eq!((&health["feed"]["kind"], &health["feed"]["ticks"]), (&"scripted".into(), &2.into()));
    let eurusd = &health["feed"]["symbols"][0];
    assert_eq!((&eurusd["symbol"], &eurusd["bid"], &eurusd["age_s"]), (&"EURUSD".into(), &1.10001.into(), &(-1.0).into()));
    assert_eq!(health["feed"]["symbols"][1]["last_tick_at"], serde_json::Value::Null);
    assert_eq!((&health["engines"]["total"], &health["engines"]["states"]["running"]), (&1.into(), &1.into()));
    assert!(health["process"]["memory_bytes"].as_u64().unwrap() > 1 << 20);
    assert!(health["process"]["cpu_percent"].as_f64().unwrap() >= 0.0);
    assert_eq!(health["journal"]["commands_recorded"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_refused_even_here() {
    let world = World::new().await;
    world.ask(Method::GET, "/health", Some("wrong"), Body::empty(), None).await.refused(401, "UNAUTHORIZED", "not the operator's");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worst_part_decides() {
    let world = World::new().await;
    *world.feed.0.lock().unwrap() = (Status::Degraded, Some("no tick for 30 s"));
    let degraded = world.get("/health").await;
    assert_eq!((degraded.status.as_u16(), &degraded.body["status"]), (200, &"degraded".into()));
    assert_eq!(degraded.body["detail"], "feed: no tick for 30 s");

    let alarm = |code| Event::Alarm { code, text: "no space left on device".into(), at: Time(0) };
    world.live.publish(&[alarm("journal-failed")]);
    let down = world.get("/health").await;
    assert_eq!((down.status.as_u16(), &down.body["status"]), (503, &"down".into()));
    assert_eq!(down.body["detail"], "journal: no space left on device; feed: no tick for 30 s");
    assert_eq!(down.body["alarms"][0]["code"], "journal-failed");
    let summary = world.ask(Method::GET, "/health", None, Body::empty(), None).await;
    assert_eq!((summary.status.as_u16(), &summary.body["detail"]), (503, &serde_json::Value::Null));

    world.live.publish(&[alarm("journal-works-again")]);
    assert_eq!(world.get("/health").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_gone_is_down() {
    let world = World::new().await;
    world.store.close().await;
    let down = world.ask(Method::GET, "/health", Some(TOKEN), Body::empty(), None).await;
    assert_eq!((down.status.as_u16(), &down.body["database"]["status"]), (503, &"down".into()));
}
