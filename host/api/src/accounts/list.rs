//! `GET /accounts`.

use super::{AccountView, view};
use crate::extract::Query;
use crate::operations::user_named;
use crate::operator::Operator;
use crate::page::{DamagedRow, Items, UserPageQuery};
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
    let (mut items, mut damaged) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in &rows {
        match view(&state, row, &owner.name).await {
            Ok(view) => items.push(view),
            // What it has can't be read; the others' can.
            Err(problem) => damaged.push(DamagedRow::new(format!("account {} ({})", row.id, row.name), problem)),
        }
    }
    let mut page = Items::shown(&rows, query.page(), items);
    page.damaged.append(&mut damaged);
    Ok(Json(page))
}
