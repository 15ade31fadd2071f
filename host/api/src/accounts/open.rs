//! `POST /accounts`.

use super::{AccountView, view};
use crate::extract::{Json, Query};
use crate::limits::Limits;
use crate::operations::{self, NewAccount, user_named};
use crate::operator::Operator;
use crate::page::UserQuery;
use crate::problem::Problem;
use crate::state::AppState;
use crate::words;
use axum::extract::State;
use axum::http::StatusCode;
use domain::broker::AccountTerms;
use domain::contract::AccountMode;
use domain::number::Money;
use serde::Deserialize;
use utoipa::ToSchema;

/// A paper account to open. What is left out is as for everybody: 10,000 USD, hedging, 1:100.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAccount)]
pub(crate) struct Body {
    /// Unique among its owner's.
    name: String,
    /// `netting` or `hedging`.
    #[schema(value_type = Option<words::AccountMode>)]
    mode: Option<AccountMode>,
    /// Three letters.
    currency: Option<String>,
    /// 1:leverage, 1 to 10000.
    leverage: Option<u32>,
    /// Balance at the start, units of the currency.
    deposit: Option<f64>,
    /// What the risk gate holds it to.
    limits: Option<Limits>,
}

impl Body {
    fn terms(&self) -> AccountTerms {
        let usual = AccountTerms::default();
        let currency = self.currency.clone().unwrap_or(usual.currency);
        // The currencies of the ISO table without minor units that brokers offer accounts in.
        let currency_digits = if ["JPY", "KRW", "HUF"].contains(&currency.as_str()) { 0 } else { 2 };
        AccountTerms {
            mode: self.mode.unwrap_or(usual.mode),
            currency_digits,
            currency,
            leverage: self.leverage.unwrap_or(usual.leverage),
            deposit: self.deposit.map_or(usual.deposit, Money::from_units),
        }
    }
}

/// Open a paper account.
///
/// Codes: `NOT_FOUND` user, `ALREADY_EXISTS`, `INVALID_VALUE`.
#[utoipa::path(post, path = "/accounts", tag = "accounts", operation_id = "open_account", params(UserQuery), request_body = Body,
    responses((status = 201, description = "The account is open.", body = AccountView)))]
pub(crate) async fn open(
    _: Operator,
    State(state): State<AppState>,
    Query(query): Query<UserQuery>,
    Json(body): Json<Body>,
) -> Result<(StatusCode, axum::Json<AccountView>), Problem> {
    let owner = user_named(&state, &query.user).await?;
    let terms = body.terms();
    let account = NewAccount { name: body.name, terms, limits: body.limits.unwrap_or_default().into() };
    let record = operations::open_account(&state, &owner, &account).await?;
    Ok((StatusCode::CREATED, axum::Json(view(&state, &record, &owner.name).await?)))
}
