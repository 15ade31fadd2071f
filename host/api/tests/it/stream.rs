//! The live stream.

use crate::support::{TOKEN, World, json};
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode, header};
use domain::contract::TradingState;
use domain::ids::{AccountId, EngineId, UserId};
use domain::life::EngineState;
use domain::time::Time;
use engine::{Event, Scope, Whose};
use futures::{Stream, StreamExt as _};
use serde_json::Value;
use std::time::Duration;
use stockade_api::DoorLimits;

/// An open stream.
struct Reading {
    chunks: std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, axum::Error>> + Send>>,
    text: String,
}

impl Reading {
    async fn of(world: &World, query: &str) -> Self {
        let request = Request::get(format!("/api/v1/stream{query}")).header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        let response = world.response(request.body(Body::empty()).unwrap()).await;
        let said = |name: &str| response.headers()[name].to_str().unwrap();
        assert_eq!((said("content-type"), said("x-accel-buffering")), ("text/event-stream", "no"));
        assert!(said("cache-control").contains("no-transform"), "proxies must not gather events");
        let mut reading = Self { chunks: Box::pin(response.into_body().into_data_stream()), text: String::new() };
        assert_eq!(reading.next().await, Some(("open".into(), json("{}"))));
        reading
    }

    /// Asks for a stream that is not given. One that is given never ends, so that only its head is waited for.
    async fn refused(world: &World, code: &str, part: &str) {
        let request = Request::get("/api/v1/stream").header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        let response = world.response(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "a stream was given instead of {code}");
        let problem = json(std::str::from_utf8(&to_bytes(response.into_body(), 1 << 16).await.unwrap()).unwrap());
        assert!(problem["code"] == code && problem["detail"].as_str().unwrap().contains(part), "{problem}");
    }

    /// The next event's kind and data; `None` at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned());
                let parsed = field("event:").map(|kind| (kind, json(&field("data:").unwrap())));
                self.text = rest.to_owned();
                match parsed {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.chunks.next()).await.expect("the stream is silent");
            self.text.push_str(std::str::from_utf8(&chunk?.unwrap()).unwrap());
        }
    }
}

