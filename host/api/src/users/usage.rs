//! `GET /users/usage`.

use crate::extract::Query;
use crate::operations::{Holdings, held_by, user_named};
use crate::operator::Operator;
use crate::page::UserQuery;
use crate::problem::Problem;
use crate::state::AppState;
use ::engine::UserUsage;
use axum::Json;
use axum::extract::State;
use domain::limits::Quotas;
use serde::Serialize;
use utoipa::ToSchema;

/// What a user's engines and uploads use.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserUsage)]
pub(crate) struct UsageView {
    user: String,
    id: u32,
    /// Engines that are set up.
    engines: u64,
    /// Engines with a guest.
    engines_running: usize,
    /// Versions that engines run or will run again by themselves, those in a shadow included.
    versions_running: usize,
    /// Fuel in the last full second.
    fuel_per_second: u64,
    /// Fuel since midnight UTC, or since the host's start.
    fuel_today: u64,
    /// Ticks that were not handed over because the fuel of their second was used up, since the host's start.
    ticks_throttled: u64,
    /// Linear memory of all guests, those that take over or run in a shadow included.
    memory_bytes: u64,
    /// Uploaded versions.
    versions: u64,
    /// Their components, bytes.
    upload_bytes: u64,
    /// Their machine code, bytes.
    compiled_bytes: u64,
    /// Log lines, signals and plots since midnight UTC, or since the host's start, bytes.
    log_bytes_today: u64,
    quotas: QuotasView,
}

/// What any user may use; 0 is no quota.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quotas)]
pub(crate) struct QuotasView {
    /// Beyond it engines can't be added: `QUOTA_ENGINES`.
    engines_max: u32,
    /// Beyond it no further version runs, be it by a start, a swap or in a shadow: `QUOTA_VERSIONS`.
    versions_max: u32,
    /// Beyond it the user's engines are not handed ticks for the rest of the second, only the bars that close.
    fuel_per_second_max: u64,
    /// At it engines can't be started: `QUOTA_MEMORY`. An engine whose memory would grow beyond it fails as `over-quota`.
    memory_bytes_max: u64,
    /// Beyond it versions can't be uploaded: `QUOTA_UPLOADS`.
    upload_bytes_max: u64,
    /// Beyond it versions can't be uploaded: `QUOTA_COMPILED`.
    compiled_bytes_max: u64,
    /// Beyond it what the user's engines say is dropped until midnight UTC.
    log_bytes_per_day_max: u64,
}

impl UsageView {
    fn new(user: &store::UserRecord, held: Holdings, used: UserUsage, quotas: Quotas) -> Self {
        let Quotas {
            engines_max,
            versions_max,
            fuel_per_second_max,
            memory_bytes_max,
            upload_bytes_max,
            compiled_bytes_max,
            log_bytes_per_day_max,
        } = quotas;
        Self {
            user: user.name.clone(),
            id: user.id.0,
            engines: held.engines,
            engines_running: used.engines_running,
            versions_running: used.versions_running,
            fuel_per_second: used.fuel_per_second,
            fuel_today: used.fuel_today,
            ticks_throttled: used.ticks_throttled,
            memory_bytes: used.memory_bytes,
            versions: held.versions,
            upload_bytes: held.upload_bytes,
            compiled_bytes: held.compiled_bytes,
            log_bytes_today: used.log_bytes_today,
            quotas: QuotasView {
                engines_max,
                versions_max,
                fuel_per_second_max,
                memory_bytes_max,
                upload_bytes_max,
                compiled_bytes_max,
                log_bytes_per_day_max,
            },
        }
    }
}

/// What a user's engines and uploads use, and what they may.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(get, path = "/users/usage", tag = "users", operation_id = "user_usage", params(UserQuery),
    responses((status = 200, description = "The usage.", body = UsageView)))]
pub(crate) async fn usage(_: Operator, State(state): State<AppState>, Query(query): Query<UserQuery>) -> Result<Json<UsageView>, Problem> {
    let user = user_named(&state, &query.user).await?;
    let held = held_by(&state, user.id).await?;
    let id = user.id;
    let (used, quotas) = state.ask(move |host| (host.usage(id), host.quotas())).await?;
    Ok(Json(UsageView::new(&user, held, used, quotas)))
}
