//! What somebody may do at the market, in words: who forbids what, since when, why, and the command that lifts it.

use super::named::full;
use super::shown::{items, moment, shown};
use crate::output::{colour, paragraph};
use serde_json::Value;

/// The state that holds now, for a column; beside it whose it is, when it is not the thing's own.
pub fn cell(thing: &Value) -> String {
    let state = shown(&thing["trading_now"]);
    match restrictions(thing).find(|one| one["state"] == thing["trading_now"]) {
        Some(one) if one["of"] == "host" => tinted(&state, " (host)"),
        Some(one) if one["of"] == "account" && thing["account_id"].is_number() => tinted(&state, " (account)"),
        _ => tinted(&state, ""),
    }
}

fn tinted(state: &str, whose: &str) -> String {
    match state {
        "halted" => colour::bad(format_args!("{state}{whose}")),
        "reducing" => colour::warn(format_args!("{state}{whose}")),
        state => state.to_owned(),
    }
}

/// The state that holds now with all that forbids something.
pub fn in_words(thing: &Value) -> String {
    let all: Vec<String> = restrictions(thing).map(sentence).collect();
    if all.is_empty() { "active".to_owned() } else { all.join("; ") }
}

/// A line above a list when the host itself is halted.
pub fn of_host(trading: &Value) -> String {
    restrictions(trading).map(|one| paragraph(&sentence(one)) + "\n").collect()
}

/// What forbids something to an engine or an account alone; an account's state concerns each of its engines.
pub fn own(thing: &Value) -> impl Iterator<Item = String> {
    restrictions(thing).filter(|one| one["of"] != "host").map(sentence)
}

/// What forbids something to one of them, or to the host: `account 1 is halted by the operator since 2026-11-30 21:00:12: news;
/// stockade resume --account 1`.
pub fn sentence(one: &Value) -> String {
    let whose = match &one["id"] {
        Value::Null => "the host".to_owned(),
        id => format!("{} {id}", shown(&one["of"])),
    };
    let by = match one["by"].as_str() {
        Some("host") => " by the host itself".to_owned(),
        Some(who) => format!(" by the {who}"),
        None => String::new(),
    };
    let since = if one["since"].is_null() { String::new() } else { format!(" since {}", moment(&one["since"])) };
    let why = if one["reason"].is_null() { String::new() } else { format!(": {}", shown(&one["reason"])) };
    let what = match one["state"].as_str() {
        Some("reducing") => "may only reduce",
        _ => "is halted",
    };
    format!("{whose} {what}{by}{since}{why}; {} lifts that", lift(one))
}

fn lift(one: &Value) -> String {
    match &one["id"] {
        Value::Null => "`stockade resume`".to_owned(),
        id => format!("`stockade resume --{} {id}`", shown(&one["of"])),
    }
}

/// What accounts and engines of these lists have of their own that forbids something: each once.
pub fn left(accounts: &Value, engines: &Value) -> Vec<String> {
    let of = |list: &Value, what: &str| {
        let things =
            items(list).map(|thing| (full(thing), restrictions(thing).filter(|one| one["of"] == what).cloned().collect::<Vec<_>>()));
        things.flat_map(|(name, all)| all.into_iter().map(move |one| format!("{name}: {}", sentence(&one)))).collect::<Vec<_>>()
    };
    [of(accounts, "account"), of(engines, "engine")].concat()
}

pub fn restrictions(thing: &Value) -> impl Iterator<Item = &Value> {
    thing["restrictions"].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_halt_is_told_with_who_since_when_why_and_the_way_out() {
        let of_host = json!({
            "of": "host", "id": null, "state": "halted", "by": "operator", "since": "2026-11-30T21:00:12.345678Z", "reason": "news",
        });
        let of_account = json!({ "of": "account", "id": 1, "state": "reducing", "by": "host", "since": null, "reason": "it differs" });
        let line = "the host is halted by the operator since 2026-11-30 21:00:12: news; `stockade resume` lifts that";
        assert_eq!(sentence(&of_host), line);
        let line = "account 1 may only reduce by the host itself: it differs; `stockade resume --account 1` lifts that";
        assert_eq!(sentence(&of_account), line);
        let engine = json!({ "account_id": 1, "trading_now": "reducing", "restrictions": [of_account] });
        assert_eq!(colour::shown(&cell(&engine), false), "reducing (account)");
        assert_eq!(in_words(&json!({ "restrictions": [] })), "active");
    }
}
