//! What there is to read: files of a folder, files inside zips, and the first look at each.

use super::ahead::read_ahead;
use super::error::ImportError;
use super::lines::{ByteOrder, Utf16};
use super::{Format, mt5};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

const ENDINGS: [&str; 7] = ["zip", "csv", "tsv", "txt", "json", "bi5", "parquet"];
/// What may lie in a zip.
const INNER_ENDINGS: [&str; 4] = ["csv", "tsv", "txt", "json"];
/// Folders below the one named, for sources that cut time by folders: year, month, day, and one more.
const DEPTH_MAX: usize = 4;
/// Hours of a century.
const FILES_MAX: usize = 1_000_000;
const HEAD_BYTES: usize = 8 * 1024;
/// More text than any tick file holds; a zip that unpacks to more is not one.
const STREAM_BYTES_MAX: u64 = 64 << 30;

/// A file to import.
pub(super) struct Input {
    pub path: PathBuf,
    pub bytes: u64,
}

/// One text: a file or a file inside a zip.
pub(super) struct Stream<'a> {
    /// What messages call it: the file's name, and that inside the zip.
    pub label: String,
    /// The file on disk.
    pub path: &'a Path,
    /// The innermost name.
    pub name: String,
    /// Size of the text, as far as known.
    pub bytes: u64,
    pub reader: Box<dyn Read + 'a>,
}

