//! `POST /engines`.

use super::{EngineView, view};
use crate::extract::{Json, Query};
use crate::operations::{EngineWanted, add_engine, user_named};
use crate::operator::Operator;
use crate::page::UserQuery;
use crate::problem::Problem;
use crate::state::AppState;
use crate::words;
use axum::extract::State;
use axum::http::StatusCode;
use domain::contract::RunMode;
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An engine to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEngine)]
pub(crate) struct Body {
    /// Unique among its owner's.
    name: String,
    /// Name of one of the owner's accounts.
    account: String,
    /// Name of one of the owner's strategies.
    strategy: String,
    /// At least 8 digits of the digest of one of its versions; unless given, the version uploaded last.
    version: Option<String>,
    /// The symbol for each of the strategy's needs; unless given, those that it names itself.
    #[serde(default)]
    symbols: Vec<String>,
    /// Parameters that are not left at their defaults, as text; a choice by its name.
    #[serde(default)]
    params: BTreeMap<String, String>,
    /// Where ticks come from and orders go; `paper` unless given.
    #[serde(default = "paper")]
    #[schema(value_type = Option<words::RunMode>)]
    mode: RunMode,
    /// Start of its random numbers; 1 unless given.
    #[serde(default = "one")]
    #[schema(default = 1)]
    seed: u64,
    /// Start it at once.
    #[serde(default)]
    start: bool,
}

fn paper() -> RunMode {
    RunMode::Paper
}

fn one() -> u64 {
    1
}

/// Add an engine: a strategy's version for an account, with symbols and parameters.
///
/// Everything that could keep it from starting is checked first.
///
/// Codes: `NOT_FOUND` user, account, strategy or version; `ALREADY_EXISTS`; `SYMBOLS_MISMATCH`; `UNKNOWN_SYMBOL`;
/// `INVALID_PARAMS`; `INVALID_VALUE`; `ACCOUNT_NOT_OPEN`; `HOST_FULL`.
#[utoipa::path(post, path = "/engines", tag = "engines", operation_id = "add_engine", params(UserQuery), request_body = Body,
    responses((status = 201, description = "The engine was added.", body = EngineView)))]
pub(crate) async fn add(
    _: Operator,
    State(state): State<AppState>,
    Query(query): Query<UserQuery>,
    Json(body): Json<Body>,
) -> Result<(StatusCode, axum::Json<EngineView>), Problem> {
    let owner = user_named(&state, &query.user).await?;
    let Body { name, account, strategy, version, symbols, params, mode, seed, start } = body;
    let wanted = EngineWanted { name, account, strategy, version, symbols, params, mode, seed, start };
    let record = add_engine(&state, &owner, &wanted).await?;
    Ok((StatusCode::CREATED, view(&state, record.id.0).await?))
}
