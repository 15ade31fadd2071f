//! Bringing a file's schema up to date, after a copy of it has been kept.

use super::error::opening;
use super::open::{self, MIGRATIONS, applied, lock};
use crate::schema::{Backup, Migrated, Standing, finish, must_be_new, standing, unfinished};
use crate::{Result, StoreError};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::path::Path;

/// See [`Store::migrate`](crate::Store::migrate).
pub async fn migrate(path: &Path, backup: &Backup) -> Result<Migrated> {
    if path.is_dir() {
        return Err(StoreError::Unusable { database: path.display().to_string(), why: "it is a folder; name a file".into() });
    }
    let _alone = lock(path)?;
    open::touch(path)?;
    let mut conn = open::options(path).connect().await.map_err(|error| opening(path, error))?;
    let found = standing(&MIGRATIONS, &applied(&mut conn, path).await?);
    let mut done = Migrated::planned(&MIGRATIONS, &found);
    match &found {
        Standing::Newer { .. } => return Err(found.refusal(&path.display())),
        Standing::Current => return Ok(done),
        Standing::Empty => {}
        Standing::Older { .. } => {
            if let Backup::To(copy) = backup {
                keep(&mut conn, path, copy).await?;
                done.backup = Some(copy.clone());
            }
        }
    }
    let migrated = MIGRATIONS.run(&mut conn).await;
    migrated.map_err(|error| crate::schema::failed(&path.display(), error, |error| opening(path, error)))?;
    conn.close().await.map_err(|error| opening(path, error))?;
    Ok(done)
}

/// Writes a copy, whole and checked, and returns when it is on disk.
async fn keep(conn: &mut SqliteConnection, path: &Path, copy: &Path) -> Result<()> {
    must_be_new(copy)?;
    let bad = |why: String| StoreError::Invalid(format!("no copy can be kept in {}: {why}; name another file", copy.display()));
    if let Some(folder) = copy.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| bad(error.to_string()))?;
    }
    // Under another name until it is whole and checked: half a copy must not pass for a backup.
    let unfinished = unfinished(copy).map_err(|error| bad(error.to_string()))?;
    let name = unfinished.to_str().ok_or_else(|| bad("its name is no text".into()))?;
    sqlx::query("VACUUM INTO $1").bind(name).execute(conn).await.map_err(|error| bad(StoreError::from(error).to_string()))?;
    // As the original: nobody else's.
    std::fs::set_permissions(&unfinished, std::os::unix::fs::PermissionsExt::from_mode(0o600)).map_err(|error| bad(error.to_string()))?;
    let mut written = open::options(&unfinished).read_only(true).connect().await.map_err(|error| opening(&unfinished, error))?;
    let verdict: String =
        sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut written).await.map_err(|error| opening(&unfinished, error))?;
    written.close().await.map_err(|error| opening(&unfinished, error))?;
    if verdict != "ok" {
        return Err(StoreError::Damaged(format!("the copy of {} is not whole: {verdict}", path.display())));
    }
    finish(&unfinished, copy).map_err(|error| bad(error.to_string()))
}
