//! Strategies and their versions.

use crate::support::{TOKEN, World, json};
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, header};
use domain::ids::Digest;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use stockade_api::DoorLimits;
use tower::ServiceExt as _;

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_makes_a_version_and_repeating_it_changes_nothing() {
    let world = World::new().await;
    world.post("/users", json(r#"{"name":"ann"}"#)).await.created();
    let version = world.upload("ann", "cross", "trader").await.created();
    let digest = Digest::of(b"trader").to_string();
    assert_eq!((&version["digest"], &version["strategy"], &version["size_bytes"]), (&digest.as_str().into(), &"cross".into(), &6.into()));
    assert_eq!((&version["description"]["params"][0]["name"], &version["report"]["functions"]), (&"fast".into(), &1.into()));
    assert_eq!(world.upload("ann", "cross", "trader").await.created(), version);

    world.forward(1);
    let path = "/strategies/cross/versions?user=ann";
    world.ask(Method::POST, path, Some(TOKEN), "trader two".into(), Some("application/wasm")).await.created();
    let list = world.get("/strategies?user=ann").await.ok();
    assert_eq!(list["items"][0]["versions"].as_array().unwrap().len(), 2);
    assert_eq!(world.get(path).await.ok()["items"][0], version);
    assert_eq!(world.get(&format!("/strategies/cross/versions/{digest}?user=ann")).await.ok(), version);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_uploaded_again_is_the_latest_and_keeps_its_number() {
    let world = World::furnished().await;
    world.upload("ann", "cross", "trader two").await.created();
    assert_eq!(world.upload("ann", "cross", "trader").await.created()["number"], 1);
    let list = world.get("/strategies?user=ann").await.ok();
    let numbers = |list: &serde_json::Value| -> Vec<u64> {
        list.as_array().unwrap().iter().map(|version| version["number"].as_u64().unwrap()).collect()
    };
    assert_eq!(numbers(&list["items"][0]["versions"]), [2, 1]);
    assert_eq!(numbers(&world.get("/strategies/cross/versions?user=ann").await.ok()["items"]), [2, 1]);
    let engine = json(r#"{"name":"one","account":"paper","strategy":"cross","symbols":["EURUSD"]}"#);
    let added = world.post("/engines?user=ann", engine).await.created();
    assert_eq!(added["version"], Digest::of(b"trader").to_string(), "an engine takes the one uploaded last");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_strategys_component_goes_under_a_name_by_force_alone() {
    let world = World::furnished().await;
    let refused = world.upload("ann", "cross", "trader, renamed").await;
    refused.refused(409, "ANOTHER_STRATEGY", "\"renamed\", and the latest version of cross calls itself \"scripted\"");
    let bytes = || "trader, renamed".to_owned().into();
    let further = world.ask(Method::POST, "/strategies/cross/versions?user=ann", Some(TOKEN), bytes(), Some("application/wasm")).await;
    further.refused(409, "ANOTHER_STRATEGY", "stockade strategy upload --force");
    assert_eq!(world.get("/strategies/cross/versions?user=ann").await.ok()["items"].as_array().unwrap().len(), 1);
    let path = "/strategies?user=ann&name=cross&force=true";
    let forced = world.ask(Method::POST, path, Some(TOKEN), bytes(), Some("application/wasm")).await.created();
    assert_eq!(forced["number"], 2);
    world.upload("ann", "own", "trader, renamed").await.created();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_leaves_nothing_behind() {
    let world = World::new().await;
    world.post("/users", json(r#"{"name":"ann"}"#)).await.created();
    world.upload("ann", "cross", "hello").await.refused(422, "COMPONENT_REFUSED", "this is text, not a component");
    world.upload("ann", "cross", "full").await.refused(503, "HOST_FULL", "at most 1 version");
    world.upload("bob", "cross", "trader").await.refused(404, "NOT_FOUND", "no user \"bob\"");
    let typo = world.ask(Method::POST, "/strategies/cros/versions?user=ann", Some(TOKEN), "trader".into(), Some("application/wasm"));
    typo.await.refused(404, "NOT_FOUND", "no strategy \"cros\"");
    let text = world.ask(Method::POST, "/strategies?user=ann&name=x", Some(TOKEN), "trader".into(), Some("text/plain"));
    text.await.refused(415, "UNSUPPORTED_MEDIA_TYPE", "application/wasm");
    world.get("/strategies/cross/versions/abc?user=ann").await.refused(400, "INVALID_PATH", "64 hexadecimal digits");
    assert_eq!(world.get("/strategies?user=ann").await.ok()["items"], json("[]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_users_strategy_is_not_there() {
    let world = World::furnished().await;
    world.post("/users", json(r#"{"name":"bob"}"#)).await.created();
    world.get("/strategies/cross/versions?user=bob").await.refused(404, "NOT_FOUND", "bob has no strategy \"cross\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_the_checker_is_the_hosts_failure_and_names_no_secret() {
    let world = World::furnished().await;
    let problem = world.upload("ann", "cross", "panic").await.refused(500, "INTERNAL", "its log has the reason");
    assert!(!problem.to_string().contains("told to"));
    world.get("/users").await.ok();
}

/// A body of chunks of 1 MiB without end, and how many of them were asked for.
fn endless() -> (Body, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let chunks = futures::stream::repeat_with(move || {
        count.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::io::Error>(Bytes::from(vec![0; 1 << 20]))
    });
    (Body::from_stream(chunks), asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_is_too_large_is_not_read_to_its_end() {
    let world = World::furnished().await;
    let request = |length: Option<u64>, body| {
        let request = Request::post("/api/v1/strategies?user=ann&name=big").header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        let request = request.header(header::CONTENT_TYPE, "application/wasm");
        let request = length.into_iter().fold(request, |request, length| request.header(header::CONTENT_LENGTH, length));
        request.body(body).unwrap()
    };
    let (body, asked) = endless();
    world.send(request(Some(100 << 20), body)).await.refused(413, "BODY_TOO_LARGE", "24 MiB");
    assert_eq!(asked.load(Ordering::SeqCst), 0, "what announces its size is not read at all");

    let (body, asked) = endless();
    world.send(request(None, body)).await.refused(413, "BODY_TOO_LARGE", "24 MiB");
    assert!(asked.load(Ordering::SeqCst) <= 26, "what does not is read up to the limit");
}

fn upload_of(body: Body) -> Request<Body> {
    let request = Request::post("/api/v1/strategies?user=ann&name=new").header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
    request.header(header::CONTENT_TYPE, "application/wasm").body(body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_refused() {
    let world = World::furnished().await;
    let broken = futures::stream::iter([Ok(Bytes::from("tra")), Err(std::io::Error::other("cut"))]);
    world.send(upload_of(Body::from_stream(broken))).await.refused(400, "UNREADABLE_BODY", "send it again");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_uploads_at_once_than_fit_into_memory_are_sent_away() {
    let world = World::behind(DoorLimits { upload_bytes_waiting_max: 60, ..DoorLimits::default() }).await;
    world.furnish().await;
    world.post("/users", json(r#"{"name":"bob"}"#)).await.created();
    let (reading, mut begun) = tokio::sync::mpsc::unbounded_channel();
    let mut uploads = tokio::task::JoinSet::new();
    let mut first = Some(Bytes::from(vec![b't'; 40]));
    let slow = futures::stream::poll_fn(move |_| match first.take() {
        Some(bytes) => std::task::Poll::Ready(Some(Ok::<_, std::io::Error>(bytes))),
        None => {
            let _ = reading.send(());
            std::task::Poll::Pending
        }
    });
    uploads.spawn(stockade_api::router(world.state.clone()).oneshot(upload_of(Body::from_stream(slow))));
    begun.recv().await.unwrap();
    world.upload("ann", "new", "trader").await.refused(503, "BUSY", "too many uploads");
    world.upload("bob", "new", "trader").await.created();
    uploads.shutdown().await;
    world.upload("ann", "new", "trader").await.created();
}
