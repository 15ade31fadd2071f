//! `GET /users`.

use super::UserView;
use crate::extract::Query;
use crate::operator::Operator;
use crate::page::{Items, PageQuery};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;

/// All users, in order of id.
#[utoipa::path(get, path = "/users", tag = "users", operation_id = "list_users", params(PageQuery),
    responses((status = 200, description = "A page of them.", body = Items<UserView>)))]
pub(crate) async fn list(
    _: Operator,
    State(state): State<AppState>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Items<UserView>>, Problem> {
    let rows = state.store.every_user(query.page()).await?;
    Ok(Json(Items::page(&rows, query.page(), UserView::new)))
}
