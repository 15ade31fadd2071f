//! `stockade engine`: engines of a running host.

mod logs;
mod show;

use super::book::{self, Book};
use super::forget::forget_state;
use super::named;
use super::shown::{first_line, items, shown};
use crate::cli::Global;
use crate::client::{Client, HostOptions};
use crate::exit::{Exit, Failure, Outcome};
use serde_json::{Map, Value, json};
use show::{forgotten, said};
use std::time::Duration;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Set an engine up: a strategy's version for an account, with symbols and parameters.
    Add(Add),
    /// Let an engine run. A quarantined one is given another chance; a paused one stays paused.
    Start(Reasoned),
    /// Stop an engine. Its state is saved; its positions stay as they are.
    Stop(Reasoned),
    /// Hand an engine no ticks and let it open nothing, until it is resumed.
    Pause(Reasoned),
    /// Let a paused engine go on. It is told of the bars it missed, and how many ticks.
    Resume(Reasoned),
    /// Have another version, or other parameters, take an engine over while it works.
    ///
    /// The new version is handed the state of the old one and takes over between two ticks; no tick, event or order is lost.
    /// If it refuses or fails there, the old one goes on. If it fails within its first 100 ticks or its first minute,
    /// whichever is later, it is rolled back.
    Swap(Swap),
    /// Have another version, or other parameters, run beside an engine's own with orders that reach nobody, and compare both.
    ///
    /// Without `--version` and `--param`, shows how they compare. The shadow takes the state that the engine saves next, at most
    /// a minute of market time later; the version that works notices nothing of it.
    Shadow(Shadow),
    /// Change a stopped engine, for its next start.
    Change(Change),
    /// Remove an engine for good. What it traded stays in its account's ledger.
    Remove {
        #[command(flatten)]
        one: One,
        /// Although it has open positions or working orders: they stay on the account as they are.
        #[arg(long)]
        abandon: bool,
        /// Why, for the audit.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// One engine: what it runs, where it stands since when and why, when it saved.
    Show(One),
    /// The states an engine went through and the versions that took over, with reasons.
    History {
        #[command(flatten)]
        one: One,
        /// How many of the last steps to show.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        steps: u32,
    },
    /// What an engine holds: its open positions, and on request those that are closed.
    Positions {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        which: book::Positions,
    },
    /// An engine's orders and their outcomes, the latest last.
    Orders {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        rows: book::Rows,
    },
    /// An engine's deals, the latest last.
    Deals {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        rows: book::Rows,
    },
    /// Engines, what they do, and what keeps any of them from trading.
    List {
        /// Only this user's.
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        host: HostOptions,
    },
    /// What an engine's strategy thought of the market and why, and whether that became a trade.
    Signals {
        #[command(flatten)]
        one: One,
        /// How many of the last signals to show.
        #[arg(long, alias = "signals", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
    /// What an engine's strategy has logged, and what the host says of it: each refused order, change and cancel, and each fault.
    Logs(logs::Arguments),
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

#[derive(clap::Args)]
pub struct Swap {
    #[command(flatten)]
    one: One,
    /// Which version, by at least 8 digits of its digest; unless given, the one uploaded last.
    #[arg(long, value_name = "DIGEST")]
    version: Option<String>,
    /// A parameter to set; the others keep their values.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    param: Vec<(String, String)>,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(clap::Args)]
pub struct Shadow {
    #[command(flatten)]
    one: One,
    /// Which version, by at least 8 digits of its digest.
    #[arg(long, value_name = "DIGEST")]
    version: Option<String>,
    /// A parameter to set; the others keep their values.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    param: Vec<(String, String)>,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// End it.
    #[arg(long, conflicts_with_all = ["version", "param", "reason"])]
    stop: bool,
}

#[derive(clap::Args)]
pub struct Change {
    #[command(flatten)]
    one: One,
    /// A parameter to set; the others keep their values.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    param: Vec<(String, String)>,
    /// A parameter that goes back to its default.
    #[arg(long, value_name = "NAME")]
    default: Vec<String>,
    /// Another version, by at least 8 digits of its digest.
    #[arg(long, value_name = "DIGEST")]
    version: Option<String>,
    /// The symbol for each of the strategy's needs, in their order.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    symbol: Vec<String>,
    /// Start afresh, without what the strategy saved; alone, also while no host runs.
    #[arg(long)]
    forget_state: bool,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// One engine.
#[derive(clap::Args)]
pub struct One {
    /// Its id or its name; USER/NAME where several users have one of that name.
    engine: String,
    #[command(flatten)]
    host: HostOptions,
}

/// One engine, and why it is told to do something.
#[derive(clap::Args)]
pub struct Reasoned {
    #[command(flatten)]
    one: One,
    /// Why, for its owner and the audit.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
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
        Command::Add(add) => return add.run(global),
        Command::Start(one) => return one.start(global),
        Command::Stop(one) => output.show(&one.command(global, "stop")?, said),
        Command::Pause(one) => output.show(&one.command(global, "pause")?, said),
        Command::Resume(one) => output.show(&one.command(global, "resume")?, said),
        Command::Swap(swap) => output.show(&swap.run(global)?, show::swapped),
        Command::Shadow(shadow) => output.show(&shadow.run(global)?, show::shadowed),
        Command::Change(change) => match change.run(global) {
            // Such a host may refuse to start until the engine has forgotten.
            Err(failure) if failure.exit == Exit::Unreachable && change.only_forgets() && !change.one.host.names_one() => {
                output.show(&forget_state(global, &change.one.engine)?, forgotten);
            }
            changed => output.show(&changed?, |engine| said(engine) + &show::setup(engine)),
        },
        Command::Remove { one, abandon, reason } => {
            let client = one.host.client(global)?;
            let id = one.id(&client)?;
            let abandon = abandon.then_some(("abandon", "true"));
            let query: Vec<(&str, &str)> = abandon.into_iter().chain(because(reason.as_deref())).collect();
            client.delete(&format!("/engines/{id}"), &query)?;
            output.show(&json!({ "removed": id }), |_| format!("engine {id} is removed\n"));
        }
        Command::Show(one) => output.show(&one.get(global, "", &[])?, show::detail),
        Command::History { one, steps } => {
            output.show(&one.get(global, "/history", &[("limit", &steps.to_string())])?, show::history);
        }
        Command::Positions { one, which } => book::show(global, Book::Positions, &one.get(global, "/positions", &which.query().pairs())?),
        Command::Orders { one, rows } => book::show(global, Book::Orders, &one.get(global, "/orders", &rows.query().pairs())?),
        Command::Deals { one, rows } => book::show(global, Book::Deals, &one.get(global, "/deals", &rows.query().pairs())?),
        Command::List { user, host } => {
            let client = host.client(global)?;
            let user = user.as_deref().map(|user| named::user(&client, user)).transpose()?;
            let query: Vec<(&str, &str)> = user.iter().map(|user| ("user", user.as_str())).collect();
            let engines = client.all("/engines", &query)?;
            let trading = client.get("/trading", &[])?;
            output.show(&engines, |engines| show::list(engines, &trading));
        }
        Command::Signals { one, limit } => {
            output.show(&one.get(global, "/signals", &[("limit", &limit.to_string())])?, show::signals);
        }
        Command::Logs(arguments) => return arguments.run(global),
    }
    Ok(())
}

/// The reason, as the API takes it.
fn because(reason: Option<&str>) -> Option<(&'static str, &str)> {
    reason.map(|reason| ("reason", reason))
}

impl Add {
    fn run(&self, global: &Global) -> Outcome {
        let client = self.host.client(global)?;
        let owner = named::user(&client, &self.user)?;
        let user = [("user", owner.as_str())];
        let accounts = client.all("/accounts", &user)?;
        if !items(&accounts).any(|account| account["name"] == self.account.as_str()) {
            client.post("/accounts", &user, &json!({ "name": self.account }))?;
        }
        let document = json!({
            "name": self.name, "strategy": self.strategy, "version": self.version, "account": self.account,
            "symbols": self.symbol, "params": given(&self.param), "seed": self.seed, "start": self.start,
        });
        let engine = client.post("/engines", &user, &document)?;
        let engine = if self.start { settled(&client, engine)? } else { engine };
        let next = if self.start { String::new() } else { format!("; `stockade engine start {}` lets it run", self.name) };
        global
            .output()
            .show(&engine, |engine| format!("engine {} has id {}, {}{next}\n", self.name, engine["id"], shown(&engine["state"])));
        started(&engine)
    }
}

impl Swap {
    fn run(&self, global: &Global) -> Outcome<Value> {
        let client = self.one.host.client(global)?;
        let document = json!({ "version": self.version, "params": given(&self.param), "reason": self.reason });
        client.post(&format!("/engines/{}/swap", self.one.id(&client)?), &[], &document)
    }
}

impl Shadow {
    fn run(&self, global: &Global) -> Outcome<Value> {
        let client = self.one.host.client(global)?;
        let path = format!("/engines/{}/shadow", self.one.id(&client)?);
        if self.stop {
            return client.delete(&path, &[]);
        }
        if self.version.is_none() && self.param.is_empty() {
            return client.get(&path, &[]);
        }
        let document = json!({ "version": self.version, "params": given(&self.param), "reason": self.reason });
        client.post(&path, &[], &document)
    }
}

impl Change {
    fn only_forgets(&self) -> bool {
        let Self { one: _, param, default, version, symbol, forget_state, reason: _ } = self;
        *forget_state && param.is_empty() && default.is_empty() && version.is_none() && symbol.is_empty()
    }

    fn run(&self, global: &Global) -> Outcome<Value> {
        let client = self.one.host.client(global)?;
        let symbols = (!self.symbol.is_empty()).then_some(&self.symbol);
        let document = json!({
            "params": given(&self.param), "defaults": self.default, "version": self.version, "symbols": symbols,
            "forget_state": self.forget_state, "reason": self.reason,
        });
        client.patch(&format!("/engines/{}", self.one.id(&client)?), &document)
    }
}

fn given(params: &[(String, String)]) -> Map<String, Value> {
    params.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect()
}

impl One {
    fn id(&self, client: &Client) -> Outcome<u64> {
        named::engine(client, &self.engine)
    }

    fn get(&self, global: &Global, below: &str, query: &[(&str, &str)]) -> Outcome<Value> {
        let client = self.host.client(global)?;
        client.get(&format!("/engines/{}{below}", self.id(&client)?), query)
    }
}

impl Reasoned {
    fn command(&self, global: &Global, what: &str) -> Outcome<Value> {
        let client = self.one.host.client(global)?;
        self.tell(&client, what)
    }

    fn tell(&self, client: &Client, what: &str) -> Outcome<Value> {
        let query: Vec<(&str, &str)> = because(self.reason.as_deref()).into_iter().collect();
        client.post(&format!("/engines/{}/{what}", self.one.id(client)?), &query, &Value::Null)
    }

    fn start(&self, global: &Global) -> Outcome {
        let client = self.one.host.client(global)?;
        let engine = settled(&client, self.tell(&client, "start")?)?;
        global.output().show(&engine, said);
        started(&engine)
    }
}

/// How long a start is followed: most take some milliseconds, one that reads a long history some seconds.
const FOLLOWED_FOR: Duration = Duration::from_secs(5);

/// The engine as it stands once its start has succeeded or failed, or has gone on for some seconds.
fn settled(client: &Client, engine: Value) -> Outcome<Value> {
    let starts = |engine: &Value| ["defined", "starting", "warming-up"].contains(&shown(&engine["state"]).as_str());
    if !starts(&engine) {
        return Ok(engine);
    }
    let (id, mut engine) = (engine["id"].to_string(), engine);
    // A host that gives no stream now has started the engine all the same.
    let Ok(mut stream) = client.stream_for(Some(FOLLOWED_FOR), "/stream", &[("engine", &id)]) else { return Ok(engine) };
    while let Ok(Some(event)) = stream.next_event() {
        // Looked at when the stream is open, and after each change: none is missed.
        if ["open", "state"].contains(&event.kind.as_str()) {
            engine = client.get(&format!("/engines/{id}"), &[])?;
            if !starts(&engine) {
                break;
            }
        }
    }
    Ok(engine)
}

/// Fails with the reason when an engine that was to start did not. One that failed at a later tick has started.
fn started(engine: &Value) -> Outcome {
    match shown(&engine["state"]).as_str() {
        state @ ("faulted" | "quarantined") if engine["ticks"] == 0 => {
            let (id, name, why) = (&engine["id"], shown(&engine["name"]), first_line(&engine["state_reason"]));
            Err(Failure::new(Exit::Refused, format_args!("engine {id} ({name}) is {state}: {why}; `stockade engine logs {id}` has more")))
        }
        _ => Ok(()),
    }
}
