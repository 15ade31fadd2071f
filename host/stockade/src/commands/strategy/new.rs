//! `stockade strategy new`.

use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use serde_json::json;
use std::path::PathBuf;
use stockade_build::{SdkSource, template};

#[derive(clap::Args)]
pub struct Arguments {
    /// Name of the strategy: lower case letters, digits and -.
    name: String,
    /// Folder in which the project's folder is made.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    parent: PathBuf,
    /// The SDK to build against: an `sdk` folder of Stockade's sources. Unless given, the project gets a copy of its own, of the SDK
    /// that this program carries.
    #[arg(long, value_name = "FOLDER", env = "STOCKADE_SDK")]
    sdk: Option<PathBuf>,
}

/// Writes the project.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let sdk = arguments.sdk.clone().map_or(SdkSource::Carried, SdkSource::Path);
    let files = template(&arguments.parent, &arguments.name, &sdk).map_err(Failure::of(Exit::Refused))?;
    let folder = arguments.parent.join(&arguments.name);
    let answer = json!({ "folder": folder, "files": files });
    global.output().show(&answer, |_| {
        let name = &arguments.name;
        let folder = folder.display();
        format!(
            "{folder} is ready. Next:\n  \
             cd {folder}\n  \
             cargo test                          # what the strategy does, on made-up prices\n  \
             stockade strategy build             # makes the component\n  \
             stockade import FILE_OR_FOLDER      # ticks or bars, unless you have imported some\n  \
             stockade backtest {name} --symbol EURUSD\n"
        )
    });
    Ok(())
}
