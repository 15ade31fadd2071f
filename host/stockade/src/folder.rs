//! The data folder: for the host's own user and nobody else.

use rustix::fs::{Mode, OFlags};
use std::fs::{DirBuilder, DirEntry, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// What the group and others may do with a file.
const OTHERS: u32 = 0o077;
/// Folders of ours in a data folder, which are looked through with all that is in them.
const FOLDERS: [&str; 3] = ["compiled", "records", "ticks"];
/// What the names of our files in a data folder begin with.
const FILES: [&str; 4] = ["stockade.", "operator.", "feed.", "host-"];

/// The data folder's usual name.
pub const USUAL: &str = ".stockade";

/// The data folder that is meant: where it has its usual name, the one here or in the nearest folder above, as git looks for its own.
/// Another user's is passed over: what it holds would decide what this user's strategies trade on.
pub fn nearest(data_dir: PathBuf) -> PathBuf {
    if data_dir != Path::new(USUAL) || data_dir.is_dir() {
        return data_dir;
    }
    let here = std::env::current_dir().unwrap_or_default();
    let is_ours = |folder: &PathBuf| {
        std::fs::metadata(folder).is_ok_and(|there| there.is_dir() && there.uid() == rustix::process::geteuid().as_raw())
    };
    here.ancestors().skip(1).map(|above| above.join(USUAL)).find(is_ours).unwrap_or(data_dir)
}

/// Tells git to leave a data folder of the usual name alone: it holds the operator's token, and may lie in a strategy's project.
///
/// # Errors
/// The note can't be written.
pub fn hide_from_git(data_dir: &Path) -> io::Result<()> {
    let note = data_dir.join(".gitignore");
    if data_dir.file_name().is_none_or(|name| name != USUAL) || note.exists() {
        return Ok(());
    }
    std::fs::write(note, "*\n")
}

/// From now on, what this process makes is for its own user only, whatever the shell that started it says.
pub fn make_private() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// What was found in a data folder that was there before.
#[derive(Debug, Default)]
pub struct Found {
    /// How many files and folders others could get at. They can't any more.
    pub closed: u64,
    /// The first of them.
    pub first: Option<PathBuf>,
    /// One that belongs to another user, and that user's number.
    pub of_another: Option<(PathBuf, u32)>,
    /// One whose rights can't be changed, and why.
    pub left_open: Option<(PathBuf, io::Error)>,
}

impl Found {
    /// In one line, what an operator should know; `None` when all was well.
    pub fn line(&self) -> Option<String> {
        let mut parts = Vec::new();
        if let Some(first) = &self.first {
            let which = if self.closed == 1 { String::new() } else { format!(" and {} more", self.closed - 1) };
            parts.push(format!("other users of this machine could get at {}{which}: closed to them now", first.display()));
        }
        if let Some((path, error)) = &self.left_open {
            parts.push(format!("others may get at {}, and that can't be changed ({error}): chmod go= it", path.display()));
        }
        if let Some((path, owner)) = &self.of_another {
            let (path, own) = (path.display(), rustix::process::geteuid().as_raw());
            parts.push(format!("{path} belongs to user {owner} and the host runs as user {own}: run it as that user, or chown -R it"));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Closes a file or folder, by its handle: never what a link points at.
    fn close(&mut self, path: &Path) {
        let closed = self.close_opened(path);
        if let Err(error) = closed {
            self.left_open.get_or_insert_with(|| (path.into(), error));
        }
    }

    fn close_opened(&mut self, path: &Path) -> io::Result<()> {
        let there = std::fs::symlink_metadata(path)?;
        if there.uid() != rustix::process::geteuid().as_raw() {
            self.of_another.get_or_insert_with(|| (path.into(), there.uid()));
        }
        if there.mode() & OTHERS == 0 || there.is_symlink() {
            return Ok(());
        }
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        file.set_permissions(Permissions::from_mode(file.metadata()?.mode() & !OTHERS))?;
        self.closed += 1;
        self.first.get_or_insert_with(|| path.into());
        Ok(())
    }

    /// Closes a folder and all in it. From the top down: below a closed folder nobody else can put a link in a file's place.
    fn close_all(&mut self, folder: &Path) {
        self.close(folder);
        for entry in entries(folder) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => self.close_all(&entry.path()),
                Ok(kind) if kind.is_file() => self.close(&entry.path()),
                _ => {}
            }
        }
    }
}

/// What is in a folder; nothing where it can't be read, which whoever needs it will say.
fn entries(folder: &Path) -> impl Iterator<Item = DirEntry> {
    std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok)
}

