//! `stockade halt` and `stockade resume`: the kill switch of a running host.

use super::shown::{count, items};
use super::{named, standing};
use crate::cli::Global;
use crate::client::{Client, HostOptions};
use crate::exit::Outcome;
use crate::output::paragraph;
use serde_json::{Value, json};

/// For whom.
#[derive(clap::Args)]
struct Whom {
    /// Only this account, by its id or its name; unless an account, an engine or a user is given, everybody.
    #[arg(long, value_name = "ACCOUNT", conflicts_with_all = ["engine", "user"])]
    account: Option<String>,
    /// Only this engine, by its id or its name.
    #[arg(long, value_name = "ENGINE", conflicts_with = "user")]
    engine: Option<String>,
    /// Only this user's accounts, by the user's id or name.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Why, for owners and the audit.
    #[arg(long, value_name = "TEXT", default_value = "by the operator")]
    reason: String,
}

#[derive(clap::Args)]
pub struct Halt {
    #[command(flatten)]
    whom: Whom,
    /// Withdraw working orders as well.
    #[arg(long)]
    cancel_orders: bool,
    /// Close positions as well.
    #[arg(long)]
    flatten: bool,
    #[command(flatten)]
    host: HostOptions,
}

#[derive(clap::Args)]
pub struct Resume {
    #[command(flatten)]
    whom: Whom,
    #[command(flatten)]
    host: HostOptions,
}

/// The host, or an account or engine by its id.
struct Target {
    path: String,
    name: String,
    is_host: bool,
}

impl Whom {
    /// Whose state is set: of a user, that of each account.
    fn targets(&self, client: &Client) -> Outcome<Vec<Target>> {
        let one = |what: &str, id: u64| Target { path: format!("/{what}s/{id}"), name: format!("{what} {id}"), is_host: false };
        Ok(match (&self.account, &self.engine, &self.user) {
            (Some(account), _, _) => vec![one("account", named::account(client, account)?)],
            (None, Some(engine), _) => vec![one("engine", named::engine(client, engine)?)],
            (None, None, Some(user)) => {
                let user = named::user(client, user)?;
                let accounts = client.all("/accounts", &[("user", &user)])?;
                items(&accounts).filter_map(|account| account["id"].as_u64()).map(|id| one("account", id)).collect()
            }
            (None, None, None) => vec![Target { path: "/trading".into(), name: "the host".into(), is_host: true }],
        })
    }
}

impl Target {
    fn set(&self, client: &Client, document: &Value) -> Outcome<Value> {
        if self.is_host { client.post(&self.path, &[], document) } else { client.patch(&self.path, document) }
    }
}

/// Runs `halt`.
pub fn halt(arguments: &Halt, global: &Global) -> Outcome {
    let Halt { whom, cancel_orders, flatten, host } = arguments;
    let client = host.client(global)?;
    let document = json!({ "trading": "halted", "reason": whom.reason, "cancel_orders": cancel_orders, "flatten": flatten });
    let (mut answers, mut lines, mut failed) = (Vec::new(), String::new(), None);
    for target in whom.targets(&client)? {
        let answer = match target.set(&client, &document) {
            Ok(answer) => answer,
            // The other accounts of a user are halted all the same.
            Err(failure) => {
                failed.get_or_insert(failure);
                continue;
            }
        };
        lines += &format!("{} is halted: nothing is opened any more; closes and cancels pass\n", target.name);
        for (sent, what) in [("cancels_sent", "cancels"), ("closes_sent", "closing orders")] {
            if answer[sent].as_u64() > Some(0) {
                lines += &format!("{} {what} sent\n", count(&answer[sent]));
            }
        }
        answers.push(answer);
    }
    if !answers.is_empty() || failed.is_none() {
        show(global, whom, answers, lines);
    }
    failed.map_or(Ok(()), Err)
}

/// Runs `resume`.
pub fn resume(arguments: &Resume, global: &Global) -> Outcome {
    let Resume { whom, host } = arguments;
    let client = host.client(global)?;
    let document = json!({ "trading": "active", "reason": whom.reason });
    let (mut answers, mut lines) = (Vec::new(), String::new());
    for target in whom.targets(&client)? {
        let before = client.get(&target.path, &[])?["trading"].take();
        let answer = target.set(&client, &document)?;
        lines += &resumed(&target, &before, &answer);
        if target.is_host {
            lines += &still_halted(&client)?;
        }
        answers.push(answer);
    }
    show(global, whom, answers, lines);
    Ok(())
}

/// What a resume has come to: what still forbids openings, whoever's state that is, is told with the command that lifts it.
fn resumed(target: &Target, before: &Value, answer: &Value) -> String {
    let name = &target.name;
    if let Some(why) = answer["trading_reason"].as_str() {
        // It waits for something that no resume lifts.
        return format!("{name} still opens nothing: {why}\n");
    }
    let left: Vec<String> = standing::restrictions(answer).map(standing::sentence).collect();
    match (before == "active", left.is_empty()) {
        (_, false) => format!("{name} may open again, but opens nothing yet: {}\n", left.join("; ")),
        (true, true) => format!("{name} was not halted; nothing has changed\n"),
        (false, true) => format!("{name} may open again\n"),
    }
}

/// Lines of this kind that are printed; a list has the rest.
const LEFT_MAX: usize = 10;

/// Accounts and engines that have halts of their own, which the host's resume does not lift.
fn still_halted(client: &Client) -> Outcome<String> {
    let left = standing::left(&client.all("/accounts", &[])?, &client.all("/engines", &[])?);
    let mut lines: String = left.iter().take(LEFT_MAX).map(|line| paragraph(&format!("still: {line}"))).collect();
    if left.len() > LEFT_MAX {
        lines += &format!("and {} more; `stockade account list` and `stockade engine list` show them\n", left.len() - LEFT_MAX);
    }
    Ok(lines)
}

/// One answer as it is, those of several accounts as a list.
fn show(global: &Global, whom: &Whom, answers: Vec<Value>, lines: String) {
    let mut answers = answers;
    let lines = if lines.is_empty() { "the user has no account; nothing has changed\n".to_owned() } else { lines };
    let document = match answers.pop() {
        Some(one) if whom.user.is_none() => one,
        last => {
            answers.extend(last);
            json!({ "items": answers })
        }
    };
    global.output().show(&document, |_| lines);
}
