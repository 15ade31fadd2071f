//! `POST /strategies`.

use super::VersionView;
use crate::extract::{Component, Query};
use crate::operations::{self, user_named};
use crate::operator::Operator;
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

/// Whose, and under which name.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UploadQuery {
    /// Whose, by name.
    user: String,
    /// Name of the strategy; made when the user has none of that name.
    name: String,
    /// Take it although it calls itself otherwise than the strategy's latest version does.
    #[serde(default)]
    force: bool,
}

/// Upload a component as a version of a strategy, which is made when it is new.
///
/// The component is checked, compiled and asked what it is before anything is kept; at most 24 MiB. The same component again
/// is the latest version from then on. Takes half a minute when the component brings an interpreter along.
///
/// Codes: `NOT_FOUND` user, `COMPONENT_REFUSED`, `ANOTHER_STRATEGY`, `BODY_TOO_LARGE`, `UNSUPPORTED_MEDIA_TYPE`, `INVALID_VALUE` name, `QUOTA_UPLOADS`, `QUOTA_COMPILED`, `HOST_FULL`, `BUSY`.
#[utoipa::path(post, path = "/strategies", tag = "strategies", operation_id = "upload_strategy", params(UploadQuery),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component's bytes."),
    responses((status = 201, description = "The version is kept.", body = VersionView)))]
pub(crate) async fn upload(
    _: Operator,
    State(state): State<AppState>,
    Query(query): Query<UploadQuery>,
    request: Request,
) -> Result<(StatusCode, Json<VersionView>), Problem> {
    take(&state, (&query.user, &query.name), query.force, request).await
}

/// Takes the component of a request in.
pub(super) async fn take(
    state: &AppState,
    (user, strategy): (&str, &str),
    forced: bool,
    request: Request,
) -> Result<(StatusCode, Json<VersionView>), Problem> {
    let owner = user_named(state, user).await?;
    let Component { bytes, place } = Component::from_request(request, state).await?;
    let (strategy, version) = operations::upload(state, &owner, strategy, bytes, forced).await?;
    drop(place);
    Ok((StatusCode::CREATED, Json(VersionView::new(&strategy.name, &version)?)))
}
