//! The sandbox as the API sees it.

use crate::probe;
use api::{Checked, Refused, Versions};
use domain::desk::Desk;
use domain::guest::GuestFactory as _;
use domain::ids::Digest;
use domain::params::resolve;
use sandbox::{LoadError, Loaded, Sandbox};
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
            LoadError::Busy(why) => Refused::Busy(why),
            LoadError::Failed(why) => Refused::Failed(why),
            full @ (LoadError::Full(_) | LoadError::NoRoom(_)) => Refused::Full(full.to_string()),
        })
    }
}

impl Versions for SandboxVersions {
    fn check(&self, component: &[u8]) -> Result<Checked, Refused> {
        let loaded = self.take_in(component)?;
        let description = self.0.describe(&loaded.digest).map_err(|fault| match fault.kind {
            kind if kind.is_hosts() => Refused::Full(fault.message),
            _ => Refused::Unfit(fault.to_string()),
        })?;
        let probed = resolve(&description.params, []).and_then(|params| probe::run(self.0.as_ref(), &loaded, &description, &params));
        let report = probe::report(&loaded, probed);
        Ok(Checked { description, report })
    }

    fn keep_ready(&self, version: &Digest) -> Option<Arc<dyn Send + Sync>> {
        self.0.keep_ready(version)
    }

    fn room(&self) -> Result<(), Refused> {
        self.0.full().map_or(Ok(()), |why| Err(Refused::Full(why)))
    }

    fn load(&self, version: &Digest, component: &[u8]) -> Result<Option<Arc<dyn Send + Sync>>, Refused> {
        if !self.0.has(version) {
            self.take_in(component)?;
        }
        let pushed_out = || Refused::Full(format!("version {version} had to make room for others at once; try again in a minute"));
        self.0.keep_ready(version).map(Some).ok_or_else(pushed_out)
    }
}
