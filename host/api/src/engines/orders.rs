//! `GET /engines/{id}/orders`.

use crate::extract::{Path, Query};
use crate::operations::any_engine;
use crate::operator::Operator;
use crate::orders::{OrderView, page};
use crate::page::{Items, PageQuery};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;

/// An engine's orders, latest first.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(get, path = "/engines/{id}/orders", tag = "engines", operation_id = "engine_orders",
    params(("id" = u32, Path, description = "The engine."), PageQuery),
    responses((status = 200, description = "A page of orders.", body = Items<OrderView>)))]
pub(crate) async fn orders(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Items<OrderView>>, Problem> {
    let engine = any_engine(&state, id).await?;
    Ok(Json(page(&state, engine.owner, Some(engine.id), query.page()).await?))
}
