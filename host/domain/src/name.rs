//! Names that people read, type and tell apart: of users, accounts, strategies and engines.
//!
//! A name is refused when it could be taken for another one: by characters that can't be seen or turn the line around, by letters of
//! other alphabets that look like Latin ones, by spaces that can't be counted. What remains is told apart without regard to case. The rules
//! follow PRECIS (RFC 8265 for users, RFC 8266 for the rest) and, for alphabets, Unicode's report on security (UTS 39).

use crate::limits::NAME_BYTES_MAX;
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::restriction_level::{RestrictionLevel, RestrictionLevelDetection as _};
use unicode_security::{GeneralSecurityProfile as _, skeleton};

/// Whose name it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// One word: it stands in addresses and command lines.
    User,
    /// Words with single spaces between them.
    Account,
    /// See [`Named::Account`].
    Strategy,
    /// See [`Named::Account`].
    Engine,
}

/// A name that can't be taken for another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    shown: String,
    key: String,
}

impl Named {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Account => "account",
            Self::Strategy => "strategy",
            Self::Engine => "engine",
        }
    }

    /// What is allowed in ASCII besides letters and digits.
    fn signs(self) -> &'static str {
        match self {
            Self::User => "._-@+",
            Self::Account | Self::Strategy | Self::Engine => " ._-@+,:;=#&%!?*'()[]{}^~$",
        }
    }
}

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// In one line, what is wrong with it and what a name may be; a character that is refused is named by its number.
    pub fn new(of: Named, text: &str) -> Result<Self, String> {
        // Two ways to write one letter are one name.
        let shown: String = text.nfc().take(NAME_BYTES_MAX + 1).collect();
        match wrong(of, &shown) {
            None => Ok(Self { key: key(&shown), shown }),
            // Shown with its invisible characters as numbers, so that it can do nothing to a terminal.
            Some(why) => Err(format!("{:?} can't be the name of {} {}: {why}", shown, article(of), of.word())),
        }
    }

    /// As it is shown.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// By which it is told apart: see [`key`].
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// What two spellings of one name have in common: case is forgotten, and there is one way to write each letter.
pub fn key(text: &str) -> String {
    // Up and down again: some small letters share a capital, such as the two sigmas.
    text.nfc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

fn article(of: Named) -> &'static str {
    if matches!(of, Named::Account | Named::Engine) { "an" } else { "a" }
}

fn wrong(of: Named, name: &str) -> Option<String> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Some(format!("it must have 1 to {NAME_BYTES_MAX} bytes"));
    }
    if let Some(refused) = name.chars().find(|&c| !may_stand(of, c)) {
        let and = if of == Named::User { "" } else { ", single spaces" };
        return Some(format!("{} is not allowed; use letters, digits{and} and {}", number(refused), of.signs().trim()));
    }
    if !name.starts_with(char::is_alphanumeric) {
        return Some("it must begin with a letter or a digit".into());
    }
    if name.ends_with(' ') || name.contains("  ") {
        return Some("it must not have two spaces in a row or a space at its end".into());
    }
    lookalike(name)
}

fn may_stand(of: Named, c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || of.signs().contains(c);
    }
    // Those that join letters can't be seen.
    c.identifier_allowed() && !matches!(c, '\u{200c}' | '\u{200d}')
}

/// Letters that look like those of another alphabet.
fn lookalike(name: &str) -> Option<String> {
    if name.is_ascii() {
        return None;
    }
    let letters: Vec<char> = name.chars().filter(|c| !c.is_ascii() || c.is_ascii_alphanumeric()).collect();
    let is_mixed = |count: usize| {
        let begin: String = letters[..count].iter().collect();
        begin.detect_restriction_level() > RestrictionLevel::HighlyRestrictive
    };
    if let Some(count) = (1..=letters.len()).find(|&count| is_mixed(count)) {
        let foreign = number(letters[count - 1]);
        return Some(format!("{foreign} is of another alphabet than the letters before it; use one alphabet"));
    }
    let is_latin = letters.iter().any(char::is_ascii_alphabetic);
    let looks_latin = |text: &str| skeleton(text).all(|c| c.is_ascii());
    // Alone among Latin letters: the dotless i is a letter of Turkish, and is told apart by its capital.
    let single = letters.iter().find(|c| !c.is_ascii() && is_latin && **c != 'ı' && looks_latin(c.encode_utf8(&mut [0; 4])));
    let all = letters.iter().find(|c| !c.is_ascii() && !is_latin && looks_latin(name));
    single.or(all).map(|c| format!("{} looks like a Latin letter; use the Latin letter", number(*c)))
}

