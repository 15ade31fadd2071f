//! Text that a stranger wrote, made fit to be shown: of a bounded length, without anything that moves a cursor, hides a
//! character or turns the direction of what stands beside it.
//!
//! Whatever comes out of a strategy goes through here before it reaches an error, a log, a database or a terminal. The bound holds
//! while a text is written, so that one that unfolds to gigabytes costs no more than what is kept of it.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

/// Stands at the end of a text that was cut.
const CUT: &str = "...";

/// A text under construction. Writing fails once it is full, which ends whoever writes.
#[derive(Debug)]
pub struct Plain {
    text: String,
    bytes_max: usize,
    line_ends: LineEnds,
    is_cut: bool,
}

/// What becomes of line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnds {
    Kept,
    Spaces,
}

impl Plain {
    /// A text of one line and at most `bytes_max` bytes.
    pub fn line(bytes_max: usize) -> Self {
        Self { text: String::new(), bytes_max, line_ends: LineEnds::Spaces, is_cut: false }
    }

    /// A text of any number of lines and at most `bytes_max` bytes.
    pub fn lines(bytes_max: usize) -> Self {
        Self { line_ends: LineEnds::Kept, ..Self::line(bytes_max) }
    }

    /// What was written, without blanks at its end; dots stand for what was cut.
    pub fn finish(mut self) -> String {
        self.text.truncate(self.text.trim_end().len());
        if self.is_cut {
            let end = self.text.floor_char_boundary(self.bytes_max.saturating_sub(CUT.len()));
            self.text.truncate(end);
            self.text.push_str(CUT);
        }
        self.text
    }

    fn clean(&self, c: char) -> Option<char> {
        match c {
            '\n' | '\u{2028}' | '\u{2029}' if self.line_ends == LineEnds::Kept => Some('\n'),
            '\u{2028}' | '\u{2029}' => Some(' '),
            c if c.is_control() => Some(' '),
            c if is_hidden(c) => None,
            c => Some(c),
        }
    }
}

impl Write for Plain {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Nearly every text is of such bytes alone.
        if self.text.len() + text.len() <= self.bytes_max && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            self.text.push_str(text);
            return Ok(());
        }
        for c in text.chars() {
            let Some(c) = self.clean(c) else { continue };
            if self.text.len() + c.len_utf8() > self.bytes_max {
                self.is_cut = true;
                return Err(fmt::Error);
            }
            self.text.push(c);
        }
        Ok(())
    }
}

/// A count as people read it: 1,144,794.
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

/// A count with its noun: 1 order, 2 orders.
pub fn counted(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", grouped(number))
}

/// `said` on one line of at most `bytes_max` bytes.
pub fn line(said: impl Display, bytes_max: usize) -> String {
    written(Plain::line(bytes_max), said)
}

/// `said` with its line ends, in at most `bytes_max` bytes.
pub fn lines(said: impl Display, bytes_max: usize) -> String {
    written(Plain::lines(bytes_max), said)
}

fn written(mut plain: Plain, said: impl Display) -> String {
    // An error means that it is full, or that `said` can't be shown any further: what there is of it is kept.
    _ = write!(plain, "{said}");
    plain.finish()
}

/// A text of any length for a terminal: its lines and tabs stay, whatever else would steer the terminal goes.
pub fn printable(text: &str) -> Cow<'_, str> {
    let stays = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || is_hidden(c));
    if text.chars().all(stays) { text.into() } else { text.chars().filter(|c| stays(*c)).collect::<String>().into() }
}

/// Whether a text has a character that does not show as itself: a control character or a mark that [`is_hidden`].
pub fn hides(text: &str) -> bool {
    text.chars().any(|c| c.is_control() || is_hidden(c))
}

/// Whether a character can't be seen, or changes how others are seen: marks of direction, of zero width, tags and fillers.
/// Variation selectors, which choose the picture of the character before, are not among them.
pub fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(said: &str, one_line: &str, many: &str) {
        assert_eq!((line(said, 100), lines(said, 100)), (one_line.to_owned(), many.to_owned()), "{said:?}");
    }

    #[test]
    fn what_steers_a_terminal_or_hides_is_gone_and_the_rest_stays() {
        check("ein Gr\u{fc}n \u{20ac}", "ein Gr\u{fc}n \u{20ac}", "ein Gr\u{fc}n \u{20ac}");
        check("\u{1b}[2Jgone\u{7}", " [2Jgone", " [2Jgone");
        check("one\ntwo\r\n", "one two", "one\ntwo");
        check("one\u{2028}two\u{85}three", "one two three", "one\ntwo three");
        check("a\u{202e}b\u{2066}c\u{200b}d\u{feff}e\u{e0041}f\u{ad}g\u{9b}h", "abcdefg h", "abcdefg h");
        assert_eq!(printable("a\tb\n\u{1b}]0;owned\u{7}\u{202e}c"), "a\tb\n]0;ownedc");
        assert!(hides("a\u{200b}") && hides("\u{1b}") && !hides("Gr\u{fc}n \u{1f600}\u{fe0f}"));
    }

    #[test]
    fn a_text_is_cut_while_it_is_written_and_says_so() {
        assert_eq!((line("abcdef", 6), line("abcdefg", 6)), ("abcdef".to_owned(), "abc...".to_owned()));
        assert_eq!(line("\u{20ac}\u{20ac}\u{20ac}", 8), "\u{20ac}...");
        /// Writes on and on, for as long as somebody listens.
        struct Endless(std::cell::Cell<usize>);
        impl Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    self.0.set(self.0.get() + 1);
                    f.write_str("more and ")?;
                }
            }
        }
        let endless = Endless(std::cell::Cell::new(0));
        assert_eq!(line(&endless, 20), "more and more and...");
        assert_eq!(endless.0.get(), 3, "it was stopped where it was full");
    }
}
