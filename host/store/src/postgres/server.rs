//! The server's address, from a URL, and how connections are made.

use super::error::opening;
use crate::Result;
use percent_encoding::percent_decode_str;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use std::fmt;
use std::process::Command;
use std::time::Duration;
use url::Url;

/// How long connecting may take: a server in another building answers within a second.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// What a URL may say after the question mark; of anything else it would be unknown whether it has any effect.
const PARAMETERS: [&str; 10] =
    ["sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "dbname", "user", "password", "application_name"];

/// A database on a PostgreSQL server. Shows itself without the password.
///
/// Without a password in the URL the one of `PGPASSWORD` or of the file that `PGPASSFILE` names is used.
#[derive(Clone)]
pub struct Server {
    /// Boxed, since they are large and everything that names a database holds one.
    options: Box<PgConnectOptions>,
    /// What the tools of PostgreSQL must be told of the URL beside the address: password and TLS.
    environment: Vec<(&'static str, String)>,
}

/// The variables of PostgreSQL's tools for what a URL says after the question mark.
const VARIABLES: [(&str, &str); 5] = [
    ("password", "PGPASSWORD"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
];

impl Server {
    /// Reads `postgres://user:password@host:port/database`, with `?sslmode=verify-full&sslrootcert=ca.pem` and the like.
    pub(crate) fn parse(text: &str) -> std::result::Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("it is no URL: {error}"))?;
        for (name, _) in url.query_pairs() {
            if !PARAMETERS.contains(&&*name) {
                return Err(format!("it has a parameter {name:?}; known are {}", PARAMETERS.join(", ")));
            }
        }
        let options: PgConnectOptions = text.parse().map_err(|error| match error {
            sqlx::Error::Configuration(why) => format!("it is no database URL: {why}"),
            // Not shown: it might repeat the URL.
            _ => "it is no database URL; write postgres://user@host:5432/database".to_owned(),
        })?;
        if options.get_database().is_none_or(str::is_empty) {
            return Err("it names no database; write postgres://user@host:5432/database".into());
        }
        let named = options.get_application_name().is_some();
        let options = if named { options } else { options.application_name("stockade") };
        let mut environment = Vec::new();
        if let Some(password) = url.password() {
            environment.push(("PGPASSWORD", percent_decode_str(password).decode_utf8_lossy().into_owned()));
        }
        for (name, value) in url.query_pairs() {
            let variable = VARIABLES.iter().find(|(known, _)| *known == name);
            environment.extend(variable.map(|(_, variable)| (*variable, value.clone().into_owned())));
        }
        // The one start-up parameter that PgBouncer refuses; nothing here is read as text.
        Ok(Self { options: Box::new(options.extra_float_digits(None).disable_statement_logging()), environment })
    }

    pub(super) fn options(&self) -> PgConnectOptions {
        (*self.options).clone()
    }

    /// A tool of PostgreSQL's, told by its environment which database to connect to.
    pub(super) fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        let options = &self.options;
        match options.get_socket() {
            Some(socket) => command.env("PGHOST", socket),
            None => command.env("PGHOST", options.get_host()),
        };
        command.env("PGPORT", options.get_port().to_string()).env("PGUSER", options.get_username());
        command.env("PGDATABASE", options.get_database().unwrap_or_default());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<PgConnection> {
        match tokio::time::timeout(CONNECT_MAX, self.options.connect()).await {
            Ok(connected) => connected.map_err(|error| opening(self, error)),
            Err(_) => Err(crate::StoreError::Unreachable(format!("{self}: no answer within {} s", CONNECT_MAX.as_secs()))),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (user, database) = (self.options.get_username(), self.options.get_database().unwrap_or_default());
        write!(f, "postgres://{user}@{}:{}/{database}", self.options.get_host(), self.options.get_port())?;
        self.options.get_socket().map_or(Ok(()), |socket| write!(f, "?host={}", socket.display()))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}
