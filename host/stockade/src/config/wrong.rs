//! What is wrong with a setting, in the words of whoever writes the file: which key, what it has to be, and how that is written.

use super::variables::KEYS;
use toml::de::Error;

/// The line of an error, counted from 1, and what is wrong there.
pub fn in_file(text: &str, error: &Error) -> (usize, String) {
    let line = line_of(text, error);
    let here = text.lines().nth(line - 1).unwrap_or_default();
    (line, said(error.message(), here))
}

/// What is wrong with the value of one variable, which needs no quotes.
pub fn in_variable(error: &Error, value: &str) -> String {
    let message = error.message();
    match mismatch(message) {
        Some((_, expected)) => {
            let kind = in_words(expected);
            format!("{value:?} must be {}", kind.strip_suffix(", without quotes").unwrap_or(&kind))
        }
        None => one_line(message),
    }
}

/// `here` is the line of the file, as far as there is one.
fn said(message: &str, here: &str) -> String {
    let message = one_line(message);
    let key = here.split_once('=').map_or("", |(key, _)| key.trim());
    let value = here.split_once('=').map_or("", |(_, value)| value.split('#').next().unwrap_or(value).trim());
    let of_key = |words: String| if key.is_empty() { words } else { format!("{key}: {words}") };
    if let Some((wrong, _)) = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`')) {
        return unknown(wrong);
    }
    if let Some((is, expected)) = mismatch(&message) {
        return of_key(format!("{} is {is}; it must be {}", shown(value), in_words(expected)));
    }
    // Whatever stands there without quotes and is no number is read as a broken one.
    let is_unquoted = !value.is_empty() && !value.starts_with(['"', '\'', '[', '{']) && !is_plain(value);
    if is_unquoted {
        return of_key(format!("text needs quotes, such as \"{value}\""));
    }
    of_key(message)
}

fn shown(value: &str) -> &str {
    if value.is_empty() { "this" } else { value }
}

/// `invalid type: string "fast", expected f64`: what it is, and what was expected.
fn mismatch(message: &str) -> Option<(&str, &str)> {
    let (is, expected) = message.strip_prefix("invalid type: ")?.split_once(", expected ")?;
    let is = match is.split_whitespace().next()? {
        "string" => "text",
        "integer" => "a whole number",
        "floating" => "a number with a fraction",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a section",
        other => other,
    };
    Some((is, expected))
}

/// A kind in words.
fn in_words(kind: &str) -> String {
    match kind {
        "f64" | "f32" => "a number, without quotes".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more, without quotes".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number, without quotes".to_owned(),
        "a boolean" => "true or false, without quotes".to_owned(),
        "a string" | "path string" => "text in quotes".to_owned(),
        "a sequence" => "a list, such as [\"EURUSD\", \"XAUUSD\"]".to_owned(),
        kind if kind.starts_with("struct ") => "a section, such as [feed]".to_owned(),
        kind => kind.to_owned(),
    }
}

/// A number, true or false: what needs no quotes.
fn is_plain(value: &str) -> bool {
    let number = value.replace('_', "");
    number.parse::<f64>().is_ok() || number.parse::<i64>().is_ok() || ["true", "false"].contains(&value)
}

/// A key that there is not, and the one that was probably meant.
fn unknown(wrong: &str) -> String {
    let last = |path: &'static str| path.rsplit('.').next().unwrap_or(path);
    let near = KEYS.iter().map(|key| (closeness(wrong, last(key.path)), key.path));
    let near = near.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(closeness, _)| *closeness >= CLOSE_ENOUGH);
    let hint = match near {
        Some((_, path)) => match path.split_once('.') {
            Some((section, name)) => format!("did you mean `{name}` in [{section}]?"),
            None => format!("did you mean `{path}`?"),
        },
        None => "`stockade config example` lists all".to_owned(),
    };
    format!("unknown key `{wrong}`; {hint}")
}

/// Names with less in common are not meant.
const CLOSE_ENOUGH: f64 = 0.5;

/// How much two names have in common, 0 to 1: words or, where letters are wrong, pairs of letters.
fn closeness(a: &str, b: &str) -> f64 {
    let words = |name: &str| name.split('_').map(str::to_owned).collect::<Vec<_>>();
    let pairs = |name: &str| name.as_bytes().windows(2).map(|pair| String::from_utf8_lossy(pair).into_owned()).collect::<Vec<_>>();
    common(words(a), words(b)).max(common(pairs(a), pairs(b)))
}

/// Twice what both have, over all that they have: Dice's coefficient.
fn common(a: Vec<String>, mut b: Vec<String>) -> f64 {
    let all = a.len() + b.len();
    let mut both = 0;
    for part in a {
        if let Some(at) = b.iter().position(|other| *other == part) {
            b.swap_remove(at);
            both += 1;
        }
    }
    if all == 0 { 0.0 } else { 2.0 * f64::from(both) / all as f64 }
}

/// The line of an error. For an unknown key the parser gives the line of its table; the key's own is below.
fn line_of(text: &str, error: &Error) -> usize {
    let at = error.span().map_or(0, |span| text[..span.start].matches('\n').count());
    let key = error.message().strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    let is_key = |line: &str, key: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
    let below = key.and_then(|key| text.lines().skip(at).position(|line| is_key(line, key)));
    at + below.unwrap_or(0) + 1
}

pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
