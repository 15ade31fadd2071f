//! Why the store did not do what it was asked for.

use std::path::PathBuf;

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
        "the database {} has schema {found}, this stockade knows schemas up to {known}; use the stockade that wrote it or a newer one, or restore the backup from before its upgrade",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// Another process has the database open.
    #[error("the database {} is in use by process {holder}; stop that first, or give this one another database", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
        /// Its process id, or "unknown".
        holder: String,
    },
    /// The file is no database of Stockade, or can't be opened or written; the message says which and what would do.
    #[error("the database {} can't be used: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why, and what would mend it.
        why: String,
    },
    /// There is no room left.
    #[error("the disk of the database is full; free some space, what was stored before is safe")]
    DiskFull,
    /// The disk fails to read or write, or is read-only.
    #[error("the disk of the database fails ({0}); replace or remount it and start again")]
    Disk(String),
    /// A row holds what the host never writes.
    #[error("the database is damaged: {0}; restore the last backup")]
    Corrupt(String),
    /// Every connection stayed busy for longer than a caller waits.
    #[error("the database is busy; try again")]
    Busy,
    /// Anything else: an error of this program.
    #[error("the database failed")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    pub(crate) fn not_found(what: &'static str, name: impl ToString) -> Self {
        Self::NotFound { what, name: name.to_string() }
    }
}

/// Longest name of a user, account, strategy or engine, bytes: what fits a column of a table on a screen.
const NAME_BYTES_MAX: usize = 64;

/// Checks a name that people will read and type.
///
/// # Errors
/// Says what a name must be.
pub(crate) fn checked_name(what: &'static str, name: &str) -> Result<(), StoreError> {
    let sound = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control) && name.trim() == name;
    if sound {
        return Ok(());
    }
    let shown: String = name.chars().take(NAME_BYTES_MAX).collect();
    Err(StoreError::Invalid(format!(
        "{shown:?} is no {what} name: 1 to {NAME_BYTES_MAX} bytes, no control characters, no space at its ends"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_printable() {
        for good in ["a", "EMA cross 2", "Überläufer", &"x".repeat(64)] {
            assert!(checked_name("user", good).is_ok(), "{good:?}");
        }
        for bad in ["", " a", "a ", "a\nb", "\u{7f}", &"x".repeat(65)] {
            let error = checked_name("user", bad).unwrap_err().to_string();
            assert!(error.contains("is no user name: 1 to 64 bytes") && !error.contains('\n'), "{error}");
        }
    }
}
