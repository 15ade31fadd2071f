//! `GET /audit`: who did what.

use crate::extract::Query;
use crate::operator::Operator;
use crate::page::{Items, Limit, usual_limit};
use crate::problem::Problem;
use crate::show::At;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use store::AuditRecord;
use utoipa::{IntoParams, ToSchema};

/// Which part of the audit.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Only of this: `host`, `engine 7`, `account 1`, `user 2` ...
    object: Option<String>,
    /// What the page before gave as `next`; without it the list starts.
    after: Option<i64>,
    /// Rows at most, 1 to 1000.
    #[serde(default = "usual_limit")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
}

/// Something that was done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditLine {
    /// Counts the rows of the audit from 1.
    number: i64,
    /// By the host's clock.
    at: At,
    /// Who.
    actor: String,
    /// What: `engine.swap`, `host.trading` ...
    action: String,
    /// Of what: `engine 7`.
    object: String,
    /// Why; null when no reason is asked for.
    reason: Option<String>,
    /// The rest.
    #[schema(value_type = Object)]
    detail: serde_json::Value,
}

impl AuditLine {
    fn new(row: &AuditRecord) -> Self {
        let entry = &row.entry;
        let mut detail = entry.detail.clone();
        let reason = detail.as_object_mut().and_then(|detail| detail.remove("reason"));
        Self {
            number: row.seq,
            at: At(entry.at),
            actor: entry.actor.clone(),
            action: entry.action.clone(),
            object: entry.object.clone(),
            reason: reason.and_then(|reason| reason.as_str().map(str::to_owned)),
            detail,
        }
    }
}

/// Who did what, of what, and why, latest first. Nothing is ever removed from it.
#[utoipa::path(get, path = "/audit", tag = "host", operation_id = "audit", params(AuditQuery),
    responses((status = 200, description = "A page of it.", body = Items<AuditLine>)))]
pub(crate) async fn audit(
    _: Operator,
    State(state): State<AppState>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Items<AuditLine>>, Problem> {
    let page = query.limit.beyond(query.after);
    let rows = match &query.object {
        Some(object) => state.store.audit_of(object, "", page).await?,
        None => state.store.audit(page).await?,
    };
    Ok(Json(Items::page(&rows, page, AuditLine::new)))
}
