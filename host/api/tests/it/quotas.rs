//! What a user may have.

use crate::support::{World, fields, json};
use domain::limits::Quotas;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_uses_is_shown_beside_what_any_may() {
    let world = World::running().await;
    world.ticks(3);
    let usage = world.get("/users/usage?user=ann").await.ok();
    let expected = json(r#"["ann",1,1,1,1,6,65536,0]"#);
    assert_eq!(fields(&usage, "user id engines engines_running versions upload_bytes memory_bytes ticks_throttled"), expected, "{usage}");
    assert!(usage["fuel_today"].as_u64().unwrap() > 0 && usage["log_bytes_today"].as_u64().unwrap() > 0, "{usage}");
    assert_eq!(usage["quotas"]["engines_max"], Quotas::default().engines_max);
    let engine = world.get("/engines/1").await.ok();
    assert_eq!(fields(&engine, "fuel_today log_bytes"), fields(&usage, "fuel_today log_bytes_today"), "it is the only one");
    world.get("/users/usage?user=bob").await.refused(404, "NOT_FOUND", "no user \"bob\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_used_up_is_named_with_its_value_and_the_way_out() {
    let quotas = Quotas { engines_max: 2, upload_bytes_max: 20, memory_bytes_max: 65_536, ..Quotas::default() };
    let world = World::with(quotas).await;
    world.furnish().await;
    let add = async |name: &str| {
        let body = format!(r#"{{"name":"{name}","account":"paper","strategy":"cross","symbols":["EURUSD"]}}"#);
        world.post("/engines?user=ann", json(&body)).await
    };
    add("one").await.created();
    add("two").await.created();
    let refused = "user 1 has 2 engines and may have 2 (quotas.engines_max): remove one, or raise it";
    add("three").await.refused(403, "QUOTA_ENGINES", refused);

    world.post("/engines/1/start", Value::Null).await.ok();
    world.settle();
    world.post("/engines/2/start", Value::Null).await.refused(
        403,
        "QUOTA_MEMORY",
        "65536 bytes and may use 65536 (quotas.memory_bytes_max)",
    );
    world.post("/engines/1/start", Value::Null).await.ok();
    world.post("/engines/1/stop", Value::Null).await.ok();
    world.post("/engines/2/start", Value::Null).await.ok();

    let full = "has uploaded 6 bytes, this component has 18, and all may have 20 (quotas.upload_bytes_max)";
    world.upload("ann", "cross", "trader as it may b").await.refused(403, "QUOTA_UPLOADS", full);
    world.upload("ann", "cross", "trader as it").await.created();
    world.upload("ann", "cross", "trader").await.created();
    // Somebody else has quotas of his own.
    world.post("/users", json(r#"{"name":"bob"}"#)).await.created();
    world.upload("bob", "cross", "trader as it may b").await.created();
}
