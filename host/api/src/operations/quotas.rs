//! What a user may have: asked before more is taken.

use crate::problem::{Code, Problem};
use crate::state::AppState;
use domain::ids::{Digest, UserId};
pub(crate) use store::Holdings;

/// What the store keeps for a user.
///
/// # Errors
/// The database can't be read.
pub(crate) async fn held_by(state: &AppState, user: UserId) -> Result<Holdings, Problem> {
    Ok(state.store.held_by(user).await?)
}

/// Room for one more engine.
///
/// # Errors
/// `QUOTA_ENGINES`.
pub(super) async fn room_for_engine(state: &AppState, user: UserId) -> Result<(), Problem> {
    let max = u64::from(state.host.quotas().engines_max);
    let engines = held_by(state, user).await?.engines;
    if max > 0 && engines >= max {
        let detail = format!("user {user} has {engines} engines and may have {max} (quotas.engines_max): remove one, or raise it");
        return Err(Problem::new(Code::QuotaEngines, detail));
    }
    Ok(())
}

/// Room for one more component of this size, bytes.
///
/// # Errors
/// `QUOTA_UPLOADS`.
pub(super) async fn room_for_upload(state: &AppState, user: UserId, more: u64) -> Result<(), Problem> {
    let max = state.host.quotas().upload_bytes_max;
    let bytes = held_by(state, user).await?.upload_bytes;
    if max > 0 && bytes.saturating_add(more) > max {
        let detail = format!(
            "user {user} has uploaded {bytes} bytes, this component has {more}, and all may have {max} (quotas.upload_bytes_max): upload a \
             smaller one, or raise it"
        );
        return Err(Problem::new(Code::QuotaUploads, detail));
    }
    Ok(())
}

/// Room for one more version with this much machine code, bytes.
///
/// # Errors
/// `QUOTA_COMPILED`.
pub(super) async fn room_for_code(state: &AppState, user: UserId, more: u64) -> Result<(), Problem> {
    let max = state.host.quotas().compiled_bytes_max;
    let bytes = held_by(state, user).await?.compiled_bytes;
    if max > 0 && bytes.saturating_add(more) > max {
        let detail = format!(
            "user {user}'s versions have {bytes} bytes of machine code, this one has {more}, and all may have {max} \
             (quotas.compiled_bytes_max): upload a smaller one, or raise it"
        );
        return Err(Problem::new(Code::QuotaCompiled, detail));
    }
    Ok(())
}

/// Room for a version to run, unless one of the user's engines runs it already.
///
/// # Errors
/// `QUOTA_VERSIONS`.
pub(super) async fn room_for_version(state: &AppState, user: UserId, version: Digest) -> Result<(), Problem> {
    let max = state.host.quotas().versions_max as usize;
    let running = state.ask(move |host| host.versions_running(user)).await?;
    if max > 0 && running.len() >= max && !running.contains(&version) {
        let detail = format!(
            "user {user}'s engines run {} different versions and may run {max} (quotas.versions_max): stop all engines of one, or raise it",
            running.len()
        );
        return Err(Problem::new(Code::QuotaVersions, detail));
    }
    Ok(())
}

/// Room for the memory of one more guest.
///
/// # Errors
/// `QUOTA_MEMORY`.
pub(super) async fn room_for_guest(state: &AppState, user: UserId) -> Result<(), Problem> {
    let max = state.host.quotas().memory_bytes_max;
    let bytes = state.ask(move |host| host.usage(user).memory_bytes).await?;
    if max > 0 && bytes >= max {
        let detail = format!("user {user}'s engines use {bytes} bytes and may use {max} (quotas.memory_bytes_max): stop one, or raise it");
        return Err(Problem::new(Code::QuotaMemory, detail));
    }
    Ok(())
}
