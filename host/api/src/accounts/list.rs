//! `GET /accounts`.

use super::{AccountView, view};
use crate::extract::Query;
use crate::operations::user_named;
use crate::operator::Operator;
use crate::page::{Items, UserPageQuery, next};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;

/// A user's accounts, in order of id.
///
/// Codes: `NOT_FOUND` user.
#[utoipa::path(get, path = "/accounts", tag = "accounts", operation_id = "list_accounts", params(UserPageQuery),
    responses((status = 200, description = "A page of them.", body = Items<AccountView>)))]
pub(crate) async fn list(
    _: Operator,
    State(state): State<AppState>,
    Query(query): Query<UserPageQuery>,
) -> Result<Json<Items<AccountView>>, Problem> {
    let owner = user_named(&state, &query.user).await?;
    let rows = state.store.accounts(owner.id, query.page()).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(view(&state, row, &owner.name).await?);
    }
    Ok(Json(Items { items, next: next(&rows, query.page(), |account| i64::from(account.id.0)) }))
}
