//! `stockade health`.

use super::user::shown;
use crate::cli::Global;
use crate::client::HostOptions;
use crate::exit::{Exit, Failure, Outcome};
use serde_json::Value;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    host: HostOptions,
}

/// Prints the host's health; exit code 1 when it is not well.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let health = arguments.host.client(global)?.get("/health", &[])?;
    global.output().show(&health, |health| lines("", health));
    match health["status"].as_str() {
        Some("ok") => Ok(()),
        _ => Err(Failure::new(Exit::Failed, format_args!("the host is {}; the parts above say why", shown(&health["status"])))),
    }
}

/// One line per figure, its path before it.
fn lines(path: &str, value: &Value) -> String {
    match value {
        Value::Object(parts) => {
            parts.iter().map(|(name, part)| lines(&if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, part)).collect()
        }
        Value::Array(parts) => parts.iter().enumerate().map(|(at, part)| lines(&format!("{path}.{at}"), part)).collect(),
        leaf => format!("{path:<32} {}\n", shown(leaf)),
    }
}
