//! `/limits`, `/users/limits`, `/accounts/{id}/limits`, `/accounts/{id}/reset`: what the risk gate is held to.

use crate::engines::ReasonQuery;
use crate::extract::{Json, Path, Query};
use crate::limits::Limits;
use crate::operations as op;
use crate::operations::{any_account, user_named};
use crate::operator::Operator;
use crate::page::UserQuery;
use crate::problem::Problem;
use crate::state::AppState;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// An account's limits. What holds is the strictest of all levels.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountLimits {
    /// The account's own.
    account: Limits,
    /// Its owner's, for all their accounts.
    user: Limits,
    /// The operator's, for everybody: the configuration's and what was set while the host ran.
    operator: Limits,
    /// What holds.
    effective: Limits,
}

/// Whose limits, and why they are set.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReasonedUserQuery {
    /// Whose, by name.
    user: String,
    /// Why, for the audit.
    reason: Option<String>,
}

/// Who may open again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Reset {
    /// This engine, which opened too often in one direction or lost too often. Left out: all of the account, whose day and peak
    /// begin anew.
    engine: Option<u32>,
    /// Why, for the audit.
    reason: Option<String>,
}

/// The operator's limits, for everybody.
#[utoipa::path(get, path = "/limits", tag = "risk", operation_id = "show_limits",
    responses((status = 200, description = "The limits that were set while the host ran.", body = Limits)))]
pub(crate) async fn show(_: Operator, State(state): State<AppState>) -> Result<axum::Json<Limits>, Problem> {
    Ok(axum::Json(op::operators_limits(&state).await?.into()))
}

/// Set the operator's limits, for everybody.
///
/// They hold from the next order on, and after a restart, beside those of the configuration. A raise is noted in the audit.
#[utoipa::path(put, path = "/limits", tag = "risk", operation_id = "set_limits", params(ReasonQuery), request_body = Limits,
    responses((status = 200, description = "The limits.", body = Limits)))]
pub(crate) async fn set(
    operator: Operator,
    State(state): State<AppState>,
    Query(why): Query<ReasonQuery>,
    Json(body): Json<Limits>,
) -> Result<axum::Json<Limits>, Problem> {
    op::set_operators_limits(&state, &body.into(), why.reason()).await?;
    show(operator, State(state)).await
}

/// A user's limits, for all their accounts.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(get, path = "/users/limits", tag = "risk", operation_id = "show_user_limits", params(UserQuery),
    responses((status = 200, description = "The limits.", body = Limits)))]
pub(crate) async fn show_user(
    _: Operator,
    State(state): State<AppState>,
    Query(query): Query<UserQuery>,
) -> Result<axum::Json<Limits>, Problem> {
    let user = user_named(&state, &query.user).await?;
    Ok(axum::Json(op::users_limits(&state, user.id).await?.into()))
}

/// Set a user's limits, for all their accounts.
///
/// They hold from the next order on. A raise is noted in the audit. Codes: `NOT_FOUND`.
#[utoipa::path(put, path = "/users/limits", tag = "risk", operation_id = "set_user_limits", params(ReasonedUserQuery), request_body = Limits,
    responses((status = 200, description = "The limits.", body = Limits)))]
pub(crate) async fn set_user(
    _: Operator,
    State(state): State<AppState>,
    Query(query): Query<ReasonedUserQuery>,
    Json(body): Json<Limits>,
) -> Result<axum::Json<Limits>, Problem> {
    let user = user_named(&state, &query.user).await?;
    op::set_users_limits(&state, &user, &body.into(), query.reason.as_deref().unwrap_or("by the operator")).await?;
    Ok(axum::Json(op::users_limits(&state, user.id).await?.into()))
}

/// An account's limits, level by level.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(get, path = "/accounts/{id}/limits", tag = "risk", operation_id = "show_account_limits",
    params(("id" = u32, Path, description = "The account.")),
    responses((status = 200, description = "The limits.", body = AccountLimits)))]
pub(crate) async fn show_account(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
) -> Result<axum::Json<AccountLimits>, Problem> {
    let record = any_account(&state, id).await?;
    let of_operator = op::operators_limits(&state).await?.strictest(&state.ceiling);
    Ok(axum::Json(AccountLimits {
        user: op::users_limits(&state, record.owner).await?.into(),
        operator: of_operator.into(),
        effective: op::effective_limits(&state, &record).await?.into(),
        account: record.limits.into(),
    }))
}

/// Set an account's own limits.
///
/// They hold from the next order on; those of user and operator stay above them. A raise is noted in the audit. Codes:
/// `NOT_FOUND`.
#[utoipa::path(put, path = "/accounts/{id}/limits", tag = "risk", operation_id = "set_account_limits", request_body = Limits,
    params(("id" = u32, Path, description = "The account."), ReasonQuery),
    responses((status = 200, description = "The limits.", body = AccountLimits)))]
pub(crate) async fn set_account(
    operator: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Query(why): Query<ReasonQuery>,
    Json(body): Json<Limits>,
) -> Result<axum::Json<AccountLimits>, Problem> {
    let record = any_account(&state, id).await?;
    op::set_accounts_limits(&state, &record, &body.into(), why.reason()).await?;
    show_account(operator, State(state), Path(id)).await
}

/// Let an account, or one engine, open again after losses or too many orders in one direction stopped it.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(post, path = "/accounts/{id}/reset", tag = "risk", operation_id = "reset_gate", request_body = Reset,
    params(("id" = u32, Path, description = "The account.")),
    responses((status = 200, description = "The account's limits.", body = AccountLimits)))]
pub(crate) async fn reset(
    operator: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Json(body): Json<Reset>,
) -> Result<axum::Json<AccountLimits>, Problem> {
    let record = any_account(&state, id).await?;
    op::reset_gate(&state, &record, body.engine, body.reason.as_deref().unwrap_or("by the operator")).await?;
    show_account(operator, State(state), Path(id)).await
}
