//! `GET /engines/{id}/deals`.

use crate::extract::{Path, Query};
use crate::operations::any_engine;
use crate::operator::Operator;
use crate::page::{Items, PageQuery};
use crate::problem::Problem;
use crate::show::{At, Grid, Grids};
use crate::state::AppState;
use crate::words;
use axum::Json;
use axum::extract::State;
use domain::broker::{Entry, Reason};
use domain::contract::Side;
use serde::Serialize;
use store::{DealRecord, Listed, Page};
use utoipa::ToSchema;

/// An execution.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deal)]
pub(crate) struct DealView {
    /// The broker's number.
    id: u64,
    /// The order that it executes; null when the broker acted by itself.
    order: Option<String>,
    position: String,
    account_id: u32,
    engine_id: u32,
    symbol: String,
    #[schema(value_type = words::Side)]
    side: Side,
    #[schema(value_type = words::Entry)]
    entry: Entry,
    #[schema(value_type = words::Reason)]
    reason: Reason,
    /// Lots.
    volume: f64,
    price: f64,
    /// Profit it realises, without costs.
    profit: f64,
    /// Negative when it costs.
    commission: f64,
    /// Negative when it costs.
    swap: f64,
    at: At,
}

impl DealView {
    fn new(row: &DealRecord, grid: Grid) -> Self {
        let deal = &row.deal;
        Self {
            id: deal.id.0,
            order: deal.order.map(|order| order.to_string()),
            position: deal.position.to_string(),
            account_id: row.account.0,
            engine_id: row.engine.0,
            symbol: row.symbol.clone(),
            side: deal.side,
            entry: deal.entry,
            reason: deal.reason,
            volume: grid.lots(deal.volume),
            price: grid.price(deal.price),
            profit: deal.profit.to_units(),
            commission: deal.commission.to_units(),
            swap: deal.swap.to_units(),
            at: At(deal.time),
        }
    }
}

/// An engine's deals, latest first.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(get, path = "/engines/{id}/deals", tag = "engines", operation_id = "engine_deals",
    params(("id" = u32, Path, description = "The engine."), PageQuery),
    responses((status = 200, description = "A page of deals.", body = Items<DealView>)))]
pub(crate) async fn deals(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Items<DealView>>, Problem> {
    let engine = any_engine(&state, id).await?;
    let rows = state.store.deals(engine.owner, Some(engine.id), query.page()).await?;
    Ok(Json(shown(&state, &rows, query.page()).await?))
}

/// Deals as they are shown.
pub(crate) async fn shown(state: &AppState, rows: &Listed<DealRecord>, page: Page) -> Result<Items<DealView>, Problem> {
    let grids = Grids::of(rows.iter().map(|row| row.symbol.as_str()), state.host.table(), &state.store).await?;
    Ok(Items::page(rows, page, |row| DealView::new(row, grids.grid(&row.symbol))))
}
