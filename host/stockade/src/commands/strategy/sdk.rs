//! `stockade strategy sdk`.

use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use serde_json::json;
use std::path::PathBuf;
use stockade_build::write_sdk;

#[derive(clap::Args)]
pub struct Arguments {
    /// Folder of the strategy's Cargo.toml.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// Writes the SDK and says what the project's manifest must name.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    if !arguments.folder.join("Cargo.toml").is_file() {
        let way_out = "name the folder of a strategy's project; `stockade strategy new NAME` makes one";
        return Err(Failure::new(Exit::NotFound, format_args!("there is no Cargo.toml in {}: {way_out}", arguments.folder.display())));
    }
    let folder = write_sdk(&arguments.folder).map_err(Failure::of(Exit::Refused))?;
    let version = env!("CARGO_PKG_VERSION");
    let answer = json!({ "folder": folder, "version": version });
    global.output().show(&answer, |_| {
        format!(
            "{} is the SDK of stockade {version}. Cargo.toml must say: stockade-sdk = {{ path = \"stockade-sdk\" }}\n",
            folder.display()
        )
    });
    Ok(())
}
