//! `GET /engines/{id}/history`.

use crate::extract::{Path, Query};
use crate::operations::any_engine;
use crate::operator::Operator;
use crate::page::{Items, PageQuery};
use crate::problem::Problem;
use crate::show::At;
use crate::state::AppState;
use crate::words;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use store::{StepKind, StepRecord};
use utoipa::ToSchema;

/// A step in an engine's life.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EngineStep)]
pub(crate) struct StepView {
    /// Counts the engine's steps from 1.
    number: i64,
    /// By the host's clock.
    at: At,
    #[schema(value_type = words::StepKind)]
    kind: StepKind,
    /// The state before; of the other kinds the version.
    from: String,
    /// The state after; of the other kinds the version.
    to: String,
    reason: String,
}

impl StepView {
    fn new(row: &StepRecord) -> Self {
        let step = &row.step;
        let (from, to, reason) = (step.from.clone(), step.to.clone(), step.reason.clone());
        Self { number: row.number, at: At(step.at), kind: step.kind, from, to, reason }
    }
}

/// The states an engine went through and the versions that took over, each with its reason, latest first; the last 1,000 are
/// kept.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(get, path = "/engines/{id}/history", tag = "engines", operation_id = "engine_history",
    params(("id" = u32, Path, description = "The engine."), PageQuery),
    responses((status = 200, description = "A page of steps.", body = Items<StepView>)))]
pub(crate) async fn steps(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Items<StepView>>, Problem> {
    let engine = any_engine(&state, id).await?;
    let rows = state.store.engine_steps(engine.owner, engine.id, query.page()).await?;
    Ok(Json(Items::page(&rows, query.page(), StepView::new)))
}
