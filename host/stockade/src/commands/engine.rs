//! `stockade engine`: engines of a running host.

use super::user::{items, shown};
use crate::cli::Global;
use crate::client::{Client, HostOptions};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Align, table};
use serde_json::{Map, Value, json};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Set an engine up: a strategy's version for an account, with symbols and parameters.
    Add(Add),
    /// Let an engine run. A quarantined one is given another chance.
    Start(One),
    /// Stop an engine. Its positions stay as they are.
    Stop(One),
    /// Engines and what they do.
    List {
        /// Only this user's.
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        host: HostOptions,
    },
    /// What an engine's strategy has logged.
    Logs {
        #[command(flatten)]
        one: One,
        /// At most so many of the last lines.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        lines: u32,
    },
}

#[derive(clap::Args)]
pub struct Add {
    /// Unique among the user's.
    name: String,
    /// Whose.
    #[arg(long)]
    user: String,
    /// The user's strategy.
    #[arg(long)]
    strategy: String,
    /// Which version, by its digest; unless given, the one uploaded last.
    #[arg(long, value_name = "DIGEST")]
    version: Option<String>,
    /// The user's account to trade on; made with the usual terms when the user has none of that name.
    #[arg(long, default_value = "paper")]
    account: String,
    /// The symbol for each of the strategy's needs, in their order.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    symbol: Vec<String>,
    /// A parameter that is not left at its default.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    param: Vec<(String, String)>,
    /// Start of its random numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Start it at once.
    #[arg(long)]
    start: bool,
    #[command(flatten)]
    host: HostOptions,
}

/// One engine.
#[derive(clap::Args)]
pub struct One {
    /// Its id, or its name where that is unique on the host.
    engine: String,
    #[command(flatten)]
    host: HostOptions,
}

/// `NAME=VALUE`.
///
/// # Errors
/// There is no `=`.
pub fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a parameter is given as NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Runs the command.
pub fn run(command: &Command, global: &Global) -> Outcome {
    let output = global.output();
    match command {
        Command::Add(add) => {
            output.show(&add.run(global)?, |engine| format!("engine {} has id {}, {}\n", add.name, engine["id"], shown(&engine["state"])))
        }
        Command::Start(one) => output.show(&one.command(global, "start")?, said),
        Command::Stop(one) => output.show(&one.command(global, "stop")?, said),
        Command::List { user, host } => {
            let query: Vec<(&str, &str)> = user.iter().map(|user| ("user", user.as_str())).collect();
            output.show(&host.client(global)?.get("/engines", &query)?, list);
        }
        Command::Logs { one, lines } => {
            let client = one.host.client(global)?;
            let path = format!("/engines/{}/logs", one.id(&client)?);
            output.show(&client.get(&path, &[("limit", &lines.to_string())])?, logs);
        }
    }
    Ok(())
}

impl Add {
    fn run(&self, global: &Global) -> Outcome<Value> {
        let client = self.host.client(global)?;
        let user = [("user", self.user.as_str())];
        let accounts = client.get("/accounts", &user)?;
        if !items(&accounts).any(|account| account["name"] == self.account.as_str()) {
            client.post("/accounts", &user, &json!({ "name": self.account }))?;
        }
        let params: Map<String, Value> = self.param.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let document = json!({
            "name": self.name, "strategy": self.strategy, "version": self.version, "account": self.account,
            "symbols": self.symbol, "params": params, "seed": self.seed, "start": self.start,
        });
        client.post("/engines", &user, &document)
    }
}

impl One {
    fn id(&self, client: &Client) -> Outcome<u64> {
        if let Ok(id) = self.engine.parse() {
            return Ok(id);
        }
        let engines = client.get("/engines", &[])?;
        let named: Vec<u64> =
            items(&engines).filter(|engine| engine["name"] == self.engine.as_str()).filter_map(|engine| engine["id"].as_u64()).collect();
        match named[..] {
            [id] => Ok(id),
            [] => {
                Err(Failure::new(Exit::NotFound, format_args!("there is no engine {:?}; `stockade engine list` shows them", self.engine)))
            }
            _ => Err(Failure::new(Exit::Usage, format_args!("{} users have an engine {:?}; name it by its id", named.len(), self.engine))),
        }
    }

    fn command(&self, global: &Global, what: &str) -> Outcome<Value> {
        let client = self.host.client(global)?;
        let path = format!("/engines/{}/{what}", self.id(&client)?);
        client.post(&path, &[], &Value::Null)
    }
}

fn said(engine: &Value) -> String {
    format!("engine {} ({}) is {}\n", engine["id"], shown(&engine["name"]), shown(&engine["state"]))
}

fn list(engines: &Value) -> String {
    const WORDS: [&str; 6] = ["name", "user", "strategy", "symbols", "state", "state_reason"];
    let cells = ["id", "name", "user", "strategy", "symbols", "state", "ticks", "orders", "deals", "profit", "state_reason"];
    let cell = |engine: &Value, name: &str| match &engine[name] {
        Value::Array(all) => all.iter().map(shown).collect::<Vec<_>>().join(" "),
        Value::Number(number) if name == "profit" => format!("{:.2}", number.as_f64().unwrap_or_default()),
        other => shown(other),
    };
    let rows: Vec<Vec<String>> = items(engines).map(|engine| cells.map(|name| cell(engine, name)).into()).collect();
    let head = cells.map(|name| match name {
        "state_reason" => ("why", Align::Left),
        name => (name, if WORDS.contains(&name) { Align::Left } else { Align::Right }),
    });
    table(&head, &rows)
}

fn logs(lines: &Value) -> String {
    items(lines).map(|line| format!("{}  {:<5}  {}\n", shown(&line["at"]), shown(&line["level"]), shown(&line["text"]))).collect()
}
