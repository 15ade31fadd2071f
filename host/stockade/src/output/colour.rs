//! Colour on terminals: red for what lost or stopped, yellow for what needs a look. Off in pipes, and where `NO_COLOR` is set.
//!
//! A text carries marks until it is printed, so that cells are measured and folded without them. The marks are noncharacters, which no
//! text of others has a use for; one that brings them all the same gets a colour, and no more.

use std::borrow::Cow;
use std::io::IsTerminal as _;

const BAD: char = '\u{fdd0}';
const WARN: char = '\u{fdd1}';
const GOOD: char = '\u{fdd2}';
const END: char = '\u{fdd3}';

/// A loss, or something that has stopped.
pub fn bad(text: impl std::fmt::Display) -> String {
    format!("{BAD}{text}{END}")
}

/// A gain.
pub fn good(text: impl std::fmt::Display) -> String {
    format!("{GOOD}{text}{END}")
}

/// Something that needs a look.
pub fn warn(text: impl std::fmt::Display) -> String {
    format!("{WARN}{text}{END}")
}

/// Whether stdout takes colour.
pub fn is_on() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

/// The text with its marks turned into colours, or left out.
pub fn shown(text: &str, is_on: bool) -> Cow<'_, str> {
    if !text.contains(is_mark) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_mark(c) && !is_on => {}
            BAD => out.push_str("\u{1b}[31m"),
            WARN => out.push_str("\u{1b}[33m"),
            GOOD => out.push_str("\u{1b}[32m"),
            END => out.push_str("\u{1b}[0m"),
            c => out.push(c),
        }
    }
    out.into()
}

/// How many columns a text takes.
pub fn length(text: &str) -> usize {
    text.chars().filter(|&c| !is_mark(c)).count()
}

/// A text in lines of at most `width` columns, parted between words where that can be. Each line has the colours of its own.
pub fn fold(text: &str, width: usize) -> Vec<String> {
    if length(text) <= width {
        return vec![text.to_owned()];
    }
    let (mut lines, mut line, mut colour) = (Vec::new(), Line::default(), None);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if line.length > 0 {
            if line.length + 1 + length(word) <= width {
                line.push(' ');
            } else {
                lines.push(line.end(colour));
                line = Line::begin(colour);
            }
        }
        for c in word.chars() {
            match c {
                BAD | WARN | GOOD => colour = Some(c),
                END => colour = None,
                _ if line.length == width => {
                    lines.push(line.end(colour));
                    line = Line::begin(colour);
                }
                _ => {}
            }
            line.push(c);
        }
    }
    lines.push(line.end(colour));
    lines
}

#[derive(Default)]
struct Line {
    text: String,
    length: usize,
}

impl Line {
    fn begin(colour: Option<char>) -> Self {
        Self { text: colour.into_iter().collect(), length: 0 }
    }

    fn push(&mut self, c: char) {
        self.text.push(c);
        self.length += usize::from(!is_mark(c));
    }

    fn end(mut self, colour: Option<char>) -> String {
        self.text.extend(colour.map(|_| END));
        self.text
    }
}

fn is_mark(c: char) -> bool {
    matches!(c, BAD | WARN | GOOD | END)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_and_survive_a_fold() {
        let text = format!("a {} z", bad("red words here"));
        assert_eq!(shown(&text, false), "a red words here z");
        assert_eq!(shown(&text, true), "a \u{1b}[31mred words here\u{1b}[0m z");
        let folded: Vec<String> = fold(&text, 9).iter().map(|line| shown(line, true).into_owned()).collect();
        assert_eq!(folded, ["a \u{1b}[31mred\u{1b}[0m", "\u{1b}[31mwords\u{1b}[0m", "\u{1b}[31mhere\u{1b}[0m z"]);
    }
}
