//! The sandbox as the API sees it.

use api::{Checked, Refused, Versions};
use domain::desk::Desk;
use domain::guest::GuestFactory as _;
use domain::ids::Digest;
use sandbox::{LoadError, Loaded, Sandbox};
use serde_json::json;
use std::sync::Arc;

/// Checks and loads components in the host's sandbox.
pub struct SandboxVersions(Arc<Sandbox<Desk>>);

impl SandboxVersions {
    /// Over this sandbox.
    pub fn new(sandbox: Arc<Sandbox<Desk>>) -> Self {
        Self(sandbox)
    }

    fn take_in(&self, component: &[u8]) -> Result<Loaded, Refused> {
        self.0.load(component).map_err(|error| match error {
            LoadError::Unfit(why) => Refused::Unfit(why),
            full @ LoadError::Full(_) => Refused::Full(full.to_string()),
        })
    }
}

impl Versions for SandboxVersions {
    fn check(&self, component: &[u8]) -> Result<Checked, Refused> {
        let loaded = self.take_in(component)?;
        let description = self.0.describe(&loaded.digest).map_err(|fault| Refused::Unfit(fault.to_string()))?;
        let report = json!({
            "profile": loaded.profile.word(), "imports": loaded.imports, "core_modules": loaded.core_modules,
            "functions": loaded.functions, "component_bytes": loaded.component_bytes, "compiled_bytes": loaded.compiled_bytes,
            "compile_ms": loaded.took.as_secs_f64() * 1e3,
        });
        Ok(Checked { description, report })
    }

    fn load(&self, version: &Digest, component: &[u8]) -> Result<(), Refused> {
        if self.0.has(version) { Ok(()) } else { self.take_in(component).map(drop) }
    }
}
