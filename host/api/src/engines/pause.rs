//! `POST /engines/{id}/pause`.

use super::{EngineView, ReasonQuery, command};
use crate::extract::{Path, Query};
use crate::operator::Operator;
use crate::problem::Problem;
use crate::state::AppState;
use ::engine::EngineCommand;
use axum::Json;
use axum::extract::State;

/// Hand an engine no ticks, and let it open nothing.
///
/// What becomes of its orders it still hears. Repeating changes nothing.
///
/// Codes: `NOT_FOUND`, `NOT_NOW`.
#[utoipa::path(post, path = "/engines/{id}/pause", tag = "engines", operation_id = "pause_engine",
    params(("id" = u32, Path, description = "The engine."), ReasonQuery),
    responses((status = 200, description = "The engine as it is now.", body = EngineView)))]
pub(crate) async fn pause(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Query(why): Query<ReasonQuery>,
) -> Result<Json<EngineView>, Problem> {
    command(&state, id, EngineCommand::Pause, &why).await
}
