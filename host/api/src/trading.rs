//! `GET` and `POST /trading`: the kill switch of the whole host.

use crate::extract::Json;
use crate::operations::audit;
use crate::operator::Operator;
use crate::problem::Problem;
use crate::state::AppState;
use crate::words;
use axum::extract::State;
use domain::contract::TradingState;
use engine::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What may be done at the market from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTrading {
    /// `active`: everything. `reducing`: only what reduces risk. `halted`: the same, and nothing rests on it going on.
    #[schema(value_type = words::TradingState)]
    pub trading: TradingState,
    /// Why, for owners and the audit.
    reason: Option<String>,
}

impl NewTrading {
    /// Why.
    pub(crate) fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or("by the operator")
    }
}

/// What may be done at the market on this host.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HostTrading {
    #[schema(value_type = words::TradingState)]
    trading: TradingState,
}

/// What everyone on the host may do at the market.
#[utoipa::path(get, path = "/trading", tag = "host", operation_id = "show_trading",
    responses((status = 200, description = "What may be done.", body = HostTrading)))]
pub(crate) async fn show(_: Operator, State(state): State<AppState>) -> axum::Json<HostTrading> {
    axum::Json(HostTrading { trading: state.host.trading() })
}

/// The kill switch: set what everyone on the host may do at the market.
///
/// Holds at the risk gate at once, until it is set again or the host is started again. Orders that reduce risk pass in every state.
#[utoipa::path(post, path = "/trading", tag = "host", operation_id = "set_trading", request_body = NewTrading,
    responses((status = 200, description = "What may be done now.", body = HostTrading)))]
pub(crate) async fn set(
    _: Operator,
    State(state): State<AppState>,
    Json(body): Json<NewTrading>,
) -> Result<axum::Json<HostTrading>, Problem> {
    let (trading, reason) = (body.trading, body.reason().to_owned());
    let why = reason.clone();
    state.ask(move |host| host.set_trading(Scope::Host, trading, &why)).await??;
    audit(&state, "host.trading", "host".into(), serde_json::json!({ "state": trading, "reason": reason })).await;
    Ok(axum::Json(HostTrading { trading: state.host.trading() }))
}
