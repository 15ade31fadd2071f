//! `GET /engines/{id}/positions`.

use crate::extract::{Path, Query};
use crate::operations::any_engine;
use crate::operator::Operator;
use crate::page::{Items, Limit, usual_limit};
use crate::problem::Problem;
use crate::show::{At, Grid, Grids};
use crate::state::AppState;
use crate::words;
use axum::Json;
use axum::extract::State;
use domain::contract::Side;
use serde::{Deserialize, Serialize};
use store::{Listed, Page, PositionFilter, PositionRecord};
use utoipa::{IntoParams, ToSchema};

/// Which positions.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Which {
    /// Those that are open.
    Open,
    /// Those that are closed.
    Closed,
    /// All.
    #[default]
    All,
}

/// Which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PositionsQuery {
    /// Which; all unless given.
    #[serde(default)]
    #[param(inline, required = false)]
    which: Which,
    /// What the page before gave as `next`; without it the list starts.
    after: Option<i64>,
    /// Rows at most, 1 to 1000.
    #[serde(default = "usual_limit")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
}

impl PositionsQuery {
    pub(crate) fn filter(&self) -> PositionFilter {
        match self.which {
            Which::Open => PositionFilter::Open,
            Which::Closed => PositionFilter::Closed,
            Which::All => PositionFilter::All,
        }
    }

    pub(crate) fn page(&self) -> Page {
        self.limit.beyond(self.after)
    }
}

/// A position, open or closed. Money is in the account's currency.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Position)]
pub(crate) struct PositionView {
    /// Named like the order that opened it.
    id: String,
    account_id: u32,
    symbol: String,
    /// Which way, or which way it was last.
    #[schema(value_type = words::Side)]
    side: Side,
    /// Lots that are open; 0 when it is closed.
    volume: f64,
    /// Lots that were opened, all in all.
    volume_opened: f64,
    /// Average price of what is open, or, when it is closed, of all that was opened.
    open_price: Option<f64>,
    /// Average price of what was closed.
    close_price: Option<f64>,
    stop_loss: Option<f64>,
    take_profit: Option<f64>,
    /// Profit realised so far, without costs.
    realised: f64,
    /// Negative when it costs.
    commission: f64,
    /// Negative when it costs.
    swap: f64,
    /// The note of the order that opened it.
    tag: String,
    opened_at: At,
    closed_at: Option<At>,
}

impl PositionView {
    fn new(row: &PositionRecord, grid: Grid) -> Self {
        Self {
            id: row.id.to_string(),
            account_id: row.account.0,
            symbol: row.symbol.clone(),
            side: row.side,
            volume: grid.lots(row.volume),
            volume_opened: grid.lots(row.volume_in),
            open_price: grid.average(row.cost, row.volume).or_else(|| grid.average(row.cost_in, row.volume_in)),
            close_price: grid.average(row.cost_out, row.volume_out),
            stop_loss: grid.price_of(row.stop_loss),
            take_profit: grid.price_of(row.take_profit),
            realised: row.realised.to_units(),
            commission: row.commission.to_units(),
            swap: row.swap.to_units(),
            tag: row.tag.as_str().to_owned(),
            opened_at: At(row.opened_at),
            closed_at: row.closed_at.map(At),
        }
    }
}

/// An engine's positions, latest first.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(get, path = "/engines/{id}/positions", tag = "engines", operation_id = "engine_positions",
    params(("id" = u32, Path, description = "The engine."), PositionsQuery),
    responses((status = 200, description = "A page of positions.", body = Items<PositionView>)))]
pub(crate) async fn positions(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Query(query): Query<PositionsQuery>,
) -> Result<Json<Items<PositionView>>, Problem> {
    let engine = any_engine(&state, id).await?;
    let rows = state.store.positions(engine.owner, Some(engine.id), query.filter(), query.page()).await?;
    Ok(Json(shown(&state, &rows, query.page()).await?))
}

/// Positions as they are shown.
pub(crate) async fn shown(state: &AppState, rows: &Listed<PositionRecord>, page: Page) -> Result<Items<PositionView>, Problem> {
    let grids = Grids::of(rows.iter().map(|row| row.symbol.as_str()), state.host.table(), &state.store).await?;
    Ok(Items::page(rows, page, |row| PositionView::new(row, grids.grid(&row.symbol))))
}
