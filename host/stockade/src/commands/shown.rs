//! What a host answers, as people read it: one format for numbers, money, times and digests, whichever command shows them.

use crate::output::{colour, grouped};
use domain::text;
use serde_json::Value;

/// The rows of a list.
pub fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.get("items").and_then(Value::as_array).into_iter().flatten()
}

/// A value as a cell.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(shown).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// A value, or a dash for none.
pub fn or_dash(value: &Value) -> String {
    if value.is_null() { "-".to_owned() } else { shown(value) }
}

/// How many: 1,144,807.
pub fn count(value: &Value) -> String {
    value.as_u64().map_or_else(|| shown(value), grouped)
}

/// So many of something: 1 order, 2 orders.
pub fn counted(value: &Value, one: &str) -> String {
    value.as_u64().map_or_else(|| format!("{} {one}s", shown(value)), |number| text::counted(number, one))
}

/// An amount of money: 1,144.80; a loss is red.
pub fn money(value: &Value) -> String {
    let Some(amount) = value.as_f64() else { return shown(value) };
    let cents = (amount.abs() * 100.0).round() as u64;
    let text = format!("{}.{:02}", grouped(cents / 100), cents % 100);
    if amount < 0.0 && cents > 0 { colour::bad(format_args!("-{text}")) } else { text }
}

/// A time, UTC, to the second: 2014-05-01 08:30:00.
pub fn moment(value: &Value) -> String {
    let text = shown(value);
    match text.split_once('T') {
        Some((day, clock)) if clock.len() >= 8 && text.ends_with('Z') => format!("{day} {}", &clock[..8]),
        _ => text,
    }
}

/// Enough of a digest to name a version by.
pub fn digest(value: &Value) -> String {
    shown(value).chars().take(12).collect()
}

/// What failed, in one line: without the trace, which `engine show` has.
pub fn first_line(reason: &Value) -> String {
    let reason = shown(reason);
    let mut text = String::new();
    for line in reason.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix("at ") {
            // What happens next stands behind the last frame.
            Some(frame) => text += frame.find(NEXT).map_or("", |next| &frame[next..]),
            None if text.is_empty() => line.clone_into(&mut text),
            None => text = format!("{text} {line}"),
        }
    }
    text
}

/// Where what the host does next begins.
const NEXT: &str = "; it ";

/// What failed, with the frames of the strategy's own code: those of the standard library say nothing to its author.
pub fn with_trace(reason: &Value) -> String {
    const FOREIGN: [&str; 9] = ["std::", "core::", "alloc::", "__rust", "rust_", "<core::", "<alloc::", "<std::", "dlmalloc"];
    let reason = shown(reason);
    let own = reason.lines().filter_map(|line| match line.trim_start().strip_prefix("at ") {
        Some(frame) if FOREIGN.iter().any(|library| frame.starts_with(library)) => frame.find(NEXT).map(|next| &frame[next..]),
        _ => Some(line),
    });
    own.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_have_one_format() {
        assert_eq!(moment(&json!("2014-05-01T00:00:00.040186Z")), "2014-05-01 00:00:00");
        assert_eq!(moment(&json!("history")), "history");
        assert_eq!(colour::shown(&money(&json!(-1144.8)), false), "-1,144.80");
        assert_eq!([json!(0.0), json!(-0.001), json!(274.3), json!(null)].map(|amount| money(&amount)), ["0.00", "0.00", "274.30", ""]);
        assert_eq!([counted(&json!(1), "position"), counted(&json!(1000), "position")], ["1 position", "1,000 positions"]);
    }

    #[test]
    fn a_failure_is_one_line_and_its_trace_is_the_authors_own() {
        let reason = json!(
            "trapped: panicked at src/lib.rs:33:28:\nno price\n    at core::panicking::panic_fmt\n    at breakout::on_tick\n    at __rustc::rust_begin_unwind\nit is started again"
        );
        assert_eq!(first_line(&reason), "trapped: panicked at src/lib.rs:33:28: no price it is started again");
        assert_eq!(with_trace(&reason), "trapped: panicked at src/lib.rs:33:28:\nno price\n    at breakout::on_tick\nit is started again");
    }
}
