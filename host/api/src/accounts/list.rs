//! `GET /accounts`.

use super::{AccountView, view};
use crate::extract::Query;
use crate::operations::user_named;
use crate::operator::Operator;
use crate::page::{DamagedRow, Items, Limit, usual_limit};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use utoipa::IntoParams;

/// Which accounts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountsQuery {
    /// Only this user's, by name.
    user: Option<String>,
    /// What the page before gave as `next`; without it the list starts.
    after: Option<i64>,
    /// Rows at most, 1 to 1000.
    #[serde(default = "usual_limit")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
}

/// All accounts, or a user's, in order of id.
///
/// Codes: `NOT_FOUND` user.
#[utoipa::path(get, path = "/accounts", tag = "accounts", operation_id = "list_accounts", params(AccountsQuery),
    responses((status = 200, description = "A page of them.", body = Items<AccountView>)))]
pub(crate) async fn list(
    _: Operator,
    State(state): State<AppState>,
    Query(query): Query<AccountsQuery>,
) -> Result<Json<Items<AccountView>>, Problem> {
    let page = query.limit.beyond(query.after);
    let rows = match &query.user {
        Some(user) => state.store.accounts(user_named(&state, user).await?.id, page).await?,
        None => state.store.every_account(page).await?,
    };
    let (mut items, mut damaged, mut owners) = (Vec::with_capacity(rows.len()), Vec::new(), BTreeMap::new());
    for row in &rows {
        let owner = match owners.entry(row.owner) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(state.store.user(row.owner).await?.name),
        };
        match view(&state, row, owner).await {
            Ok(view) => items.push(view),
            // What it has can't be read; the others' can.
            Err(problem) => damaged.push(DamagedRow::new(format!("account {} ({})", row.id, row.name), problem)),
        }
    }
    let mut page = Items::shown(&rows, page, items);
    page.damaged.append(&mut damaged);
    Ok(Json(page))
}
