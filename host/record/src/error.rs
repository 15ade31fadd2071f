//! What can be wrong with a record.

use domain::time::Time;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a record can't be written, read or replayed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The disk says no.
    #[error("cannot {what} {}: {error}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// How it failed.
        error: io::Error,
    },
    /// There is nothing of this engine.
    #[error("there is no record of engine {engine} in {}; is [record] on in the configuration it ran with?", folder.display())]
    NoRecord {
        /// Which.
        engine: u32,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A file is not what was written.
    #[error("{} has been altered or damaged: {what} at byte {at}; what comes after it proves nothing", path.display())]
    Altered {
        /// Which file.
        path: PathBuf,
        /// Where.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A file of another format.
    #[error("{} is no record of this version of Stockade; replay it with the version that wrote it, and move it elsewhere to read the files after it", .0.display())]
    Format(PathBuf),
    /// Ticks that a record refers to are not there.
    #[error(transparent)]
    TicksMissing(#[from] TicksMissing),
}

/// Ticks that a record refers to and that are not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ticks {first} to {last} of {symbol} were not recorded, or have been dropped to keep the record within its bounds; {kept}")]
pub struct TicksMissing {
    /// Of which symbol.
    pub symbol: String,
    /// The first that is missing.
    pub first: u64,
    /// The last that is needed.
    pub last: u64,
    /// What there is of that symbol in that run of the host.
    pub kept: Kept,
}

/// Which ticks are there when some are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Later ones, the first with this number and time: there is a hole.
    Later(u64, Time),
    /// Earlier ones at most, in a file that is there: the record of the run ends.
    Earlier,
    /// None, and no file for them.
    Nothing,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later(number, time) => write!(f, "they are there from {number} on, which came at {time}"),
            Self::Earlier => f.write_str("no later ones of that run of the host are there either"),
            Self::Nothing => f.write_str("it has no ticks of that run of the host"),
        }
    }
}

impl TicksMissing {
    /// Whether the record of the run ends there, as after a crash or while the host writes; otherwise there is a hole in it.
    pub fn is_end(&self) -> bool {
        self.kept == Kept::Earlier
    }
}

impl RecordError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { what, path: path.to_path_buf(), error }
    }
}
