//! What commands print: text for people, or JSON for scripts. Whoever wrote it, a strategy's author, another host, a file, it does not
//! steer the terminal: what would is left out here, at the last place that it passes.

use domain::text;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};

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
            Self::Json => write_out(&escaped(&serde_json::to_string_pretty(value).expect("what commands print has only string keys"))),
        }
    }
}

/// JSON in which characters that steer a terminal or hide are written out. They stand in its strings only.
fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && (c.is_control() || text::is_hidden(c)) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").expect("a string takes whatever is written to it");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Around what is coloured on a terminal: characters that no font has, so that a text which holds them gains nothing by it.
const COLOURS: [(char, &str); 3] = [('\u{f8f0}', "\x1b[31m"), ('\u{f8f1}', "\x1b[32m"), ('\u{f8f2}', "\x1b[0m")];

/// A sum in words, red on a terminal where it is a loss and green where it is a gain.
pub fn gained(sum: f64, words: String) -> String {
    let [(red, _), (green, _), (end, _)] = COLOURS;
    match sum {
        sum if sum < 0.0 => format!("{red}{words}{end}"),
        sum if sum > 0.0 => format!("{green}{words}{end}"),
        _ => words,
    }
}

/// The text with its colours, or without: elsewhere than on a terminal, and where `NO_COLOR` says so.
fn coloured(text: &str, is_terminal: bool) -> String {
    let are_wanted = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
    COLOURS.iter().fold(text.to_owned(), |text, (mark, code)| text.replace(*mark, if are_wanted { code } else { "" }))
}

/// Prints to stdout, coloured where that is wanted.
pub fn print(text: &str) {
    write_out(&coloured(&text::printable(text), std::io::stdout().is_terminal()));
}

/// Writes to stdout; a reader that has gone (`stockade ... | head`) is not an error.
fn write_out(text: &str) {
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
    fn what_steers_a_terminal_is_written_out_in_json() {
        let said = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}\u{e0041}\u{7f} Gr\u{fc}n";
        let json = escaped(&serde_json::to_string_pretty(&[said]).unwrap());
        assert!(!json.replace('\n', "").chars().any(|c| c.is_control() || text::is_hidden(c)), "{json:?}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&json).unwrap(), [said]);
    }

    #[test]
    fn numbers_and_tables_read_well() {
        assert_eq!([0, 999, 1_000, 1_144_794].map(grouped), ["0", "999", "1,000", "1,144,794"]);
        assert_eq!([12, 2_048, 3 << 20].map(bytes), ["12 B", "2.0 KiB", "3.0 MiB"]);
        let rows = vec![vec!["eur".to_owned(), "5".to_owned()], vec!["x".to_owned(), "1000".to_owned()]];
        assert_eq!(table(&[("name", Align::Left), ("n", Align::Right)], &rows), "name     n\neur      5\nx     1000\n");
    }
}
