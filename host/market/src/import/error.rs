//! Why an import ends; each message names the thing and the way out.

use super::report::DirtyRow;
use crate::store::StoreError;
use std::path::PathBuf;

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file or folder can't be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder has no file that could be imported.
    #[error("{} has no .zip, .csv, .tsv, .txt, .json, .bi5 or .parquet file", path.display())]
    NoFiles {
        /// The folder.
        path: PathBuf,
    },
    /// The folder and those in it have too many files.
    #[error("{} has more than {max} files; import its folders one by one", path.display())]
    TooManyFiles {
        /// The folder.
        path: PathBuf,
        /// How many it may have.
        max: usize,
    },
    /// The file is not what it was said or seemed to be.
    #[error("{file}: {why}")]
    WrongFormat {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// Several files are not what they should be.
    #[error("{count} files can't be imported, and nothing was; the first: {}", named.first().map_or("", String::as_str))]
    BadFiles {
        /// How many.
        count: u64,
        /// The first of them, up to 10,000, each with what is wrong with it.
        named: Vec<String>,
    },
    /// Neither name nor content say whose prices they are.
    #[error("{file}: cannot tell its symbol; name it with --symbol")]
    NoSymbol {
        /// The file.
        file: String,
    },
    /// Files of several symbols, of which one may be none.
    #[error("the files are of {found}, and {doubtful:?} may be no symbol: import each symbol's files by themselves, with --symbol")]
    SeveralSymbols {
        /// Them.
        found: String,
        /// The doubtful one.
        doubtful: String,
    },
    /// Bars of asks, without those of bids.
    #[error(
        "the bars of {symbol} are of asks, as their file's name says, and the store keeps bars of bids: put the file of bids for the same days beside it and import the folder"
    )]
    AsksAlone {
        /// Whose bars.
        symbol: String,
    },
    /// One symbol was asked for, and the files are of others.
    #[error("{asked} was asked for, and there is {found}: give --symbol one of these, or leave it out to import all")]
    NotAsked {
        /// What was asked for.
        asked: String,
        /// What there is.
        found: String,
    },
    /// Somebody wanted it to end, before anything of the store was touched.
    #[error("interrupted; nothing was stored, and the same import again does all of it")]
    Interrupted,
    /// A row makes no sense, and dirty rows were to stop the import.
    #[error("{0}; nothing was imported (correct it, or let such rows be skipped)")]
    Dirty(DirtyRow),
    /// Daily rows in a file of shorter bars. Read as these they would be a day's move within an hour.
    #[error(
        "{file}, lines {first} to {last}: daily rows before shorter bars, which MT5 exports where it has none of these; nothing was imported: delete these lines"
    )]
    DailyRows {
        /// The file.
        file: String,
        /// The line of the first.
        first: u64,
        /// The line of the last.
        last: u64,
    },
    /// Not one row could be used.
    #[error("{} has no usable row{}{}", path.display(),
        first.as_ref().map(|row| format!("; the first: {row}")).unwrap_or_default(),
        bad_file.as_ref().map(|file| format!("; the first file that was left out: {file}")).unwrap_or_default())]
    NothingUsable {
        /// The source.
        path: PathBuf,
        /// What is wrong with its first row, if it has one.
        first: Option<DirtyRow>,
        /// What is wrong with its first bad file, if any was left out.
        bad_file: Option<String>,
    },
    /// The spec that was given can't be used.
    #[error("the given spec can't be used: {0}")]
    BadSpec(String),
    /// The store holds the symbol on a finer grid.
    #[error(
        "the store holds {symbol} with {stored} digits and the import would store {given}: import with {stored} digits, or delete the symbol's folder first"
    )]
    OtherDigits {
        /// The symbol.
        symbol: String,
        /// Digits in the store.
        stored: u8,
        /// Digits of this import.
        given: u8,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ImportError {
    /// Whether the other files of the source can still be imported.
    pub(super) fn is_of_one_file(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::WrongFormat { .. } | Self::NoSymbol { .. } | Self::DailyRows { .. })
    }

    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