/// `source` itself, or the files in it by name. Folders inside are left alone, since a folder has one symbol; but where it
/// has no file of its own, Dukascopy's folders of years, months and days are gone through.
pub(super) fn files(source: &Path) -> Result<Vec<Input>, ImportError> {
    let input = |path: PathBuf| -> Result<Input, ImportError> {
        let bytes = path.metadata().map_err(ImportError::io(&path))?.len();
        Ok(Input { path, bytes })
    };
    if !source.metadata().map_err(ImportError::io(source))?.is_dir() {
        return Ok(vec![input(source.into())?]);
    }
    let mut paths = Vec::new();
    for entry in source.read_dir().map_err(ImportError::io(source))? {
        let path = entry.map_err(ImportError::io(source))?.path();
        if has_ending(&path, &ENDINGS) && path.is_file() {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        hours(source, DEPTH_MAX, &mut paths)?;
    }
    if paths.is_empty() {
        return Err(ImportError::NoFiles { path: source.into() });
    }
    paths.sort_unstable();
    paths.into_iter().map(input).collect()
}

/// The hours in folders below `folder`.
fn hours(folder: &Path, depth: usize, into: &mut Vec<PathBuf>) -> Result<(), ImportError> {
    for entry in folder.read_dir().map_err(ImportError::io(folder))? {
        let path = entry.map_err(ImportError::io(folder))?.path();
        if into.len() >= FILES_MAX {
            return Err(ImportError::TooManyFiles { path: folder.into(), max: FILES_MAX });
        }
        if path.is_dir() && depth > 0 {
            hours(&path, depth - 1, into)?;
        } else if has_ending(&path, &["bi5"]) {
            into.push(path);
        }
    }
    Ok(())
}

/// Whose file it is, where its name alone says that it is no text.
pub(super) fn binary(stream: &Stream<'_>) -> Option<Format> {
    let name = Path::new(&stream.name);
    match () {
        () if has_ending(name, &["bi5"]) => Some(Format::Bi5),
        () if has_ending(name, &["parquet"]) => Some(Format::Parquet),
        () => None,
    }
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}

/// Hands each text of a file to `read`.
pub(super) fn each_stream(input: &Input, mut read: impl FnMut(Stream<'_>) -> Result<(), ImportError>) -> Result<(), ImportError> {
    let path = input.path.as_path();
    let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned();
    let mut file = File::open(path).map_err(ImportError::io(path))?;
    let mut head = [0; 4];
    let count = read_head(&mut file, &mut head).map_err(ImportError::io(path))?;
    std::io::Seek::rewind(&mut file).map_err(ImportError::io(path))?;
    if head[..count] != *b"PK\x03\x04" {
        let stream = Stream { label: name.clone(), path, name, bytes: input.bytes, reader: Box::new(file) };
        return read(stream);
    }
    let broken = |why: zip::result::ZipError| ImportError::WrongFormat { file: name.clone(), why: format!("it is no readable zip: {why}") };
    let mut zip = zip::ZipArchive::new(std::io::BufReader::new(file)).map_err(broken)?;
    for at in 0..zip.len() {
        let entry = zip.by_index(at).map_err(broken)?;
        if entry.is_dir() {
            continue;
        }
        let inner = entry.name().map_err(broken)?.rsplit('/').next().unwrap_or_default().to_owned();
        if !has_ending(Path::new(&inner), &INNER_ENDINGS) {
            continue;
        }
        let (label, bytes) = (format!("{name}/{inner}"), entry.size());
        read_ahead(entry.take(STREAM_BYTES_MAX), |ahead| read(Stream { label, path, name: inner, bytes, reader: Box::new(ahead) }))?;
    }
    Ok(())
}

fn read_head(reader: &mut dyn Read, head: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < head.len() {
        match reader.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The first bytes of a stream and what they tell.
pub(super) struct Sniffed {
    head: Vec<u8>,
    encoding: Encoding,
    text: String,
}

#[derive(Clone, Copy)]
enum Encoding {
    Bytes,
    Utf16(ByteOrder),
}

impl Sniffed {
    pub fn of(stream: &mut Stream<'_>) -> Result<Self, ImportError> {
        let mut head = vec![0; HEAD_BYTES];
        let count = read_head(&mut stream.reader, &mut head).map_err(ImportError::io(&stream.label))?;
        head.truncate(count);
        let (mark, encoding) = match head.as_slice() {
            [0xFF, 0xFE, ..] => (2, Encoding::Utf16(ByteOrder::Little)),
            [0xFE, 0xFF, ..] => (2, Encoding::Utf16(ByteOrder::Big)),
            [0xEF, 0xBB, 0xBF, ..] => (3, Encoding::Bytes),
            // Text in UTF-16 without its mark: the upper halves of ASCII are zero.
            [first, 0, second, 0, ..] if first.is_ascii() && second.is_ascii() => (0, Encoding::Utf16(ByteOrder::Little)),
            [0, first, 0, second, ..] if first.is_ascii() && second.is_ascii() => (0, Encoding::Utf16(ByteOrder::Big)),
            _ => (0, Encoding::Bytes),
        };
        head.drain(..mark);
        let mut text = Vec::new();
        let decoded = match encoding {
            Encoding::Bytes => head.as_slice().read_to_end(&mut text),
            Encoding::Utf16(order) => Utf16::new(head.as_slice(), order).read_to_end(&mut text),
        };
        decoded.map_err(ImportError::io(&stream.label))?;
        Ok(Self { text: String::from_utf8_lossy(&text).into_owned(), head, encoding })
    }

    /// The whole stream from its beginning, as ASCII or UTF-8.
    pub fn text<'a>(self, reader: Box<dyn Read + 'a>) -> Box<dyn Read + 'a> {
        let whole = std::io::Cursor::new(self.head).chain(reader);
        match self.encoding {
            Encoding::Bytes => Box::new(whole),
            Encoding::Utf16(order) => Box::new(Utf16::new(whole, order)),
        }
    }

    /// Whose file it is, if that can be told.
    pub fn format(&self, stream: &Stream<'_>) -> Option<Format> {
        let first = self.text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let upper = first.to_ascii_uppercase();
        match () {
            () if first.starts_with(['{', '[']) => Some(Format::Json),
            () if upper.contains("<DATE>") && upper.contains("<BID>") => Some(Format::Mt5Ticks),
            () if upper.contains("<DATE>") && upper.contains("<OPEN>") => Some(Format::Mt5Bars),
            () if upper.contains("BID") && upper.contains("ASK") => Some(Format::Csv),
            () if is_lean(stream) => Some(Format::Lean),
            () => mt5::format_without_header(first),
        }
    }

    /// Whose prices they are, if that can be told.
    pub fn symbol(&self, stream: &Stream<'_>, format: Format) -> Option<String> {
        match format {
            Format::Lean => lean_symbol(stream),
            Format::Json => json_symbol(&self.text).or_else(|| symbol_of_name(&stream.name)),
            _ => symbol_of_name(&stream.name),
        }
    }
}

fn is_lean(stream: &Stream<'_>) -> bool {
    let file = stream.path.file_name().unwrap_or_default().to_string_lossy();
    let dated = |name: &str| name.len() > 8 && name.as_bytes()[..8].iter().all(u8::is_ascii_digit);
    (dated(&stream.name) || dated(&file))
        && ["quote", "trade"].iter().any(|what| stream.name.to_ascii_lowercase().contains(what) || file.contains(what))
}

/// `20140501_eurusd_tick_quote.csv`, or a zip in a folder `tick/eurusd`, as LEAN keeps them.
fn lean_symbol(stream: &Stream<'_>) -> Option<String> {
    let of_name = stream.name.split('_').nth(1).filter(|_| stream.name.split('_').count() >= 4);
    let of_folder = || {
        let folder = stream.path.parent()?;
        (folder.parent()?.file_name()? == "tick").then_some(folder.file_name()?.to_str()?)
    };
    of_name.or_else(of_folder).map(str::to_ascii_uppercase).filter(|symbol| is_symbol(symbol))
}

fn json_symbol(head: &str) -> Option<String> {
    let after = &head[head.find("\"symbol\"")? + 8..];
    let value = after.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    Some(value[..value.find('"')?].to_owned()).filter(|symbol| is_symbol(symbol))
}

/// `XAUUSD_M1_202602….csv`, `EURUSD-2014.csv`, `GBPUSD.csv`.
pub(super) fn symbol_of_name(name: &str) -> Option<String> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let words = ["quote", "quotes", "tick", "ticks", "bar", "bars", "data", "export", "trade", "history"];
    let piece = stem.split(['_', '-', ' ']).find(|piece| piece.bytes().any(|byte| byte.is_ascii_alphabetic()))?;
    (is_symbol(piece) && !words.contains(&piece.to_ascii_lowercase().as_str())).then(|| piece.to_owned())
}

fn is_symbol(text: &str) -> bool {
    (2..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}
