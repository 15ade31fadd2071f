//! `stockade strategy build`.

use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Output, bytes};
use domain::ids::Digest;
use serde_json::json;
use std::path::PathBuf;
use stockade_build::{Options, Progress, build};

#[derive(clap::Args)]
pub struct Arguments {
    /// Folder of the strategy's Cargo.toml.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where the component goes; unless given, target/strategies/NAME.wasm of the project.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Builds and tells where the component is.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let progress = if global.output() == Output::Text { Progress::Shown } else { Progress::Quiet };
    let options = Options { output: arguments.output.clone(), progress, ..Options::default() };
    let built = build(&arguments.folder, &options).map_err(Failure::of(Exit::Refused))?;
    let digest = Digest::of(&built.component).to_string();
    for warning in &built.warnings {
        crate::telemetry::say(format_args!("stockade: warning: {}: {warning}", built.name));
    }
    let answer = json!({
        "name": built.name, "path": built.path.display().to_string(), "digest": digest, "bytes": built.component.len(),
        "imports": built.imports, "warnings": built.warnings,
    });
    global.output().show(&answer, |_| format!("{}  {}  sha256 {digest}\n", built.path.display(), bytes(built.component.len() as u64)));
    Ok(())
}
