//! `PATCH /engines/{id}`.

use super::{EngineView, view};
use crate::extract::{Json, Path};
use crate::operations::{Changes, any_engine, change_engine, keep_engine_trading, pull, to_its_end};
use crate::operator::Operator;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use crate::trading::WoundDownTo;
use crate::words;
use axum::extract::State;
use domain::account::WindDown;
use domain::contract::TradingState;
use domain::ids::EngineId;
use engine::{Scope, WoundDown};
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What is to change of an engine. What is not named stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EngineChange)]
pub(crate) struct Body {
    /// What it may do at the market.
    #[schema(value_type = Option<words::TradingState>)]
    trading: Option<TradingState>,
    /// Why, for its owner and the audit.
    reason: Option<String>,
    /// With `trading`: withdraw its working orders as well.
    #[serde(default)]
    cancel_orders: bool,
    /// With `trading`: close its positions as well.
    #[serde(default)]
    flatten: bool,
    /// Parameters to set, as text; a choice by its name.
    #[serde(default)]
    params: BTreeMap<String, String>,
    /// Parameters that go back to their defaults.
    #[serde(default)]
    defaults: Vec<String>,
    /// At least 8 digits of the digest of a version of its strategy.
    version: Option<String>,
    /// The symbol for each of its strategy's needs.
    symbols: Option<Vec<String>>,
    /// Start it afresh, without what it saved.
    #[serde(default)]
    forget_state: bool,
}

impl Body {
    fn changes(&self) -> Option<Changes> {
        let changes = Changes {
            version: self.version.clone(),
            params: self.params.clone(),
            defaults: self.defaults.clone(),
            symbols: self.symbols.clone(),
            forget_state: self.forget_state,
        };
        let any = changes.version.is_some() || changes.symbols.is_some() || changes.forget_state;
        (any || !changes.params.is_empty() || !changes.defaults.is_empty()).then_some(changes)
    }
}

/// Change an engine: what it may do at the market at any time, everything else while it is stopped.
///
/// `trading` holds at the risk gate at once, and after a restart; orders that reduce risk pass in every state. The rest holds
/// from its next start on and is checked as when an engine is added; an engine that works is changed by a swap.
///
/// Codes: `NOT_FOUND`; `NOT_KEPT`: it holds, but a restart would not find it; `NOT_NOW` while it works; `INVALID_PARAMS`, `INVALID_VALUE`, `SYMBOLS_MISMATCH`, `UNKNOWN_SYMBOL`,
/// `HOST_FULL`.
#[utoipa::path(patch, path = "/engines/{id}", tag = "engines", operation_id = "change_engine", request_body = Body,
    params(("id" = u32, Path, description = "The engine.")),
    responses((status = 200, description = "The engine as it is now.", body = WoundDownTo<EngineView>)))]
pub(crate) async fn change(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Json(body): Json<Body>,
) -> Result<axum::Json<WoundDownTo<EngineView>>, Problem> {
    let changes = body.changes();
    if changes.is_none() && body.trading.is_none() {
        return Err(Problem::new(Code::InvalidBody, "nothing to change: name trading, params, defaults, version, symbols or forget_state"));
    }
    let mut done = WoundDown::default();
    // What is stricter waits for nothing and is kept whatever else is refused; what lets an engine trade comes after the rest.
    if body.trading.is_some_and(|trading| trading != TradingState::Active) {
        done = set_trading(&state, id, &body).await?;
    }
    if let Some(changes) = &changes {
        let why = body.reason.as_deref().unwrap_or("by the operator");
        change_engine(&state, &any_engine(&state, id).await?, changes, why).await?;
    }
    if body.trading == Some(TradingState::Active) {
        done = set_trading(&state, id, &body).await?;
    }
    Ok(axum::Json(WoundDownTo::new(view(&state, id).await?.0, done)))
}

/// Sets what the engine may do at the market, where the body says so.
async fn set_trading(state: &AppState, id: u32, body: &Body) -> Result<WoundDown, Problem> {
    let Some(trading) = body.trading else { return Ok(WoundDown::default()) };
    let what = WindDown { engine: None, cancel_orders: body.cancel_orders, flatten: body.flatten };
    let (state, why) = (state.clone(), body.reason.clone().unwrap_or_else(|| "by the operator".to_owned()));
    to_its_end(async move {
        let pulled = pull(&state, Scope::Engine(EngineId(id)), trading, &why, what).await?;
        let record = any_engine(&state, id).await?;
        keep_engine_trading(&state, &record, pulled, trading, &why).await
    })
    .await
}
