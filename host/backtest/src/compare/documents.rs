//! Two runs' JSON documents side by side: what was set differently, what came out differently.
//!
//! Documents are compared by their leaves, so a figure that reports gain one day is compared that day. Long lists (deals, orders,
//! points of charts) are compared by their length alone: the decisions say more.

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What differs from run to run of the same thing: what it took, where it was written, and how it was looked at afterwards.
const OF_THE_MOMENT: [&str; 9] =
    ["seconds", "ticks_per_second", "files", "made_by", "calls", "fuel", "memory_bytes", "confirmed", "Confirmed"];
/// First parts of what was set rather than found.
const SETTINGS: [&str; 12] =
    ["about", "strategy", "version", "digest", "symbols", "params", "settings", "deposit", "currency", "seed", "from", "to"];
/// Longer lists are compared by their length.
const LIST_MAX: usize = 64;

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Where in the documents.
    pub name: String,
    /// On each side; `None` where it is not there.
    pub values: [Option<Value>; 2],
}

/// What a comparison of documents found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DocumentsDiff {
    /// What was set differently.
    pub settings: Vec<Difference>,
    /// What was found differently.
    pub figures: Vec<Difference>,
    /// Figures that are the same.
    pub same_figures: u64,
}

/// Compares two documents.
pub fn diff(a: &Value, b: &Value) -> DocumentsDiff {
    let (a, b) = (leaves(a), leaves(b));
    let mut found = DocumentsDiff::default();
    let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let values = [a.get(name), b.get(name)];
        let is_setting = SETTINGS.iter().any(|setting| name.split('.').next() == Some(setting));
        match (values[0] == values[1], is_setting) {
            (true, false) => found.same_figures += 1,
            (true, true) => {}
            // One document says more than the other: a report beside what `--json` printed.
            (false, false) if values.contains(&None) => {}
            (false, true) => found.settings.push(Difference { name: name.clone(), values: values.map(|value| value.cloned()) }),
            (false, false) => found.figures.push(Difference { name: name.clone(), values: values.map(|value| value.cloned()) }),
        }
    }
    found
}

impl DocumentsDiff {
    /// Whether both found the same.
    pub fn is_same(&self) -> bool {
        self.figures.is_empty()
    }
}

fn leaves(document: &Value) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    collect("", document, &mut leaves);
    leaves
}

fn collect(name: &str, value: &Value, leaves: &mut BTreeMap<String, Value>) {
    let below = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Value::Object(parts) => {
            for (part, value) in parts.iter().filter(|(part, _)| !OF_THE_MOMENT.contains(&part.as_str())) {
                // In a report the figures are one part of it, in what `--json` prints they are all there is.
                let name = if name.is_empty() && part == "figures" { String::new() } else { below(part) };
                collect(&name, value, leaves);
            }
        }
        Value::Array(items)
            if items.len() > LIST_MAX || items.iter().any(|item| item.is_object() || item.as_array().is_some_and(|row| !is_pair(row))) =>
        {
            leaves.insert(below("length"), items.len().into());
        }
        // Names with their values: parameters, settings.
        Value::Array(items) if !items.is_empty() && items.iter().all(|item| item.as_array().is_some_and(|row| is_pair(row))) => {
            for pair in items.iter().filter_map(Value::as_array) {
                let name = pair[0].as_str().unwrap_or_default();
                if !OF_THE_MOMENT.contains(&name) {
                    collect(&below(name), &pair[1], leaves);
                }
            }
        }
        leaf => {
            leaves.insert(name.to_owned(), leaf.clone());
        }
    }
}

fn is_pair(row: &[Value]) -> bool {
    matches!(row, [Value::String(_), _])
}
