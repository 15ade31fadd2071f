//! `PATCH /engines/{id}`.

use super::{EngineView, view};
use crate::extract::{Json, Path};
use crate::operations::{any_engine, set_engine_trading};
use crate::operator::Operator;
use crate::problem::Problem;
use crate::state::AppState;
use crate::trading::NewTrading;
use axum::extract::State;

/// Set what an engine may do at the market.
///
/// Holds at the risk gate at once, and after a restart. Orders that reduce risk pass in every state.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(patch, path = "/engines/{id}", tag = "engines", operation_id = "change_engine", request_body = NewTrading,
    params(("id" = u32, Path, description = "The engine.")),
    responses((status = 200, description = "The engine as it is now.", body = EngineView)))]
pub(crate) async fn change(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Json(body): Json<NewTrading>,
) -> Result<axum::Json<EngineView>, Problem> {
    let record = any_engine(&state, id).await?;
    set_engine_trading(&state, &record, body.trading, body.reason()).await?;
    view(&state, id).await
}
