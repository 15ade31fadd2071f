//! The sandbox as the API sees it.

use crate::probe;
use api::{Checked, Refused, Versions};
use domain::desk::Desk;
use domain::guest::GuestFactory as _;
use domain::ids::Digest;
use domain::params::resolve;
use rustix::process::nice;
use sandbox::{LoadError, Loaded, Sandbox};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{Builder, scope};

/// Steps behind the engines' threads.
const NICE: i32 = 10;
/// Guests use up to 512 KiB of it.
const STACK_BYTES: usize = 2 << 20;

/// Checks and loads components in the host's sandbox.
pub struct SandboxVersions(Arc<Sandbox<Desk>>);

impl SandboxVersions {
    /// Over this sandbox.
    pub fn new(sandbox: Arc<Sandbox<Desk>>) -> Self {
        Self(sandbox)
    }

    fn take_in(&self, component: &[u8], given_up: &AtomicBool) -> Result<Loaded, Refused> {
        self.0.load_unless(component, given_up).map_err(|error| match error {
            LoadError::Unfit(why) => Refused::Unfit(why),
            LoadError::Busy(why) => Refused::Busy(why),
            LoadError::Failed(why) => Refused::Failed(why),
            full @ (LoadError::Full(_) | LoadError::NoRoom(_)) => Refused::Full(full.to_string()),
        })
    }
}

impl Versions for SandboxVersions {
    fn check(&self, component: &[u8], given_up: &Arc<AtomicBool>) -> Result<Checked, Refused> {
        apart(|| self.try_out(&self.take_in(component, given_up)?, given_up))
    }

    fn keep_ready(&self, version: &Digest) -> Option<Arc<dyn Send + Sync>> {
        self.0.keep_ready(version)
    }

    fn room(&self) -> Result<(), Refused> {
        self.0.full().map_or(Ok(()), |why| Err(Refused::Full(why)))
    }

    fn load(&self, version: &Digest, component: &[u8], given_up: &AtomicBool) -> Result<Option<Arc<dyn Send + Sync>>, Refused> {
        if !self.0.has(version) {
            self.take_in(component, given_up)?;
        }
        let pushed_out = || Refused::Full(format!("version {version} had to make room for others at once; try again in a minute"));
        self.0.keep_ready(version).map(Some).ok_or_else(pushed_out)
    }
}

impl SandboxVersions {
    fn try_out(&self, loaded: &Loaded, given_up: &Arc<AtomicBool>) -> Result<Checked, Refused> {
        if loaded.first_look >= probe::WALL_MAX {
            let (took, max) = (loaded.first_look.as_millis(), probe::WALL_MAX.as_millis());
            return Err(Refused::Unfit(format!("describe took {took} ms, and a whole first run has {max} ms; have it do less")));
        }
        let description = self.0.describe(&loaded.digest).map_err(|fault| match fault.kind {
            kind if kind.is_hosts() => Refused::Full(fault.message),
            _ => Refused::Unfit(fault.to_string()),
        })?;
        let probed =
            resolve(&description.params, []).and_then(|params| probe::run(self.0.as_ref(), loaded, &description, &params, given_up));
        let report = probe::report(loaded, probed);
        Ok(Checked { description, report })
    }
}

/// Works on a thread of its own, behind those that have ticks to hand over: a strategy that nobody has seen yet runs there.
fn apart<R: Send>(work: impl FnOnce() -> Result<R, Refused> + Send) -> Result<R, Refused> {
    scope(|scope| {
        let thread = Builder::new().name("check".into()).stack_size(STACK_BYTES);
        let working = thread.spawn_scoped(scope, || {
            // Where that can't be had, it runs as it is.
            _ = nice(NICE);
            work()
        });
        let busy =
            |error: std::io::Error| Refused::Busy(format!("no thread to check it on can be started now: {error}; try again in a minute"));
        working.map_err(busy)?.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandbox::SandboxConfig;
    use std::time::Duration;

    #[test]
    fn a_description_that_takes_as_long_as_a_whole_first_run_is_refused() {
        let versions = SandboxVersions::new(Arc::new(Sandbox::new(SandboxConfig::default()).expect("a sandbox")));
        let loaded = versions.take_in(testkit::components::ema_cross(), &AtomicBool::new(false)).expect("it is a strategy");
        let given_up = Arc::default();
        let tried = |first_look: Duration| versions.try_out(&Loaded { first_look, ..loaded.clone() }, &given_up);
        assert!(tried(Duration::ZERO).is_ok());
        let Err(Refused::Unfit(why)) = tried(probe::WALL_MAX) else { panic!("it is refused") };
        assert_eq!(why, "describe took 1000 ms, and a whole first run has 1000 ms; have it do less");
    }
}
