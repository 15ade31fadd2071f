//! `stockade strategy upload`.

use crate::cli::Global;
use crate::client::HostOptions;
use crate::exit::Outcome;
use crate::workshop;
use serde_json::Value;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// The component, or the name of one built here.
    file: PathBuf,
    /// Whose strategy it is.
    #[arg(long)]
    user: String,
    /// The strategy's name; made when the user has none of that name. A further component becomes its next version.
    #[arg(long)]
    name: String,
    #[command(flatten)]
    host: HostOptions,
}

/// Uploads.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let client = arguments.host.client(global)?;
    let (_, component) = workshop::read(&arguments.file)?;
    let query = [("user", arguments.user.as_str()), ("name", arguments.name.as_str())];
    let answer = client.post_component("/strategies", &query, &component)?;
    global.output().show(&answer, |answer| {
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        format!("{} of {}: version {}\n", arguments.name, arguments.user, text("digest"))
    });
    Ok(())
}
