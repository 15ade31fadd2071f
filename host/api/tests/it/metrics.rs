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
    let (engine, totals) = (world.host.engine(domain::ids::EngineId(1)).unwrap(), world.host.snapshot().totals);
    assert!(engine.fuel_today > 0 && engine.memory_bytes > 0 && totals.group_commits > 0 && totals.reports > 0);
    for (name, value) in [
        ("engine_fuel", engine.fuel_total),
        ("engine_fuel_today", engine.fuel_today),
        ("engine_log_bytes", engine.log_bytes),
        ("engine_calls", engine.calls),
        ("guest_memory_bytes", engine.memory_bytes),
        ("group_commits_total", totals.group_commits),
        ("reports_total", totals.reports),
        ("accounts", 1),
        ("trading_state", 0),
    ] {
        assert_eq!(values[format!("stockade_{name}").as_str()], value.to_string(), "{name}");
    }
    for nothing in [
        "engine_ticks_throttled",
        "engine_faults",
        "engine_denied",
        "commands_unrecorded_total",
        "contradictions_total",
        "lines_refused_total",
        "commands_waiting",
        "ticks_refused_total",
        "ticks_merged_total",
        "ticks_by_columns_total",
        "feed_stalls_total",
        "feed_stalled_microseconds_total",
        "views_dropped_total",
        "panics_total",
        "shard_ticks_waiting{shard=\"0\"}",
    ] {
        assert_eq!(values[format!("stockade_{nothing}").as_str()], "0", "{nothing}");
    }
    assert_eq!((values["stockade_decision_seconds_count"], values["stockade_decision_seconds_bucket{le=\"+Inf\"}"]), ("2", "2"));
    assert_eq!(values["stockade_feed_late_seconds_count"], "1");
    let late = values.iter().filter(|(name, count)| name.starts_with("stockade_feed_late_seconds_bucket") && **count == "1");
    let bounds = late.filter_map(|(name, _)| name.split('"').nth(1)?.parse::<f64>().ok());
    let least = bounds.fold(f64::INFINITY, f64::min);
    assert!((0.3..0.6).contains(&least), "{least}");
    let symbols: Vec<_> = values.iter().filter(|(name, _)| name.starts_with("stockade_symbol_ticks{symbol=")).collect();
    assert!(symbols.iter().any(|(_, ticks)| **ticks == "2"), "{symbols:?}");
    assert!(text.ends_with("# EOF\n"));
    let known = ["state", "shard", "symbol", "le"];
    let labels = values.keys().filter_map(|name| name.split_once('{')).filter_map(|(_, labels)| labels.split_once('='));
    assert!(labels.clone().count() > 8 && labels.clone().all(|(label, _)| known.contains(&label)), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_operator_reads_them() {
    let world = World::new().await;
    assert_eq!(read(&world, "wrong").await.0, 401);
}
