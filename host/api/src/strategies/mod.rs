//! Strategies and their versions.

pub(crate) mod list;
pub(crate) mod report;
pub(crate) mod upload;
pub(crate) mod upload_version;
pub(crate) mod version;
pub(crate) mod versions;

use crate::operations::user_named;
use crate::problem::{Code, Problem};
use crate::show::At;
use crate::state::AppState;
use report::UploadReport;
use serde::Serialize;
use store::{StrategyRecord, VersionRecord};
use utoipa::ToSchema;

/// A version of a strategy: one uploaded component.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Version)]
pub(crate) struct VersionView {
    /// Name of the strategy.
    strategy: String,
    /// SHA-256 of the component: its name.
    digest: String,
    /// Counts the strategy's versions from 1, by their first uploads.
    number: u32,
    size_bytes: u64,
    /// What it says of itself: name, version, about, params, needs, callbacks ...
    #[schema(value_type = Object)]
    description: serde_json::Value,
    /// What the checks at upload found.
    report: UploadReport,
    uploaded_at: At,
}

impl VersionView {
    pub(crate) fn new(strategy: &str, version: &VersionRecord) -> Result<Self, Problem> {
        Ok(Self {
            strategy: strategy.to_owned(),
            digest: version.digest.to_string(),
            number: version.number,
            size_bytes: version.size_bytes,
            description: serde_json::to_value(&version.description).map_err(Problem::internal)?,
            report: serde_json::from_value(version.report.clone()).map_err(Problem::internal)?,
            uploaded_at: At(version.uploaded_at),
        })
    }
}

/// The user's strategy with this name.
pub(crate) async fn strategy_named(state: &AppState, user: &str, name: &str) -> Result<StrategyRecord, Problem> {
    let owner = user_named(state, user).await?;
    let strategy = state.store.find_strategy(owner.id, name).await?;
    strategy.ok_or_else(|| {
        Problem::new(Code::NotFound, format!("{user} has no strategy {name:?}; `stockade strategy list --user {user}` shows them"))
    })
}
