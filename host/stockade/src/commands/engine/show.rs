//! Engines in words and tables.

use crate::commands::named::full;
use crate::commands::shown::{count, counted, digest, first_line, items, moment, money, or_dash, shown, with_trace};
use crate::commands::standing;
use crate::output::{Align, bytes, colour, facts, paragraph, table, table_leaving_out};
use serde_json::Value;

pub fn said(engine: &Value) -> String {
    let state = shown(&engine["state"]);
    let why = if is_ill(&state) { format!(": {}", first_line(&engine["state_reason"])) } else { String::new() };
    format!("engine {} ({}) is {state}{why}\n", engine["id"], shown(&engine["name"]))
}

pub fn forgotten(engine: &Value) -> String {
    format!("engine {} ({}) has forgotten its state and begins anew at its next start\n", engine["id"], shown(&engine["name"]))
}

pub fn swapped(swap: &Value) -> String {
    let engine = &swap["engine"];
    let version = digest(&engine["version"]);
    let how = match swap["pause_us"].as_u64() {
        Some(us) => format!(
            "has taken over, on trial: if it fails within its first 100 ticks or its first minute, the version before comes back; events \
             waited {us} us meanwhile"
        ),
        None => "is the engine's from its next start on".to_owned(),
    };
    format!("{}version {version} {how}\n", said(engine))
}

pub fn shadowed(shadow: &Value) -> String {
    let time = |value: &Value| if value.is_null() { "-".to_owned() } else { moment(value) };
    let mut text = String::new();
    for (name, value) in [
        ("works", digest(&shadow["works"])),
        ("shadow", digest(&shadow["version"])),
        ("state", format!("{}: {}", shown(&shadow["state"]), first_line(&shadow["reason"]))),
        ("side by side", format!("{} ticks, from {} to {}", count(&shadow["ticks"]), time(&shadow["from"]), time(&shadow["until"]))),
        ("decisions", format!("{} of the version that works, {} of the shadow", shadow["decisions"], shadow["shadow_decisions"])),
        ("same", count(&shadow["same"])),
        ("only works", count(&shadow["only_works"])),
        ("only shadow", count(&shadow["only_shadow"])),
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
        text += &format!("\nlast lines of the shadow, {} more dropped\n", count(&shadow["lines_dropped"]));
        text += &table(&["at", "level", "text"].map(|name| (name, Align::Left)), &lines);
    }
    text
}

/// Some cells of each item of a list.
fn items_of<const N: usize>(list: &Value, names: [&str; N]) -> Vec<Vec<String>> {
    let cell = |row: &Value, name: &str| if name == "at" { moment(&row[name]) } else { shown(&row[name]) };
    list.as_array().into_iter().flatten().map(|row| names.map(|name| cell(row, name)).into()).collect()
}

pub fn setup(engine: &Value) -> String {
    let params = engine["params"].as_object().into_iter().flatten();
    let params: Vec<String> = params.map(|(name, value)| format!("{name}={}", shown(value))).collect();
    let params = if params.is_empty() { "all at their defaults".to_owned() } else { params.join(" ") };
    format!("version  {}\nsymbols  {}\nparams   {params}\n", digest(&engine["version"]), shown(&engine["symbols"]))
}

