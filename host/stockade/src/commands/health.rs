//! `stockade health`.

use super::shown::{count, counted, moment, shown};
use super::standing;
use crate::cli::Global;
use crate::client::HostOptions;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{bytes, colour, facts, paragraph};
use serde_json::Value;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    host: HostOptions,
}

/// Asks, and fails unless the host is well. In words; every figure is in --json.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let health = arguments.host.client(global)?.health()?;
    global.output().show(&health, in_words);
    match health["status"].as_str() {
        Some("ok") => Ok(()),
        _ => Err(Failure::new(Exit::Failed, format_args!("the host is {}; the parts above say why", shown(&health["status"])))),
    }
}

fn in_words(health: &Value) -> String {
    let status = match health["status"].as_str() {
        Some("ok") => "well".to_owned(),
        Some("degraded") => colour::warn("degraded"),
        other => colour::bad(other.unwrap_or("in an unknown state")),
    };
    let version = shown(&health["version"]);
    let head = format!("the host is {status}: version {version}, up for {}\n", span(health["uptime_s"].as_u64().unwrap_or_default()));
    if health["database"].is_null() {
        return head + "its parts are shown to whoever has the operator's token: --token, STOCKADE_TOKEN, or the host's --data-dir\n";
    }
    let parts = [
        ("trading", trading(health)),
        ("feed", well(&health["feed"], feed)),
        ("engines", well(&health["engines"], engines)),
        ("database", well(&health["database"], database)),
        ("journal", well(&health["journal"], journal)),
        ("record", well(&health["record"], record)),
        ("process", well(&health["process"], process)),
    ];
    head + &facts(&parts) + &alarms(&health["alarms"])
}

fn trading(health: &Value) -> String {
    let own = &health["engines"]["restricted"];
    let of_engines = match own.as_u64() {
        Some(0) | None => String::new(),
        Some(_) => colour::warn(format_args!("; {} halted or reducing: `stockade engine list` shows them", counted(own, "engine"))),
    };
    standing::in_words(health) + &of_engines
}

/// What a part says, after what is wrong with it.
fn well(part: &Value, words: fn(&Value) -> String) -> String {
    let words = words(part);
    match (part["status"].as_str(), part["reason"].as_str()) {
        (Some("ok"), _) => words,
        (Some("degraded"), why) => format!("{}; {words}", colour::warn(why.unwrap_or("degraded"))),
        (_, why) => format!("{}; {words}", colour::bad(why.unwrap_or("down"))),
    }
}

fn feed(feed: &Value) -> String {
    let last = if feed["last_tick_at"].is_null() { "none yet".to_owned() } else { moment(&feed["last_tick_at"]) + " market time" };
    let symbols: Vec<String> = feed["symbols"].as_array().into_iter().flatten().map(|symbol| shown(&symbol["symbol"])).collect();
    let (all, now) = (count(&feed["ticks"]), count(&feed["ticks_per_second"]));
    format!("{}, {}: {all} ticks, {now} in the last second, the last at {last}", shown(&feed["kind"]), symbols.join(" "))
}

fn engines(engines: &Value) -> String {
    let states = engines["states"].as_object().into_iter().flatten();
    let states: Vec<String> = states.map(|(state, many)| format!("{} {state}", count(many))).collect();
    let states = if states.is_empty() { String::new() } else { format!(": {}", states.join(", ")) };
    format!("{}{states}, on {}", count(&engines["total"]), counted(&engines["accounts"], "account"))
}

fn database(database: &Value) -> String {
    let ping = database["ping_ms"].as_f64().map_or_else(|| "no answer".to_owned(), |ms| format!("answers within {ms:.1} ms"));
    let size = database["size_bytes"].as_u64().map(bytes).unwrap_or_default();
    let counts = ["users", "orders", "deals"].map(|what| format!("{} {what}", count(&database[what])));
    format!("{ping}, {size}: {}, {}", counts.join(", "), counted(&database["positions_open"], "open position"))
}

fn journal(journal: &Value) -> String {
    let waiting = count(&journal["commands_waiting"]);
    let lost = match journal["lines_refused"].as_u64() {
        Some(0) | None => String::new(),
        Some(_) => colour::bad(format_args!(", {} refused for good (--json has them)", counted(&journal["lines_refused"], "line"))),
    };
    format!("{} recorded, {waiting} waiting{lost}", counted(&journal["commands_recorded"], "command"))
}

fn record(record: &Value) -> String {
    match (record["on"] == true, record["holes"].as_u64()) {
        (false, _) => "none is kept".to_owned(),
        (true, Some(0) | None) => "kept whole".to_owned(),
        (true, Some(_)) => colour::warn(format_args!("kept with {} since the host started", counted(&record["holes"], "hole"))),
    }
}

fn process(process: &Value) -> String {
    let memory = bytes(process["memory_bytes"].as_u64().unwrap_or_default());
    format!("{memory} of memory, {:.0} % of a core", process["cpu_percent"].as_f64().unwrap_or_default())
}

fn alarms(alarms: &Value) -> String {
    let all: Vec<&Value> = alarms.as_array().into_iter().flatten().collect();
    if all.is_empty() {
        return String::new();
    }
    let line = |alarm: &&Value| paragraph(&format!("{}  {}: {}", moment(&alarm["at"]), shown(&alarm["code"]), shown(&alarm["text"])));
    "\nlast alarms\n".to_owned() + &all.iter().map(line).collect::<String>()
}

/// 42 s, 12 min, 3 h 12 min, 5 d 3 h.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_part_that_is_not_well_says_why_first() {
        let record = json!({ "status": "degraded", "reason": "the disk is full", "on": true, "holes": 2 });
        let words = well(&record, super::record);
        assert_eq!(colour::shown(&words, false), "the disk is full; kept with 2 holes since the host started");
        assert_eq!([42, 720, 11_520, 442_800].map(span), ["42 s", "12 min", "3 h 12 min", "5 d 3 h"]);
    }
}
