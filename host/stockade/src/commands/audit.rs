//! `stockade audit`: who did what on a running host, and why.

use super::named;
use super::shown::{items, moment, shown};
use crate::cli::Global;
use crate::client::{Client, HostOptions};
use crate::exit::Outcome;
use crate::output::{Align, table};
use serde_json::Value;

#[derive(clap::Args)]
pub struct Arguments {
    /// Only what concerns this engine, by its id or its name.
    #[arg(long, value_name = "ENGINE", conflicts_with = "account")]
    engine: Option<String>,
    /// Only what concerns this account, by its id or its name.
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// How many of the last to show.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    #[command(flatten)]
    host: HostOptions,
}

impl Arguments {
    fn object(&self, client: &Client) -> Outcome<Option<String>> {
        Ok(match (&self.engine, &self.account) {
            (Some(engine), _) => Some(format!("engine {}", named::engine(client, engine)?)),
            (None, Some(account)) => Some(format!("account {}", named::account(client, account)?)),
            (None, None) => None,
        })
    }
}

/// Prints the last entries, the latest at the end.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let client = arguments.host.client(global)?;
    let (object, limit) = (arguments.object(&client)?, arguments.limit.to_string());
    let query: Vec<(&str, &str)> =
        std::iter::once(("limit", limit.as_str())).chain(object.iter().map(|object| ("object", object.as_str()))).collect();
    let audit = client.get("/audit", &query)?;
    global.output().show(&audit, text);
    Ok(())
}

fn text(audit: &Value) -> String {
    let row = |entry: &Value| {
        let why = [shown(&entry["reason"]), details(&entry["detail"])];
        let why: Vec<String> = why.into_iter().filter(|part| !part.is_empty()).collect();
        vec![moment(&entry["at"]), shown(&entry["actor"]), shown(&entry["action"]), object(&entry["object"]), why.join("; ")]
    };
    let mut rows: Vec<Vec<String>> = items(audit).map(row).collect();
    if rows.is_empty() {
        return "nothing is noted yet\n".to_owned();
    }
    rows.reverse();
    table(&["at", "who", "what", "of", "why"].map(|name| (name, Align::Left)), &rows)
}

/// What an entry is about: `engine 1`, `version 1a2b3c4d5e6f`.
fn object(object: &Value) -> String {
    shown(object).split(' ').map(|word| short(&word.into())).collect::<Vec<_>>().join(" ")
}

/// The rest of an entry: `from 1a2b3c4d5e6f, to 6f5e4d3c2b1a`.
fn details(detail: &Value) -> String {
    let known = detail.as_object().into_iter().flatten().filter(|(name, value)| !is_nothing(name, value));
    known.map(|(name, value)| format!("{} {}", name.replace('_', " "), short(value))).collect::<Vec<_>>().join(", ")
}

/// What says nothing, and what is too long for a line and stands in --json.
fn is_nothing(name: &str, value: &Value) -> bool {
    let is_empty = match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.is_empty(),
        Value::Number(number) => number.as_u64() == Some(0),
        _ => false,
    };
    is_empty || ["before", "after"].contains(&name)
}

fn short(value: &Value) -> String {
    let text = shown(value);
    let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_digest { text[..12].to_owned() } else { text }
}
