//! `stockade strategy upload`.

use crate::cli::Global;
use crate::client::{Client, HostOptions, segment};
use crate::commands::named;
use crate::commands::shown::{digest, items};
use crate::exit::{Exit, Outcome};
use crate::{telemetry, workshop};
use serde_json::Value;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// The component, or the name of one built here.
    file: PathBuf,
    /// Whose strategy it is.
    #[arg(long)]
    user: String,
    /// The strategy's name; made when the user has none of that name. A further component becomes its next version; one that was
    /// uploaded before becomes the latest again.
    #[arg(long)]
    name: String,
    /// Take it although it calls itself otherwise than the strategy's latest version does.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    host: HostOptions,
}

/// Uploads.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let client = arguments.host.client(global)?;
    let (_, component) = workshop::read(&arguments.file)?;
    let (user, name) = (named::user(&client, &arguments.user)?, &arguments.name);
    let before = versions(&client, &user, name)?;
    let mut query = vec![("user", user.as_str()), ("name", name.as_str())];
    query.extend(arguments.force.then_some(("force", "true")));
    let answer = client.post_component("/strategies", &query, &component)?;
    for warning in stockade_build::warnings(&component) {
        telemetry::say(format_args!("stockade: warning: {name}: {warning}"));
    }
    global.output().show(&answer, |answer| {
        let (number, short) = (&answer["number"], digest(&answer["digest"]));
        let latest = before.last().is_some_and(|last| last["digest"] == answer["digest"]);
        match before.iter().any(|version| version["digest"] == answer["digest"]) {
            true if latest => format!("that is version {number} of {name} ({short}); it was the latest and stays so\n"),
            true => format!("that is version {number} of {name} ({short}); it is the latest now\n"),
            false => format!("{name} of {user}: version {number} ({short}); it is the latest now\n"),
        }
    });
    Ok(())
}

/// The versions that the host has already, the latest at the end.
fn versions(client: &Client, user: &str, name: &str) -> Outcome<Vec<Value>> {
    match client.get(&format!("/strategies/{}/versions", segment(name)), &[("user", user)]) {
        Ok(versions) => Ok(items(&versions).cloned().collect()),
        // Who is not there is told by the upload itself.
        Err(failure) if failure.exit == Exit::NotFound => Ok(Vec::new()),
        Err(failure) => Err(failure),
    }
}
