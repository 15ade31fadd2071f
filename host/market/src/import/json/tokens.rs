//! Text of JSON on its way to the parser, which keeps each key, text and number whole: none may be longer than any tick needs.

use std::io::{self, ErrorKind, Read};

/// A key, text or number at most: a symbol's longest description has a thousandth of it.
pub(super) const TOKEN_BYTES_MAX: usize = 64 << 10;

/// Passes text on, and ends it at a token that is too long.
pub(super) struct Tokens<R> {
    text: R,
    line: u64,
    place: Place,
    /// Bytes of the token at hand.
    bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between tokens, or within a number or word.
    Outside,
    Text,
    /// Behind a backslash in a text.
    Escape,
}

impl<R: Read> Tokens<R> {
    pub(super) fn new(text: R) -> Self {
        Self { text, line: 1, place: Place::Outside, bytes: 0 }
    }

    fn follow(&mut self, byte: u8) {
        self.line += u64::from(byte == b'\n');
        self.bytes += 1;
        self.place = match (self.place, byte) {
            (Place::Text, b'\\') => Place::Escape,
            (Place::Text, b'"') | (Place::Outside, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' | b'[' | b']' | b'{' | b'}') => {
                self.bytes = 0;
                Place::Outside
            }
            (Place::Outside, b'"') => {
                self.bytes = 0;
                Place::Text
            }
            (Place::Escape, _) => Place::Text,
            (place, _) => place,
        };
    }
}

impl<R: Read> Read for Tokens<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.text.read(buffer)?;
        for &byte in &buffer[..count] {
            self.follow(byte);
            if self.bytes > TOKEN_BYTES_MAX {
                let line = self.line;
                let what = if self.place == Place::Outside { "a number or word" } else { "a key or text" };
                return Err(io::Error::new(ErrorKind::InvalidData, format!("line {line}: {what} of more than {TOKEN_BYTES_MAX} bytes")));
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_as_long_as_may_be_pass_and_longer_ones_are_named_with_their_line() {
        let read = |text: String| Tokens::new(text.as_bytes()).read_to_end(&mut Vec::new()).map_err(|error| error.to_string());
        let long = |bytes: usize| "1".repeat(bytes);
        for text in [
            format!("{{\"a\": \"{}\"}}", long(TOKEN_BYTES_MAX)),
            format!("[{0}, {0}]", long(TOKEN_BYTES_MAX)),
            format!("[\"{0}\\\"{0}\"]", long(TOKEN_BYTES_MAX / 2 - 1)),
            format!("[{}]", "\"a\", ".repeat(TOKEN_BYTES_MAX)),
            " ".repeat(TOKEN_BYTES_MAX * 2),
        ] {
            assert_eq!(read(text.clone()), Ok(text.len()));
        }
        for (text, expected) in [
            (format!("{{\n\"{}\": 1}}", long(TOKEN_BYTES_MAX + 1)), "line 2: a key or text of more than 65536 bytes"),
            (format!("[{}", long(TOKEN_BYTES_MAX + 1)), "line 1: a number or word of more than 65536 bytes"),
            (format!("[\"{}\\", "\\\"".repeat(TOKEN_BYTES_MAX)), "line 1: a key or text of more than 65536 bytes"),
        ] {
            assert_eq!(read(text), Err(expected.to_owned()));
        }
    }
}
