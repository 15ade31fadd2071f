//! The peer: Extism, running the same strategy. It is a workspace of its own in `benches/extism`, since it brings another
//! wasmtime, and is built when this bench runs.

use std::path::Path;
use std::process::{Command, Stdio};

/// Ns of one call.
///
/// # Errors
/// Why it could not be measured.
pub fn call_ns() -> Result<f64, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/extism");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/extism");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = |folder: &Path, more: &[&str]| {
        let mut command = Command::new(&cargo);
        command.args(["build", "--release", "--locked", "--target-dir"]).arg(&target).args(more).current_dir(folder);
        // What an enclosing cargo set is for another target.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_BUILD_TARGET").stdout(Stdio::null());
        let status = command.status().map_err(|error| format!("cargo does not run: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("{} can't be built; is there a network?", folder.display())) }
    };
    eprintln!("building the peer, Extism; the first time takes some minutes");
    // As ours is.
    let optimised = ["--config", "profile.release.lto='fat'", "--config", "profile.release.codegen-units=1"];
    build(&folder.join("plugin"), &[&["--target", "wasm32-unknown-unknown"], &optimised[..]].concat())?;
    build(&folder, &[])?;
    let plugin = target.join("wasm32-unknown-unknown/release/plugin.wasm");
    let output = Command::new(target.join("release/peer")).arg(&plugin).output().map_err(|error| format!("it does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| format!("it failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
