//! Users of the host.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod usage;

use crate::show::At;
use serde::Serialize;
use store::UserRecord;
use utoipa::ToSchema;

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView {
    id: u32,
    /// Unique on the host.
    name: String,
    created_at: At,
}

impl UserView {
    pub(crate) fn new(user: &UserRecord) -> Self {
        Self { id: user.id.0, name: user.name.clone(), created_at: At(user.created_at) }
    }
}
