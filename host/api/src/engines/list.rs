//! `GET /engines`.

use super::{EngineView, Names};
use crate::extract::Query;
use crate::operations::user_named;
use crate::operator::Operator;
use crate::page::{Items, Limit, usual_limit};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::IntoParams;

/// Which engines.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EnginesQuery {
    /// Only this user's, by name.
    user: Option<String>,
    /// What the page before gave as `next`; without it the list starts.
    after: Option<i64>,
    /// Rows at most, 1 to 1000.
    #[serde(default = "usual_limit")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
}

/// All engines, or a user's, in order of id, with what the host counts of them.
///
/// Codes: `NOT_FOUND` user.
#[utoipa::path(get, path = "/engines", tag = "engines", operation_id = "list_engines", params(EnginesQuery),
    responses((status = 200, description = "A page of them.", body = Items<EngineView>)))]
pub(crate) async fn list(
    _: Operator,
    State(state): State<AppState>,
    Query(query): Query<EnginesQuery>,
) -> Result<Json<Items<EngineView>>, Problem> {
    let page = query.limit.beyond(query.after);
    let rows = match &query.user {
        Some(user) => state.store.engines(user_named(&state, user).await?.id, page).await?,
        None => state.store.every_engine(page).await?,
    };
    let snapshot = state.ask(|host| host.snapshot()).await?;
    let running: BTreeMap<_, _> = snapshot.engines.iter().map(|engine| (engine.whose.engine, engine)).collect();
    let mut names = Names::default();
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(names.view(&state, row, running.get(&row.id).copied()).await);
    }
    Ok(Json(Items::shown(&rows, page, items)))
}
