//! `stockade strategy list` and `stockade strategy versions`: what a running host has of strategies.

use crate::cli::Global;
use crate::client::{Client, HostOptions, segment};
use crate::commands::named;
use crate::commands::shown::{digest, items, moment, shown};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Align, bytes, table_leaving_out};
use serde_json::{Value, json};

#[derive(clap::Args)]
pub struct List {
    /// Only this user's, by the user's name or id.
    #[arg(long)]
    user: Option<String>,
    #[command(flatten)]
    host: HostOptions,
}

#[derive(clap::Args)]
pub struct Versions {
    /// The strategy's name; USER/NAME where several users have one of that name.
    name: String,
    /// Whose, by name or id; unless given, whoever has it.
    #[arg(long)]
    user: Option<String>,
    #[command(flatten)]
    host: HostOptions,
}

/// All strategies of these users, each with its owner's name.
fn of_users(client: &Client, user: Option<&str>) -> Outcome<Vec<Value>> {
    let users = match user {
        Some(user) => vec![named::user(client, user)?],
        None => items(&client.all("/users", &[])?).map(|user| shown(&user["name"])).collect(),
    };
    let mut all = Vec::new();
    for user in users {
        let strategies = client.all("/strategies", &[("user", &user)])?;
        all.extend(items(&strategies).cloned().map(|mut strategy| {
            strategy["user"] = user.clone().into();
            strategy
        }));
    }
    Ok(all)
}

/// Lists strategies.
pub fn list(arguments: &List, global: &Global) -> Outcome {
    let strategies = of_users(&arguments.host.client(global)?, arguments.user.as_deref())?;
    global.output().show(&json!({ "items": strategies, "next": null }), |list| {
        let rows: Vec<Vec<String>> = items(list).map(row).collect();
        if rows.is_empty() {
            return "there are no strategies; `stockade strategy upload` brings one\n".to_owned();
        }
        let head = [
            ("strategy", Align::Left),
            ("versions", Align::Right),
            ("latest", Align::Right),
            ("digest", Align::Left),
            ("calls itself", Align::Left),
            ("uploaded", Align::Left),
        ];
        table_leaving_out(&head, &rows, &["uploaded"])
    });
    Ok(())
}

fn row(strategy: &Value) -> Vec<String> {
    let versions = strategy["versions"].as_array();
    let latest = versions.and_then(|versions| versions.last()).unwrap_or(&Value::Null);
    vec![
        named::full(strategy),
        versions.map_or(0, Vec::len).to_string(),
        shown(&latest["number"]),
        digest(&latest["digest"]),
        format!("{} {}", shown(&latest["name"]), shown(&latest["version"])).trim().to_owned(),
        moment(&latest["uploaded_at"]),
    ]
}

/// Lists a strategy's versions.
pub fn versions(arguments: &Versions, global: &Global) -> Outcome {
    let client = arguments.host.client(global)?;
    let (user, name) = match arguments.name.split_once('/') {
        Some((user, name)) => (Some(user.to_owned()), name),
        None => (arguments.user.clone(), arguments.name.as_str()),
    };
    let found: Vec<Value> = of_users(&client, user.as_deref())?.into_iter().filter(|strategy| strategy["name"] == name).collect();
    let strategy = match &found[..] {
        [one] => one,
        [] => {
            return Err(Failure::new(Exit::NotFound, format_args!("there is no strategy {name:?}; `stockade strategy list` shows them")));
        }
        several => {
            let names: Vec<String> = several.iter().map(named::full).collect();
            return Err(Failure::new(
                Exit::Usage,
                format_args!("{} users have a strategy {name:?}; name it in full: {}", several.len(), names.join(", ")),
            ));
        }
    };
    let mut versions = client.get(&format!("/strategies/{}/versions", segment(name)), &[("user", &shown(&strategy["user"]))])?;
    // The host's list has the latest at its end.
    let latest = items(&versions).last().map(|version| version["digest"].clone());
    for version in versions["items"].as_array_mut().into_iter().flatten() {
        version["latest"] = (Some(&version["digest"]) == latest.as_ref()).into();
    }
    global.output().show(&versions, table);
    Ok(())
}

fn table(versions: &Value) -> String {
    let mut all: Vec<&Value> = items(versions).collect();
    all.sort_by_key(|version| version["number"].as_u64());
    let row = |version: &&Value| {
        vec![
            shown(&version["number"]),
            digest(&version["digest"]),
            format!("{} {}", shown(&version["description"]["name"]), shown(&version["description"]["version"])).trim().to_owned(),
            bytes(version["size_bytes"].as_u64().unwrap_or_default()),
            moment(&version["uploaded_at"]),
            if version["latest"] == true { "the latest".to_owned() } else { String::new() },
        ]
    };
    let head = [
        ("version", Align::Right),
        ("digest", Align::Left),
        ("calls itself", Align::Left),
        ("size", Align::Right),
        ("first uploaded", Align::Left),
        ("", Align::Left),
    ];
    table_leaving_out(&head, &all.iter().map(row).collect::<Vec<_>>(), &["size"])
}