pub fn detail(engine: &Value) -> String {
    let size = |name: &str| bytes(engine[name].as_u64().unwrap_or_default());
    let saved = match engine["saved_at"].as_str() {
        Some(_) => format!("{}, {}", moment(&engine["saved_at"]), size("saved_bytes")),
        None => "never".to_owned(),
    };
    let trial = if engine["on_trial"] == true { ", on trial: its first fault brings the version before back" } else { "" };
    let head = format!("engine {} ({}) is {}\n", engine["id"], full(engine), tinted(&shown(&engine["state"])));
    let mut rest = Vec::new();
    if let Some(why) = engine["starves"].as_str() {
        rest.push(("starves", colour::bad(why)));
    }
    rest.extend([
        ("since", moment(&engine["state_at"])),
        ("why", with_trace(&engine["state_reason"]) + trial),
        ("account", format!("{} (id {})", shown(&engine["account"]), engine["account_id"])),
        ("trading", standing::in_words(engine)),
        ("saved", saved),
        ("faults", format!("{}, started again {} since the host started", count(&engine["faults"]), counted(&engine["restarts"], "time"))),
        ("ticks", format!("{}, {} missed, {} throttled", count(&engine["ticks"]), count(&engine["skipped"]), count(&engine["throttled"]))),
        (
            "last",
            engine["last_tick_at"].as_str().map_or_else(|| "no tick yet".to_owned(), |_| moment(&engine["last_tick_at"]) + " market time"),
        ),
        ("served", served(engine)),
        (
            "calls",
            format!(
                "{}, with {} fuel each, {} in the last",
                count(&engine["calls"]),
                count(&engine["fuel_per_call"]),
                count(&engine["fuel_last"])
            ),
        ),
        (
            "used",
            format!(
                "{} fuel today, {} of memory (at most {}), {} logged, {} cut off",
                count(&engine["fuel_today"]),
                size("memory_bytes"),
                size("memory_bytes_peak"),
                size("log_bytes"),
                counted(&engine["remarks_dropped"], "line")
            ),
        ),
        (
            "orders",
            format!(
                "{}, {}, {} since its guest was started",
                counted(&engine["orders"], "order"),
                counted(&engine["changes"], "change"),
                refused(&engine["denied"])
            ),
        ),
        ("deals", count(&engine["deals"])),
        ("holds", format!("{}, {}", counted(&engine["positions"], "position"), counted(&engine["working_orders"], "working order"))),
        ("profit", format!("{} ({} realised, {} open)", money(&engine["profit"]), money(&engine["realised"]), money(&engine["floating"]))),
    ]);
    head + &setup(engine) + &facts(&rest)
}

fn refused(denied: &Value) -> String {
    let text = format!("{} denied", count(denied));
    if denied.as_u64() > Some(0) { colour::warn(text) } else { text }
}

/// When its turn is.
fn served(engine: &Value) -> String {
    let now = if engine["slow"] == true { "after all others" } else { "like all others" };
    match engine["slowed"].as_u64() {
        Some(0) | None => now.to_owned(),
        Some(_) => {
            let times = counted(&engine["slowed"], "time");
            format!("{now}; {times} after them so far, {} went by meanwhile", counted(&engine["gone_by"], "tick"))
        }
    }
}

pub fn history(steps: &Value) -> String {
    let cell = |step: &Value, name: &str| match name {
        "from" | "to" if step["kind"] != "state" => digest(&step[name]),
        "at" => moment(&step[name]),
        "reason" => first_line(&step[name]),
        name => shown(&step[name]),
    };
    let mut rows: Vec<Vec<String>> =
        items(steps).map(|step| ["at", "kind", "from", "to", "reason"].map(|name| cell(step, name)).into()).collect();
    rows.reverse();
    let head = ["at", "what", "from", "to", "why"].map(|name| (name, Align::Left));
    table(&head, &rows)
}

/// The table, above it what holds for the whole host, and below it what keeps an engine from its work.
pub fn list(engines: &Value, trading: &Value) -> String {
    const HEAD: [(&str, Align); 11] = [
        ("id", Align::Right),
        ("engine", Align::Left),
        ("strategy", Align::Left),
        ("symbols", Align::Left),
        ("state", Align::Left),
        ("trading", Align::Left),
        ("ticks", Align::Right),
        ("orders", Align::Right),
        ("denied", Align::Right),
        ("deals", Align::Right),
        ("profit", Align::Right),
    ];
    let row = |engine: &Value| {
        vec![
            shown(&engine["id"]),
            full(engine),
            shown(&engine["strategy"]),
            shown(&engine["symbols"]),
            tinted(&shown(&engine["state"])),
            standing::cell(engine),
            count(&engine["ticks"]),
            count(&engine["orders"]),
            count(&engine["denied"]),
            count(&engine["deals"]),
            money(&engine["profit"]),
        ]
    };
    let rows: Vec<Vec<String>> = items(engines).map(row).collect();
    if rows.is_empty() {
        return standing::of_host(trading) + "there are no engines; `stockade engine add` makes one\n";
    }
    let below: String = items(engines).flat_map(remarks).chain(restricted(engines)).map(|line| paragraph(&line)).collect();
    let gap = if below.is_empty() { "" } else { "\n" };
    standing::of_host(trading) + &table_leaving_out(&HEAD, &rows, &["ticks", "strategy", "symbols"]) + gap + &below
}

