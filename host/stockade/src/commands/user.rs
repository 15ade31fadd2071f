//! `stockade user`: users of a running host.

use crate::cli::Global;
use crate::client::HostOptions;
use crate::exit::Outcome;
use crate::output::{Align, table};
use serde_json::{Value, json};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Add a user.
    Add {
        /// Unique on the host.
        name: String,
        #[command(flatten)]
        host: HostOptions,
    },
    /// All users.
    List {
        #[command(flatten)]
        host: HostOptions,
    },
}

/// Runs the command.
pub fn run(command: &Command, global: &Global) -> Outcome {
    match command {
        Command::Add { name, host } => {
            let user = host.client(global)?.post("/users", &[], &json!({ "name": name }))?;
            global.output().show(&user, |user| format!("user {name} has id {}\n", user["id"]));
        }
        Command::List { host } => {
            let users = host.client(global)?.get("/users", &[])?;
            global.output().show(&users, |users| {
                let rows: Vec<Vec<String>> = items(users).map(|user| vec![shown(&user["id"]), shown(&user["name"])]).collect();
                table(&[("id", Align::Right), ("name", Align::Left)], &rows)
            });
        }
    }
    Ok(())
}

/// The rows of a list.
pub fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.get("items").and_then(Value::as_array).into_iter().flatten()
}

/// A value as a cell.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
