//! `PATCH /engines/{id}`.

use super::{EngineView, view};
use crate::extract::{Json, Path};
use crate::operations::{Changes, any_engine, change_engine, keep_engine_trading, pull};
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
    let why = body.reason.as_deref().unwrap_or("by the operator");
    let mut pulled = None;
    if let Some(trading) = body.trading {
        let what = WindDown { engine: None, cancel_orders: body.cancel_orders, flatten: body.flatten };
        pulled = Some((trading, pull(&state, Scope::Engine(EngineId(id)), trading, why, what).await?));
    }
    let record = any_engine(&state, id).await?;
    let changes = body.changes();
    if changes.is_none() && body.trading.is_none() {
        return Err(Problem::new(Code::InvalidBody, "nothing to change: name trading, params, defaults, version, symbols or forget_state"));
    }
    // First what may be refused: then nothing has changed.
    if let Some(changes) = &changes {
        change_engine(&state, &record, changes).await?;
    }
    let done = match pulled {
        Some((trading, pulled)) => keep_engine_trading(&state, &record, pulled, trading, why).await?,
        None => WoundDown::default(),
    };
    Ok(axum::Json(WoundDownTo::new(view(&state, id).await?.0, done)))
}
