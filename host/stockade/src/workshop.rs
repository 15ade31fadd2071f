//! A strategy's file on this machine: found, read, checked, compiled, described.

use crate::exit::{Exit, Failure, Outcome};
use crate::output::bytes;
use domain::contract::Description;
use domain::desk::Desk;
use domain::guest::{FaultKind, GuestFactory as _};
use domain::limits::{COMPONENT_BYTES_MAX, GuestLimits};
use sandbox::{Addresses, Compiler, LoadError, Loaded, Sandbox, SandboxConfig};
use std::path::{Path, PathBuf};

/// What this program is given when it is to compile one component for another process of itself. No command of its users.
pub const COMPILE: &str = "compile-component";

/// Compiles in a process of its own: this very program.
pub fn compiler() -> Compiler {
    Compiler::this_program(COMPILE)
}

/// A strategy that is ready to run.
pub struct Workshop {
    /// Where it runs.
    pub sandbox: Sandbox<Desk>,
    /// What was found when it was loaded.
    pub loaded: Loaded,
    /// What it says of itself.
    pub description: Description,
}

/// Reads a component, or the one that `stockade strategy build` and `cargo xtask strategies` leave for a name.
///
/// # Errors
/// There is no such file, or it is too large to be a strategy.
pub fn read(file: &Path) -> Outcome<(PathBuf, Vec<u8>)> {
    let path = find(file)?;
    let cannot = |error: std::io::Error| Failure::io("read the strategy", &path, &error);
    let size = std::fs::metadata(&path).map_err(cannot)?;
    if size.is_dir() {
        let hint = "is a folder; give the .wasm file that `stockade strategy build` made of it";
        return Err(Failure::new(Exit::Refused, format_args!("{} {hint}", path.display())));
    }
    // Before reading: a file of any size may have been named by mistake.
    if size.len() > COMPONENT_BYTES_MAX as u64 {
        let (is, max) = (bytes(size.len()), bytes(COMPONENT_BYTES_MAX as u64));
        let hint = "strip debug information, or leave data out of it";
        return Err(Failure::new(Exit::Refused, format_args!("{} has {is}, a strategy at most {max}; {hint}", path.display())));
    }
    let component = std::fs::read(&path).map_err(cannot)?;
    Ok((path, component))
}

fn find(file: &Path) -> Outcome<PathBuf> {
    if file.exists() {
        return Ok(file.to_path_buf());
    }
    let built = Path::new("target/strategies").join(file).with_extension("wasm");
    let is_name = file.components().count() == 1 && file.extension().is_none();
    match is_name {
        true if built.is_file() => Ok(built),
        true => Err(Failure::new(
            Exit::NotFound,
            format_args!(
                "there is neither a file {} nor {}; build the strategy with `stockade strategy build`",
                file.display(),
                built.display()
            ),
        )),
        false => Err(Failure::new(Exit::NotFound, format_args!("there is no file {}; is the path right?", file.display()))),
    }
}

impl Workshop {
    /// Checks and compiles a component, for guests with such addresses, and asks it what it is.
    ///
    /// # Errors
    /// The component is refused; the message names the file.
    pub fn load(path: &Path, component: &[u8], addresses: Addresses) -> Outcome<Self> {
        let config = SandboxConfig { compiler: compiler(), addresses, ..SandboxConfig::default() };
        let sandbox = Sandbox::new(config).map_err(Failure::of(Exit::Machine))?;
        let refused = |why: &dyn std::fmt::Display| Failure::new(Exit::Refused, format_args!("{}: {why}", path.display()));
        let loaded = sandbox.load(component).map_err(|error| match error {
            LoadError::Unfit(why) => refused(&why),
            LoadError::Busy(why) => Failure::new(Exit::Machine, why),
            failed @ (LoadError::Failed(_) | LoadError::Full(_)) => Failure::new(Exit::Failed, failed),
            LoadError::NoRoom(why) => Failure::new(Exit::Machine, why),
        })?;
        let description = sandbox.describe(&loaded.digest).map_err(|fault| match fault.kind {
            FaultKind::Refused => refused(&fault.message),
            kind if kind.is_hosts() => Failure::new(Exit::Machine, &fault.message),
            _ => refused(&format_args!("its `describe` failed: {fault}")),
        })?;
        Ok(Self { sandbox, loaded, description })
    }

    /// What an engine of it may use.
    ///
    /// # Errors
    /// It asks for more memory than a strategy may have.
    pub fn limits(&self) -> Outcome<GuestLimits> {
        self.loaded.profile.limits().with_memory(self.description.memory_bytes).map_err(|why| Failure::new(Exit::Refused, why))
    }

    /// Reads and loads in one.
    ///
    /// # Errors
    /// As [`read`] and [`load`](Self::load).
    pub fn open(file: &Path, addresses: Addresses) -> Outcome<Self> {
        let (path, component) = read(file)?;
        Self::load(&path, &component, addresses)
    }
}
