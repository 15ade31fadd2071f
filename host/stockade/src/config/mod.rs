//! The configuration: a TOML file, and for every key an environment variable that goes before it.
//!
//! `deployment/stockade.example.toml` documents every key; a test holds it to the defaults here.

mod memory;
mod token;
mod variables;
mod wrong;

pub use memory::MemoryMax;
pub use token::{existing_token, operator_token, random_token};
pub use variables::{check_texts, of_this_process as variables};

use crate::exit::{Exit, Failure, Outcome};
use api::DoorLimits;
use domain::limits::{GuestLimits, Quotas};
use domain::risk::RiskLimits;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use store::Location;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// The documented example: every key with its default.
pub const EXAMPLE: &str = include_str!("../../../../deployment/stockade.example.toml");

/// Shorter, and a database on a usual disk is late at its next write; longer, and a kill switch that waits for it is too slow.
const JOURNAL_ANSWER_MS_MIN: u32 = 10;
const JOURNAL_ANSWER_MS_MAX: u32 = 5_000;

/// The file that is read when none is named.
const FILE: &str = "stockade.toml";

/// All settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Ticks, database, compiled strategies, the operator's token.
    #[serde(serialize_with = "as_text")]
    pub data_dir: PathBuf,
    /// A SQLite file or the URL of a PostgreSQL database, which may hold a password; empty: `stockade.db` in the data folder.
    #[serde(serialize_with = "without_password")]
    pub database: String,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// What the operator's requests carry; empty: made on the first run and kept in the data folder.
    #[serde(skip_serializing)]
    pub operator_token: String,
    /// What is logged.
    pub log: String,
    /// Where ticks come from.
    pub feed: Feed,
    /// What all clients of the API together may take.
    pub api: DoorLimits,
    /// The machine's share of work.
    pub host: Host,
    /// The sandbox around strategies.
    pub sandbox: Sandbox,
    /// What one compiled strategy may use.
    pub limits: GuestLimits,
    /// What all engines and uploads of one user may use.
    pub quotas: Quotas,
    /// What no account may go beyond.
    #[serde(deserialize_with = "over_the_operators")]
    pub risk: RiskLimits,
    /// What is kept of what strategies were fed and decided.
    pub record: Record,
}

/// What is kept of what strategies were fed and decided, for `stockade replay`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Record {
    /// Whether anything is.
    pub on: bool,
    /// Of each engine, MiB.
    pub engine_mib: u64,
    /// Of all ticks together, MiB; a tick has 48 bytes.
    pub ticks_mib: u64,
}

impl Default for Record {
    fn default() -> Self {
        Self { on: true, engine_mib: 16, ticks_mib: 4_096 }
    }
}

/// Where ticks come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Feed {
    /// Simulated or replayed.
    pub kind: FeedKind,
    /// Which symbols.
    pub symbols: Vec<String>,
    /// Start of the simulated market's random numbers.
    pub seed: u64,
    /// Times real time; 0 is as fast as it goes.
    pub speed: f64,
    /// Where the market begins, `2014-05-01` or `2014-05-01 08:30`; empty: now, or the first stored.
    pub from: String,
}

/// A kind of feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedKind {
    /// Made by the host from a seed.
    Simulated,
    /// Read from the tick store.
    Replayed,
}

/// The machine's share of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Host {
    /// Threads that run strategies; 0 is one per core.
    pub shards: usize,
    /// How often running strategies' state is saved, seconds of market time.
    pub save_every_s: u32,
    /// How often each account is compared with its broker's statement, seconds; 0: only when it is opened and on request.
    pub compare_every_s: u32,
    /// How long an order waits for the database, ms; then closes and cancels go out without it, and the rest is rejected. A
    /// tick waits twice as long for the market's place to be kept.
    pub journal_answer_ms: u32,
    /// Orders that the whole host opens in a second at most; 0 is no cap.
    pub orders_per_second_max: u64,
    /// What the whole host opens in a minute at most, in units of the accounts' currencies; 0 is no cap.
    pub notional_per_minute_max: u64,
}

