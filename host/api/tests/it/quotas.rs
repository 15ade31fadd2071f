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
    // Somebody else has their own quotas.
    world.post("/users", json(r#"{"name":"bob"}"#)).await.created();
    world.upload("bob", "cross", "trader as it may b").await.created();
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_versions_of_a_user_run_at_once_by_a_start_a_swap_or_in_a_shadow() {
    let world = World::with(Quotas { versions_max: 1, ..Quotas::default() }).await;
    world.furnish().await;
    let add = async |user: &str, name: &str| {
        let body = format!(r#"{{"name":"{name}","account":"paper","strategy":"cross","symbols":["EURUSD"]}}"#);
        world.post(&format!("/engines?user={user}"), json(&body)).await.created();
    };
    add("ann", "one").await;
    add("ann", "two").await;
    world.forward(1);
    world.upload("ann", "cross", "trader as it").await.created();
    add("ann", "three").await;
    // Engines of one version are as many as their owner wants.
    for engine in [1, 2] {
        world.post(&format!("/engines/{engine}/start"), Value::Null).await.ok();
    }
    world.settle();
    let full = "user 1's engines run 1 different versions and may run 1 (quotas.versions_max): stop all engines of one, or raise it";
    world.post("/engines/3/start", Value::Null).await.refused(403, "QUOTA_VERSIONS", full);
    world.post("/engines/1/swap", json("{}")).await.refused(403, "QUOTA_VERSIONS", full);
    world.post("/engines/1/shadow", json("{}")).await.refused(403, "QUOTA_VERSIONS", full);
    let usage = world.get("/users/usage?user=ann").await.ok();
    assert_eq!(fields(&usage, "versions versions_running"), json("[2,1]"), "{usage}");
    assert_eq!(usage["quotas"]["versions_max"], 1);

    // Somebody else has their own quota.
    world.post("/users", json(r#"{"name":"bob"}"#)).await.created();
    world.post("/accounts?user=bob", json(r#"{"name":"paper"}"#)).await.created();
    world.upload("bob", "cross", "trader as it").await.created();
    add("bob", "one").await;
    world.post("/engines/4/start", Value::Null).await.ok();

    world.post("/engines/2/stop", Value::Null).await.ok();
    world.post("/engines/3/start", Value::Null).await.refused(403, "QUOTA_VERSIONS", full);
    world.post("/engines/1/stop", Value::Null).await.ok();
    // An engine that is stopped is another from its next start on.
    world.post("/engines/1/swap", json("{}")).await.ok();
    for engine in [1, 3] {
        world.post(&format!("/engines/{engine}/start"), Value::Null).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_whose_version_had_to_make_room_while_it_was_stopped_starts_as_ever() {
    let world = World::running().await;
    world.post("/engines/1/stop", Value::Null).await.ok();
    world.post("/users", json(r#"{"name":"bob"}"#)).await.created();
    world.upload("bob", "large", "trader that takes all room").await.created();
    world.post("/engines/1/start", Value::Null).await.ok();
    world.settle();
    let engine = world.get("/engines/1").await.ok();
    assert_eq!(fields(&engine, "state faults"), json(r#"["running",0]"#), "{engine}");
}

#[tokio::test(flavor = "multi_thread")]
async fn machine_code_counts_to_who_uploads_it() {
    let world = World::with(Quotas { compiled_bytes_max: 200, ..Quotas::default() }).await;
    world.furnish().await;
    let usage = world.get("/users/usage?user=ann").await.ok();
    assert_eq!((&usage["compiled_bytes"], &usage["quotas"]["compiled_bytes_max"]), (&60.into(), &200.into()));
    let full = "user 1's versions have 60 bytes of machine code, this one has 180, and all may have 200 (quotas.compiled_bytes_max)";
    world.upload("ann", "cross", "trader as it may b").await.refused(403, "QUOTA_COMPILED", full);
    assert_eq!(world.get("/users/usage?user=ann").await.ok()["versions"], 1, "nothing is kept of it");
    world.upload("ann", "cross", "trader").await.created();
    world.upload("ann", "cross", "trader as it").await.created();
    assert_eq!(world.get("/users/usage?user=ann").await.ok()["compiled_bytes"], 180);
}
