//! `GET /engines/{id}/logs`.

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
use domain::contract::LogLevel;
use serde::Serialize;
use store::LogRecord;
use utoipa::ToSchema;

/// A log line.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogLine {
    /// Counts the engine's lines from 1.
    number: i64,
    /// When, by that clock.
    at: At,
    /// `market` of what the strategy says, `host` of what the host says of it.
    #[schema(value_type = words::LogClock)]
    clock: &'static str,
    #[schema(value_type = words::LogLevel)]
    level: LogLevel,
    text: String,
}

impl LogLine {
    fn new(row: &LogRecord) -> Self {
        Self { number: row.number, at: At(row.line.at), clock: row.line.clock.word(), level: row.line.level, text: row.line.text.clone() }
    }
}

/// What an engine's strategy has logged, oldest first; of each engine the last 10,000 lines are kept.
///
/// Without `after` the last `limit` lines; with it, the lines that follow. `next` is never null once there is a line: asking
/// with it again and again follows the log.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(get, path = "/engines/{id}/logs", tag = "engines", operation_id = "engine_logs",
    params(("id" = u32, Path, description = "The engine."), PageQuery),
    responses((status = 200, description = "A page of lines.", body = Items<LogLine>)))]
pub(crate) async fn logs(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Items<LogLine>>, Problem> {
    let engine = any_engine(&state, id).await?;
    let rows = match query.after {
        Some(_) => state.store.logs(engine.owner, engine.id, query.page()).await?,
        None => {
            let mut last = state.store.last_logs(engine.owner, engine.id, query.page()).await?;
            last.reverse();
            last
        }
    };
    let lines = Items::page(&rows, query.page(), LogLine::new);
    Ok(Json(Items { next: rows.last_number().or(query.after), ..lines }))
}