fn state(engine: u32, owner: u32) -> Event {
    Event::State {
        engine: Whose { engine: EngineId(engine), account: AccountId(1), owner: UserId(owner) },
        from: EngineState::Running,
        to: EngineState::Paused,
        reason: "two\nlines".into(),
        stopped: None,
        at: Time(1),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_engine_does_is_seen_as_it_happens() {
    let world = World::running().await;
    let mut reading = Reading::of(&world, "?user=ann&engine=1").await;
    world.ticks(1);
    let mut seen = Vec::new();
    while seen.len() < 4 {
        let (kind, data) = reading.next().await.unwrap();
        assert_eq!((&data["engine"], &data["account"]), (&1.into(), &1.into()));
        let about = ["text", "state", "change"].map(|field| data[field].as_str().unwrap_or_default().to_owned()).concat();
        seen.push(format!("{kind} {about}"));
    }
    seen.sort_unstable();
    assert_eq!(seen, ["log buying a lot", "order accepted", "order filled", "position opened"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_only_whom_it_asked_for_and_what_concerns_all() {
    let world = World::furnished().await;
    let mut ann = Reading::of(&world, "?user=ann").await;
    world.live.publish(&[state(7, 2), state(8, 1), Event::Dropped { views: 3 }]);
    let (kind, data) = ann.next().await.unwrap();
    assert_eq!((kind.as_str(), &data["engine"], &data["state_reason"]), ("state", &8.into(), &"two\nlines".into()));
    assert_eq!(ann.next().await, Some(("dropped".into(), json(r#"{"views":3}"#))));
    world.get("/stream?user=bob").await.refused(404, "NOT_FOUND", "no user \"bob\"");
    world.get("/stream?usr=ann").await.refused(400, "INVALID_QUERY", "usr");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_shown_who_else_was_halted_or_what_an_operator_must_look_at() {
    let world = World::running().await;
    world.post("/users", json(r#"{"name":"bob"}"#)).await.created();
    let mut everybody = Reading::of(&world, "").await;
    let (mut ann, mut bob) = (Reading::of(&world, "?user=ann").await, Reading::of(&world, "?user=bob").await);
    let mut other = Reading::of(&world, "?engine=2").await;
    world.host.set_trading(Scope::Engine(EngineId(1)), TradingState::Halted, "hers").unwrap();
    world.host.set_trading(Scope::Account(AccountId(1)), TradingState::Reducing, "hers").unwrap();
    world.settle();
    world.live.publish(&[Event::Alarm { code: "broker-differs", text: "account 1 differs".into(), at: Time(2) }]);
    world.host.set_trading(Scope::Host, TradingState::Reducing, "all").unwrap();
    for (reading, expected) in [
        (&mut everybody, &["engine", "account", "alarm", "host"][..]),
        (&mut ann, &["engine", "account", "host"]),
        (&mut bob, &["host"]),
        (&mut other, &["account", "alarm", "host"]),
    ] {
        let mut seen = Vec::new();
        while seen.last().is_none_or(|last| last != "host") {
            let (kind, data) = reading.next().await.unwrap();
            seen.push(data["scope"].as_str().map_or(kind, str::to_owned));
        }
        assert_eq!(seen, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_falls_behind_is_told_and_cut_and_gives_its_place_back() {
    let world = World::behind(DoorLimits { streams_max: 2, ..DoorLimits::default() }).await;
    world.furnish().await;
    let mut slow = Reading::of(&world, "?user=ann").await;
    world.get("/stream?user=ann").await.refused(503, "TOO_MANY_STREAMS", "close one");
    (0..5_000).for_each(|n| world.live.publish(&[state(n, 1)]));
    let again = Reading::of(&world, "?user=ann").await;
    assert_eq!(slow.next().await, Some(("cut".into(), json(r#"{"missed":5000,"reason":"lagged"}"#))));
    assert_eq!(slow.next().await, None);
    drop(again);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_s_flood_cuts_nobody_else_s_stream() {
    let world = World::furnished().await;
    world.post("/users", json(r#"{"name":"bob"}"#)).await.created();
    let (mut everybody, mut bob) = (Reading::of(&world, "").await, Reading::of(&world, "?user=bob").await);
    world.live.publish(&[state(1, 2)]);
    (0..50_000).for_each(|n| world.live.publish(&[state(n, 1)]));
    world.live.publish(&[state(2, 2), Event::Dropped { views: 3 }]);
    for expected in [1, 2] {
        assert_eq!(bob.next().await.unwrap().1["engine"], expected);
    }
    assert_eq!(bob.next().await.unwrap().0, "dropped");
    // Who looks at all of them is told how much of ann's was left out, and goes on.
    assert_eq!(everybody.next().await.unwrap().1["engine"], 1);
    let mut of_ann = 0;
    let told = loop {
        let (kind, data) = everybody.next().await.unwrap();
        match kind.as_str() {
            "state" => of_ann += 1,
            _ => break (kind, data),
        }
    };
    assert_eq!(told, ("dropped".into(), serde_json::json!({ "user_id": 1, "events": 50_000 - of_ann })));
    assert!((2_000..2_100).contains(&of_ann), "{of_ann}: half of what may wait");
    assert_eq!(everybody.next().await.unwrap().1["engine"], 2);
    world.live.publish(&[Event::Dropped { views: 3 }, state(3, 1)]);
    assert_eq!(everybody.next().await.unwrap().0, "dropped");
    assert_eq!(everybody.next().await.unwrap().0, "dropped");
    assert_eq!(everybody.next().await.unwrap().1["engine"], 3, "her later events are shown again");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_shared_among_callers_and_end_with_the_host() {
    let world = World::furnished().await;
    let mut all = Vec::new();
    for _ in 0..64 {
        all.push(Reading::of(&world, "").await);
    }
    Reading::refused(&world, "TOO_MANY_STREAMS", "close one").await;
    all.push(Reading::of(&world, "?user=ann").await);
    // Ann has one of what was left, so there is less to share.
    drop(all.drain(..2));
    all.push(Reading::of(&world, "").await);
    world.live.close();
    for reading in &mut all {
        assert_eq!(reading.next().await, None);
    }
    drop(all);
    Reading::refused(&world, "STOPPING", "stopping").await;
}
