//! `GET /accounts/{id}`.

use super::{AccountView, view};
use crate::extract::Path;
use crate::operations::any_account;
use crate::operator::Operator;
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;

/// An account with what it has now.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(get, path = "/accounts/{id}", tag = "accounts", operation_id = "show_account",
    params(("id" = u32, Path, description = "The account.")),
    responses((status = 200, description = "The account.", body = AccountView)))]
pub(crate) async fn show(_: Operator, State(state): State<AppState>, Path(id): Path<u32>) -> Result<Json<AccountView>, Problem> {
    let record = any_account(&state, id).await?;
    let owner = state.store.user(record.owner).await?;
    Ok(Json(view(&state, &record, &owner.name).await?))
}
