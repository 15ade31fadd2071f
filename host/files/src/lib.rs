//! Files that are either whole or not there: written beside their place, synced, then renamed into it.
//!
//! Whatever kills the process or the machine, a reader finds the file as it was before or as it is now, never half of it.
//!
//! Refuses to know: what is in a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Who may read a file, from its first byte on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Its owner only: secrets, and what strategies are made of.
    Owner,
    /// Whoever the process's umask lets in.
    AsUsual,
}

/// The ending of a file that is not whole yet. Nobody reads such a file; what a killed process leaves of one may be deleted.
pub const UNFINISHED: &str = "part";

/// Puts `bytes` at `path`, in place of what is there. When it returns they are on disk.
///
/// # Errors
/// The disk refuses; `path` is as it was.
pub fn write(path: &Path, readers: Readers, bytes: &[u8]) -> io::Result<()> {
    replace(path, readers, |file| file.write_all(bytes))
}

/// Puts at `path` what `write` writes, in place of what is there. When it returns the file is on disk.
///
/// # Errors
/// `write` failed or the disk refuses; `path` is as it was.
pub fn replace<T, E: From<io::Error>>(path: &Path, readers: Readers, write: impl FnOnce(&mut File) -> Result<T, E>) -> Result<T, E> {
    let beside = beside(path);
    let mode = if readers == Readers::Owner { 0o600 } else { 0o666 };
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
        let written = write(&mut file)?;
        file.sync_all()?;
        Ok(written)
    })();
    let placed = written.and_then(|written| Ok(rename(&beside, path).map(|()| written)?));
    if placed.is_err() {
        // The first error is the one to tell.
        _ = fs::remove_file(&beside);
    }
    placed
}

/// Gives a file that is on disk its final name, which is on disk when this returns.
///
/// # Errors
/// The disk refuses.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_folder_of(to)
}

/// Puts on disk that a file is in its folder, or no longer is.
///
/// # Errors
/// The disk refuses.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Where a file is written before it is whole. Two writers at once, in one process or in two, never share it.
fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}-{}.{UNFINISHED}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_takes_the_place_of_the_one_before_for_its_readers_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "a longer text than the next").unwrap();
        write(&path, Readers::Owner, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["token"]);
    }

    #[test]
    fn a_write_that_fails_half_way_leaves_what_was_there_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        write(&path, Readers::AsUsual, b"before").unwrap();
        let failed = replace(&path, Readers::AsUsual, |file| {
            file.write_all(b"half")?;
            Err::<(), _>(io::Error::other("no space left"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "no space left");
        assert_eq!((fs::read(&path).unwrap(), names(folder.path())), (b"before".to_vec(), vec!["state".to_owned()]));
    }

    #[test]
    fn two_writers_at_once_leave_one_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("both");
        std::thread::scope(|scope| {
            for letter in [b'a', b'b'] {
                let path = &path;
                scope.spawn(move || (0..50).for_each(|_| write(path, Readers::AsUsual, &[letter; 5_000]).unwrap()));
            }
        });
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.len() == 5_000 && bytes.iter().all(|&byte| byte == bytes[0]));
        assert_eq!(names(folder.path()), ["both"]);
    }
}
