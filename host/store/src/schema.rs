//! Which schema a database has, and whether this program knows it.

use crate::StoreError;
use sqlx::migrate::{MigrateError, Migrator};
use std::path::{Path, PathBuf};

/// What is kept of a database before its schema is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backup {
    /// A copy, in this file, which must not exist yet.
    To(PathBuf),
    /// Nothing: somebody else has made a copy.
    None,
}

/// What a migration did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The schema before; 0 for an empty database.
    pub from: i64,
    /// The schema now.
    pub to: i64,
    /// The steps that were taken, with what they are about; empty when there was nothing to do.
    pub steps: Vec<String>,
    /// The copy, if one was made: an empty or current database is not copied.
    pub backup: Option<PathBuf>,
}

impl Migrated {
    /// What there is to do, before it is done.
    pub(crate) fn planned(migrations: &Migrator, standing: &Standing) -> Self {
        let name = |version: &i64| {
            let step = migrations.iter().find(|step| step.version == *version);
            format!("{version:04} {}", step.map_or("", |step| &step.description))
        };
        let newest = migrations.iter().map(|step| step.version).max().unwrap_or(0);
        let all = || migrations.iter().map(|step| step.version).collect();
        let (from, missing): (i64, Vec<i64>) = match standing {
            Standing::Empty => (0, all()),
            Standing::Older { found, missing, .. } => (*found, missing.clone()),
            Standing::Current | Standing::Newer { .. } => (newest, Vec::new()),
        };
        Self { from, to: newest, steps: missing.iter().map(name).collect(), backup: None }
    }
}

/// Refuses to write a copy over something.
///
/// # Errors
/// There is a file of this name.
pub(crate) fn must_be_new(file: &Path) -> Result<(), StoreError> {
    if file.exists() {
        return Err(StoreError::Invalid(format!("{} is there already; name another file for the copy", file.display())));
    }
    Ok(())
}

/// Where a copy is written until it is whole. What an attempt that was killed left there is removed.
///
/// # Errors
/// The disk refuses.
pub(crate) fn unfinished(copy: &Path) -> std::io::Result<PathBuf> {
    let mut name = copy.as_os_str().to_owned();
    name.push(format!(".{}", files::UNFINISHED));
    let path = PathBuf::from(name);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(path),
    }
}

/// Gives a copy that is whole its name; when this returns it is on disk.
///
/// # Errors
/// The disk refuses.
pub(crate) fn finish(unfinished: &Path, copy: &Path) -> std::io::Result<()> {
    std::fs::File::open(unfinished)?.sync_all()?;
    files::rename(unfinished, copy)
}

/// How a database's schema stands to the one that this program needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has no tables yet.
    Empty,
    /// It is the one.
    Current,
    /// It lacks steps.
    Older {
        /// Its last step.
        found: i64,
        /// The last step known here.
        known: i64,
        /// The steps it lacks.
        missing: Vec<i64>,
    },
    /// It has steps that are not known here.
    Newer {
        /// Its last step.
        found: i64,
        /// The last step known here.
        known: i64,
    },
}

/// Compares the steps that a database has taken, `None` for an empty one, with those there are. One that lists no step is empty as
/// well: whoever began to make its tables was killed.
pub(crate) fn standing(migrations: &Migrator, applied: &Option<Vec<i64>>) -> Standing {
    let Some(applied) = applied.as_ref().filter(|applied| !applied.is_empty()) else { return Standing::Empty };
    let known: Vec<i64> = migrations.iter().map(|step| step.version).collect();
    let last = |versions: &[i64]| versions.iter().copied().max().unwrap_or(0);
    let (found, newest) = (last(applied), last(&known));
    if found > newest || applied.iter().any(|version| !known.contains(version)) {
        return Standing::Newer { found, known: newest };
    }
    let missing: Vec<i64> = known.into_iter().filter(|version| !applied.contains(version)).collect();
    if missing.is_empty() { Standing::Current } else { Standing::Older { found, known: newest, missing } }
}

impl Standing {
    /// The same for a host that starts, which makes the tables of a database by itself when nothing can get lost by that: also where a
    /// first start was killed half-way, so that there is no user yet.
    pub(crate) fn unless_unused(self, has_user: bool) -> Self {
        if matches!(self, Self::Older { .. }) && !has_user { Self::Empty } else { self }
    }

    /// Why a host doesn't start on it.
    pub(crate) fn refusal(self, database: &impl ToString) -> StoreError {
        let database = database.to_string();
        match self {
            Self::Older { found, known, .. } => StoreError::Older { database, found, known },
            Self::Newer { found, known } => StoreError::Newer { database, found, known },
            Self::Empty | Self::Current => StoreError::Internal("a schema was refused that is not to be refused".into()),
        }
    }
}

/// What a failed migration means. `opening` reads the database's own errors.
pub(crate) fn failed(database: &impl ToString, error: MigrateError, opening: impl FnOnce(sqlx::Error) -> StoreError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => opening(error),
        MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => StoreError::Unusable {
            database: database.to_string(),
            why: format!("its schema {version} was made by another build than this one; use that one, or name another database"),
        },
        error => StoreError::Internal(error.into()),
    }
}