/// The sandbox around strategies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sandbox {
    /// Engines alive at once; 0 is what `vm.max_map_count` allows.
    pub engines_max: usize,
    /// Versions kept compiled in memory.
    pub versions_max: usize,
    /// Bytes of machine code in memory that no engine needs.
    pub idle_code_bytes_max: u64,
    /// Bytes of compiled strategies kept on disk.
    pub cache_bytes_max: u64,
    /// Resident memory of the host near which no further engine is started, and beyond which no strategy's memory grows.
    pub memory_mib_max: MemoryMax,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: crate::folder::USUAL.into(),
            database: String::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            operator_token: String::new(),
            log: "info".into(),
            feed: Feed::default(),
            api: DoorLimits::default(),
            host: Host::default(),
            sandbox: Sandbox::default(),
            limits: GuestLimits::default(),
            quotas: Quotas::default(),
            risk: RiskLimits::operators(),
            record: Record::default(),
        }
    }
}

/// What `[risk]` leaves out is as the operator's limits have it, not an account's.
fn over_the_operators<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<RiskLimits, D::Error> {
    let given = toml::Table::deserialize(deserializer)?;
    let mut all = toml::Table::try_from(RiskLimits::operators()).map_err(serde::de::Error::custom)?;
    all.extend(given);
    all.try_into().map_err(serde::de::Error::custom)
}

impl Default for Feed {
    fn default() -> Self {
        let symbols = ["EURUSD", "GBPUSD", "USDJPY", "XAUUSD"].map(str::to_owned).into();
        Self { kind: FeedKind::Simulated, symbols, seed: 1, speed: 1.0, from: String::new() }
    }
}

impl Default for Host {
    fn default() -> Self {
        Self {
            shards: 0,
            save_every_s: 60,
            compare_every_s: 300,
            journal_answer_ms: 500,
            orders_per_second_max: 0,
            notional_per_minute_max: 0,
        }
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self {
            engines_max: 0,
            versions_max: 512,
            idle_code_bytes_max: 256 << 20,
            cache_bytes_max: 1 << 30,
            memory_mib_max: MemoryMax::Machine,
        }
    }
}

impl Config {
    /// Reads the file, then the variables.
    ///
    /// # Errors
    /// Names the file and line, or the variable, and what it should be.
    pub fn load(file: Option<&Path>, variables: impl IntoIterator<Item = (String, String)>) -> Outcome<Self> {
        let text = match file {
            Some(file) => std::fs::read_to_string(file).map_err(|error| Failure::io("read the configuration", file, &error))?,
            None if Path::new(FILE).is_file() => {
                std::fs::read_to_string(FILE).map_err(|error| Failure::io("read the configuration", Path::new(FILE), &error))?
            }
            None => String::new(),
        };
        let name = file.unwrap_or(Path::new(FILE)).display().to_string();
        Self::parse(&text, &name, variables)
    }

    fn parse(text: &str, name: &str, variables: impl IntoIterator<Item = (String, String)>) -> Outcome<Self> {
        let in_file = |error: &toml::de::Error| {
            let (line, why) = wrong::in_file(text, error);
            Failure::new(Exit::Usage, format_args!("{name}, line {line}: {why}"))
        };
        let of_file: Self = toml::from_str(text).map_err(|error| in_file(&error))?;
        let mut table: toml::Table = toml::from_str(text).map_err(|error| in_file(&error))?;
        let config = variables::apply(&mut table, variables)?.unwrap_or(of_file);
        config.check().map_err(|why| Failure::new(Exit::Usage, format_args!("{name}: {why}")))?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        if !(self.feed.speed >= 0.0 && self.feed.speed.is_finite()) {
            return Err(format!("feed.speed is {}; it is 0 (as fast as it goes) or more", self.feed.speed));
        }
        if !(JOURNAL_ANSWER_MS_MIN..=JOURNAL_ANSWER_MS_MAX).contains(&self.host.journal_answer_ms) {
            return Err(format!(
                "host.journal_answer_ms is {}; it is {JOURNAL_ANSWER_MS_MIN} to {JOURNAL_ANSWER_MS_MAX}",
                self.host.journal_answer_ms
            ));
        }
        if self.feed.symbols.is_empty() {
            return Err("feed.symbols is empty; name at least one, such as [\"EURUSD\"]".into());
        }
        self.database().map_err(|failure| failure.message)?;
        self.api.check()?;
        log_filter(&self.log)?;
        let GuestLimits { fuel_per_call, fuel_per_setup_call, deadline_ms, memory_bytes_max, .. } = self.limits;
        let needed = [
            ("fuel_per_call", fuel_per_call),
            ("fuel_per_setup_call", fuel_per_setup_call),
            ("deadline_ms", deadline_ms),
            ("memory_bytes_max", memory_bytes_max),
        ];
        if let Some((name, _)) = needed.iter().find(|(_, value)| *value == 0) {
            return Err(format!("limits.{name} is 0; it must be 1 or more, since no strategy runs without"));
        }
        let token = self.operator_token.len();
        if (1..token::BYTES_MIN).contains(&token) {
            return Err(format!(
                "operator_token has {token} characters and must have {} or more; empty lets the host make one",
                token::BYTES_MIN
            ));
        }
        Ok(())
    }

