//! Why the store did not do what it was asked for.

use domain::journal::JournalError;

/// Why the store did not do what it was asked for. Nothing of the call is in the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such thing, or it is somebody else's.
    #[error("there is no {what} {name}")]
    NotFound {
        /// "engine", "account" ...
        what: &'static str,
        /// Its name or id.
        name: String,
    },
    /// Its name is taken.
    #[error("the {what} name {name:?} is taken; choose another")]
    AlreadyExists {
        /// "engine", "account" ...
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A value that can't be stored; the message says which and what would do.
    #[error("{0}")]
    Invalid(String),
    /// A symbol's grid changed, or a symbol is gone, while rows refer to it.
    #[error("symbol {name:?}: {why}")]
    Symbol {
        /// Which.
        name: String,
        /// What is wrong and what would mend it.
        why: String,
    },
    /// A newer Stockade has written the database.
    #[error(
        "the database {database} has schema {found}, this stockade knows schemas up to {known}; use the stockade that wrote it or a newer one, or restore the backup from before its upgrade"
    )]
    Newer {
        /// The file or server.
        database: String,
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// An older Stockade has written the database, which lacks steps of the schema.
    #[error("the database {database} has schema {found}, this stockade needs {known}; stop its host and run `stockade migrate`")]
    Older {
        /// The file or server.
        database: String,
        /// Its schema.
        found: i64,
        /// The schema needed here.
        known: i64,
    },
    /// Another process has the database open.
    #[error("the database {database} is in use by process {holder}; stop that first, or give this one another database")]
    InUse {
        /// The file or server.
        database: String,
        /// Its process id, with its machine where that may be another one, or "unknown".
        holder: String,
    },
    /// It is no database of Stockade, or can't be opened or written; the message says which and what would do.
    #[error("the database {database} can't be used: {why}")]
    Unusable {
        /// The file or server.
        database: String,
        /// Why, and what would mend it.
        why: String,
    },
    /// There is no room left.
    #[error("the disk of the database is full; free some space, what was stored before is safe")]
    DiskFull,
    /// The disk fails to read or write, or is read-only.
    #[error("the disk of the database fails ({0}); replace or remount it and start again")]
    Disk(String),
    /// The database's files are not where they were when they were opened: what is written would be lost.
    #[error("{0}")]
    Gone(String),
    /// A row holds what the host never writes. Others can be read as usual.
    #[error("a row can't be read: {0}; `stockade doctor` lists every row like it")]
    Corrupt(String),
    /// The database itself is damaged, not only a row.
    #[error("the database is damaged: {0}; restore the last backup")]
    Damaged(String),
    /// The server does not answer, or has hung up. What was asked for last may have been done.
    #[error("the database server does not answer ({0}); see that it runs and can be reached")]
    Unreachable(String),
    /// Another host has taken over.
    #[error("{owner} has taken over with epoch {epoch}; this host had {own} and writes nothing any more")]
    Fenced {
        /// Who, in its own words.
        owner: String,
        /// Its epoch.
        epoch: i64,
        /// Ours.
        own: i64,
    },
    /// Every connection stayed busy for longer than a caller waits.
    #[error("the database is busy; try again")]
    Busy,
    /// The database could not do it this time, and may the next.
    #[error("the database could not do this now ({code}: {why}); try again")]
    Passing {
        /// The database's own code.
        code: String,
        /// Its own words.
        why: String,
    },
    /// The database refuses the content of what was to be written.
    #[error("the database refuses it ({code}: {why})")]
    Rejected {
        /// The database's own code.
        code: String,
        /// Its own words.
        why: String,
    },
    /// Anything else: an error of this program or of the database.
    #[error("the database failed")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Whether it is about what was to be written, so that something else may be written all the same. What is not certainly so is
    /// not: it passes, and what was to be written is tried again as a whole.
    pub(crate) fn is_of_one_entry(&self) -> bool {
        match self {
            Self::NotFound { .. } | Self::AlreadyExists { .. } | Self::Invalid(_) | Self::Symbol { .. } | Self::Rejected { .. } => true,
            // A row of the entry's own account: trying again reads the same.
            Self::Corrupt(_) => true,
            Self::Older { .. } | Self::Newer { .. } | Self::InUse { .. } | Self::Unusable { .. } | Self::DiskFull | Self::Gone(_) => false,
            Self::Disk(_) | Self::Damaged(_) | Self::Unreachable(_) | Self::Fenced { .. } | Self::Busy => false,
            Self::Passing { .. } | Self::Internal(_) => false,
        }
    }

    /// Whether what was to be written may be written later, as it is: nothing is wrong with it.
    pub fn may_pass(&self) -> bool {
        !self.is_of_one_entry()
    }

    /// Whether the same thing may well work in a moment.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Busy | Self::Passing { .. })
    }

    /// All that is known of it, the database's own words and code included, in one line for the log.
    pub fn in_full(&self) -> String {
        match self {
            Self::Internal(source) => {
                let said = source.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
                let code = said.and_then(|said| said.code()).map_or_else(String::new, |code| format!(" (code {code})"));
                format!("{self}: {source}{code}")
            }
            error => error.to_string(),
        }
    }

    pub(crate) fn not_found(what: &'static str, name: impl ToString) -> Self {
        Self::NotFound { what, name: name.to_string() }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::ColumnDecode { index, source } => Self::Corrupt(format!("column {index}: {source}")),
            sqlx::Error::PoolTimedOut => Self::Busy,
            // A file has no connection that could break: these are a server's.
            sqlx::Error::Io(error) => Self::Unreachable(error.to_string()),
            sqlx::Error::Tls(error) => Self::Unreachable(format!("TLS: {error}")),
            sqlx::Error::Protocol(error) => Self::Unreachable(error),
            error => {
                let known =
                    error.as_database_error().and_then(|said| crate::sqlite::meaning(said).or_else(|| crate::postgres::meaning(said)));
                known.unwrap_or_else(|| Self::Internal(error.into()))
            }
        }
    }
}

/// An error of an insert: its name, which must be unique, or what it refers to and may not exist.
pub(crate) fn inserting(error: sqlx::Error, (what, name): (&'static str, &str), (of, id): (&'static str, &dyn ToString)) -> StoreError {
    match error.as_database_error() {
        Some(database) if database.is_unique_violation() => StoreError::AlreadyExists { what, name: name.into() },
        Some(database) if database.is_foreign_key_violation() => StoreError::not_found(of, id.to_string()),
        _ => error.into(),
    }
}

impl From<StoreError> for JournalError {
    fn from(error: StoreError) -> Self {
        match error {
            // The journal's own message has the way out.
            StoreError::DiskFull => Self::Disk("the disk is full".into()),
            StoreError::Disk(why) | StoreError::Damaged(why) => Self::Disk(why),
            fenced @ StoreError::Fenced { .. } => Self::Fenced(fenced.to_string()),
            passing @ (StoreError::Busy | StoreError::Passing { .. }) => Self::Passing(passing.to_string()),
            error => Self::Internal(error.in_full()),
        }
    }
}