/// What keeps an engine from its work, a line each. What holds for the whole host is said once, above.
fn remarks(engine: &Value) -> Vec<String> {
    let name = format!("engine {} ({})", engine["id"], full(engine));
    let state = shown(&engine["state"]);
    let mut lines = Vec::new();
    if is_ill(&state) {
        lines.push(format!("{name} is {} since {}: {}", tinted(&state), moment(&engine["state_at"]), first_line(&engine["state_reason"])));
    }
    if let Some(why) = engine["starves"].as_str() {
        lines.push(format!("{name} {}: {why}", colour::bad("starves")));
    }
    lines
}

/// Engines that are named where one state of an account concerns more.
const NAMED_MAX: usize = 5;

/// What forbids something to engines, a line for each state; what holds for the whole host is said above.
fn restricted(engines: &Value) -> Vec<String> {
    let mut states: Vec<(String, Vec<&Value>)> = Vec::new();
    for engine in items(engines) {
        for why in standing::own(engine) {
            match states.iter_mut().find(|(state, _)| *state == why) {
                Some((_, of)) => of.push(engine),
                None => states.push((why, vec![engine])),
            }
        }
    }
    let whose = |of: &[&Value]| match of {
        [engine] => format!("engine {} ({})", engine["id"], full(engine)),
        [named @ .., last] if named.len() < NAMED_MAX => {
            format!("engines {} and {}", named.iter().map(|engine| full(engine)).collect::<Vec<_>>().join(", "), full(last))
        }
        more => {
            let named: Vec<String> = more[..NAMED_MAX].iter().map(|engine| full(engine)).collect();
            format!("engines {} and {} more", named.join(", "), more.len() - NAMED_MAX)
        }
    };
    states.iter().map(|(why, of)| format!("{}: {why}", whose(of))).collect()
}

/// Whether somebody wants to know why.
fn is_ill(state: &str) -> bool {
    matches!(state, "faulted" | "quarantined" | "waiting")
}

fn tinted(state: &str) -> String {
    match state {
        "faulted" | "quarantined" => colour::bad(state),
        "waiting" | "paused" => colour::warn(state),
        state => state.to_owned(),
    }
}

pub fn signals(signals: &Value) -> String {
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
        "at" => moment(&signal[name]),
        "side" => side(signal),
        "became" => became(signal),
        name => or_dash(&signal[name]),
    };
    let cells = ["at", "symbol", "side", "confidence", "became", "reason"];
    let mut rows: Vec<Vec<String>> = items(signals).map(|signal| cells.map(|name| cell(signal, name)).into()).collect();
    if rows.is_empty() {
        return "the strategy has given no signal yet\n".to_owned();
    }
    rows.reverse();
    table(&cells.map(|name| (if name == "reason" { "why" } else { name }, Align::Left)), &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_state_of_an_account_is_said_once_for_all_its_engines() {
        let halted = json!([{ "of": "account", "id": 1, "state": "halted", "by": null, "since": null, "reason": "news" }]);
        let engines = |count: u32| {
            let engine = |id: u32| json!({ "id": id, "user": "anna", "name": format!("e{id}"), "restrictions": halted });
            restricted(&json!({ "items": (1..=count).map(engine).collect::<Vec<_>>() }))
        };
        let why = "account 1 is halted: news; `stockade resume --account 1` lifts that";
        assert_eq!(engines(1), [format!("engine 1 (anna/e1): {why}")]);
        assert_eq!(engines(3), [format!("engines anna/e1, anna/e2 and anna/e3: {why}")]);
        assert_eq!(engines(8), [format!("engines anna/e1, anna/e2, anna/e3, anna/e4, anna/e5 and 3 more: {why}")]);
    }
}
