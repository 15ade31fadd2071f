//! `POST /strategies/{name}/versions`.

use super::upload::take;
use super::{VersionView, strategy_named};
use crate::extract::{Path, Query};
use crate::operator::Operator;
use crate::page::UserQuery;
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;

/// Upload a component as a further version of a strategy that is there.
///
/// As `POST /strategies`, but a mistyped name is refused instead of becoming a new strategy.
///
/// Codes: `NOT_FOUND` user or strategy, `COMPONENT_REFUSED`, `BODY_TOO_LARGE`, `UNSUPPORTED_MEDIA_TYPE`, `QUOTA_UPLOADS`, `QUOTA_COMPILED`, `HOST_FULL`, `BUSY`.
#[utoipa::path(post, path = "/strategies/{name}/versions", tag = "strategies", operation_id = "upload_version",
    params(("name" = String, Path, description = "The strategy."), UserQuery),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component's bytes."),
    responses((status = 201, description = "The version is kept.", body = VersionView)))]
pub(crate) async fn upload_version(
    _: Operator,
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(query): Query<UserQuery>,
    request: Request,
) -> Result<(StatusCode, Json<VersionView>), Problem> {
    let strategy = strategy_named(&state, &query.user, &name).await?;
    take(&state, &query.user, &strategy.name, request).await
}
