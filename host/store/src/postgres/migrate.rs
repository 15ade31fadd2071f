//! Bringing a database's schema up to date, after a copy of it has been kept by `pg_dump`.

use super::open::{self, MIGRATIONS};
use super::{Server, lock, probe};
use crate::schema::{Backup, Migrated, Standing, finish, must_be_new, standing, unfinished};
use crate::{Result, StoreError};
use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;

/// See [`Store::migrate`](crate::Store::migrate).
pub async fn migrate(server: &Server, backup: &Backup) -> Result<Migrated> {
    probe::check(server).await?;
    let mut conn = server.connect().await?;
    open::check_server(server, &mut conn).await?;
    lock::take(server, &mut conn).await?;
    let found = standing(&MIGRATIONS, &open::applied(server, &mut conn).await?);
    let mut done = Migrated::planned(&MIGRATIONS, &found);
    match &found {
        Standing::Newer { .. } => return Err(found.refusal(server)),
        Standing::Current => return Ok(done),
        Standing::Empty => {}
        Standing::Older { .. } => {
            if let Backup::To(copy) = backup {
                dump(server, copy)?;
                done.backup = Some(copy.clone());
            }
        }
    }
    open::run_migrations(server, &mut conn).await?;
    Ok(done)
}

/// Writes a copy with `pg_dump`, in the form that `pg_restore` reads, and has `pg_restore` read it through.
fn dump(server: &Server, copy: &Path) -> Result<()> {
    must_be_new(copy)?;
    let bad = |why: String| StoreError::Invalid(format!("no copy can be kept in {}: {why}", copy.display()));
    let missing = |tool: &str, error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => bad(format!(
            "there is no {tool} here; install it (apt-get install postgresql-client), or make a copy by other means and give --no-backup"
        )),
        _ => bad(format!("{tool}: {error}")),
    };
    if let Some(folder) = copy.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| bad(error.to_string()))?;
    }
    let run = |tool: &'static str, arguments: &[&std::ffi::OsStr]| {
        // The password is passed in the environment: everyone can read a command line.
        let output = server.tool(tool).args(arguments).stdin(Stdio::null()).output().map_err(|error| missing(tool, error))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        Err(bad(format!("{tool} says: {said}")))
    };
    // Under another name until it is whole and checked: half a copy must not pass for a backup.
    let unfinished = unfinished(copy).map_err(|error| bad(error.to_string()))?;
    // Made before, so that it is nobody else's from the first byte on.
    let made = std::os::unix::fs::OpenOptionsExt::mode(std::fs::OpenOptions::new().write(true).create_new(true), 0o600).open(&unfinished);
    made.map_err(|error| bad(error.to_string()))?;
    let written = run("pg_dump", &["--format=custom".as_ref(), "--file".as_ref(), unfinished.as_os_str()])
        .and_then(|()| run("pg_restore", &["--list".as_ref(), unfinished.as_os_str()]));
    if let Err(error) = written {
        // Half a copy is worse than none.
        _ = std::fs::remove_file(&unfinished);
        return Err(error);
    }
    finish(&unfinished, copy).map_err(|error| bad(error.to_string()))
}
