//! `STOCKADE_` variables: one for each key, the path in capitals with `_` for the dots.

use super::Config;
use super::wrong::{in_variable, one_line};
use crate::exit::{Exit, Failure, Outcome};
use domain::likeness::nearest;
use serde::Deserialize as _;
use std::ffi::OsString;
use store::Location;
use toml::{Table, Value};

/// A key and how its variable is read.
pub struct Key {
    /// Path in the file.
    pub path: &'static str,
    kind: Kind,
}

enum Kind {
    /// Taken as it is.
    Text,
    /// Read as TOML: a number, true or false.
    Number,
    /// Parted at commas.
    List,
}

const fn key(path: &'static str, kind: Kind) -> Key {
    Key { path, kind }
}

/// Every key there is.
pub const KEYS: [Key; 62] = [
    key("data_dir", Kind::Text),
    key("database", Kind::Text),
    key("listen", Kind::Text),
    key("operator_token", Kind::Text),
    key("log", Kind::Text),
    key("feed.kind", Kind::Text),
    key("feed.symbols", Kind::List),
    key("feed.seed", Kind::Number),
    key("feed.speed", Kind::Number),
    key("feed.from", Kind::Text),
    key("api.connections_max", Kind::Number),
    key("api.head_ms_max", Kind::Number),
    key("api.idle_ms_max", Kind::Number),
    key("api.body_late_ms_max", Kind::Number),
    key("api.body_bytes_per_second_min", Kind::Number),
    key("api.unread_ms_max", Kind::Number),
    key("api.requests_max", Kind::Number),
    key("api.streams_max", Kind::Number),
    key("api.stream_events_max", Kind::Number),
    key("api.upload_bytes_waiting_max", Kind::Number),
    key("api.stop_ms_max", Kind::Number),
    key("host.shards", Kind::Number),
    key("host.save_every_s", Kind::Number),
    key("host.compare_every_s", Kind::Number),
    key("host.journal_answer_ms", Kind::Number),
    key("host.orders_per_second_max", Kind::Number),
    key("host.notional_per_minute_max", Kind::Number),
    key("sandbox.engines_max", Kind::Number),
    key("sandbox.versions_max", Kind::Number),
    key("sandbox.idle_code_bytes_max", Kind::Number),
    key("sandbox.cache_bytes_max", Kind::Number),
    key("sandbox.memory_mib_max", Kind::Number),
    key("limits.memory_bytes_max", Kind::Number),
    key("limits.memory_bytes_asked_max", Kind::Number),
    key("limits.table_elements_max", Kind::Number),
    key("limits.fuel_per_call", Kind::Number),
    key("limits.fuel_per_row", Kind::Number),
    key("limits.fuel_per_setup_call", Kind::Number),
    key("limits.deadline_ms", Kind::Number),
    key("limits.host_call_bytes_max", Kind::Number),
    key("limits.orders_per_call_max", Kind::Number),
    key("limits.log_bytes_per_minute", Kind::Number),
    key("limits.state_bytes_max", Kind::Number),
    key("quotas.engines_max", Kind::Number),
    key("quotas.versions_max", Kind::Number),
    key("quotas.fuel_per_second_max", Kind::Number),
    key("quotas.memory_bytes_max", Kind::Number),
    key("quotas.upload_bytes_max", Kind::Number),
    key("quotas.compiled_bytes_max", Kind::Number),
    key("quotas.log_bytes_per_day_max", Kind::Number),
    key("record.on", Kind::Number),
    key("record.engine_mib", Kind::Number),
    key("record.ticks_mib", Kind::Number),
    key("risk.symbols", Kind::List),
    key("risk.order_centilots_max", Kind::Number),
    key("risk.commands_per_minute", Kind::Number),
    key("risk.working_orders_max", Kind::Number),
    key("risk.positions_max", Kind::Number),
    key("risk.price_age_ms_max", Kind::Number),
    key("risk.collar_permille", Kind::Number),
    key("risk.executions_window_s", Kind::Number),
    key("risk.stop_loss_required", Kind::Number),
];

const PREFIX: &str = "STOCKADE_";

/// Variables that are not settings: the command line's own.
const OTHERS: [&str; 4] = ["STOCKADE_CONFIG", "STOCKADE_URL", "STOCKADE_TOKEN", "STOCKADE_SDK"];
/// Those of them that are not paths.
const OTHER_TEXTS: [&str; 2] = ["STOCKADE_URL", "STOCKADE_TOKEN"];

impl Key {
    fn variable(&self) -> String {
        PREFIX.to_owned() + &self.path.to_ascii_uppercase().replace('.', "_")
    }

    fn value(&self, text: &str) -> Value {
        let words = || text.split(',').map(str::trim).filter(|word| !word.is_empty());
        match self.kind {
            Kind::Text => text.into(),
            Kind::List => Value::Array(words().map(Value::from).collect()),
            Kind::Number => {
                let integer = text.parse().map(Value::Integer);
                let number = integer.or_else(|_| text.parse().map(Value::Float));
                number.ok().or_else(|| text.parse().ok().map(Value::Boolean)).unwrap_or_else(|| text.into())
            }
        }
    }
}

