//! `stockade engine`: engines of a running host.

use super::forget::forget_state;
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
    /// Let an engine run. A quarantined one is given another chance; a paused one stays paused.
    Start(One),
    /// Stop an engine. Its state is saved; its positions stay as they are.
    Stop(One),
    /// Hand an engine no ticks and let it open nothing, until it is resumed.
    Pause(One),
    /// Let a paused engine go on. It is told of the bars it missed, and how many ticks.
    Resume(One),
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
    },
    /// One engine: what it runs, where it stands since when and why, when it saved.
    Show(One),
    /// The states an engine went through and the versions that took over, with reasons.
    History {
        #[command(flatten)]
        one: One,
        /// At most so many of the last steps.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        steps: u32,
    },
    /// Engines and what they do.
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
        /// At most so many of the last signals.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        signals: u32,
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
    #[arg(long)]
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
    #[arg(long)]
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
        Command::Pause(one) => output.show(&one.command(global, "pause")?, said),
        Command::Resume(one) => output.show(&one.command(global, "resume")?, said),
        Command::Swap(swap) => output.show(&swap.run(global)?, swapped),
        Command::Shadow(shadow) => output.show(&shadow.run(global)?, shadowed),
        Command::Change(change) => match change.run(global) {
            // Such a host may refuse to start until the engine has forgotten.
            Err(failure) if failure.exit == Exit::Unreachable && change.only_forgets() && !change.one.host.names_one() => {
                output.show(&forget_state(global, &change.one.engine)?, forgotten);
            }
            changed => output.show(&changed?, |engine| said(engine) + &setup(engine)),
        },
        Command::Remove { one, abandon } => {
            let client = one.host.client(global)?;
            let id = one.id(&client)?;
            let query: &[(&str, &str)] = if *abandon { &[("abandon", "true")] } else { &[] };
            client.delete(&format!("/engines/{id}"), query)?;
            output.show(&json!({ "removed": id }), |_| format!("engine {id} is removed\n"));
        }
        Command::Show(one) => {
            let client = one.host.client(global)?;
            output.show(&client.get(&format!("/engines/{}", one.id(&client)?), &[])?, detail);
        }
        Command::History { one, steps } => {
            let client = one.host.client(global)?;
            let path = format!("/engines/{}/history", one.id(&client)?);
            output.show(&client.get(&path, &[("limit", &steps.to_string())])?, history);
        }
        Command::List { user, host } => {
            let query: Vec<(&str, &str)> = user.iter().map(|user| ("user", user.as_str())).collect();
            output.show(&host.client(global)?.get("/engines", &query)?, list);
        }
        Command::Signals { one, signals: count } => {
            let client = one.host.client(global)?;
            let path = format!("/engines/{}/signals", one.id(&client)?);
            output.show(&client.get(&path, &[("limit", &count.to_string())])?, signals);
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
        let document = json!({
            "name": self.name, "strategy": self.strategy, "version": self.version, "account": self.account,
            "symbols": self.symbol, "params": given(&self.param), "seed": self.seed, "start": self.start,
        });
        client.post("/engines", &user, &document)
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
        let Self { one: _, param, default, version, symbol, forget_state } = self;
        *forget_state && param.is_empty() && default.is_empty() && version.is_none() && symbol.is_empty()
    }

    fn run(&self, global: &Global) -> Outcome<Value> {
        let client = self.one.host.client(global)?;
        let symbols = (!self.symbol.is_empty()).then_some(&self.symbol);
        let document = json!({
            "params": given(&self.param), "defaults": self.default, "version": self.version, "symbols": symbols,
            "forget_state": self.forget_state,
        });
        client.patch(&format!("/engines/{}", self.one.id(&client)?), &document)
    }
}

