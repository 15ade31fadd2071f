//! `stockade migrate`: the database's schema, brought to what this program needs.

use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::serve::store_failure;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use store::{Backup, Location, Migrated, Store};

/// No host may be running on the database. The copy that is kept first is checked: of SQLite a database file, to be put in the
/// place of the other one; of PostgreSQL a dump for `pg_restore --clean --if-exists`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Keep the copy in this file, which must not exist yet; unless given, beside the SQLite file, or in the data folder.
    #[arg(long, value_name = "FILE")]
    backup: Option<PathBuf>,
    /// Keep no copy: there is one already.
    #[arg(long, conflicts_with = "backup")]
    no_backup: bool,
}

/// Migrates and says what was done.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let config = global.config()?;
    let place = config.database()?;
    let backup = match (&arguments.backup, arguments.no_backup) {
        (Some(file), _) => Backup::To(file.clone()),
        (None, true) => Backup::None,
        (None, false) => Backup::To(file_beside(&place, &config.data_dir)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::of(Exit::Machine))?;
    let migrated = runtime.block_on(Store::migrate(&place, &backup)).map_err(store_failure)?;
    let shown = json!({
        "database": place.to_string(), "from": migrated.from, "to": migrated.to, "steps": migrated.steps, "backup": migrated.backup,
    });
    global.output().show(&shown, |_| text(&place, &migrated));
    Ok(())
}

fn text(place: &Location, migrated: &Migrated) -> String {
    if migrated.steps.is_empty() {
        return format!("{place} has schema {} already; nothing was changed\n", migrated.to);
    }
    let mut lines = migrated.backup.as_ref().map_or_else(String::new, |copy| format!("kept a copy in {}\n", copy.display()));
    migrated.steps.iter().for_each(|step| lines += &format!("took step {step}\n"));
    lines + &format!("{place} has schema {} now\n", migrated.to)
}

/// A name for the copy that tells when it was made, and that no file has: two attempts may fall into one second.
fn file_beside(place: &Location, data_dir: &Path) -> PathBuf {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let named = |when: String| match place {
        Location::Sqlite(file) => {
            let mut name = file.as_os_str().to_owned();
            name.push(format!(".before-{when}"));
            PathBuf::from(name)
        }
        Location::Postgres(_) => data_dir.join(format!("stockade-before-{when}.dump")),
    };
    let first = named(seconds.to_string());
    let others = (2..).map(|attempt| named(format!("{seconds}-{attempt}")));
    std::iter::once(first).chain(others).find(|name| !name.exists()).expect("there are more numbers than files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_attempt_within_the_same_second_has_a_name_of_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Location::Sqlite(folder.path().join("stockade.db"));
        let mut names = std::collections::BTreeSet::new();
        for _ in 0..20 {
            let name = file_beside(&place, folder.path());
            assert!(name.to_string_lossy().contains("stockade.db.before-"), "{}", name.display());
            std::fs::write(&name, "a copy").expect("a file");
            assert!(names.insert(name));
        }
    }
}
