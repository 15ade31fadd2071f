//! Where a database lies: a file, or a server that a URL names.

use crate::postgres::Server;
use std::fmt;
use std::path::PathBuf;

/// Where a database lies. Shown without the password.
#[derive(Clone, Debug)]
pub enum Location {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A database on a PostgreSQL server.
    Postgres(Server),
}

impl Location {
    /// Reads the URL of a PostgreSQL database, `postgres://user:password@host:port/database`, or the path of a SQLite file,
    /// with or without `sqlite:` before it.
    ///
    /// # Errors
    /// Says what is wrong with the URL, in one line, without repeating it: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Server::parse(text).map(Self::Postgres);
        }
        let path = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:")).unwrap_or(text);
        match path.split_once("://") {
            Some((scheme, _)) => {
                Err(format!("{scheme}:// is no database that stockade knows; give a file, or postgres://user@host/database"))
            }
            None if path.is_empty() => Err("it names no file".into()),
            None => Ok(Self::Sqlite(path.into())),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(server) => server.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_file_or_a_server_and_never_shows_a_password() {
        for (text, shown) in [
            ("stockade.db", "stockade.db"),
            ("sqlite:///var/lib/stockade/stockade.db", "/var/lib/stockade/stockade.db"),
            ("postgres://anna:s3cret@db.example:5433/stockade?sslmode=verify-full", "postgres://anna@db.example:5433/stockade"),
            ("postgresql://anna@db.example/stockade", "postgres://anna@db.example:5432/stockade"),
            ("postgres://anna@localhost/db?host=/run/postgresql&password=s3cret", "postgres://anna@localhost:5432/db?host=/run/postgresql"),
        ] {
            let location = Location::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(location.to_string(), shown);
            assert!(!format!("{location:?}").contains("s3cret"), "{location:?}");
        }
        for (text, why) in [
            ("mysql://s3cret@here/db", "mysql:// is no database that stockade knows"),
            ("", "it names no file"),
            ("postgres://anna:s3cret@db", "it names no database"),
            ("postgres://anna:s3cret@db/stockade?sslmod=require", "it has a parameter \"sslmod\""),
            ("postgres://anna:s3cret@db/stockade?sslmode=always", "unknown value \"always\""),
            ("postgres://anna:s3cret@db:port/stockade", "invalid port number"),
        ] {
            let error = Location::parse(text).expect_err(text);
            assert!(error.contains(why) && !error.contains("s3cret") && !error.contains('\n'), "{text}: {error}");
        }
    }
}
