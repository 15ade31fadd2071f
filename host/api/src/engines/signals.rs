//! `GET /engines/{id}/signals`.

use crate::extract::{Path, Query};
use crate::operations::any_engine;
use crate::operator::Operator;
use crate::page::{Items, PageQuery};
use crate::problem::Problem;
use crate::show::At;
use crate::state::AppState;
use crate::words;
use axum::Json;
use axum::extract::State;
use domain::contract::{DenyCode, Side};
use domain::order::OrderState;
use serde::Serialize;
use store::SignalRecord;
use utoipa::ToSchema;

/// A signal: what a strategy thinks of the market, and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Signal)]
pub(crate) struct SignalView {
    /// Counts the engine's signals from 1.
    number: i64,
    /// Market time.
    at: At,
    symbol: String,
    /// Null when it says to do nothing.
    #[schema(value_type = Option<words::Side>)]
    side: Option<Side>,
    /// How sure it is, 0 to 100.
    confidence: f64,
    reason: String,
    /// The order that was asked for with it: at the same time, on the same symbol and not the other way. Null: none was.
    order: Option<String>,
    /// Where that order stands; null while it has not been recorded.
    #[schema(value_type = Option<words::OrderState>)]
    order_state: Option<OrderState>,
    /// The first deal of that order: the signal became a trade.
    deal: Option<u64>,
    /// Why the order was denied; null when it was not.
    #[schema(value_type = Option<String>)]
    denied: Option<DenyCode>,
}

impl SignalView {
    fn new(row: &SignalRecord) -> Self {
        let signal = &row.signal;
        Self {
            number: row.number,
            at: At(signal.at),
            symbol: signal.symbol.clone(),
            side: signal.side,
            confidence: signal.confidence,
            reason: signal.reason.clone(),
            order: signal.led_to.and_then(Result::ok).map(|order| order.to_string()),
            order_state: row.order,
            deal: row.deal.map(|deal| deal.0),
            denied: signal.led_to.and_then(Result::err),
        }
    }
}

/// An engine's signals, latest first; of each engine the last 10,000 are kept.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(get, path = "/engines/{id}/signals", tag = "engines", operation_id = "engine_signals",
    params(("id" = u32, Path, description = "The engine."), PageQuery),
    responses((status = 200, description = "A page of signals.", body = Items<SignalView>)))]
pub(crate) async fn signals(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Items<SignalView>>, Problem> {
    let engine = any_engine(&state, id).await?;
    let rows = state.store.signals(engine.owner, engine.id, query.page()).await?;
    Ok(Json(Items::page(&rows, query.page(), SignalView::new)))
}
