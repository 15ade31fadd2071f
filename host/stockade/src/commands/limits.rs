//! `stockade limits`: what the risk gate of a running host is held to.

use super::named;
use crate::cli::Global;
use crate::client::{Client, HostOptions};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Align, table};
use serde_json::{Map, Value, json};

#[derive(clap::Subcommand)]
pub enum Command {
    /// An account's limits, level by level; the strictest holds.
    Show {
        /// The account, by its id or its name.
        #[arg(long, value_name = "ACCOUNT")]
        account: String,
        #[command(flatten)]
        host: HostOptions,
    },
    /// Change limits: NAME=VALUE sets one, NAME= takes it away. Lower ones hold at once; a raise is noted in the audit.
    Set(Set),
    /// Let an account, or one of its engines, open again after losses or too many orders stopped it.
    Reset {
        /// The account, by its id or its name.
        #[arg(long, value_name = "ACCOUNT")]
        account: String,
        /// Only this engine, by its id or its name.
        #[arg(long, value_name = "ENGINE")]
        engine: Option<String>,
        /// Why, for the audit.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        host: HostOptions,
    },
}

#[derive(clap::Args)]
pub struct Set {
    /// Such as `daily_loss_max=500`.
    #[arg(required = true, value_name = "NAME=VALUE")]
    changes: Vec<String>,
    /// Of this account, by its id or its name; unless account or user are given, of everybody.
    #[arg(long, value_name = "ACCOUNT", conflicts_with = "user")]
    account: Option<String>,
    /// Of this user, on all accounts.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    host: HostOptions,
}

/// Runs the command.
pub fn run(command: &Command, global: &Global) -> Outcome {
    match command {
        Command::Show { account, host } => {
            let client = host.client(global)?;
            let limits = client.get(&format!("/accounts/{}/limits", named::account(&client, account)?), &[])?;
            global.output().show(&limits, shown);
        }
        Command::Set(set) => {
            let limits = change(&set.host.client(global)?, set)?;
            global.output().show(&limits, |limits| {
                let is_by_level = limits.get("effective").is_some();
                "set; they hold from the next order on:\n".to_owned() + &if is_by_level { shown(limits) } else { of_one_level(limits) }
            });
        }
        Command::Reset { account, engine, reason, host } => {
            let client = host.client(global)?;
            let account = named::account(&client, account)?;
            let engine = engine.as_deref().map(|engine| named::engine(&client, engine)).transpose()?;
            let document = json!({ "engine": engine, "reason": reason });
            let limits = client.post(&format!("/accounts/{account}/reset"), &[], &document)?;
            let whom = engine.map_or(format!("account {account}"), |engine| format!("engine {engine}"));
            global.output().show(&limits, |_| format!("{whom} may open again\n"));
        }
    }
    Ok(())
}

fn change(client: &Client, set: &Set) -> Outcome<Value> {
    let user = set.user.as_deref().map(|user| named::user(client, user)).transpose()?;
    let by_user: Vec<(&str, &str)> = user.iter().map(|user| ("user", user.as_str())).collect();
    let path = match (&set.account, &set.user) {
        (Some(account), _) => format!("/accounts/{}/limits", named::account(client, account)?),
        (None, Some(_)) => "/users/limits".into(),
        (None, None) => "/limits".into(),
    };
    let now = client.get(&path, &by_user)?;
    let now = now.get("account").cloned().unwrap_or(now);
    let Value::Object(mut limits) = now else {
        return Err(Failure::new(Exit::Failed, "the host's limits are no document; is it another version?"));
    };
    for change in &set.changes {
        apply(&mut limits, change)?;
    }
    let query: Vec<(&str, &str)> = by_user.into_iter().chain(set.reason.iter().map(|reason| ("reason", reason.as_str()))).collect();
    client.put(&path, &query, &Value::Object(limits))
}

fn apply(limits: &mut Map<String, Value>, change: &str) -> Outcome {
    let Some((name, value)) = change.split_once('=') else {
        return Err(Failure::new(Exit::Usage, format_args!("{change:?} is no change; write NAME=VALUE, such as daily_loss_max=500")));
    };
    let (name, value) = (name.trim().to_owned(), value.trim());
    let list = || Value::from(value.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>());
    match (name.as_str(), value) {
        (_, "") => drop(limits.remove(&name)),
        ("symbols" | "sessions", _) => drop(limits.insert(name, list())),
        _ => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            limits.insert(name, value);
        }
    }
    Ok(())
}

/// A limit as a cell.
fn cell(limit: &Value) -> String {
    match limit {
        Value::Null => "-".to_owned(),
        Value::Array(all) if all.is_empty() => "-".to_owned(),
        Value::Array(all) => all.iter().map(super::shown::shown).collect::<Vec<_>>().join(", "),
        // No limit at that level.
        Value::Number(number) if number.as_u64() == Some(u64::from(u32::MAX)) => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The limits of the host or of a user alone.
fn of_one_level(limits: &Value) -> String {
    let rows: Vec<Vec<String>> = limits.as_object().into_iter().flatten().map(|(name, limit)| vec![name.clone(), cell(limit)]).collect();
    table(&[("limit", Align::Left), ("value", Align::Right)], &rows)
}

/// One line a limit, one column a level.
fn shown(limits: &Value) -> String {
    let levels = ["effective", "account", "user", "operator"];
    let mut names: Vec<&String> = levels.iter().filter_map(|level| limits[level].as_object()).flat_map(|level| level.keys()).collect();
    names.sort();
    names.dedup();
    let rows: Vec<Vec<String>> = names
        .iter()
        .map(|name| std::iter::once((*name).clone()).chain(levels.iter().map(|level| cell(&limits[*level][name.as_str()]))).collect())
        .collect();
    let head = [
        ("limit", Align::Left),
        ("in effect", Align::Right),
        ("account", Align::Right),
        ("user", Align::Right),
        ("operator", Align::Right),
    ];
    table(&head, &rows)
}