fn given(params: &[(String, String)]) -> Map<String, Value> {
    params.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect()
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

fn forgotten(engine: &Value) -> String {
    format!("engine {} ({}) has forgotten its state and begins anew at its next start\n", engine["id"], shown(&engine["name"]))
}

fn swapped(swap: &Value) -> String {
    let engine = &swap["engine"];
    let version = digest(&engine["version"]);
    let how = match swap["pause_us"].as_u64() {
        Some(us) => format!("has taken over, on trial; the engine's events waited {us} us"),
        None => "is the engine's from its next start on".to_owned(),
    };
    format!("{}version {version} {how}\n", said(engine))
}

fn shadowed(shadow: &Value) -> String {
    let none = |value: &Value| if value.is_null() { "-".to_owned() } else { shown(value) };
    let mut text = String::new();
    for (name, value) in [
        ("works", digest(&shadow["works"])),
        ("shadow", digest(&shadow["version"])),
        ("state", format!("{}: {}", shown(&shadow["state"]), shown(&shadow["reason"]))),
        ("side by side", format!("{} ticks, from {} to {}", shadow["ticks"], none(&shadow["from"]), none(&shadow["until"]))),
        ("decisions", format!("{} of the version that works, {} of the shadow", shadow["decisions"], shadow["shadow_decisions"])),
        ("same", shown(&shadow["same"])),
        ("only works", shown(&shadow["only_works"])),
        ("only shadow", shown(&shadow["only_shadow"])),
    ] {
        text += &format!("{name:<13} {value}\n");
    }
    let rows = items_of(&shadow["differences"], ["at", "by", "asked", "answer"]);
    if !rows.is_empty() {
        text += "\nfirst differences\n";
        text += &table(&["at", "by", "asked", "answer"].map(|name| (name, Align::Left)), &rows);
    }
    let lines = items_of(&shadow["lines"], ["at", "level", "text"]);
    if !lines.is_empty() {
        text += &format!("\nlast lines of the shadow, {} more dropped\n", shadow["lines_dropped"]);
        text += &table(&["at", "level", "text"].map(|name| (name, Align::Left)), &lines);
    }
    text
}

/// Some cells of each item of a list.
fn items_of<const N: usize>(list: &Value, names: [&str; N]) -> Vec<Vec<String>> {
    list.as_array().into_iter().flatten().map(|row| names.map(|name| shown(&row[name])).into()).collect()
}

/// Enough of a digest to name a version by.
fn digest(version: &Value) -> String {
    shown(version).chars().take(12).collect()
}

fn setup(engine: &Value) -> String {
    let params = engine["params"].as_object().into_iter().flatten();
    let params: Vec<String> = params.map(|(name, value)| format!("{name}={}", shown(value))).collect();
    let symbols: Vec<String> = engine["symbols"].as_array().into_iter().flatten().map(shown).collect();
    let params = if params.is_empty() { "all at their defaults".to_owned() } else { params.join(" ") };
    format!("version  {}\nsymbols  {}\nparams   {params}\n", digest(&engine["version"]), symbols.join(" "))
}

fn detail(engine: &Value) -> String {
    let saved = match engine["saved_at"].as_str() {
        Some(at) => format!("{at}, {} bytes", engine["saved_bytes"]),
        None => "never".to_owned(),
    };
    let trial = if engine["on_trial"] == true { ", on trial" } else { "" };
    let mut text = said(engine) + &setup(engine);
    if let Some(why) = engine["starves"].as_str() {
        text += &format!("starves  {why}\n");
    }
    for (name, value) in [
        ("since", shown(&engine["state_at"])),
        ("why", shown(&engine["state_reason"]) + trial),
        ("trading", shown(&engine["trading"])),
        ("saved", saved),
        ("faults", format!("{}, started again {} times", engine["faults"], engine["restarts"])),
        ("ticks", format!("{}, {} missed, {} throttled", engine["ticks"], engine["skipped"], engine["throttled"])),
        ("served", served(engine)),
        ("calls", format!("{}, with {} fuel each, {} in the last", engine["calls"], engine["fuel_per_call"], engine["fuel_last"])),
        (
            "used",
            format!(
                "{} fuel today, {} bytes of memory (at most {}), {} bytes logged, {} lines and points cut off",
                engine["fuel_today"], engine["memory_bytes"], engine["memory_bytes_peak"], engine["log_bytes"], engine["remarks_dropped"]
            ),
        ),
        ("holds", format!("{} positions, {} working orders", engine["positions"], engine["working_orders"])),
        ("profit", format!("{:.2}", engine["profit"].as_f64().unwrap_or_default())),
    ] {
        text += &format!("{name:<8} {value}\n");
    }
    text
}

/// When its turn is.
fn served(engine: &Value) -> String {
    let now = if engine["slow"] == true { "after all others" } else { "like all others" };
    match engine["slowed"].as_u64() {
        Some(0) | None => now.to_owned(),
        Some(times) => format!("{now}; {times} times after them so far, {} ticks went by meanwhile", engine["gone_by"]),
    }
}

fn history(steps: &Value) -> String {
    let cell = |step: &Value, name: &str| match name {
        "from" | "to" if step["kind"] != "state" => digest(&step[name]),
        name => shown(&step[name]),
    };
    let mut rows: Vec<Vec<String>> =
        items(steps).map(|step| ["at", "kind", "from", "to", "reason"].map(|name| cell(step, name)).into()).collect();
    rows.reverse();
    let head = ["at", "what", "from", "to", "why"].map(|name| (name, Align::Left));
    table(&head, &rows)
}

fn list(engines: &Value) -> String {
    const WORDS: [&str; 6] = ["name", "user", "strategy", "symbols", "state", "state_reason"];
    let cells = ["id", "name", "user", "strategy", "symbols", "state", "ticks", "orders", "deals", "profit", "state_reason"];
    let cell = |engine: &Value, name: &str| match &engine[name] {
        _ if name == "state_reason" && engine["starves"].is_string() => shown(&engine["starves"]),
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

fn signals(signals: &Value) -> String {
    let became = |signal: &Value| match (signal["order"].as_str(), signal["denied"].as_str()) {
        (_, Some(code)) => format!("denied {code}"),
        (None, None) => "nothing asked for".into(),
        (Some(order), None) => match (signal["deal"].as_u64(), signal["order_state"].as_str()) {
            (Some(deal), _) => format!("order {order}, deal {deal}"),
            (None, Some(state)) => format!("order {order}, {state}"),
            (None, None) => format!("order {order}, not recorded"),
        },
    };
    let side = |signal: &Value| signal["side"].as_str().unwrap_or("flat").to_owned();
    let cell = |signal: &Value, name: &str| match name {
        "side" => side(signal),
        "became" => became(signal),
        name => shown(&signal[name]),
    };
    let cells = ["at", "symbol", "side", "confidence", "became", "reason"];
    let mut rows: Vec<Vec<String>> = items(signals).map(|signal| cells.map(|name| cell(signal, name)).into()).collect();
    rows.reverse();
    table(&cells.map(|name| (if name == "reason" { "why" } else { name }, Align::Left)), &rows)
}

fn logs(lines: &Value) -> String {
    items(lines).map(|line| format!("{}  {:<5}  {}\n", shown(&line["at"]), shown(&line["level"]), shown(&line["text"]))).collect()
}
