//! A full disk is one line, however many parts of the host want to write to it, and one more when there is room again.

use super::trouble::Turn;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// With less than this free a write that failed did so for want of room: no file here is made in smaller steps.
const LITTLE_BYTES: u64 = 1 << 20;

/// The disk of the data folder, as all parts see it that write there.
pub struct FullDisk {
    folder: PathBuf,
    free: fn(&PathBuf) -> Option<u64>,
    /// The parts that can't write for want of room.
    without_room: Mutex<BTreeSet<&'static str>>,
}

/// What is to be told of a part's turn.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    /// It is full: the only line of all parts.
    Full { free: u64 },
    /// There is room again, for every part.
    Room { free: u64 },
    /// The disk's line says it already.
    Told,
    /// It is no matter of room: the part says it in its own words.
    Own,
}

impl FullDisk {
    /// Of the disk on which this folder lies.
    pub fn of(folder: PathBuf) -> Self {
        let free = |folder: &PathBuf| rustix::fs::statvfs(folder).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        Self { folder, free, without_room: Mutex::default() }
    }

    /// A part can't write from now on, or can again. Says so, unless another part has, and gives whether it is said; where room is not
    /// the matter, the part says it.
    pub fn tells(&self, part: &'static str, turn: Turn, why: impl Display) -> bool {
        let folder = self.folder.display();
        match self.line(part, turn) {
            Line::Full { free } => tracing::error!(
                "the disk of {folder} is full, {free} bytes are free: what engines do is not recorded, saved or logged, and trading halts if the \
                 database lies there; free some space"
            ),
            Line::Room { free } => tracing::info!("the disk of {folder} has room again, {free} bytes are free: everything is written"),
            Line::Told => {}
            Line::Own => return false,
        }
        tracing::debug!("{part}: {why}");
        true
    }

    fn line(&self, part: &'static str, turn: Turn) -> Line {
        let free = (self.free)(&self.folder).unwrap_or(u64::MAX);
        let mut without_room = self.without_room.lock().unwrap_or_else(PoisonError::into_inner);
        match turn {
            Turn::Fails if free >= LITTLE_BYTES => Line::Own,
            Turn::Fails => {
                let is_first = without_room.is_empty();
                without_room.insert(part);
                if is_first { Line::Full { free } } else { Line::Told }
            }
            Turn::Works if !without_room.remove(part) => Line::Own,
            Turn::Works if without_room.is_empty() => Line::Room { free },
            Turn::Works => Line::Told,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Turn::{Fails, Works};

    #[test]
    fn parts_of_a_full_disk_are_told_in_one_line_and_so_is_their_end() {
        let disk = |free| FullDisk { folder: "/data".into(), free, without_room: Mutex::default() };
        let full = disk(|_| Some(4_096));
        let turns = [("the record", Fails), ("the feed", Fails), ("the database", Fails), ("the feed", Works), ("the feed", Fails)];
        let told: Vec<Line> = turns.into_iter().map(|(part, turn)| full.line(part, turn)).collect();
        assert_eq!(told, [Line::Full { free: 4_096 }, Line::Told, Line::Told, Line::Told, Line::Told]);
        let ends = ["the feed", "the record", "the database"].map(|part| full.line(part, Works));
        assert_eq!(ends, [Line::Told, Line::Told, Line::Room { free: 4_096 }]);
        assert_eq!(full.line("the feed", Fails), Line::Full { free: 4_096 }, "the next time is told again");
        for roomy in [disk(|_| Some(LITTLE_BYTES)), disk(|_| None)] {
            assert_eq!([Fails, Works].map(|turn| roomy.line("the record", turn)), [Line::Own, Line::Own], "it fails for another reason");
        }
    }

    #[test]
    fn the_free_bytes_of_a_folder_are_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = FullDisk::of(folder.path().into());
        assert!((disk.free)(&disk.folder).is_some_and(|free| free > 0));
    }
}