    /// Where the tick store lies.
    pub fn ticks_dir(&self) -> PathBuf {
        self.data_dir.join("ticks")
    }

    /// Where the database lies.
    ///
    /// # Errors
    /// It is neither a file nor the URL of a PostgreSQL database.
    pub fn database(&self) -> Outcome<Location> {
        if self.database.is_empty() {
            return Ok(Location::Sqlite(self.data_dir.join("stockade.db")));
        }
        Location::parse(&self.database).map_err(|why| Failure::new(Exit::Usage, format_args!("database: {why}")))
    }

    /// Where the record of what strategies were fed and decided lies.
    pub fn records_dir(&self) -> PathBuf {
        self.data_dir.join("records")
    }

    /// Where compiled strategies lie.
    pub fn cache_dir(&self) -> PathBuf {
        self.data_dir.join("compiled")
    }
}

/// What is logged, by part of the program.
///
/// # Errors
/// It names a level that there is not.
pub fn log_filter(filter: &str) -> Result<Targets, String> {
    // A word alone is read as the name of a part, so that a misspelt level would log nothing at all.
    let words = filter.split(',').map(str::trim).filter(|word| !word.is_empty());
    let level = |word: &&str| word.contains(['=', ':']) || word.starts_with("stockade") || word.parse::<LevelFilter>().is_ok();
    if let Some(wrong) = words.into_iter().find(|word| !level(word)) {
        return Err(format!(
            "log: {wrong:?} is not a level: write error, warn, info, debug or trace, for a part as in \"info,stockade_engine=debug\""
        ));
    }
    filter.parse().map_err(|error| format!("log: {filter:?} is not a filter ({error}): write info, or info,stockade_engine=debug"))
}

/// Settings are shown to whoever asks; the password in a URL is not.
fn without_password<S: serde::Serializer>(database: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match Location::parse(database) {
        Ok(location @ Location::Postgres(_)) => serializer.collect_str(&location),
        _ => serializer.serialize_str(database),
    }
}

