//! A version beside the one that works, over HTTP.

use crate::support::{TOKEN, World, fields, json};
use axum::body::Body;
use axum::http::Method;
use domain::ids::Digest;
use serde_json::Value;

/// Feeds until the engine's shadow, which takes the state that is saved once a minute, is in this state.
async fn until(world: &World, state: &str) -> Value {
    for _ in 0..200 {
        let shadow = world.get("/engines/1/shadow").await.ok();
        if shadow["state"] == state {
            return shadow;
        }
        world.ticks(1);
    }
    panic!("it is never {state}: {}", world.get("/engines/1/shadow").await.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_runs_beside_the_one_that_works_and_is_compared_until_it_is_told_to_end() {
    let world = World::running().await;
    world.ticks(1);
    world.get("/engines/1/shadow").await.refused(404, "NOT_FOUND", "has had no shadow since the host's start; POST");
    world.forward(1);
    // It buys once more where the other one knows that it has bought.
    world.upload("ann", "cross", "trader, forgetful").await.created();
    let shadow = world.post("/engines/1/shadow", json(r#"{"params":{"mood":"wild"},"reason":"is it better?"}"#)).await.ok();
    let digests = [Digest::of(b"trader").to_string(), Digest::of(b"trader, forgetful").to_string()];
    assert_eq!(fields(&shadow, "works version ticks decisions"), serde_json::json!([digests[0], digests[1], 0, 0]));
    world.post("/engines/1/shadow", json("{}")).await.refused(409, "NOT_NOW", "has a shadow already");

    until(&world, "following").await;
    world.ticks(5);
    let shadow = world.get("/engines/1/shadow").await.ok();
    assert_eq!(fields(&shadow, "decisions shadow_decisions same only_works only_shadow memory_bytes"), json("[0,1,0,0,1,65536]"));
    let expected = json(r#"["shadow","market buy 1 lots of EURUSD","order 1073741824"]"#);
    assert_eq!(fields(&shadow["differences"][0], "by asked answer"), expected, "{shadow}");
    let engine = world.get("/engines/1").await.ok();
    assert_eq!(fields(&engine, "state orders positions faults"), json(r#"["running",1,1,0]"#), "nothing of it has reached anybody");
    assert_eq!(engine["version"], digests[0]);

    let end = async || world.ask(Method::DELETE, "/engines/1/shadow", Some(TOKEN), Body::empty(), None).await.ok();
    let ended = end().await;
    assert_eq!(fields(&ended, "state reason only_shadow"), json(r#"["ended","ended by the operator",1]"#));
    assert_eq!(end().await, ended, "ending it twice changes nothing");
    world.post("/engines/1/stop", Value::Null).await.ok();
    world.post("/engines/1/shadow", json("{}")).await.refused(409, "NOT_NOW", "is stopped; a version runs beside one that is running");
    world.post("/engines/1/shadow", json(r#"{"version":"00000000"}"#)).await.refused(404, "NOT_FOUND", "no version 00000000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_that_fails_is_named_and_the_engine_goes_on() {
    let world = World::running().await;
    world.forward(1);
    world.upload("ann", "cross", "trapper two").await.created();
    world.post("/engines/1/shadow", json("{}")).await.ok();
    let ended = until(&world, "ended").await;
    assert_eq!(ended["reason"], "it failed: trapped: unreachable, in on_tick");
    assert_eq!(fields(&world.get("/engines/1").await.ok(), "state faults"), json(r#"["running",0]"#));
}
