//! Files within files: whatever is packed with zip, gzip or zstd is unpacked while it is read, told by its first bytes.

use super::ahead::read_ahead;
use super::error::ImportError;
use super::inputs::{Input, is_hidden, is_readable};
use super::source::Stream;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use zip::result::ZipError;

/// More text than any tick file holds; what unpacks to more is not one.
const STREAM_BYTES_MAX: u64 = 64 << 30;
/// Packed within packed within packed: a `.csv.gz` in a zip is as deep as files come.
const DEPTH_MAX: u32 = 3;
/// Enough to tell any packing and any binary format.
const HEAD_BYTES: usize = 512;
/// About how many bytes one byte of packed text becomes, for progress.
const TIMES_PACKED: u64 = 5;

/// Reads one stream.
type Reading<'a> = dyn FnMut(Stream<'_>) -> Result<(), ImportError> + 'a;

/// Hands each file that `input` is or holds to `read`.
pub(super) fn each_stream(input: &Input, read: &mut Reading<'_>) -> Result<(), ImportError> {
    let mut file = File::open(&input.path).map_err(ImportError::io(&input.path))?;
    let head = head_of(&mut file).map_err(ImportError::io(&input.path))?;
    file.rewind().map_err(ImportError::io(&input.path))?;
    if Packing::of(&head) == Packing::Zip {
        return each_in_zip(input, file, read);
    }
    let name = name_of(&input.path);
    let stream = Stream {
        label: input.label.clone(),
        path: &input.path,
        inner: input.path.clone(),
        name,
        bytes: input.bytes,
        is_packed: false,
        head,
        reader: Box::new(file),
    };
    unpacked(stream, 0, read)
}

fn each_in_zip(input: &Input, file: File, read: &mut Reading<'_>) -> Result<(), ImportError> {
    let broken = |error: ZipError| {
        let why = match error {
            ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => "it is locked with a password; unpack it first".into(),
            error => format!("it is no readable zip: {error}"),
        };
        ImportError::WrongFormat { file: input.label.clone(), why }
    };
    let mut zip = zip::ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let mut passed_over = 0;
    for at in 0..zip.len() {
        let mut entry = zip.by_index(at).map_err(broken)?;
        if entry.is_dir() {
            continue;
        }
        let within = PathBuf::from(entry.name().map_err(broken)?.into_owned());
        if !is_readable(&within) || within.iter().any(|part| is_hidden(Path::new(part))) {
            passed_over += 1;
            continue;
        }
        let name = name_of(&within);
        let (label, bytes) = (format!("{}/{}", input.label, within.display()), entry.size());
        let head = head_of(&mut entry).map_err(ImportError::io(&label))?;
        let inner = input.path.parent().unwrap_or(Path::new("")).join(&within);
        let whole = Cursor::new(head.clone()).chain(entry).take(STREAM_BYTES_MAX);
        read_ahead(whole, |ahead| {
            let reader = Box::new(ahead);
            unpacked(Stream { label, path: &input.path, inner, name, bytes, is_packed: true, head, reader }, 1, read)
        })?;
    }
    if passed_over > 0 && passed_over == zip.len() {
        let why = "nothing in it ends like a file of ticks or bars (.csv, .json, .bi5, .parquet ...)".into();
        return Err(ImportError::WrongFormat { file: input.label.clone(), why });
    }
    Ok(())
}

/// Unpacks what is packed in itself, and reads it.
fn unpacked(stream: Stream<'_>, depth: u32, read: &mut Reading<'_>) -> Result<(), ImportError> {
    let refused = |why: String| Err(ImportError::WrongFormat { file: stream.label.clone(), why });
    let packing = Packing::of(&stream.head);
    match packing {
        Packing::None => return read(stream),
        Packing::Gzip | Packing::Zstd if depth < DEPTH_MAX => {}
        Packing::Gzip | Packing::Zstd | Packing::Zip => return refused("it is packed more than once; unpack the outer file first".into()),
        Packing::Unread(tool) => return refused(format!("it is packed with {tool}, which import does not unpack; unpack it first")),
    }
    let damaged = ImportError::io(stream.label.clone());
    let Stream { label, path, inner, name, bytes, reader, .. } = stream;
    let reader: Box<dyn Read + Send> = if packing == Packing::Gzip {
        Box::new(MultiGzDecoder::new(BufReader::new(reader)))
    } else {
        Box::new(zstd::Decoder::new(reader).map_err(damaged)?)
    };
    let strip = |name: &str| {
        let endings = [".gz", ".gzip", ".zst", ".zstd"];
        let is_ending = |ending: &&str| name.to_ascii_lowercase().ends_with(*ending);
        endings.iter().find(|ending| is_ending(ending)).map_or(name, |ending| &name[..name.len() - ending.len()]).to_owned()
    };
    let (name, inner) = (strip(&name), inner.with_file_name(strip(&name_of(&inner))));
    let mut reader = reader.take(STREAM_BYTES_MAX);
    let head = head_of(&mut reader).map_err(ImportError::io(&label))?;
    let bytes = bytes.saturating_mul(TIMES_PACKED);
    read_ahead(Cursor::new(head.clone()).chain(reader), |ahead| {
        unpacked(Stream { label, path, inner, name, bytes, is_packed: true, head, reader: Box::new(ahead) }, depth + 1, read)
    })
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy()).into_owned()
}

/// The first bytes, as many as there are.
fn head_of(reader: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    reader.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    None,
    Zip,
    Gzip,
    Zstd,
    /// In a way that is known and not read.
    Unread(&'static str),
}

impl Packing {
    fn of(head: &[u8]) -> Self {
        match head {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            [0x1F, 0x8B, ..] => Self::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Unread("bzip2"),
            [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Self::Unread("xz"),
            [b'7', b'z', 0xBC, 0xAF, ..] => Self::Unread("7-Zip"),
            [b'R', b'a', b'r', b'!', ..] => Self::Unread("RAR"),
            _ if head.get(257..262) == Some(b"ustar") => Self::Unread("tar"),
            _ => Self::None,
        }
    }
}
