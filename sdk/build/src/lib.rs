//! Turns a strategy's crate into a component that imports nothing but the contract, and writes new strategy projects.
//!
//! [`build`] calls `cargo build` for `wasm32-unknown-unknown` and makes the module a component ([`componentize`]), so
//! that an author needs no other tool than rustup's cargo. [`template`] writes a project to start from.
//!
//! This crate refuses to know how a component is run: it checks what it imports, never what it does.

mod cargo;
mod component;
mod sdk;
mod template;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

pub use component::{componentize, imports, require_granted_imports};
pub use sdk::write_sdk;
pub use template::{SdkSource, template};

/// The target for which strategies are built: the one without any operating system.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// The folder of components and of all that is built for them, in cargo's target directory.
const FOLDER: &str = "strategies";

/// The stack lies below statics in memory. With some more than 32 KiB what is used of it and what follows are one page, where ten
/// thousand engines would fetch two.
const STACK_BYTES: u32 = (32 << 10) + 512;

/// How to build. `Options::default()` is right for an upload.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where cargo builds; unless given, `strategies` in the target directory of the crate's workspace.
    pub target_dir: Option<PathBuf>,
    /// Where the component goes; unless given, `<package>.wasm` in the target directory.
    pub output: Option<PathBuf>,
    /// Stack of the strategy, in bytes. Small, because thousands of strategies share the machine's caches; one that
    /// overruns it traps.
    pub stack_bytes: u32,
    /// Which imports the component may have.
    pub imports: Imports,
    /// Where the compiler's words go.
    pub progress: Progress,
}

/// Which imports a component may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imports {
    /// The interfaces of the contract.
    Granted,
    /// Whatever it asks for. For components that a host must refuse.
    Unchecked,
}

/// Where the compiler's words go while it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// To the terminal.
    Shown,
    /// Nowhere, unless the build fails: then into the error.
    Quiet,
}

impl Default for Options {
    fn default() -> Self {
        Options { target_dir: None, output: None, stack_bytes: STACK_BYTES, imports: Imports::Granted, progress: Progress::Quiet }
    }
}

/// A strategy that was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Name of the package.
    pub name: String,
    /// Where the component was written.
    pub path: PathBuf,
    /// The component.
    pub component: Vec<u8>,
    /// The interfaces it imports, such as `stockade:strategy/trading@0.1.0`.
    pub imports: Vec<String>,
    /// What its author should know, in one line each.
    pub warnings: Vec<String>,
}

/// Said of a strategy that prints.
const PRINTS: &str = "it prints with println!, eprintln!, print!, eprint! or dbg!, or a dependency does; a strategy has no terminal, so \
                      that nobody sees it: use ctx.info or ctx.warn, which write to the engine's log";

/// Builds the strategy whose `Cargo.toml` lies in `manifest_dir`, and writes the component.
///
/// # Errors
/// Says what is missing and what to do about it: no `Cargo.toml`, no `cdylib`, no dependency on `stockade-sdk`, the
/// compilation target not installed, an import outside the contract; or gives the compiler's own words.
pub fn build(manifest_dir: &Path, options: &Options) -> Result<Built> {
    let package = cargo::find_package(manifest_dir)?;
    cargo::require_target(manifest_dir)?;
    let target_dir = options.target_dir.clone().unwrap_or_else(|| package.target_dir.join(FOLDER));
    let module_path = cargo::compile(&package, &target_dir, options)?;
    let module = std::fs::read(&module_path).with_context(|| format!("cannot read {}", module_path.display()))?;
    let component = componentize(&module).with_context(|| format!("{} cannot become a component", package.name))?;
    if options.imports == Imports::Granted {
        require_granted_imports(&component).with_context(|| format!("{} would be refused by a host", package.name))?;
    }
    let path = options.output.clone().unwrap_or_else(|| component_in(&target_dir, &package.name));
    write_whole(&path, &component)?;
    let warnings = warnings(&component);
    Ok(Built { name: package.name, path, imports: imports(&component)?, component, warnings })
}

/// What the author of a component should know of it, in one line each.
pub fn warnings(component: &[u8]) -> Vec<String> {
    // What has an output of WASI's prints into the engine's log.
    let has_output = imports(component).is_ok_and(|imports| imports.iter().any(|import| import.starts_with("wasi:cli/std")));
    (!has_output && component::prints(component)).then(|| PRINTS.to_owned()).into_iter().collect()
}

/// Where [`build`] leaves the component of the strategy whose `Cargo.toml` lies in `manifest_dir`.
///
/// # Errors
/// As [`build`]'s, of the manifest.
pub fn component_of(manifest_dir: &Path) -> Result<PathBuf> {
    let package = cargo::find_package(manifest_dir)?;
    Ok(component_in(&package.target_dir.join(FOLDER), &package.name))
}

/// Where [`build`] leaves the component of a strategy called `name`, of the project in or around `folder`; none where there is no
/// project, or no cargo.
pub fn component_called(name: &str, folder: &Path) -> Option<PathBuf> {
    cargo::target_dir(folder).map(|target_dir| component_in(&target_dir.join(FOLDER), name))
}

fn component_in(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.wasm"))
}

/// Writes a file so that nobody ever sees half of it.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let Some(folder) = path.parent() else { bail!("{} is not a file's path", path.display()) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut builder = tempfile::Builder::new();
        // As any new file: others may read what the owner's umask lets them.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
