//! `POST /engines/{id}/resume`.

use super::{EngineView, ReasonQuery, command};
use crate::extract::{Path, Query};
use crate::operator::Operator;
use crate::problem::Problem;
use crate::state::AppState;
use ::engine::EngineCommand;
use axum::Json;
use axum::extract::State;

/// Let a paused engine go on.
///
/// Repeating changes nothing.
///
/// Codes: `NOT_FOUND`, `NOT_NOW`.
#[utoipa::path(post, path = "/engines/{id}/resume", tag = "engines", operation_id = "resume_engine",
    params(("id" = u32, Path, description = "The engine."), ReasonQuery),
    responses((status = 200, description = "The engine as it is now.", body = EngineView)))]
pub(crate) async fn resume(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Query(why): Query<ReasonQuery>,
) -> Result<Json<EngineView>, Problem> {
    command(&state, id, EngineCommand::Resume, &why).await
}
