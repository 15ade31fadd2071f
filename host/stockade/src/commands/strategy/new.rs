//! `stockade strategy new`.

use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use serde_json::json;
use std::path::{Path, PathBuf};
use stockade_build::{SdkSource, template};

#[derive(clap::Args)]
pub struct Arguments {
    /// Name of the strategy: lower case letters, digits and -.
    name: String,
    /// Folder in which the project's folder is made.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    parent: PathBuf,
    /// The SDK to build against: a checked-out `sdk` folder. Unless given, the one this program was built with.
    #[arg(long, value_name = "FOLDER", env = "STOCKADE_SDK")]
    sdk: Option<PathBuf>,
}

/// Writes the project.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let sdk = arguments.sdk.clone().map_or_else(usual_sdk, SdkSource::Path);
    let files = template(&arguments.parent, &arguments.name, &sdk).map_err(Failure::of(Exit::Refused))?;
    let folder = arguments.parent.join(&arguments.name);
    let answer = json!({ "folder": folder, "files": files });
    global.output().show(&answer, |_| {
        let name = &arguments.name;
        format!(
            "{} is there. Next:\n  cd {}\n  cargo test\n  stockade strategy build\n  stockade backtest target/strategies/{name}.wasm --symbol EURUSD\n",
            folder.display(),
            folder.display(),
        )
    });
    Ok(())
}

/// The SDK beside the source this program was built from, while that is there; else the published one of its version.
fn usual_sdk() -> SdkSource {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk");
    if beside.join("wit/strategy.wit").is_file() {
        SdkSource::Path(beside)
    } else {
        SdkSource::Version(env!("CARGO_PKG_VERSION").to_owned())
    }
}
