//! `POST /strategies/{name}/versions`.

use super::upload::take;
use super::{VersionView, strategy_named};
use crate::extract::{Path, Query};
use crate::operator::Operator;
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

/// Whose, and whether it is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionQuery {
    /// Whose, by name.
    user: String,
    /// Take it although it calls itself otherwise than the strategy's latest version does.
    #[serde(default)]
    force: bool,
}

/// Upload a component as a further version of a strategy that is there.
///
/// As `POST /strategies`, but a mistyped name is refused instead of becoming a new strategy.
///
/// Codes: `NOT_FOUND` user or strategy, `COMPONENT_REFUSED`, `ANOTHER_STRATEGY`, `BODY_TOO_LARGE`, `UNSUPPORTED_MEDIA_TYPE`, `QUOTA_UPLOADS`, `QUOTA_COMPILED`, `HOST_FULL`, `BUSY`.
#[utoipa::path(post, path = "/strategies/{name}/versions", tag = "strategies", operation_id = "upload_version",
    params(("name" = String, Path, description = "The strategy."), VersionQuery),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component's bytes."),
    responses((status = 201, description = "The version is kept.", body = VersionView)))]
pub(crate) async fn upload_version(
    _: Operator,
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(query): Query<VersionQuery>,
    request: Request,
) -> Result<(StatusCode, Json<VersionView>), Problem> {
    let strategy = strategy_named(&state, &query.user, &name).await?;
    take(&state, (&query.user, &strategy.name), query.force, request).await
}