/// A path is shown as text, whatever its encoding.
fn as_text<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, variables: &[(&str, &str)], expected: Result<&str, &str>) {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let got = Config::parse(text, "stockade.toml", variables).map(|config| format!("{} {:?}", config.listen, config.feed.symbols));
        match (&got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(got), Err(expected)) => assert!(got.exit == Exit::Usage && got.message.contains(expected), "{got}"),
            _ => panic!("{text:?} gave {got:?}, not {expected:?}"),
        }
    }

    #[test]
    fn the_example_is_the_default_and_names_every_key() {
        assert_eq!(Config::parse(EXAMPLE, "the example", []).expect("it is valid"), Config::default());
        for key in variables::KEYS {
            let name = key.path.rsplit('.').next().expect("a path has a last part");
            assert!(EXAMPLE.lines().any(|line| line.starts_with(&format!("{name} = "))), "the example lacks {}", key.path);
        }
    }

    #[test]
    fn every_setting_has_a_variable() {
        let table = toml::Table::try_from(Config::default()).expect("it is a table");
        let mut paths = vec!["operator_token".to_owned()];
        for (name, value) in &table {
            match value {
                toml::Value::Table(inner) => paths.extend(inner.keys().map(|key| format!("{name}.{key}"))),
                _ => paths.push(name.clone()),
            }
        }
        paths.sort();
        let mut known: Vec<String> = variables::KEYS.iter().map(|key| key.path.to_owned()).collect();
        known.sort();
        assert_eq!(known, paths);
    }

    #[test]
    fn variables_go_before_the_file() {
        let file = "listen = \"127.0.0.1:9000\"\n[feed]\nsymbols = [\"EURUSD\"]\n";
        check(file, &[], Ok("127.0.0.1:9000 [\"EURUSD\"]"));
        check(file, &[("STOCKADE_LISTEN", "127.0.0.1:9001")], Ok("127.0.0.1:9001 [\"EURUSD\"]"));
        check(file, &[("STOCKADE_FEED_SYMBOLS", "XAUUSD, GBPUSD")], Ok("127.0.0.1:9000 [\"XAUUSD\", \"GBPUSD\"]"));
        check("", &[("HOME", "/root"), ("STOCKADE_CONFIG", "x")], Ok("127.0.0.1:8080 [\"EURUSD\", \"GBPUSD\", \"USDJPY\", \"XAUUSD\"]"));
    }

    #[test]
    fn memory_is_the_machines_unless_a_number_says_otherwise_and_0_is_no_bound() {
        let max = |text: &str, variable: Option<&str>| {
            let variables = variable.map(|value| ("STOCKADE_SANDBOX_MEMORY_MIB_MAX".to_owned(), value.to_owned()));
            Config::parse(text, "stockade.toml", variables).expect("it is valid").sandbox.memory_mib_max
        };
        assert_eq!(max("", None), MemoryMax::Machine);
        assert_eq!(max("", None).bytes(), sandbox::memory_of_this_machine());
        let file = "[sandbox]\nmemory_mib_max = 512\n";
        assert_eq!((max(file, None), max(file, None).bytes()), (MemoryMax::Mib(512), Some(512 << 20)));
        assert_eq!((max(file, Some("0")), MemoryMax::Unbounded.bytes()), (MemoryMax::Unbounded, None));
        assert_eq!(max(file, Some("machine")), MemoryMax::Machine);
        let shown = |max: MemoryMax| toml::Value::from(max).to_string();
        assert_eq!([MemoryMax::Mib(512), MemoryMax::Unbounded].map(shown), ["512", "0"]);
        for wrong in ["all", "-1", "1.5"] {
            let why = "a number of MiB, or 0 for no bound";
            check(&format!("[sandbox]\nmemory_mib_max = {wrong:?}\n"), &[], Err(why));
            check("", &[("STOCKADE_SANDBOX_MEMORY_MIB_MAX", wrong)], Err(why));
        }
    }

    #[test]
    fn a_database_is_a_file_or_a_server_and_its_password_is_never_shown() {
        let config = |text: &str, variables: &[(&str, &str)]| {
            let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Config::parse(text, "stockade.toml", variables).expect("it is valid")
        };
        let place = |config: &Config| config.database().expect("it was checked").to_string();
        assert_eq!(place(&config("", &[])), ".stockade/stockade.db");
        assert_eq!(place(&config("database = \"/srv/a.db\"", &[])), "/srv/a.db");
        let url = ("DATABASE_URL", "postgres://anna:s3cret@db/stockade?sslmode=require");
        let server = config("database = \"/srv/a.db\"", &[url]);
        assert_eq!(place(&server), "postgres://anna@db:5432/stockade");
        assert_eq!(place(&config("", &[url, ("STOCKADE_DATABASE", "own.db")])), "own.db", "the variable with our name goes first");
        assert!(!toml::to_string(&server).expect("it is a table").contains("s3cret"));
        check("", &[("DATABASE_URL", "mysql://root:s3cret@db/x")], Err("DATABASE_URL: mysql:// is no database that stockade knows"));
        check("database = \"postgres://db\"", &[], Err("database: it names no database"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for address in ["here", "8080", "127.0.0.1"] {
            let why = format!("stockade.toml, line 2: listen: \"{address}\" must be an address with its port, such as \"127.0.0.1:8080\"");
            check(&format!("\nlisten = \"{address}\"\n"), &[], Err(&why));
            check("", &[("STOCKADE_LISTEN", address)], Err("must be an address with its port"));
        }
        check("a = 1\n", &[], Err("stockade.toml, line 1: unknown key `a`; `stockade config example` lists all"));
        check("[feed]\nsped = 1\n", &[], Err("stockade.toml, line 2: unknown key `sped`; did you mean `speed` in [feed]?"));
        check("[risk]\nmax_orders = 1\n", &[], Err("line 2: unknown key `max_orders`; did you mean `working_orders_max` in [risk]?"));
        check("listen = 127.0.0.1:8080\n", &[], Err("line 1: listen: text needs quotes, such as \"127.0.0.1:8080\""));
        check("log = info # all\n", &[], Err("line 1: log: text needs quotes, such as \"info\""));
        check("[feed]\nspeed = \"fast\"\n", &[], Err("line 2: speed: \"fast\" is text; it must be a number, without quotes"));
        check("[host]\nshards = \"2\"\n", &[], Err("it must be a whole number of 0 or more, without quotes"));
        check("[feed]\nsymbols = \"EURUSD\"\n", &[], Err("it must be a list, such as [\"EURUSD\", \"XAUUSD\"]"));
        check("[record]\non = \"yes\"\n", &[], Err("on: \"yes\" is text; it must be true or false, without quotes"));
        check("[feed\n", &[], Err("stockade.toml, line 1"));
        check("[fed]\nkind = 1\n", &[], Err("line 1: unknown key `fed`; did you mean [feed]?"));
        check("[feed]\nkind = \"live\"\n", &[], Err("line 2: kind: \"live\" must be \"simulated\" or \"replayed\""));
        check("[host]\nshards = -1\n", &[], Err("line 2: shards: -1 must be a whole number of 0 or more"));
        check("[host]\nsave_every_s = 5000000000\n", &[], Err("save_every_s: 5000000000 must be a whole number from 0 to 4294967295"));
        check("[risk]\nsymbols = []\nsessions = [\"funday 3\"]\n", &[], Err("stockade.toml, line 3: sessions: \"funday 3\" is no session"));
        check(
            "[risk]\npositions_max = \"a\"\n",
            &[],
            Err("stockade.toml, line 2: positions_max: \"a\" is text; it must be a whole number"),
        );
        check("[limits]\nfuel_per_call = 0\n", &[], Err("limits.fuel_per_call is 0; it must be 1 or more"));
        check("log = \"loud\"\n", &[], Err("log: \"loud\" is not a level: write error, warn, info, debug or trace"));
        check("log = \"info,stockade_engine=debug\"\n", &[], Ok("127.0.0.1:8080 [\"EURUSD\", \"GBPUSD\", \"USDJPY\", \"XAUUSD\"]"));
        check("[feed]\nspeed = -1\n", &[], Err("feed.speed is -1"));
        check("[host]\njournal_answer_ms = 0\n", &[], Err("host.journal_answer_ms is 0; it is 10 to 5000"));
        check("operator_token = \"short\"\n", &[], Err("operator_token has 5 characters"));
        check("", &[("STOCKADE_FEED_KIND", "live")], Err("STOCKADE_FEED_KIND: \"live\" must be \"simulated\" or \"replayed\""));
        check("", &[("STOCKADE_LISTN", "x")], Err("STOCKADE_LISTN is no setting; did you mean STOCKADE_LISTEN?"));
        check("", &[("STOCKADE_SHARDS", "2")], Err("STOCKADE_SHARDS is no setting; did you mean STOCKADE_HOST_SHARDS?"));
        check("", &[("STOCKADE_HOST_SHARDS", "two")], Err("STOCKADE_HOST_SHARDS: \"two\" must be a whole number of 0 or more"));
    }
}
