//! Names of files and folders.

/// A symbol's spec in its folder.
pub(super) const SPEC: &str = "spec.json";

/// Letters that stand for themselves in a folder's name on every file system.
fn plain(byte: u8, first: bool) -> bool {
    byte.is_ascii_alphanumeric() || b"_-+#".contains(&byte) || (byte == b'.' && !first)
}

/// Brokers put dots, slashes and spaces into names; whatever is not plain is written as `%` and two hexadecimal digits.
pub(super) fn folder_of_symbol(symbol: &str) -> String {
    let mut folder = String::with_capacity(symbol.len());
    for (at, byte) in symbol.bytes().enumerate() {
        if plain(byte, at == 0) {
            folder.push(char::from(byte));
        } else {
            folder.push_str(&format!("%{byte:02X}"));
        }
    }
    folder
}

/// The inverse; `None` for a folder that isn't a symbol's.
pub(super) fn symbol_of_folder(folder: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(folder.len());
    let mut rest = folder.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let code = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(code, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    let symbol = String::from_utf8(bytes).ok()?;
    (!symbol.is_empty() && folder_of_symbol(&symbol) == folder).then_some(symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_own_folder_inside_the_store() {
        for (symbol, folder) in [
            ("EURUSD", "EURUSD"),
            ("EURUSD.a", "EURUSD.a"),
            ("#AAPL", "#AAPL"),
            ("BTC/USD", "BTC%2FUSD"),
            ("..", "%2E."),
            ("../../etc", "%2E.%2F..%2Fetc"),
            ("a%2Fb", "a%252Fb"),
            ("é", "%C3%A9"),
        ] {
            assert_eq!(folder_of_symbol(symbol), folder);
            assert_eq!(symbol_of_folder(folder).as_deref(), Some(symbol));
        }
        for not_ours in [".import-1", "lost+found/x", "%", "%zz", "%ff", "%2f"] {
            assert_eq!(symbol_of_folder(not_ours), None, "{not_ours}");
        }
    }
}
