//! `GET` and `POST /trading`: the kill switch of the whole host.

use crate::extract::Json;
use crate::operations::{Pulled, TRADING, audit, pull, to_its_end};
use crate::operator::Operator;
use crate::problem::Problem;
use crate::restriction::Restriction;
use crate::state::AppState;
use crate::words;
use axum::extract::State;
use domain::account::WindDown;
use domain::contract::TradingState;
use engine::{Scope, WoundDown};
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
    /// Withdraw working orders as well.
    #[serde(default)]
    cancel_orders: bool,
    /// Close positions as well. Both go out without asking a strategy, and also while the database is down.
    #[serde(default)]
    flatten: bool,
}

impl NewTrading {
    /// Sets the state at the host, before anything is stored.
    pub(crate) async fn pull(&self, state: &AppState, scope: Scope) -> Result<Pulled, Problem> {
        let what = WindDown { engine: None, cancel_orders: self.cancel_orders, flatten: self.flatten };
        pull(state, scope, self.trading, self.reason(), what).await
    }

    /// Why.
    pub(crate) fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or("by the operator")
    }
}

/// Something whose trading state was set, as it is now, and what that took back.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WoundDownTo<T> {
    #[serde(flatten)]
    now: T,
    /// Cancels that this request sent.
    cancels_sent: usize,
    /// Closing orders that this request sent.
    closes_sent: usize,
}

impl<T> WoundDownTo<T> {
    pub(crate) fn new(now: T, done: WoundDown) -> Self {
        Self { now, cancels_sent: done.cancels, closes_sent: done.closes }
    }
}

/// What may be done at the market on this host.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HostTrading {
    #[schema(value_type = words::TradingState)]
    trading: TradingState,
    /// Who says so, since when and why; empty when everything may be done.
    restrictions: Vec<Restriction>,
}

impl HostTrading {
    async fn now(state: &AppState) -> Self {
        let trading = state.host.trading();
        Self { trading, restrictions: Restriction::of(state, Scope::Host, trading).await.into_iter().collect() }
    }
}

/// What everyone on the host may do at the market.
#[utoipa::path(get, path = "/trading", tag = "host", operation_id = "show_trading",
    responses((status = 200, description = "What may be done.", body = HostTrading)))]
pub(crate) async fn show(_: Operator, State(state): State<AppState>) -> axum::Json<HostTrading> {
    axum::Json(HostTrading::now(&state).await)
}

/// The kill switch: set what everyone on the host may do at the market.
///
/// Holds at the risk gate at once, and after a restart. Orders that reduce risk pass in every state.
///
/// Codes: `NOT_KEPT`: it holds, but a restart would not find it.
#[utoipa::path(post, path = "/trading", tag = "host", operation_id = "set_trading", request_body = NewTrading,
    responses((status = 200, description = "What may be done now.", body = WoundDownTo<HostTrading>)))]
pub(crate) async fn set(
    _: Operator,
    State(state): State<AppState>,
    Json(body): Json<NewTrading>,
) -> Result<axum::Json<WoundDownTo<HostTrading>>, Problem> {
    to_its_end(async move {
        let pulled = body.pull(&state, Scope::Host).await?;
        // While the database is down the host's event thread goes on trying.
        let done = pulled.keep(&state, |trading| state.store.set_host_setting(TRADING, trading.word())).await?;
        let detail = serde_json::json!({ "state": body.trading, "reason": body.reason(), "cancels": done.cancels, "closes": done.closes });
        audit(&state, "host.trading", "host".into(), detail).await;
        Ok(axum::Json(WoundDownTo::new(HostTrading::now(&state).await, done)))
    })
    .await
}
