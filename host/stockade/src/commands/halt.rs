//! `stockade halt` and `stockade resume`: the kill switch of a running host.

use super::user::shown;
use crate::cli::Global;
use crate::client::{Client, HostOptions};
use crate::exit::Outcome;
use serde_json::{Value, json};

/// For whom.
#[derive(clap::Args)]
struct Whom {
    /// Only this account, by its id; unless given, everybody.
    #[arg(long, value_name = "ID", conflicts_with = "engine")]
    account: Option<u32>,
    /// Only this engine, by its id.
    #[arg(long, value_name = "ID")]
    engine: Option<u32>,
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

impl Whom {
    /// What may be done at the market before anything is changed.
    fn trading(&self, client: &Client) -> Outcome<Value> {
        let path = match (self.account, self.engine) {
            (Some(id), _) => format!("/accounts/{id}"),
            (None, Some(id)) => format!("/engines/{id}"),
            (None, None) => "/trading".into(),
        };
        Ok(client.get(&path, &[])?["trading"].take())
    }

    fn set(&self, host: &HostOptions, global: &Global, document: &Value) -> Outcome<(Value, String)> {
        let client = host.client(global)?;
        match (self.account, self.engine) {
            (Some(id), _) => Ok((client.patch(&format!("/accounts/{id}"), document)?, format!("account {id}"))),
            (None, Some(id)) => Ok((client.patch(&format!("/engines/{id}"), document)?, format!("engine {id}"))),
            (None, None) => Ok((client.post("/trading", &[], document)?, "the host".into())),
        }
    }
}

/// Runs `halt`.
pub fn halt(arguments: &Halt, global: &Global) -> Outcome {
    let Halt { whom, cancel_orders, flatten, host } = arguments;
    let document = json!({ "trading": "halted", "reason": whom.reason, "cancel_orders": cancel_orders, "flatten": flatten });
    let (answer, what) = whom.set(host, global, &document)?;
    global.output().show(&answer, |answer| {
        let sent = |count: &str| answer[count].as_u64().filter(|count| *count > 0);
        let mut line = format!("{what} is halted: nothing is opened any more; closes and cancels pass\n");
        if let Some(cancels) = sent("cancels_sent") {
            line += &format!("{cancels} cancels sent\n");
        }
        if let Some(closes) = sent("closes_sent") {
            line += &format!("{closes} closing orders sent\n");
        }
        line
    });
    Ok(())
}

/// Runs `resume`.
pub fn resume(arguments: &Resume, global: &Global) -> Outcome {
    let Resume { whom, host } = arguments;
    let client = host.client(global)?;
    let before = whom.trading(&client)?;
    let (answer, what) = whom.set(host, global, &json!({ "trading": "active", "reason": whom.reason }))?;
    let is_host = whom.account.or(whom.engine).is_none();
    let of_host = if is_host { answer["trading"].clone() } else { client.get("/trading", &[])?["trading"].take() };
    global.output().show(&answer, |answer| match answer["trading_reason"].as_str() {
        // It waits for something that no resume lifts.
        Some(why) => format!("{what} still opens nothing: {why}\n"),
        None if of_host != "active" => {
            format!("{what} may open again, but the host is {} and opens nothing; `stockade resume` lifts that\n", shown(&of_host))
        }
        None if before == "active" => format!("{what} was not halted; nothing has changed\n"),
        None if is_host => format!("{what} may open again; what is halted below it stays so\n"),
        None => format!("{what} may open again\n"),
    });
    Ok(())
}
