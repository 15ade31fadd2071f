//! `GET /strategies`.

use crate::extract::Query;
use crate::operations::user_named;
use crate::operator::Operator;
use crate::page::{Items, UserPageQuery, next};
use crate::problem::Problem;
use crate::show::At;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

/// A strategy with its versions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Strategy)]
pub(crate) struct StrategyView {
    id: u32,
    /// Unique among its owner's.
    name: String,
    created_at: At,
    /// Oldest first.
    versions: Vec<VersionLine>,
}

/// A version in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionLine {
    /// SHA-256 of the component.
    digest: String,
    /// Its own version number.
    version: String,
    size_bytes: u64,
    uploaded_at: At,
}

/// A user's strategies, in order of id.
///
/// Codes: `NOT_FOUND` user.
#[utoipa::path(get, path = "/strategies", tag = "strategies", operation_id = "list_strategies", params(UserPageQuery),
    responses((status = 200, description = "A page of them.", body = Items<StrategyView>)))]
pub(crate) async fn list(
    _: Operator,
    State(state): State<AppState>,
    Query(query): Query<UserPageQuery>,
) -> Result<Json<Items<StrategyView>>, Problem> {
    let owner = user_named(&state, &query.user).await?;
    let rows = state.store.strategies(owner.id, query.page()).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        let versions = state.store.versions(owner.id, row.id).await?;
        let versions = versions.iter().map(|version| VersionLine {
            digest: version.digest.to_string(),
            version: version.description.version.clone(),
            size_bytes: version.size_bytes,
            uploaded_at: At(version.uploaded_at),
        });
        items.push(StrategyView { id: row.id.0, name: row.name.clone(), created_at: At(row.created_at), versions: versions.collect() });
    }
    Ok(Json(Items { items, next: next(&rows, query.page(), |strategy| i64::from(strategy.id.0)) }))
}
