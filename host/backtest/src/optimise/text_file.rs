//! Texts as MetaTrader writes them: UTF-16 with its mark, plain ASCII, or an "ANSI" code page; and the other encodings that editors
//! make of them. Names and numbers are ASCII in each.

/// How a text was, or is to be, written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Little endian with a byte order mark, lines ending in CR LF: what MT5 writes.
    #[default]
    Utf16,
    /// Without a mark, lines ending in LF.
    Utf8,
}

/// Settings files are a few kilobytes.
const BYTES_MAX: usize = 4 << 20;

/// The text of a file in whichever of the usual encodings.
///
/// # Errors
/// It is in none of them, or far too large to be a settings file.
pub fn decode(bytes: &[u8]) -> Result<String, String> {
    if bytes.len() > BYTES_MAX {
        return Err(format!("it has {} bytes; a settings file has a few thousand", bytes.len()));
    }
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest),
        // Without its mark: the upper halves of ASCII are zero.
        [first, 0, ..] if *first != 0 => utf16(bytes, u16::from_le_bytes),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) if bytes.contains(&0) => Err("it holds bytes of value 0 and is no text; save it as UTF-8".to_owned()),
        // No file says which code page it is in: comments and texts of others look wrong, and say the same of every number.
        Err(_) => Ok(bytes.iter().map(|&byte| windows_1252(byte)).collect()),
    }
}

/// The character of a byte in Windows-1252, which is Latin-1 but for these.
fn windows_1252(byte: u8) -> char {
    const FROM_80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•',
        '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    byte.checked_sub(0x80).and_then(|at| FROM_80.get(usize::from(at))).copied().unwrap_or(char::from(byte))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    if !bytes.len().is_multiple_of(2) {
        return Err("it ends in the middle of a UTF-16 character".to_owned());
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16(&units).map_err(|_| "it starts like UTF-16 and is not".to_owned())
}

/// `text`, whose lines end in `\n`, as bytes of a file.
pub fn encode(text: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Utf16 => {
            let units = "\u{FEFF}".encode_utf16().chain(text.chars().flat_map(|c| match c {
                '\n' => vec![0x0D, 0x0A],
                other => other.encode_utf16(&mut [0; 2]).to_vec(),
            }));
            units.flat_map(u16::to_le_bytes).collect()
        }
    }
}
