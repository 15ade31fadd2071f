//! `DELETE /engines/{id}`.

use crate::extract::{Path, Query};
use crate::operations::{any_engine, remove_engine};
use crate::operator::Operator;
use crate::problem::Problem;
use crate::state::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

/// How it is removed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RemoveQuery {
    /// Remove it although it has open positions or working orders: they stay on the account as they are.
    #[serde(default)]
    abandon: bool,
    /// Why, for the audit.
    reason: Option<String>,
}

/// Remove an engine for good: it is stopped, and its state, log, signals and history are deleted.
///
/// Its orders, deals and positions stay in its account's ledger under its id, which is never given again. Its name is free.
///
/// Codes: `NOT_FOUND`; `NOT_NOW` while it has open positions or working orders.
#[utoipa::path(delete, path = "/engines/{id}", tag = "engines", operation_id = "remove_engine",
    params(("id" = u32, Path, description = "The engine."), RemoveQuery),
    responses((status = 204, description = "It is gone.")))]
pub(crate) async fn remove(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Query(query): Query<RemoveQuery>,
) -> Result<StatusCode, Problem> {
    let record = any_engine(&state, id).await?;
    remove_engine(&state, &record, query.abandon, query.reason.as_deref().unwrap_or("removed by the operator")).await?;
    Ok(StatusCode::NO_CONTENT)
}