/// A character by its number in Unicode, since it may be one that can't be seen.
fn number(c: char) -> String {
    match c {
        ' ' => "a space".to_owned(),
        c if c.is_ascii_graphic() => format!("{c} (U+{:04X})", u32::from(c)),
        c => format!("U+{:04X}", u32::from(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(of: Named, text: &str, part: &str) {
        let why = Name::new(of, text).expect_err(text);
        assert!(why.contains(part), "{why}");
        assert!(why.chars().all(|c| !c.is_control() && !('\u{200b}'..='\u{202f}').contains(&c)), "{why:?}");
    }

    #[test]
    fn people_and_things_have_names_in_every_alphabet() {
        let long = "x".repeat(64);
        for good in
            ["a", "anna", "Anna-2", "anna.b+c@example.com", "Überläufer", "Анна", "Νίκος", "李小龙", "さくら", "ırmak", "דוד", "علي", &long]
        {
            assert_eq!(Name::new(Named::User, good).map(|name| name.shown().to_owned()), Ok(good.to_owned()));
        }
        for good in ["EMA cross 2", "grid (v2), 5% stop", "gold: scalper #1", "Золото 2", "x=1 & y"] {
            assert!(Name::new(Named::Strategy, good).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_could_be_taken_for_another_name_is_refused_and_named() {
        for (text, part) in [
            ("", "1 to 64 bytes"),
            (&*"x".repeat(65), "1 to 64 bytes"),
            ("An na/..", "a space is not allowed"),
            ("anna/..", "/ (U+002F) is not allowed"),
            ("..", "begin with a letter"),
            ("-anna", "begin with a letter"),
            ("a\nb", "U+000A"),
            ("\u{202e}admin", "U+202E"),
            ("an\u{200b}n", "U+200B"),
            ("an\u{200d}n", "U+200D"),
            ("ann\u{ad}", "U+00AD"),
            ("ann\u{fe0f}", "U+FE0F"),
            ("ＡＮＮ", "U+FF21"),
            ("а\u{6e}n", "n (U+006E) is of another alphabet"),
            ("paypаl", "U+0430 is of another alphabet"),
            ("аnn", "of another alphabet"),
            ("ΑNN", "of another alphabet"),
            ("сосо", "U+0441 looks like a Latin letter"),
            ("🚀", "U+1F680"),
        ] {
            refused(Named::User, text, part);
        }
        for (text, part) in [
            ("../../x", "/ (U+002F)"),
            ("a\\b", "U+005C"),
            ("<b>", "U+003C"),
            (" x", "begin with a letter"),
            ("x ", "a space at its end"),
            ("a  b", "two spaces"),
            ("a\u{a0}b", "U+00A0"),
            ("\u{202e}evil", "U+202E"),
            ("\u{1b}[2J", "U+001B"),
            (".hidden", "begin with a letter"),
        ] {
            refused(Named::Strategy, text, part);
        }
    }

    #[test]
    fn one_name_has_one_key_however_it_is_written() {
        let key_of = |text: &str| Name::new(Named::User, text).expect(text).key;
        for (one, other) in [("ANN", "ann"), ("u\u{308}ber", "Über"), ("ΝΙΚΟΣ", "νικος"), ("ırmak", "IRMAK"), ("straße", "STRASSE")]
        {
            assert_eq!(key_of(one), key_of(other), "{one} {other}");
            assert_eq!(key(one), key_of(other));
        }
        assert_ne!(key_of("ann"), key_of("anna"));
    }
}
