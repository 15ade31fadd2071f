//! `GET /orders`.

use crate::extract::Query;
use crate::operations::{any_engine, user_named};
use crate::operator::Operator;
use crate::page::{Items, Limit, usual_limit};
use crate::problem::{Code, Problem};
use crate::show::{At, Grid, Grids};
use crate::state::AppState;
use crate::words;
use axum::Json;
use axum::extract::State;
use domain::contract::{OrderKind, Side};
use domain::ids::{EngineId, UserId};
use domain::order::OrderState;
use serde::{Deserialize, Serialize};
use store::{Listed, OrderRecord, Page};
use utoipa::{IntoParams, ToSchema};

/// Which orders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OrdersQuery {
    /// Whose, by name.
    user: String,
    /// Only this engine's.
    engine: Option<u32>,
    /// What the page before gave as `next`; without it the list starts.
    after: Option<i64>,
    /// Rows at most, 1 to 1000.
    #[serde(default = "usual_limit")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
}

/// An order and its outcome.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(crate) struct OrderView {
    /// `ENGINE-NUMBER`.
    id: String,
    engine_id: u32,
    account_id: u32,
    symbol: String,
    #[schema(value_type = words::Side)]
    side: Side,
    #[schema(value_type = words::OrderKind)]
    kind: OrderKind,
    /// Lots.
    volume: f64,
    /// Lots filled so far.
    filled: f64,
    /// Limit or stop price.
    price: Option<f64>,
    /// Limit price of a stop-limit order.
    stop_limit_price: Option<f64>,
    /// Of the position it opens.
    stop_loss: Option<f64>,
    /// Of the position it opens.
    take_profit: Option<f64>,
    /// The position it closes or reduces.
    position: Option<String>,
    /// Never opens or increases.
    reduce_only: bool,
    /// The author's note.
    tag: String,
    #[schema(value_type = words::OrderState)]
    state: OrderState,
    /// The broker's number for it.
    ticket: Option<u64>,
    /// MT5's code for why the broker rejected it; 0 when it did not.
    retcode: u32,
    placed_at: At,
    updated_at: At,
    finished_at: Option<At>,
}

impl OrderView {
    fn new(row: &OrderRecord, grid: Grid) -> Self {
        Self {
            id: row.id.to_string(),
            engine_id: row.id.engine().0,
            account_id: row.account.0,
            symbol: row.symbol.clone(),
            side: row.side,
            kind: row.kind,
            volume: grid.lots(row.volume),
            filled: grid.lots(row.filled),
            price: grid.price_of(row.price),
            stop_limit_price: grid.price_of(row.stop_limit_price),
            stop_loss: grid.price_of(row.stop_loss),
            take_profit: grid.price_of(row.take_profit),
            position: row.position.map(|position| position.to_string()),
            reduce_only: row.reduce_only,
            tag: row.tag.as_str().to_owned(),
            state: row.state,
            ticket: row.ticket,
            retcode: row.retcode,
            placed_at: At(row.placed_at),
            updated_at: At(row.updated_at),
            finished_at: row.finished_at.map(At),
        }
    }
}

/// A user's orders, or those of one engine of theirs, latest first.
///
/// Codes: `NOT_FOUND` user or engine.
#[utoipa::path(get, path = "/orders", tag = "trading", operation_id = "list_orders", params(OrdersQuery),
    responses((status = 200, description = "A page of orders.", body = Items<OrderView>)))]
pub(crate) async fn orders(
    _: Operator,
    State(state): State<AppState>,
    Query(query): Query<OrdersQuery>,
) -> Result<Json<Items<OrderView>>, Problem> {
    let owner = user_named(&state, &query.user).await?;
    if let Some(id) = query.engine
        && any_engine(&state, id).await?.owner != owner.id
    {
        return Err(Problem::new(Code::NotFound, format!("{} has no engine {id}", owner.name)));
    }
    Ok(Json(page(&state, owner.id, query.engine.map(EngineId), query.limit.beyond(query.after)).await?))
}

/// A page of orders.
pub(crate) async fn page(state: &AppState, owner: UserId, engine: Option<EngineId>, page: Page) -> Result<Items<OrderView>, Problem> {
    shown(state, &state.store.orders(owner, engine, page).await?, page).await
}

/// Orders as they are shown.
pub(crate) async fn shown(state: &AppState, rows: &Listed<OrderRecord>, page: Page) -> Result<Items<OrderView>, Problem> {
    let grids = Grids::of(rows.iter().map(|row| row.symbol.as_str()), state.host.table(), &state.store).await?;
    Ok(Items::page(rows, page, |row| OrderView::new(row, grids.grid(&row.symbol))))
}