/// What other programs call the database's URL; ours goes before it.
const DATABASE_URL: &str = "DATABASE_URL";

/// The variables of this process that may be settings. Whatever else is in the environment, in whatever encoding, is left alone.
///
/// # Errors
/// One of ours is not UTF-8.
pub fn of_this_process() -> Outcome<Vec<(String, String)>> {
    of(std::env::vars_os())
}

/// The command line's own variables that hold text, not a path: looked at before the command line is, which would not name them.
///
/// # Errors
/// One of them is not UTF-8.
pub fn check_texts() -> Outcome {
    texts(std::env::vars_os(), |name| OTHER_TEXTS.contains(&name)).map(drop)
}

fn of(variables: impl Iterator<Item = (OsString, OsString)>) -> Outcome<Vec<(String, String)>> {
    texts(variables, |name| name == DATABASE_URL || name.starts_with(PREFIX) && !OTHERS.contains(&name))
}

/// Those of the variables that are meant, as text.
fn texts(variables: impl Iterator<Item = (OsString, OsString)>, is_meant: impl Fn(&str) -> bool) -> Outcome<Vec<(String, String)>> {
    let named = variables.map(|(name, value)| (name.to_string_lossy().into_owned(), value));
    named
        .filter(|(name, _)| is_meant(name))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(value) => {
                let shown = value.to_string_lossy();
                Err(Failure::new(Exit::Usage, format_args!("{name} is not UTF-8 text: {shown:?}; set it again in a UTF-8 locale")))
            }
        })
        .collect()
}

/// Puts the variables into the file's table. `None` without any.
pub(super) fn apply(table: &mut Table, variables: impl IntoIterator<Item = (String, String)>) -> Outcome<Option<Config>> {
    let variables: Vec<(String, String)> = variables.into_iter().collect();
    let mut config = None;
    if let Some((_, url)) = variables.iter().find(|(name, url)| name == DATABASE_URL && !url.is_empty()) {
        // Named here, since the check of all settings would blame the file.
        Location::parse(url).map_err(|why| Failure::new(Exit::Usage, format_args!("{DATABASE_URL}: {why}")))?;
        table.insert("database".into(), url.as_str().into());
        config = Some(Config::deserialize(table.clone()).map_err(|error| Failure::new(Exit::Usage, one_line(error.message())))?);
    }
    let ours = variables.into_iter().filter(|(name, _)| name.starts_with(PREFIX) && !OTHERS.contains(&name.as_str()));
    for (name, text) in ours {
        let Some(key) = KEYS.iter().find(|key| key.variable() == name) else { return Err(unknown(&name)) };
        put(table, key, &text);
        // One by one, so that the error names the variable that is wrong.
        let read = Config::deserialize(table.clone());
        config = Some(read.map_err(|error| Failure::new(Exit::Usage, format_args!("{name}: {}", in_variable(&error, &text))))?);
    }
    Ok(config)
}

fn put(table: &mut Table, key: &Key, text: &str) {
    match key.path.split_once('.') {
        None => _ = table.insert(key.path.to_owned(), key.value(text)),
        Some((section, name)) => {
            let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                inner.insert(name.to_owned(), key.value(text));
            }
        }
    }
}

fn unknown(name: &str) -> Failure {
    let last = name.rsplit('_').next().unwrap_or(name);
    let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
    let same_end = known.iter().find(|variable| variable.rsplit('_').next() == Some(last));
    let own = |variable: &str| variable.strip_prefix(PREFIX).unwrap_or(variable).to_owned();
    let ends: Vec<String> = known.iter().map(|variable| own(variable)).collect();
    let near = || nearest(&own(name), ends.iter().map(String::as_str).zip(&known)).map(|(_, variable)| variable);
    let hint =
        same_end.or_else(near).map_or_else(|| "`stockade config example` lists them".to_owned(), |near| format!("did you mean {near}?"));
    Failure::new(Exit::Usage, format_args!("{name} is no setting; {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt as _;

    #[test]
    fn only_our_own_variables_must_be_text() {
        let variable = |name: &str, value: &[u8]| (OsString::from(name), OsString::from_vec(value.to_vec()));
        let read = |all: Vec<(OsString, OsString)>| of(all.into_iter()).map_err(|failure| failure.to_string());
        let foreign = (OsString::from_vec(b"caf\xe9".to_vec()), OsString::from_vec(b"\xff".to_vec()));
        assert_eq!(read(vec![foreign, variable("FOO", b"caf\xe9"), variable("STOCKADE_CONFIG", b"\xe9.toml")]), Ok(vec![]));
        assert_eq!(read(vec![variable("STOCKADE_LOG", b"info")]), Ok(vec![("STOCKADE_LOG".into(), "info".into())]));
        for name in ["STOCKADE_LOG", "STOCKADE_DATA_DIR", "DATABASE_URL", "STOCKADE_NO_SUCH"] {
            let why = read(vec![variable(name, b"caf\xe9")]).expect_err("it is not text");
            assert!(why.starts_with(&format!("{name} is not UTF-8 text")), "{why}");
        }
    }
}
