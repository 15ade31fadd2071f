//! `POST /engines/{id}/stop`.

use super::{EngineView, ReasonQuery, command};
use crate::extract::{Path, Query};
use crate::operator::Operator;
use crate::problem::Problem;
use crate::state::AppState;
use ::engine::EngineCommand;
use axum::Json;
use axum::extract::State;
use domain::contract::StopReason;
/// Stop an engine, now and for the host's next starts.
///
/// Its state is saved; its orders and positions stay as they are. Repeating changes nothing.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(post, path = "/engines/{id}/stop", tag = "engines", operation_id = "stop_engine",
    params(("id" = u32, Path, description = "The engine."), ReasonQuery),
    responses((status = 200, description = "The engine as it is now.", body = EngineView)))]
pub(crate) async fn stop(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Query(why): Query<ReasonQuery>,
) -> Result<Json<EngineView>, Problem> {
    command(&state, id, EngineCommand::Stop(StopReason::ByOperator), &why).await
}
