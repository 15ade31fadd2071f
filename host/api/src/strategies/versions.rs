//! `GET /strategies/{name}/versions`.

use super::{VersionView, strategy_named};
use crate::extract::{Path, Query};
use crate::operator::Operator;
use crate::page::{DamagedRow, Items, UserQuery};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;

/// The versions of a strategy, the latest, which was uploaded last, at the end; at most 1000.
///
/// Codes: `NOT_FOUND` user or strategy.
#[utoipa::path(get, path = "/strategies/{name}/versions", tag = "strategies", operation_id = "list_versions",
    params(("name" = String, Path, description = "The strategy."), UserQuery),
    responses((status = 200, description = "All of them.", body = Items<VersionView>)))]
pub(crate) async fn versions(
    _: Operator,
    State(state): State<AppState>,
    Path(name): Path<String>,
    Query(query): Query<UserQuery>,
) -> Result<Json<Items<VersionView>>, Problem> {
    let strategy = strategy_named(&state, &query.user, &name).await?;
    let versions = state.store.versions(strategy.owner, strategy.id).await?;
    let (mut items, mut damaged): (Vec<_>, Vec<_>) = (Vec::new(), versions.damaged().iter().map(DamagedRow::from).collect());
    for version in &versions {
        match VersionView::new(&strategy.name, version) {
            Ok(view) => items.push(view),
            Err(problem) => damaged.push(DamagedRow::new(format!("version {}", version.digest), problem)),
        }
    }
    Ok(Json(Items { damaged, ..Items::all(items) }))
}
