//! `GET /accounts/{id}/orders`, `/deals` and `/positions`: what was traded on an account, whichever engine did so.

use crate::engines::deals::{self, DealView};
use crate::engines::positions::{self, PositionView, PositionsQuery};
use crate::extract::{Path, Query};
use crate::operations::any_account;
use crate::operator::Operator;
use crate::orders::{self, OrderView};
use crate::page::{Items, PageQuery};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;

/// An account's orders, latest first.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(get, path = "/accounts/{id}/orders", tag = "accounts", operation_id = "account_orders",
    params(("id" = u32, Path, description = "The account."), PageQuery),
    responses((status = 200, description = "A page of orders.", body = Items<OrderView>)))]
pub(crate) async fn orders(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Items<OrderView>>, Problem> {
    let account = any_account(&state, id).await?;
    let rows = state.store.account_orders(account.owner, account.id, query.page()).await?;
    Ok(Json(orders::shown(&state, &rows, query.page()).await?))
}

/// An account's deals, latest first.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(get, path = "/accounts/{id}/deals", tag = "accounts", operation_id = "account_deals",
    params(("id" = u32, Path, description = "The account."), PageQuery),
    responses((status = 200, description = "A page of deals.", body = Items<DealView>)))]
pub(crate) async fn deals(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Items<DealView>>, Problem> {
    let account = any_account(&state, id).await?;
    let rows = state.store.account_deals(account.owner, account.id, query.page()).await?;
    Ok(Json(deals::shown(&state, &rows, query.page()).await?))
}

/// An account's positions, latest first.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(get, path = "/accounts/{id}/positions", tag = "accounts", operation_id = "account_positions",
    params(("id" = u32, Path, description = "The account."), PositionsQuery),
    responses((status = 200, description = "A page of positions.", body = Items<PositionView>)))]
pub(crate) async fn positions(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Query(query): Query<PositionsQuery>,
) -> Result<Json<Items<PositionView>>, Problem> {
    let account = any_account(&state, id).await?;
    let rows = state.store.account_positions(account.owner, account.id, query.filter(), query.page()).await?;
    Ok(Json(positions::shown(&state, &rows, query.page()).await?))
}
