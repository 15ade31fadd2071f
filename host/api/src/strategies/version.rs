//! `GET /strategies/{name}/versions/{digest}`.

use super::{VersionView, strategy_named};
use crate::extract::{Path, Query};
use crate::operator::Operator;
use crate::page::UserQuery;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use domain::ids::Digest;

/// One version: what it says of itself and what the checks found.
///
/// Codes: `NOT_FOUND` user, strategy or version; `INVALID_PATH`.
#[utoipa::path(get, path = "/strategies/{name}/versions/{digest}", tag = "strategies", operation_id = "show_version",
    params(("name" = String, Path, description = "The strategy."), ("digest" = String, Path, description = "SHA-256 of the component."), UserQuery),
    responses((status = 200, description = "The version.", body = VersionView)))]
pub(crate) async fn version(
    _: Operator,
    State(state): State<AppState>,
    Path((name, digest)): Path<(String, String)>,
    Query(query): Query<UserQuery>,
) -> Result<Json<VersionView>, Problem> {
    let digest: Digest = digest.parse().map_err(|why: String| Problem::new(Code::InvalidPath, why))?;
    let strategy = strategy_named(&state, &query.user, &name).await?;
    let version = state.store.version(strategy.owner, strategy.id, digest).await?;
    Ok(Json(VersionView::new(&strategy.name, &version)?))
}
