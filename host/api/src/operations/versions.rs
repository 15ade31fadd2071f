//! Taking components in.

use super::audit;
use super::quotas::{room_for_code, room_for_upload};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use axum::body::Bytes;
use domain::ids::Digest;
use domain::params::check_description;
use store::{StrategyRecord, Upload, UserRecord, VersionRecord};

/// Checks a component and keeps it as a version of one of the user's strategies, which is made when it is new. The same
/// component again is the latest version from then on.
///
/// # Errors
/// The component is refused, with nothing kept of it; or the strategy's name is invalid; or the component has another
/// name than the strategy's latest version, unless it is `forced`.
pub async fn upload(
    state: &AppState,
    owner: &UserRecord,
    strategy: &str,
    component: Bytes,
    forced: bool,
) -> Result<(StrategyRecord, VersionRecord), Problem> {
    let is_new = !has(state, owner, strategy, &component).await?;
    if is_new {
        room_for_upload(state, owner.id, component.len() as u64).await?;
        // Before the work of compiling: its machine code has at least a byte.
        room_for_code(state, owner.id, 1).await?;
    }
    let bytes = component.clone();
    let checked = state.compile(Some(owner.id), move |versions, given_up| versions.check(&bytes, given_up)).await?;
    check_description(&checked.description).map_err(|why| Problem::new(Code::ComponentRefused, why))?;
    if is_new {
        room_for_code(state, owner.id, checked.report.compiled_bytes).await?;
    }
    if !forced && let Some(found) = state.store.find_strategy(owner.id, strategy).await? {
        goes_on_for(state, &found, &checked.description.name).await?;
    }
    let (description, report) = (&checked.description, &serde_json::to_value(&checked.report).map_err(Problem::internal)?);
    let upload = Upload { component: &component, description, report };
    let (strategy, kept) = state.store.upload(owner.id, strategy, upload, state.clock.now()).await?;
    let detail = serde_json::json!({ "owner": owner.name, "strategy": strategy.name, "size_bytes": kept.size_bytes });
    audit(state, "version.upload", format!("version {}", kept.digest), detail).await;
    Ok((strategy, kept))
}

/// Whether a component of this name goes on for a strategy: one of another name is another strategy, uploaded by mistake, and a swap
/// would hand it the positions of this one.
async fn goes_on_for(state: &AppState, strategy: &StrategyRecord, name: &str) -> Result<(), Problem> {
    let versions = state.store.versions(strategy.owner, strategy.id).await?;
    match versions.iter().next_back().map(|latest| &latest.description.name) {
        Some(latest) if latest != name => {
            let of = &strategy.name;
            let detail = format!(
                "the component calls itself {name:?}, and the latest version of {of} calls itself {latest:?}: upload it under a name of its \
                 own, or force it if it is to go on for {of} (`stockade strategy upload --force`, or force=true)"
            );
            Err(Problem::new(Code::AnotherStrategy, detail))
        }
        _ => Ok(()),
    }
}

/// Whether a strategy has this version already.
async fn has(state: &AppState, owner: &UserRecord, strategy: &str, component: &[u8]) -> Result<bool, Problem> {
    let Some(found) = state.store.find_strategy(owner.id, strategy).await? else { return Ok(false) };
    Ok(state.store.version(owner.id, found.id, Digest::of(component)).await.is_ok())
}
