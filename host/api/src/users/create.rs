//! `POST /users`.

use super::UserView;
use crate::extract::Json;
use crate::operations;
use crate::operator::Operator;
use crate::problem::Problem;
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

/// A user to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUser)]
pub(crate) struct Body {
    /// 1 to 64 bytes: letters and digits of one alphabet and `.` `_` `-` `@` `+`, the first a letter or digit. Unique on the host, without
    /// regard to case.
    name: String,
}

/// Add a user.
///
/// Codes: `ALREADY_EXISTS`, `INVALID_VALUE`.
#[utoipa::path(post, path = "/users", tag = "users", operation_id = "create_user", request_body = Body,
    responses((status = 201, description = "The user was added.", body = UserView)))]
pub(crate) async fn create(
    _: Operator,
    State(state): State<AppState>,
    Json(body): Json<Body>,
) -> Result<(StatusCode, axum::Json<UserView>), Problem> {
    let user = operations::create_user(&state, &body.name).await?;
    Ok((StatusCode::CREATED, axum::Json(UserView::new(&user))))
}
