//! What Prometheus reads.

use crate::support::{TOKEN, World};
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use std::collections::BTreeMap;

async fn read(world: &World, token: &str) -> (u16, String) {
    let request = Request::get("/metrics").header(header::AUTHORIZATION, format!("Bearer {token}"));
    let response = world.response(request.body(Body::empty()).unwrap()).await;
    let status = response.status().as_u16();
    (status, String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_counts_are_there_and_name_nobody() {
    let world = World::running().await;
    world.ticks(2);
    let (status, text) = read(&world, TOKEN).await;
    assert_eq!(status, 200, "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    let values: BTreeMap<&str, &str> = lines.collect();
    assert_eq!(values["stockade_ticks_total"], "2");
    assert_eq!(values["stockade_engines{state=\"running\"}"], "1");
    assert_eq!(values["stockade_engines{state=\"quarantined\"}"], "0");
    assert_eq!(values["stockade_engine_ticks"], "2");
    assert_eq!(values["stockade_commands_recorded_total"], "1");
    assert_eq!((values["stockade_decision_seconds_count"], values["stockade_decision_seconds_bucket{le=\"+Inf\"}"]), ("2", "2"));
    assert!(text.ends_with("# EOF\n"));
    let known = ["state", "shard", "le"];
    let labels = values.keys().filter_map(|name| name.split_once('{')).filter_map(|(_, labels)| labels.split_once('='));
    assert!(labels.clone().count() > 8 && labels.clone().all(|(label, _)| known.contains(&label)), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_operator_reads_them() {
    let world = World::new().await;
    assert_eq!(read(&world, "wrong").await.0, 401);
}
