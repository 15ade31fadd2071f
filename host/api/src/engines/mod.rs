//! Engines: what runs, and what it has done.

pub(crate) mod add;
pub(crate) mod change;
pub(crate) mod deals;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod orders;
mod other;
pub(crate) mod pause;
pub(crate) mod positions;
pub(crate) mod remove;
pub(crate) mod resume;
pub(crate) mod shadow;
pub(crate) mod show;
pub(crate) mod signals;
pub(crate) mod start;
pub(crate) mod steps;
pub(crate) mod stop;
pub(crate) mod swap;
mod view;

pub(crate) use view::{EngineView, Names, texts};

use crate::operations::{any_engine, command_engine};
use crate::problem::Problem;
use crate::state::AppState;
use ::engine::EngineCommand;
use axum::Json;
use serde::Deserialize;
use utoipa::IntoParams;

/// An engine as it stands now.
pub(crate) async fn view(state: &AppState, id: u32) -> Result<Json<EngineView>, Problem> {
    let record = any_engine(state, id).await?;
    let running = state.ask(move |host| host.engine(record.id)).await?;
    let record = any_engine(state, id).await?;
    Ok(Json(Names::default().view(state, &record, running.as_ref()).await))
}

/// Why something is done.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReasonQuery {
    /// Why, for its owner and the audit.
    reason: Option<String>,
}

impl ReasonQuery {
    pub(crate) fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or("by the operator")
    }
}

/// Commands an engine and shows how it stands then.
pub(crate) async fn command(state: &AppState, id: u32, command: EngineCommand, why: &ReasonQuery) -> Result<Json<EngineView>, Problem> {
    let record = any_engine(state, id).await?;
    command_engine(state, &record, command, why.reason()).await?;
    view(state, id).await
}
