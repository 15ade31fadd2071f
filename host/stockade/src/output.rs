//! What commands print: text for people, or JSON for scripts. Whoever wrote it, a strategy's author, another host, a file, it does not
//! steer the terminal: what would is left out here, at the last place that it passes.

pub mod colour;

pub use domain::text::grouped;

use domain::text;
use serde::Serialize;
use std::fmt::Write as _;
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

/// A sum in words, red on a terminal where it is a loss and green where it is a gain.
pub fn gained(sum: f64, words: String) -> String {
    match sum {
        sum if sum < 0.0 => colour::bad(words),
        sum if sum > 0.0 => colour::good(words),
        _ => words,
    }
}

/// Prints to stdout, coloured where that is wanted.
pub fn print(text: &str) {
    write_out(&colour::shown(&text::printable(text), colour::is_on()));
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

/// Rows below a head, each column as wide as its widest cell. On a terminal that is narrower, the widest columns of words are folded.
pub fn table(head: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    table_leaving_out(head, rows, &[])
}

/// The same; the columns in `spare` are left out one by one, the first first, as long as the table is wider than the terminal.
pub fn table_leaving_out(head: &[(&str, Align)], rows: &[Vec<String>], spare: &[&str]) -> String {
    fitting(head, rows, spare, width())
}

/// Columns of the terminal, or what `COLUMNS` says; `None` in a pipe or a file, where nothing is folded.
pub fn width() -> Option<usize> {
    let said = std::env::var_os("COLUMNS").and_then(|columns| columns.to_str()?.parse().ok());
    let seen = || rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
    said.or_else(seen).filter(|width| *width > 0)
}

/// Blanks between two columns.
const GAP: usize = 2;
/// No column of words is made narrower.
const NARROWEST: usize = 8;

fn fitting(head: &[(&str, Align)], rows: &[Vec<String>], spare: &[&str], width: Option<usize>) -> String {
    let natural: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| colour::length(cell));
            cells.chain([head[column].0.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let mut columns: Vec<usize> = (0..head.len()).collect();
    let total = |columns: &[usize], widths: &[usize]| {
        columns.iter().map(|&column| widths[column]).sum::<usize>() + GAP * columns.len().saturating_sub(1)
    };
    let mut spare = spare.iter();
    let mut widths = natural.clone();
    if let Some(width) = width {
        while total(&columns, &widths) > width
            && let Some(name) = spare.next()
        {
            columns.retain(|&column| head[column].0 != *name);
        }
        while total(&columns, &widths) > width {
            let foldable = columns.iter().copied().filter(|&column| head[column].1 == Align::Left && widths[column] > NARROWEST);
            let Some(widest) = foldable.max_by_key(|&column| widths[column]) else { break };
            let excess = total(&columns, &widths) - width;
            widths[widest] = widths[widest].saturating_sub(excess).max(NARROWEST);
        }
    }
    let head_cells: Vec<String> = head.iter().map(|(name, _)| (*name).to_owned()).collect();
    let lines = std::iter::once(&head_cells).chain(rows).map(|row| {
        let folded: Vec<Vec<String>> =
            columns.iter().map(|&column| colour::fold(row.get(column).map_or("", String::as_str), widths[column])).collect();
        let height = folded.iter().map(Vec::len).max().unwrap_or(1);
        let line = |at: usize| {
            let cells = folded.iter().zip(&columns).map(|(lines, &column)| {
                let cell = lines.get(at).map_or("", String::as_str);
                let blanks = " ".repeat(widths[column].saturating_sub(colour::length(cell)));
                if head[column].1 == Align::Left { format!("{cell}{blanks}") } else { format!("{blanks}{cell}") }
            });
            cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned() + "\n"
        };
        (0..height).map(line).collect::<String>()
    });
    lines.collect()
}

/// Lines of `name  value`, the names in a column; a value that is longer than the terminal goes on below its beginning.
pub fn facts(facts: &[(&str, String)]) -> String {
    let name_width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0) + GAP;
    let value_width = width().map_or(usize::MAX, |width| width.saturating_sub(name_width).max(NARROWEST));
    let mut text = String::new();
    for (name, value) in facts {
        for (at, line) in value.lines().flat_map(|line| colour::fold(line, value_width)).enumerate() {
            let name = if at == 0 { *name } else { "" };
            writeln!(text, "{name:<name_width$}{line}").expect("a string takes whatever is written to it");
        }
    }
    text
}

/// A line of words, folded at the terminal's width; what follows its first line is indented.
pub fn paragraph(line: &str) -> String {
    let Some(width) = width() else { return format!("{line}\n") };
    colour::fold(line, width.saturating_sub(GAP).max(NARROWEST)).join("\n  ") + "\n"
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
        assert_eq!(fitting(&[("name", Align::Left), ("n", Align::Right)], &rows, &[], None), "name     n\neur      5\nx     1000\n");
    }

    #[test]
    fn a_table_fits_the_terminal_and_loses_no_word() {
        let head = [("id", Align::Right), ("why", Align::Left), ("ticks", Align::Right)];
        let why = format!("{} after_a_word_that_is_longer_than_its_column", colour::bad("lost too much"));
        let rows = [vec!["7".to_owned(), why, "1,000".to_owned()]];
        let fit = |width: usize, spare: &[&str]| colour::shown(&fitting(&head, &rows, spare, Some(width)), false).into_owned();
        let narrow = fit(30, &[]);
        assert!(narrow.lines().all(|line| line.chars().count() <= 30), "{narrow}");
        let words: String = narrow.chars().filter(|c| !c.is_whitespace()).collect();
        assert_eq!(words, "idwhyticks7losttoomuch1,000after_a_word_that_is_longer_than_its_column", "{narrow}");
        assert_eq!(fit(80, &["ticks"]).lines().next(), Some(format!("id  why{}ticks", " ".repeat(56)).as_str()));
        assert_eq!(fit(65, &["ticks"]).lines().next(), Some("id  why"), "what is spare goes first");
        assert_eq!(fit(10, &[]).lines().nth(1), Some(" 7  lost too  1,000"), "no narrower than can be read");
    }
}
