//! The files of a source: the one that is named, or those of a folder.

use super::error::ImportError;
use std::path::{Path, PathBuf};

/// Endings of files that can be read as they are.
const PLAIN: [&str; 10] = ["csv", "tsv", "txt", "prn", "json", "ndjson", "jsonl", "bi5", "parquet", "pq"];
/// Endings of files that hold others. What they hold decides; these are looked for in folders.
const PACKED: [&str; 3] = ["zip", "gz", "zst"];
/// Folders below the one named: symbol, year, month, day, and what a tool puts above them.
const DEPTH_MAX: usize = 8;
/// Hours of a century.
const FILES_MAX: usize = 1_000_000;

/// A file to import.
#[derive(Debug)]
pub(super) struct Input {
    pub path: PathBuf,
    /// What messages call it: its name, and below the source its folders too, since a tree has many files of one name.
    pub label: String,
    pub bytes: u64,
}

/// What a source holds.
#[derive(Debug)]
pub(super) struct Inputs {
    pub files: Vec<Input>,
    /// Dukascopy's candles, which lie beside its hours of ticks and are left out.
    pub candles: usize,
}

/// `source` itself, or the files in it by name. Folders inside are gone through where it has no file of its own: sources cut
/// time and symbols by folders, and a copy in a folder beside the files would come twice.
pub(super) fn inputs(source: &Path) -> Result<Inputs, ImportError> {
    let mut paths = Vec::new();
    if source.metadata().map_err(ImportError::io(source))?.is_dir() {
        gather(source, 0, &mut paths)?;
        if paths.is_empty() {
            return Err(ImportError::NoFiles { path: source.into() });
        }
        paths.sort_unstable();
    } else {
        paths.push(source.into());
    }
    let found = paths.len();
    paths.retain(|path| !is_candles(path));
    let candles = found - paths.len();
    if paths.is_empty() {
        let file = source.display().to_string();
        let why = "it holds Dukascopy's candles alone; import its hours of ticks (13h_ticks.bi5), or bars as CSV".into();
        return Err(ImportError::WrongFormat { file, why });
    }
    let input = |path: PathBuf| -> Result<Input, ImportError> {
        let bytes = path.metadata().map_err(ImportError::io(&path))?.len();
        Ok(Input { label: label(source, &path), path, bytes })
    };
    Ok(Inputs { files: paths.into_iter().map(input).collect::<Result<_, _>>()?, candles })
}

fn gather(folder: &Path, depth: usize, into: &mut Vec<PathBuf>) -> Result<(), ImportError> {
    let mut folders = Vec::new();
    let before = into.len();
    for entry in folder.read_dir().map_err(ImportError::io(folder))? {
        let path = entry.map_err(ImportError::io(folder))?.path();
        if is_hidden(&path) {
            continue;
        }
        if path.is_dir() {
            folders.push(path);
        } else if is_readable(&path) && path.is_file() {
            into.push(path);
        }
        if into.len() > FILES_MAX {
            return Err(ImportError::TooManyFiles { path: folder.into(), max: FILES_MAX });
        }
    }
    if into.len() == before && depth < DEPTH_MAX {
        folders.iter().try_for_each(|folder| gather(folder, depth + 1, into))?;
    }
    Ok(())
}

/// What systems put beside people's files: `.DS_Store`, `._EURUSD.csv`, `__MACOSX`.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.') || name == "__MACOSX")
}

/// Whether a file's name says that it can be read.
pub(super) fn is_readable(path: &Path) -> bool {
    has_ending(path, &PLAIN) || has_ending(path, &PACKED)
}

fn is_candles(path: &Path) -> bool {
    has_ending(path, &["bi5"]) && path.file_name().is_some_and(|name| name.to_string_lossy().to_ascii_lowercase().contains("candle"))
}

/// Whether a file's name ends so, whatever the case.
pub(super) fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}

fn label(source: &Path, path: &Path) -> String {
    let name = |path: &Path| path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
    match path.strip_prefix(source) {
        Ok(below) if below.components().count() > 1 => format!("{}/{}", name(source), below.display()),
        _ => name(path),
    }
}
