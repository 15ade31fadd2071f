//! `GET /engines/{id}`.

use super::{EngineView, view};
use crate::extract::Path;
use crate::operator::Operator;
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;

/// An engine as it stands now.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(get, path = "/engines/{id}", tag = "engines", operation_id = "show_engine",
    params(("id" = u32, Path, description = "The engine.")),
    responses((status = 200, description = "The engine.", body = EngineView)))]
pub(crate) async fn show(_: Operator, State(state): State<AppState>, Path(id): Path<u32>) -> Result<Json<EngineView>, Problem> {
    view(&state, id).await
}
