//! Calls to cargo, and where things lie.

use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_path_buf()
}

/// The cargo that called us, so that a toolchain chosen on its command line is kept.
///
/// It is not told that it is called by a crate: build scripts that look at their crate's name in the environment would run anew, and
/// with them half of what was built, whenever somebody takes turns between `cargo xtask` and `cargo`.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let of_crate = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_crate)) {
        command.env_remove(name);
    }
    command.current_dir(workspace());
    command
}

/// Runs a command to its end, with its output on ours.
///
/// # Errors
/// It can't be started, or it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let line = words(command);
    say(&line);
    let status = command.status().with_context(|| format!("cannot run `{line}`"))?;
    ensure!(status.success(), "`{line}` failed ({status})");
    Ok(())
}

/// Tells what is being done.
pub fn say(what: &str) {
    eprintln!("==> {what}");
}

/// A command as one would type it.
pub fn words(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    command.get_args().fold(program, |line, argument| line + " " + &argument.to_string_lossy())
}
