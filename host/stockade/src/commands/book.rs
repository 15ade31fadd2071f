//! Positions, orders and deals of an engine or an account.

use super::shown::{items, moment, money, or_dash, shown};
use crate::cli::Global;
use crate::output::{Align, table_leaving_out};
use serde_json::Value;

/// How many rows.
#[derive(clap::Args)]
pub struct Rows {
    /// How many of the last to show.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

/// Which positions.
#[derive(clap::Args)]
pub struct Positions {
    /// Those that are closed as well.
    #[arg(long, conflicts_with = "closed")]
    all: bool,
    /// Those that are closed instead.
    #[arg(long)]
    closed: bool,
    /// How many of the last to show.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

/// What is listed.
#[derive(Clone, Copy, Debug)]
pub enum Book {
    Positions,
    Orders,
    Deals,
}

impl Rows {
    /// As the API takes it.
    pub fn query(&self) -> Query {
        Query(vec![("limit", self.limit.to_string())])
    }
}

impl Positions {
    /// As the API takes it.
    pub fn query(&self) -> Query {
        let which = match self {
            Self { all: true, .. } => "all",
            Self { closed: true, .. } => "closed",
            _ => "open",
        };
        Query(vec![("which", which.to_owned()), ("limit", self.limit.to_string())])
    }
}

/// Names and values of a query.
pub struct Query(Vec<(&'static str, String)>);

impl Query {
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

/// Prints a list, the latest at its end.
pub fn show(global: &Global, what: Book, list: &Value) {
    global.output().show(list, |list| text(what, list));
}

/// How a list is shown.
struct Table {
    head: &'static [(&'static str, Align)],
    row: fn(&Value) -> Vec<String>,
    /// What to say of a list without rows.
    none: &'static str,
    /// Columns that a narrow terminal does without, the first first.
    spare: &'static [&'static str],
}

fn text(what: Book, list: &Value) -> String {
    use Align::{Left, Right};
    let Table { head, row, none, spare } = match what {
        Book::Positions => Table {
            head: &[
                ("position", Left),
                ("symbol", Left),
                ("side", Left),
                ("lots", Right),
                ("open", Right),
                ("close", Right),
                ("sl", Right),
                ("tp", Right),
                ("realised", Right),
                ("costs", Right),
                ("opened", Left),
                ("closed", Left),
                ("note", Left),
            ],
            row: position,
            none: "no positions\n",
            spare: &["note", "tp", "sl", "costs", "opened"],
        },
        Book::Orders => Table {
            head: &[
                ("order", Left),
                ("symbol", Left),
                ("side", Left),
                ("kind", Left),
                ("lots", Right),
                ("filled", Right),
                ("price", Right),
                ("sl", Right),
                ("tp", Right),
                ("state", Left),
                ("placed", Left),
                ("note", Left),
            ],
            row: order,
            none: "no orders\n",
            spare: &["note", "tp", "sl", "filled", "kind"],
        },
        Book::Deals => Table {
            head: &[
                ("deal", Right),
                ("order", Left),
                ("symbol", Left),
                ("side", Left),
                ("entry", Left),
                ("lots", Right),
                ("price", Right),
                ("profit", Right),
                ("costs", Right),
                ("at", Left),
                ("why", Left),
            ],
            row: deal,
            none: "no deals\n",
            spare: &["why", "costs", "entry"],
        },
    };
    let mut rows: Vec<Vec<String>> = items(list).map(row).collect();
    if rows.is_empty() {
        return none.to_owned();
    }
    rows.reverse();
    let is_empty = |column: usize| rows.iter().all(|row| row[column].is_empty() || row[column] == "-");
    let empty: Vec<&str> = head.iter().enumerate().filter(|(column, _)| is_empty(*column)).map(|(_, (name, _))| *name).collect();
    let kept: Vec<usize> = (0..head.len()).filter(|&column| !empty.contains(&head[column].0)).collect();
    let head: Vec<(&str, Align)> = kept.iter().map(|&column| head[column]).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| kept.iter().map(|&column| row[column].clone()).collect()).collect();
    table_leaving_out(&head, &rows, spare)
}

fn position(row: &Value) -> Vec<String> {
    vec![
        shown(&row["id"]),
        shown(&row["symbol"]),
        shown(&row["side"]),
        // What is open of it, or what was.
        shown(if row["closed_at"].is_null() { &row["volume"] } else { &row["volume_opened"] }),
        or_dash(&row["open_price"]),
        or_dash(&row["close_price"]),
        or_dash(&row["stop_loss"]),
        or_dash(&row["take_profit"]),
        money(&row["realised"]),
        costs(row),
        moment(&row["opened_at"]),
        moment(&row["closed_at"]),
        shown(&row["tag"]),
    ]
}

fn order(row: &Value) -> Vec<String> {
    let state = match row["retcode"].as_u64() {
        Some(0) | None => shown(&row["state"]),
        Some(code) => format!("{} ({code})", shown(&row["state"])),
    };
    vec![
        shown(&row["id"]),
        shown(&row["symbol"]),
        shown(&row["side"]),
        shown(&row["kind"]),
        shown(&row["volume"]),
        shown(&row["filled"]),
        or_dash(&row["price"]),
        or_dash(&row["stop_loss"]),
        or_dash(&row["take_profit"]),
        state,
        moment(&row["placed_at"]),
        shown(&row["tag"]),
    ]
}

fn deal(row: &Value) -> Vec<String> {
    vec![
        shown(&row["id"]),
        or_dash(&row["order"]),
        shown(&row["symbol"]),
        shown(&row["side"]),
        shown(&row["entry"]),
        shown(&row["volume"]),
        shown(&row["price"]),
        money(&row["profit"]),
        costs(row),
        moment(&row["at"]),
        shown(&row["reason"]),
    ]
}

/// Commission and swap together.
fn costs(row: &Value) -> String {
    let sum = row["commission"].as_f64().unwrap_or_default() + row["swap"].as_f64().unwrap_or_default();
    money(&sum.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_closed_position_shows_what_was_open_of_it() {
        let cell = |closed_at: Value| position(&json!({ "volume": 0.0, "volume_opened": 0.3, "closed_at": closed_at }))[3].clone();
        assert_eq!(cell(json!("2026-12-01T17:03:07.399000Z")), "0.3");
        assert_eq!(cell(Value::Null), "0.0");
    }
}
