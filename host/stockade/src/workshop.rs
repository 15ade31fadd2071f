//! A strategy's file on this machine: found, read, checked, compiled, described.

use crate::exit::{Exit, Failure, Outcome};
use crate::output::bytes;
use domain::contract::Description;
use domain::desk::Desk;
use domain::guest::{FaultKind, GuestFactory as _};
use domain::limits::{COMPONENT_BYTES_MAX, GuestLimits};
use sandbox::{Addresses, Compiler, LoadError, Loaded, Sandbox, SandboxConfig};
use std::path::{Path, PathBuf};
use stockade_build::{component_called, component_of};

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

/// Reads a component, or the one that `stockade strategy build` and `cargo xtask strategies` leave for a project's folder or a name.
///
/// # Errors
/// There is no such file, or it is too large to be a strategy.
pub fn read(file: &Path) -> Outcome<(PathBuf, Vec<u8>)> {
    let path = find(file)?;
    let cannot = |error: std::io::Error| Failure::io("read the strategy", &path, &error);
    let size = std::fs::metadata(&path).map_err(cannot)?;
    if size.is_dir() {
        let hint = "is a folder without a Cargo.toml; give a strategy's project or its .wasm file";
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

/// A file, or what was built of a project's folder, or of the project here for a name.
fn find(file: &Path) -> Outcome<PathBuf> {
    let not_built = |built: &Path, way_out: &str| {
        let (file, built) = (file.display(), built.display());
        Failure::new(
            Exit::NotFound,
            format_args!("{file} has not been built, since there is no {built}: run `stockade strategy build{way_out}`"),
        )
    };
    if file.join("Cargo.toml").is_file() {
        let built = component_of(file).map_err(Failure::of(Exit::Refused))?;
        return if built.is_file() { Ok(built) } else { Err(not_built(&built, &format!(" {}", file.display()))) };
    }
    if file.exists() {
        return Ok(file.to_path_buf());
    }
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let built = component_called(&name, Path::new("."));
    let is_name = file.components().count() == 1 && file.extension().is_none();
    match built {
        Some(built) if is_name && built.is_file() => Ok(built),
        Some(built) if is_name => Err(not_built(&built, "")),
        Some(built) if built.is_file() => {
            let (file, built) = (file.display(), built.display());
            Err(Failure::new(
                Exit::NotFound,
                format_args!("there is no file {file}; cargo builds into another folder: give {built}, or {name}"),
            ))
        }
        _ if is_name => {
            let way_out = "give a .wasm file, the folder of a project, or a name within the folder of its project";
            Err(Failure::new(Exit::NotFound, format_args!("there is neither a file {} nor a project here: {way_out}", file.display())))
        }
        _ => Err(Failure::new(Exit::NotFound, format_args!("there is no file {}; is the path right?", file.display()))),
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
