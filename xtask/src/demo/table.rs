//! The engines as a table.

use serde_json::Value;

/// The table's columns: head, width, and whether it holds numbers.
const COLUMNS: [(&str, usize, bool); 11] = [
    ("engine", 13, false),
    ("user", 6, false),
    ("strategy", 11, false),
    ("symbol", 7, false),
    ("state", 12, false),
    ("ticks", 8, true),
    ("orders", 7, true),
    ("deals", 6, true),
    ("P/L", 10, true),
    ("fuel/tick", 10, true),
    ("memory", 9, true),
];

/// What the API says of engines and health, as text.
pub fn draw(engines: &Value, health: &Value) -> String {
    let mut text = head(health);
    text += &line(COLUMNS.map(|(name, ..)| name.to_owned()));
    for engine in engines["items"].as_array().into_iter().flatten() {
        text += &line(cells(engine));
    }
    for engine in engines["items"].as_array().into_iter().flatten().filter(|engine| engine["state"] == "quarantined") {
        let why: String = word(&engine["state_reason"]).split_whitespace().collect::<Vec<_>>().join(" ").chars().take(110).collect();
        text += &format!("{} is quarantined: {why}\n", word(&engine["name"]));
    }
    text
}

fn head(health: &Value) -> String {
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let market = health["feed"]["last_tick_at"].as_str().unwrap_or("-").chars().take(19).collect::<String>();
    let (feed, process) = (&health["feed"], &health["process"]);
    format!(
        "market {market}  {:.0} ticks/s  {} of {} engines running  {} orders recorded  tick to decision p99 {:.0} us  cpu {:.0} %  memory {:.0} MiB\n",
        number(&feed["ticks_per_second"]),
        health["engines"]["running"],
        health["engines"]["total"],
        health["database"]["orders"],
        number(&health["engines"]["decision_us_p99"]),
        number(&process["cpu_percent"]),
        number(&process["memory_bytes"]) / 1_048_576.0,
    )
}

fn cells(engine: &Value) -> [String; 11] {
    let symbols = engine["symbols"].as_array().into_iter().flatten().map(word).collect::<Vec<_>>().join(",");
    [
        word(&engine["name"]),
        word(&engine["user"]),
        word(&engine["strategy"]),
        symbols,
        word(&engine["state"]),
        word(&engine["ticks"]),
        word(&engine["orders"]),
        word(&engine["deals"]),
        format!("{:.2}", engine["profit"].as_f64().unwrap_or_default()),
        word(&engine["fuel_per_tick"]),
        format!("{} KiB", engine["memory_bytes"].as_u64().unwrap_or_default() / 1_024),
    ]
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn line(cells: [String; 11]) -> String {
    let padded = cells
        .iter()
        .zip(COLUMNS)
        .map(|(cell, (_, width, number))| if number { format!("{cell:>width$}") } else { format!("{cell:<width$}") });
    padded.collect::<Vec<_>>().join(" ").trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_engine_is_a_line_and_a_quarantine_says_why() {
        let engine = json!({
            "name": "runaway", "user": "clara", "strategy": "misbehaving", "symbols": ["EURUSD"], "state": "quarantined",
            "state_reason": "out-of-fuel:\n endless_loop", "ticks": 300, "orders": 0, "deals": 0, "profit": -1.5, "fuel_per_tick": 120,
            "memory_bytes": 131_072,
        });
        let text = draw(&json!({ "items": [engine] }), &json!({}));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[1].starts_with("engine        user   strategy    symbol  state"));
        assert!(
            lines[2].starts_with("runaway       clara  misbehaving EURUSD  quarantined")
                && lines[2].ends_with("-1.50        120   128 KiB"),
            "{}",
            lines[2]
        );
        assert_eq!(lines[3], "runaway is quarantined: out-of-fuel: endless_loop");
    }
}
