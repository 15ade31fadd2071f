//! What is wrong with a setting, in the words of whoever writes the file: which key, what it has to be, and how that is written.

use super::variables::KEYS;
use domain::likeness::nearest;
use toml::de::Error;

/// The line of an error, counted from 1, and what is wrong there.
pub fn in_file(text: &str, error: &Error) -> (usize, String) {
    let (message, key) = parted(error.message());
    let line = line_of(text, error, key);
    let here = text.lines().nth(line - 1).unwrap_or_default();
    (line, said(message, here))
}

/// What is wrong with the value of one variable, which needs no quotes.
pub fn in_variable(error: &Error, value: &str) -> String {
    let (message, _) = parted(error.message());
    let must_be = |kind: &str| format!("{value:?} must be {}", kind.strip_suffix(", without quotes").unwrap_or(kind));
    if let Some((_, expected)) = mismatch(message) {
        return must_be(&in_words(expected));
    }
    let Some(kind) = wanted(message) else { return one_line(message) };
    must_be(&kind)
}

/// A message without the key that some end with, and that key: where a section is read in two steps, the parser knows no place.
fn parted(message: &str) -> (&str, Option<&str>) {
    let named = message.trim_end().strip_suffix('`').and_then(|rest| rest.rsplit_once("in `"));
    match named {
        Some((before, key)) if key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => (before.trim_end(), Some(key)),
        _ => (message, None),
    }
}

/// What a value that has the right kind and is wrong all the same should be; `None` where the message says it well enough.
fn wanted(message: &str) -> Option<String> {
    if message.contains("invalid socket address") {
        return Some("an address with its port, such as \"127.0.0.1:8080\"".to_owned());
    }
    if let Some((_, expected)) = message.strip_prefix("invalid value: ").and_then(|rest| rest.split_once(", expected ")) {
        return Some(in_words(expected));
    }
    let (_, allowed) = message.strip_prefix("unknown variant ")?.split_once(", expected ")?;
    Some(allowed.trim_start_matches("one of ").replace('`', "\""))
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
    if let Some(kind) = wanted(&message) {
        return of_key(format!("{} must be {kind}", shown(value)));
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
        "u8" => "a whole number from 0 to 255, without quotes".to_owned(),
        "u16" => "a whole number from 0 to 65535, without quotes".to_owned(),
        "u32" => "a whole number from 0 to 4294967295, without quotes".to_owned(),
        "u64" | "usize" => "a whole number of 0 or more, without quotes".to_owned(),
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
    let sections = KEYS.iter().filter_map(|key| key.path.split_once('.')).map(|(section, _)| (section, None));
    let keys = KEYS.iter().map(|key| (last(key.path), Some(key.path)));
    let hint = match nearest(wrong, keys.chain(sections)) {
        Some((_, Some(path))) => match path.split_once('.') {
            Some((section, name)) => format!("did you mean `{name}` in [{section}]?"),
            None => format!("did you mean `{path}`?"),
        },
        Some((section, None)) => format!("did you mean [{section}]?"),
        None => "`stockade config example` lists all".to_owned(),
    };
    format!("unknown key `{wrong}`; {hint}")
}

/// The line of an error. For an unknown key the parser gives the line of its table; the key's own is below.
fn line_of(text: &str, error: &Error, key: Option<&str>) -> usize {
    let at = error.span().map_or(0, |span| text[..span.start].matches('\n').count());
    let key = key.or_else(|| error.message().strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()));
    let is_key = |line: &str, key: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
    let below = key.and_then(|key| text.lines().skip(at).position(|line| is_key(line, key)));
    at + below.unwrap_or(0) + 1
}

pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
