//! What can go wrong with the store; each message names the thing and the way out.

use crate::date::Date;
use std::path::{Path, PathBuf};

/// Why the store can't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder isn't there.
    #[error("{} is no folder: import ticks into it first, or name another tick store", root.display())]
    NoStore {
        /// The folder that was named.
        root: PathBuf,
    },
    /// The store holds no ticks of this symbol.
    #[error("{} has no symbol {symbol:?} ({}): {}", root.display(), list(known), way_out(symbol, known))]
    UnknownSymbol {
        /// The symbol asked for.
        symbol: String,
        /// The store's folder.
        root: PathBuf,
        /// What it holds.
        known: Vec<String>,
    },
    /// A data file is not what this program wrote.
    #[error("{} is broken ({why}): delete it and import that time again", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A spec can't be used.
    #[error("{} can't be used as a symbol's spec ({why}): correct it, or delete it and import again", file.display())]
    BadSpec {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Ticks handed in for writing don't belong where they should go.
    #[error("ticks for {symbol:?} on {date} can't be stored: {why}")]
    BadTicks {
        /// Whose.
        symbol: String,
        /// Which day.
        date: Date,
        /// What is wrong with them.
        why: String,
    },
    /// Somebody else imports this symbol now.
    #[error("another import of {symbol:?} is running: wait for its end")]
    Busy {
        /// The symbol.
        symbol: String,
    },
    /// The disk refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl StoreError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

/// Names that are like the one asked for, or where ticks come from.
fn way_out(symbol: &str, known: &[String]) -> String {
    let like = known.iter().find(|name| name.eq_ignore_ascii_case(symbol));
    let like = like.or_else(|| known.iter().find(|name| crate::import::is_same_instrument(name, symbol)));
    like.map_or_else(|| "import its ticks first".to_owned(), |like| format!("did you mean {like}?"))
}

fn list(symbols: &[String]) -> String {
    match symbols {
        [] => "it is empty".into(),
        [first @ .., _] if first.len() >= 10 => format!("it has {} and {} more", symbols[..10].join(", "), symbols.len() - 10),
        all => format!("it has {}", all.join(", ")),
    }
}
