//! One stream of a source, and the first look at it.

use super::Format;
use super::error::ImportError;
use super::inputs::has_ending;
use super::lines::{ByteOrder, Utf16};
use super::specs::spec_for;
use std::io::Read;
use std::path::{Path, PathBuf};

const HEAD_BYTES: usize = 8 * 1024;

/// One text or table: a file, or a file that another one holds.
pub(super) struct Stream<'a> {
    /// What messages call it: the file's name, and that inside the zip.
    pub label: String,
    /// The file on disk.
    pub path: &'a Path,
    /// Where it would lie if nothing were packed.
    pub inner: PathBuf,
    /// The innermost name.
    pub name: String,
    /// Size of the text, as far as known.
    pub bytes: u64,
    /// Whether the file on disk is another one, which holds it.
    pub is_packed: bool,
    /// Its first bytes, which `reader` gives too.
    pub head: Vec<u8>,
    pub reader: Box<dyn Read + Send + 'a>,
}

/// Whose file it is, where its name or its first bytes say that it is no text.
pub(super) fn binary(stream: &Stream<'_>) -> Option<Format> {
    let name = Path::new(&stream.name);
    match () {
        () if has_ending(name, &["bi5"]) => Some(Format::Bi5),
        () if has_ending(name, &["parquet", "pq"]) || stream.head.starts_with(b"PAR1") => Some(Format::Parquet),
        () => None,
    }
}

/// What a stream is that no tool for ticks wrote: a page that a server sent in the place of a file.
pub(super) fn page(stream: &Stream<'_>) -> Option<&'static str> {
    let text = String::from_utf8_lossy(&stream.head).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    let is = |beginnings: &[&str]| beginnings.iter().any(|beginning| text.starts_with(beginning));
    match () {
        () if is(&["<!doctype html", "<html", "<head", "<body", "<title"]) => Some("a web page (HTML), probably a server's error"),
        () if is(&["<?xml", "<error"]) => Some("an XML document, probably a server's error"),
        () => None,
    }
}

/// A kind of table that is not read.
pub(super) fn other_table(stream: &Stream<'_>) -> Option<&'static str> {
    match stream.head.as_slice() {
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Some("a Feather file"),
        [0x89, b'H', b'D', b'F', ..] => Some("an HDF5 file"),
        _ => None,
    }
}

/// Whose prices a stream is of, as its name or the folders above it say.
pub(super) fn symbol_of(stream: &Stream<'_>) -> Option<String> {
    let of_folder = || {
        let folders = stream.inner.ancestors().skip(1).filter_map(|folder| folder.file_name()?.to_str());
        folders.take(FOLDERS_MAX).find(|folder| spec_for(folder).is_some()).map(str::to_owned)
    };
    let of_name = symbol_of_name(&stream.name);
    match of_name {
        Some(symbol) if spec_for(&symbol).is_some() => Some(symbol),
        other => of_folder().or(other),
    }
}

/// Folders above a file that may name its symbol: year, month, day and resolution come between.
const FOLDERS_MAX: usize = 5;

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

    /// Whether it is JSON.
    pub fn is_json(&self) -> bool {
        self.text.trim_start().starts_with(['{', '['])
    }

    /// Whose prices they are, if that can be told.
    pub fn json_symbol(&self, stream: &Stream<'_>) -> Option<String> {
        json_symbol(&self.text).or_else(|| symbol_of(stream))
    }
}

fn json_symbol(head: &str) -> Option<String> {
    let after = &head[head.find("\"symbol\"")? + 8..];
    let value = after.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    Some(value[..value.find('"')?].to_owned()).filter(|symbol| is_symbol(symbol))
}

/// `XAUUSD_M1_202602….csv`, `EURUSD-2014.csv`, `DAT_ASCII_EURUSD_T_202401.csv`, `EUR_USD.csv`: the piece that is a known symbol,
/// or else the first one that is not a word such names are made of.
pub(super) fn symbol_of_name(name: &str) -> Option<String> {
    const WORDS: [&str; 27] = [
        "quote", "quotes", "tick", "ticks", "bar", "bars", "data", "export", "trade", "trades", "history", "dat", "ascii", "mt4", "mt5",
        "ms", "bid", "ask", "candle", "candles", "utc", "gmt", "csv", "fx", "forex", "part", "nt",
    ];
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let pieces: Vec<&str> =
        stem.split(['_', '-', ' ', ',', '=']).filter(|piece| piece.bytes().any(|byte| byte.is_ascii_alphabetic())).collect();
    let known = pieces.iter().find(|piece| spec_for(piece).is_some()).map(|piece| (*piece).to_owned());
    // The two currencies of a pair, apart.
    let joined = || {
        // Codes of coins have two to five letters: `BTC_USDT-5m.json`.
        let is_code = |piece: &&str| (2..=5).contains(&piece.len());
        let pair = |two: &[&str]| two.iter().all(is_code).then(|| two.concat()).filter(|pair| spec_for(pair).is_some());
        pieces.windows(2).find_map(pair)
    };
    let other = || {
        let piece = *pieces.iter().find(|piece| !WORDS.contains(&piece.to_ascii_lowercase().as_str()))?;
        is_symbol(piece).then(|| piece.to_owned())
    };
    known.or_else(joined).or_else(other)
}

pub(super) fn is_symbol(text: &str) -> bool {
    (2..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}