/// Makes the data folder if it is missing, and closes what is in it to all but its owner.
///
/// # Errors
/// It can't be made.
pub fn prepare(data_dir: &Path) -> io::Result<Found> {
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir)?;
    let mut found = Found::default();
    // The folder may be named by a link.
    let data_dir = data_dir.canonicalize()?;
    hide_from_git(&data_dir)?;
    if may_close(&data_dir) {
        found.close(&data_dir);
    }
    for entry in entries(&data_dir) {
        let name = entry.file_name();
        let is_ours = |names: &[&str]| names.iter().any(|ours| name.to_string_lossy().starts_with(ours));
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && is_ours(&FOLDERS) => found.close_all(&entry.path()),
            Ok(kind) if kind.is_file() && is_ours(&FILES) => found.close(&entry.path()),
            _ => {}
        }
    }
    Ok(found)
}

/// A folder that others share on purpose stays as it is, and only the host's own things in it are closed: `/tmp`, or somebody's home.
fn may_close(data_dir: &Path) -> bool {
    let is_home = std::env::home_dir().and_then(|home| home.canonicalize().ok()).is_some_and(|home| home == data_dir);
    let is_shared = std::fs::metadata(data_dir).is_ok_and(|there| there.mode() & 0o1000 != 0);
    !is_home && !is_shared && data_dir.parent().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).expect("it is there").mode() & 0o7777
    }

    fn open_to_all(path: &Path) {
        fs::set_permissions(path, Permissions::from_mode(if path.is_dir() { 0o777 } else { 0o666 })).expect("it is ours");
    }

    #[test]
    fn what_others_could_get_at_is_closed_and_told_and_links_are_not_followed() {
        let place = tempfile::tempdir().expect("a folder");
        let data_dir = place.path().join("data");
        let run = data_dir.join("records/ticks/1");
        fs::create_dir_all(&run).expect("it can be made");
        let (ours, theirs, outside) = (run.join("EURUSD"), data_dir.join("notes.txt"), place.path().join("outside"));
        let all = [&data_dir, &data_dir.join("records"), &data_dir.join("records/ticks"), &run, &ours, &theirs, &outside];
        [&ours, &theirs, &outside].into_iter().for_each(|file| fs::write(file, "x").expect("it can be written"));
        all.into_iter().for_each(|path| open_to_all(path));
        std::os::unix::fs::symlink(&outside, run.join("link")).expect("it can be made");

        let found = prepare(&data_dir).expect("it is there");
        assert_eq!(all.map(|path| mode(path)), [0o700, 0o700, 0o700, 0o700, 0o600, 0o666, 0o666]);
        let line = found.line().expect("something was open");
        assert!(line.contains("data and 4 more: closed to them now") && !line.contains('\n'), "{line}");
        assert_eq!(prepare(&data_dir).expect("it is there").line(), None, "nothing is left to do");
    }

    #[test]
    fn a_folder_that_is_shared_on_purpose_stays_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let ticks = folder.path().join("ticks");
        fs::create_dir(&ticks).expect("it can be made");
        open_to_all(&ticks);
        fs::set_permissions(folder.path(), Permissions::from_mode(0o1777)).expect("it is ours");
        prepare(folder.path()).expect("it is there");
        assert_eq!((mode(folder.path()), mode(&ticks)), (0o1777, 0o700));
    }
}
