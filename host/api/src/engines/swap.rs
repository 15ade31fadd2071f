//! `POST /engines/{id}/swap`.

use super::other::OtherVersion;
use super::{EngineView, view};
use crate::extract::{Json, Path};
use crate::operations::{any_engine, swap_engine};
use crate::operator::Operator;
use crate::problem::Problem;
use crate::state::AppState;
use ::engine::Swapped;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// A version that has taken over.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Swap)]
pub(crate) struct SwapView {
    /// Whether it has taken over from one that works; else it is the engine's from its next start on.
    live: bool,
    /// For how long the engine's events waited, microseconds. None of them was lost.
    pause_us: Option<u64>,
    engine: EngineView,
}

/// Have another version, or other parameters, take an engine over while it works.
///
/// It is made ready beside the one that works, is handed its state, and takes over between two ticks: no tick and no event is
/// lost or handed over twice, positions and orders stay the engine's. When it refuses the state or fails, the one before goes
/// on as if nothing had been (`NOT_SWAPPED`). When it fails within its first 100 ticks or its first minute, whichever is later,
/// it is rolled back. An engine that is stopped gets the version for its next start.
///
/// Codes: `NOT_FOUND`, `NOT_SWAPPED`, `INVALID_PARAMS`, `INVALID_VALUE`, `SYMBOLS_MISMATCH`, `QUOTA_VERSIONS`, `HOST_FULL`.
#[utoipa::path(post, path = "/engines/{id}/swap", tag = "engines", operation_id = "swap_engine", request_body = OtherVersion,
    params(("id" = u32, Path, description = "The engine.")),
    responses((status = 200, description = "It has taken over.", body = SwapView)))]
pub(crate) async fn swap(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Json(other): Json<OtherVersion>,
) -> Result<axum::Json<SwapView>, Problem> {
    let record = any_engine(&state, id).await?;
    let (changes, reason) = other.taken();
    let swapped = swap_engine(&state, &record, &changes, &reason).await?;
    let pause_us = match swapped {
        Swapped::TakenOver { pause } => Some(pause.as_micros() as u64),
        Swapped::AtNextStart => None,
    };
    Ok(axum::Json(SwapView { live: pause_us.is_some(), pause_us, engine: view(&state, id).await?.0 }))
}
