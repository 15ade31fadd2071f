//! What can be wrong with a record.

use domain::time::Time;
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
    #[error(
        "ticks {first} to {last} of {symbol} were not recorded, or have been dropped to keep the record within its bounds; {}",
        from_when(kept.as_ref())
    )]
    TicksMissing {
        /// Of which symbol.
        symbol: String,
        /// The first that is missing.
        first: u64,
        /// The last that is needed.
        last: u64,
        /// The next that is there, with its time.
        kept: Option<(u64, Time)>,
    },
}

fn from_when(kept: Option<&(u64, Time)>) -> String {
    match kept {
        Some((number, time)) => format!("they are there from {number} on, which came at {time}"),
        None => "no later ones of that run of the host are there either".to_owned(),
    }
}

impl RecordError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { what, path: path.to_path_buf(), error }
    }
}
