//! `stockade reconcile`: compares a running host's accounts with their brokers' statements.

use super::named;
use super::shown::items;
use crate::cli::Global;
use crate::client::{Client, HostOptions};
use crate::exit::{Exit, Failure, Outcome};
use serde_json::{Value, json};
use std::fmt::Write as _;

#[derive(clap::Args)]
pub struct Arguments {
    /// Only this account, by its id or its name; unless given, all of the host's.
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    #[command(flatten)]
    host: HostOptions,
}

/// Runs the command.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let client = arguments.host.client(global)?;
    let account = arguments.account.as_deref().map(|account| named::account(&client, account)).transpose()?;
    let accounts = found(&client, account)?;
    let differing = accounts.iter().filter(|account| account["same"] != true).count();
    let answer = json!({ "accounts": accounts.len(), "differing": differing, "items": accounts });
    global.output().show(&answer, |answer| items(answer).map(shown).collect());
    match differing {
        0 => Ok(()),
        _ => {
            Err(Failure::new(Exit::Differs, format_args!("{differing} of {} accounts differ from what their brokers say", accounts.len())))
        }
    }
}

/// Every account, page by page.
fn found(client: &Client, account: Option<u64>) -> Outcome<Vec<Value>> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let query: Vec<(&str, String)> =
            account.map(|id| ("account", id.to_string())).into_iter().chain(after.map(|after: i64| ("after", after.to_string()))).collect();
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = client.post("/reconcile", &query, &Value::Null)?;
        found.extend(items(&page).cloned());
        after = page["next"].as_i64();
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// An account in one line, and one below it for each thing that differs.
fn shown(account: &Value) -> String {
    let head = format!("account {} ({})", account["account_id"], text(&account["name"]));
    if let Some(problem) = account["problem"].as_str() {
        return format!("{head}: not compared: {problem}\n");
    }
    let way = account["on_their_way"].as_u64().filter(|count| *count > 0);
    let way = way.map_or(String::new(), |count| format!(", {count} orders on their way"));
    if account["same"] == true {
        return format!("{head}: same{way}\n");
    }
    let mut lines = format!("{head}: differs{way}\n");
    let mut line = |what: &str, says: String| _ = writeln!(lines, "  {what}: {says}");
    if account["balance"] != account["balance_at_broker"] {
        line("balance", format!("here {}, at the broker {}", account["balance"], account["balance_at_broker"]));
    }
    for (list, what) in [("orders", "order"), ("positions", "position")] {
        for differs in account[list].as_array().into_iter().flatten() {
            let name = format!("{what} {} {}", text(&differs["id"]), text(&differs["symbol"]));
            line(&name, format!("here {}, at the broker {}", seen(&differs["here"]), seen(&differs["at_broker"])));
        }
    }
    for order in account["unknown"].as_array().into_iter().flatten() {
        line(&format!("order {}", text(order)), "outcome unknown; the broker is asked again and again".into());
    }
    for foreign in account["foreign"].as_array().into_iter().flatten() {
        let name = format!("foreign {} {} {}", text(&foreign["kind"]), foreign["ticket"], text(&foreign["symbol"]));
        line(&name, format!("{}; it counts at the risk gate, and nothing here touches it", seen(foreign)));
    }
    lines
}

/// `buy 0.1 at 1.1 sl 1.09 tp -`, or `nothing`.
fn seen(seen: &Value) -> String {
    if seen.is_null() {
        return "nothing".into();
    }
    let or_dash = |name: &str| if seen[name].is_null() { "-".to_owned() } else { seen[name].to_string() };
    let price = if seen["price"].is_null() { "the market".to_owned() } else { seen["price"].to_string() };
    let swap = seen["swap"].as_f64().filter(|swap| *swap != 0.0).map_or(String::new(), |swap| format!(" swap {swap}"));
    format!("{} {} at {price} sl {} tp {}{swap}", text(&seen["side"]), seen["volume"], or_dash("stop_loss"), or_dash("take_profit"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
