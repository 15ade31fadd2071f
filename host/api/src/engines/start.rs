//! `POST /engines/{id}/start`.

use super::{EngineView, ReasonQuery, command};
use crate::extract::{Path, Query};
use crate::operator::Operator;
use crate::problem::Problem;
use crate::state::AppState;
use ::engine::EngineCommand;
use axum::Json;
use axum::extract::State;

/// Let an engine run, now and whenever the host starts.
///
/// A quarantined one is given another chance. Repeating changes nothing.
///
/// Codes: `NOT_FOUND`, `ACCOUNT_NOT_OPEN`, `UNKNOWN_SYMBOL`, `QUOTA_MEMORY`, `QUOTA_VERSIONS`, `HOST_FULL`.
#[utoipa::path(post, path = "/engines/{id}/start", tag = "engines", operation_id = "start_engine",
    params(("id" = u32, Path, description = "The engine."), ReasonQuery),
    responses((status = 200, description = "The engine as it is now.", body = EngineView)))]
pub(crate) async fn start(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Query(why): Query<ReasonQuery>,
) -> Result<Json<EngineView>, Problem> {
    command(&state, id, EngineCommand::Start, &why).await
}
