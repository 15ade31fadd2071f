//! The sample strategies as components, built from `strategies/` when a test first asks for one.
//!
//! Cargo's own lock on the target directory lets test binaries that run side by side wait for each other, and a component
//! that is up to date takes no time but cargo's.

use domain::contract::{Param, ParamValue};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use stockade_build::{Imports, Options, build};

type Component = LazyLock<Vec<u8>>;

/// The simplest sample: two moving averages.
pub fn ema_cross() -> &'static [u8] {
    static BUILT: Component = LazyLock::new(|| built("ema-cross", Imports::Granted));
    &BUILT
}

/// The largest sample.
pub fn scalper() -> &'static [u8] {
    static BUILT: Component = LazyLock::new(|| built("scalper", Imports::Granted));
    &BUILT
}

/// The sample that misbehaves as its parameters say; see [`misbehaving_params`].
pub fn misbehaving() -> &'static [u8] {
    static BUILT: Component = LazyLock::new(|| built("hostile/misbehaving", Imports::Granted));
    &BUILT
}

/// The sample that imports something no strategy is granted.
pub fn ungranted_import() -> &'static [u8] {
    static BUILT: Component = LazyLock::new(|| built("hostile/ungranted-import", Imports::Unchecked));
    &BUILT
}

/// Parameters of [`misbehaving`]: behave for `calm_ticks`, then do what `mode` names. `modes` are the choices its
/// description gives.
///
/// # Panics
/// There is no such mode.
pub fn misbehaving_params(modes: &[String], mode: &str, calm_ticks: i64) -> Vec<Param> {
    let choice = modes.iter().position(|known| known == mode).unwrap_or_else(|| panic!("no mode {mode:?} among {modes:?}"));
    vec![
        Param { name: "mode".into(), value: ParamValue::Choice(choice as u32) },
        Param { name: "calm_ticks".into(), value: ParamValue::Integer(calm_ticks) },
    ]
}

/// The strategy in `manifest_dir` as our own tool builds it.
///
/// # Panics
/// It can't be built.
pub fn build_at(manifest_dir: &Path) -> Vec<u8> {
    build_with(manifest_dir, Imports::Granted)
}

/// The strategy in `manifest_dir` as a plain `cargo build --target wasm32-wasip2` makes it.
///
/// # Panics
/// It can't be built.
pub fn build_wasip2_at(manifest_dir: &Path) -> Vec<u8> {
    const TARGET: &str = "wasm32-wasip2";
    let target_dir = target_dir().join("strategies");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--lib", "--target", TARGET, "--target-dir"])
        .arg(&target_dir)
        .current_dir(manifest_dir)
        // What an enclosing cargo set is for another target or another tool.
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CARGO_BUILD_TARGET")
        .output()
        .expect("cargo runs: it started this test");
    assert!(output.status.success(), "{} can't be built: {}", manifest_dir.display(), String::from_utf8_lossy(&output.stderr));
    let name = manifest_dir.file_name().expect("a strategy lies in a folder of its name").to_string_lossy().replace('-', "_");
    let path = target_dir.join(TARGET).join("release").join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn built(folder: &str, imports: Imports) -> Vec<u8> {
    build_with(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../strategies").join(folder), imports)
}

fn build_with(manifest_dir: &Path, imports: Imports) -> Vec<u8> {
    let options = Options { target_dir: Some(target_dir().join("strategies")), imports, ..Options::default() };
    match build(manifest_dir, &options) {
        Ok(built) => built.component,
        Err(error) => panic!("{} can't be built: {error:#}", manifest_dir.display()),
    }
}

/// The target directory this test was built in, which the environment may have moved.
fn target_dir() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let marked = test.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    marked.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), Path::to_path_buf)
}
