//! What a swap and a shadow are asked for with.

use crate::operations::Changes;
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Another version of an engine's strategy, or the same with other parameters.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OtherVersion {
    /// At least 8 digits of the digest of a version of the engine's strategy; unless given, the version uploaded last.
    version: Option<String>,
    /// Parameters to set, as text; those that are not named keep their values.
    #[serde(default)]
    params: BTreeMap<String, String>,
    /// Why, for the audit.
    reason: Option<String>,
}

impl OtherVersion {
    /// What is to change, and why.
    pub(crate) fn taken(self) -> (Changes, String) {
        let changes = Changes { version: self.version, params: self.params, ..Changes::default() };
        (changes, self.reason.unwrap_or_else(|| "by the operator".into()))
    }
}
