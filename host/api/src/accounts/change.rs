//! `PATCH /accounts/{id}`.

use super::{AccountView, view};
use crate::extract::{Json, Path};
use crate::operations::{any_account, keep_account_trading, to_its_end};
use crate::operator::Operator;
use crate::problem::Problem;
use crate::state::AppState;
use crate::trading::{NewTrading, WoundDownTo};
use axum::extract::State;
use domain::ids::AccountId;
use engine::Scope;

/// Set what an account may do at the market.
///
/// Holds at the risk gate at once, and after a restart. Orders that reduce risk pass in every state.
///
/// Codes: `NOT_FOUND`; `NOT_KEPT`: it holds, but a restart would not find it.
#[utoipa::path(patch, path = "/accounts/{id}", tag = "accounts", operation_id = "change_account", request_body = NewTrading,
    params(("id" = u32, Path, description = "The account.")),
    responses((status = 200, description = "The account as it is now.", body = WoundDownTo<AccountView>)))]
pub(crate) async fn change(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Json(body): Json<NewTrading>,
) -> Result<axum::Json<WoundDownTo<AccountView>>, Problem> {
    to_its_end(async move {
        let pulled = body.pull(&state, Scope::Account(AccountId(id))).await?;
        let record = any_account(&state, id).await?;
        let done = keep_account_trading(&state, &record, pulled, body.trading, body.reason()).await?;
        let owner = state.store.user(record.owner).await?;
        let record = any_account(&state, id).await?;
        Ok(axum::Json(WoundDownTo::new(view(&state, &record, &owner.name).await?, done)))
    })
    .await
}
