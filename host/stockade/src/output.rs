//! What commands print: text for people, or JSON for scripts.

use serde::Serialize;
use std::io::Write as _;

/// For whom a command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// People.
    Text,
    /// Scripts: one JSON document on stdout, nothing else.
    Json,
}

impl Output {
    /// Prints `value` as JSON, or `text` made of it.
    pub fn show<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) {
        match self {
            Self::Text => print(&text(value)),
            Self::Json => print(&serde_json::to_string_pretty(value).expect("what commands print has only string keys")),
        }
    }
}

/// Prints to stdout; a reader that has gone (`stockade ... | head`) is not an error.
pub fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    _ = write!(stdout, "{text}{newline}").and_then(|()| stdout.flush());
}

/// Which way a column leans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows below a head, each column as wide as its widest cell.
pub fn table(head: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].0.len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(head).zip(&widths).map(|((cell, (_, align)), &width)| match align {
            Align::Left => format!("{cell:<width$}"),
            Align::Right => format!("{cell:>width$}"),
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let head_line = line(&mut head.iter().map(|(name, _)| *name));
    rows.iter().fold(head_line, |text, row| text + &line(&mut row.iter().map(String::as_str)))
}

/// A count with thin groups: 1,144,794.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the unit that reads best.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_tables_read_well() {
        assert_eq!([0, 999, 1_000, 1_144_794].map(grouped), ["0", "999", "1,000", "1,144,794"]);
        assert_eq!([12, 2_048, 3 << 20].map(bytes), ["12 B", "2.0 KiB", "3.0 MiB"]);
        let rows = vec![vec!["eur".to_owned(), "5".to_owned()], vec!["x".to_owned(), "1000".to_owned()]];
        assert_eq!(table(&[("name", Align::Left), ("n", Align::Right)], &rows), "name     n\neur      5\nx     1000\n");
    }
}
