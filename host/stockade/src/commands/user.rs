//! `stockade user`: users of a running host.

use super::named;
use super::shown::{count, items, shown};
use crate::cli::Global;
use crate::client::HostOptions;
use crate::exit::Outcome;
use crate::output::{Align, bytes, grouped, table};
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
    /// What a user's engines and uploads use, and what they may.
    Show {
        /// The user's name or id.
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
        Command::Show { name, host } => {
            let client = host.client(global)?;
            let usage = client.get("/users/usage", &[("user", &named::user(&client, name)?)])?;
            global.output().show(&usage, used);
        }
        Command::List { host } => {
            let users = host.client(global)?.all("/users", &[])?;
            global.output().show(&users, |users| {
                let rows: Vec<Vec<String>> = items(users).map(|user| vec![shown(&user["id"]), shown(&user["name"])]).collect();
                table(&[("id", Align::Right), ("name", Align::Left)], &rows)
            });
        }
    }
    Ok(())
}

fn used(usage: &Value) -> String {
    let quota = |name: &str| match usage["quotas"][name].as_u64() {
        None | Some(0) => "no quota".to_owned(),
        Some(max) if name.contains("bytes") => format!("of {}", bytes(max)),
        Some(max) => format!("of {}", grouped(max)),
    };
    let rows = [
        ("engines", "engines", "engines_max"),
        ("running", "engines_running", ""),
        ("versions running", "versions_running", "versions_max"),
        ("fuel a second", "fuel_per_second", "fuel_per_second_max"),
        ("fuel today", "fuel_today", ""),
        ("ticks throttled", "ticks_throttled", ""),
        ("memory", "memory_bytes", "memory_bytes_max"),
        ("versions", "versions", ""),
        ("uploads", "upload_bytes", "upload_bytes_max"),
        ("machine code of uploads", "compiled_bytes", "compiled_bytes_max"),
        ("logged today", "log_bytes_today", "log_bytes_per_day_max"),
    ];
    let row = |(name, field, of): (&str, &str, &str)| {
        let used = if field.contains("bytes") { bytes(usage[field].as_u64().unwrap_or_default()) } else { count(&usage[field]) };
        vec![name.to_owned(), used, if of.is_empty() { String::new() } else { quota(of) }]
    };
    table(&[("what", Align::Left), ("used", Align::Right), ("quota", Align::Left)], &rows.map(row))
}
