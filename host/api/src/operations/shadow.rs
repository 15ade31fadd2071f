//! A version beside the one that works.

use super::change::{Changes, all_told, next_setup};
use super::in_turn::in_turn;
use super::{any_engine, audit};
use crate::problem::Problem;
use crate::state::AppState;
use domain::ids::EngineId;
use engine::ShadowReport;
use store::EngineRecord;

/// Has another version of an engine's strategy, or the same with other parameters, run beside the one that works, with orders
/// that reach nobody. When no version is named, the one uploaded last.
///
/// # Errors
/// Names what is wrong; then nothing has changed. `NOT_NOW` when the engine is not running or has a shadow.
pub async fn shadow_engine(state: &AppState, record: &EngineRecord, changes: &Changes, reason: &str) -> Result<(), Problem> {
    let (own, id, changes, reason) = (state.clone(), record.id, changes.clone(), reason.to_owned());
    in_turn(state, id, async move { shadow_in_turn(&own, id, &changes, &reason).await }).await
}

async fn shadow_in_turn(state: &AppState, id: EngineId, changes: &Changes, reason: &str) -> Result<(), Problem> {
    all_told(state).await?;
    let record = &any_engine(state, id.0).await?;
    let (_, setup) = next_setup(state, record, changes).await?;
    let (version, why) = (setup.version, reason.to_owned());
    state.ask(move |host| host.shadow(setup, &why)).await??;
    let detail = serde_json::json!({ "works": record.version.to_string(), "version": version.to_string(), "reason": reason });
    audit(state, "engine.shadow", format!("engine {}", record.id), detail).await;
    Ok(())
}

/// Ends it. Without one, nothing changes.
///
/// # Errors
/// The host does not have the engine, or does not answer.
pub async fn end_shadow(state: &AppState, record: &EngineRecord, reason: &str) -> Result<(), Problem> {
    let (own, record, reason) = (state.clone(), record.clone(), reason.to_owned());
    in_turn(state, record.id, async move { end_shadow_in_turn(&own, &record, &reason).await }).await
}

async fn end_shadow_in_turn(state: &AppState, record: &EngineRecord, reason: &str) -> Result<(), Problem> {
    let (id, why) = (record.id, reason.to_owned());
    state.ask(move |host| host.end_shadow(id, &why)).await??;
    audit(state, "engine.shadow-end", format!("engine {id}"), serde_json::json!({ "reason": reason })).await;
    Ok(())
}

/// The shadow run that an engine has, or had last since the host's start.
pub fn shadow_of(state: &AppState, record: &EngineRecord) -> Option<ShadowReport> {
    state.host.shadow_of(record.id)
}
