//! `GET /strategies`.

use crate::extract::Query;
use crate::operations::user_named;
use crate::operator::Operator;
use crate::page::{DamagedRow, Items, UserPageQuery};
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
    /// The latest, which was uploaded last, at the end.
    versions: Vec<VersionLine>,
}

/// A version in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionLine {
    /// SHA-256 of the component.
    digest: String,
    /// Counts the strategy's versions from 1, by their first uploads.
    number: u32,
    /// What it calls itself.
    name: String,
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
    let (mut items, mut damaged) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in &rows {
        let kept = state.store.versions(owner.id, row.id).await?;
        damaged.extend(
            kept.damaged().iter().map(|version| DamagedRow::new(format!("{} of strategy {}", version.what, row.name), &version.why)),
        );
        let versions = kept.iter().map(|version| VersionLine {
            digest: version.digest.to_string(),
            number: version.number,
            name: version.description.name.clone(),
            version: version.description.version.clone(),
            size_bytes: version.size_bytes,
            uploaded_at: At(version.uploaded_at),
        });
        items.push(StrategyView { id: row.id.0, name: row.name.clone(), created_at: At(row.created_at), versions: versions.collect() });
    }
    let mut page = Items::shown(&rows, query.page(), items);
    page.damaged.append(&mut damaged);
    Ok(Json(page))
}
