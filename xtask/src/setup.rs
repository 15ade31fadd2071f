//! What a machine needs to build the workspace: checked each time, installed where rustup can, named where it can't.

use crate::cargo::{run, say, workspace};
use anyhow::{Context as _, Result, ensure};
use std::path::Path;
use std::process::Command;

/// The targets strategies are built for: ours without WASI, and the one plain cargo gives authors, which must load too.
///
/// `rust-toolchain.toml` names them as well, but rustup does not install from there when `RUSTUP_AUTO_INSTALL=0`.
const TARGETS: [&str; 2] = [stockade_build::TARGET, "wasm32-wasip2"];

/// Checks everything and installs the missing targets.
///
/// # Errors
/// Names what is missing and the line that mends it.
pub fn ensure_ready() -> Result<()> {
    for (tool, what) in [("cc", "links programs and builds SQLite"), ("make", "builds the host's allocator")] {
        let is_there = Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
        ensure!(is_there, "there is no `{tool}`, which {what}; run: apt-get install -y build-essential");
    }
    for target in TARGETS {
        if !is_installed(target)? {
            say(&format!("installing the compilation target {target}, for strategies"));
            install(target)?;
        }
    }
    Ok(())
}

fn is_installed(target: &str) -> Result<bool> {
    let output = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).current_dir(workspace()).output();
    let output = output.context("cannot run rustc; install it from https://rustup.rs")?;
    Ok(output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

fn install(target: &str) -> Result<()> {
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", target]).current_dir(workspace());
    run(&mut rustup).with_context(|| format!("{target} can't be installed; without rustup, install it as your toolchain says"))?;
    ensure!(is_installed(target)?, "{target} was installed, but not for the rustc that runs here; is another rustc first in PATH?");
    Ok(())
}
