//! The operator's token: what requests to a host carry.

use super::Config;
use crate::exit::{Exit, Failure, Outcome};
use files::Readers;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

/// Shortest token, characters: 32 hexadecimal digits are 128 bits.
pub const BYTES_MIN: usize = 32;

fn file(config: &Config) -> PathBuf {
    config.data_dir.join("operator.token")
}

/// The token of the configuration, or of the data folder, where one is made if missing.
///
/// # Errors
/// The file can't be read or written.
pub fn operator_token(config: &Config) -> Outcome<String> {
    if let Some(token) = existing_token(config)? {
        return Ok(token);
    }
    let path = file(config);
    let token = random_token()?;
    files::write(&path, Readers::Owner, token.as_bytes()).map_err(|error| Failure::io("write the operator's token to", &path, &error))?;
    Ok(token)
}

/// The token of the configuration, or of the data folder where there is one.
///
/// # Errors
/// The file can't be read, or holds no token.
pub fn existing_token(config: &Config) -> Outcome<Option<String>> {
    if !config.operator_token.is_empty() {
        return Ok(Some(config.operator_token.clone()));
    }
    let path = file(config);
    match fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= BYTES_MIN => Ok(Some(text.trim().to_owned())),
        // As a host leaves it that dies while it makes one, or a disk that was full: nobody has this token.
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(_) => Err(Failure::new(Exit::Usage, format_args!("{} holds no token; delete it and the host makes a new one", path.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::io("read the operator's token in", &path, &error)),
    }
}

/// 64 hexadecimal digits that nobody can guess.
///
/// # Errors
/// The machine has no random numbers.
pub fn random_token() -> Outcome<String> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; 32];
    File::open(source).and_then(|mut file| file.read_exact(&mut bytes)).map_err(|error| Failure::io("read", source, &error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_token_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config { data_dir: folder.path().into(), ..Config::default() };
        assert_eq!(existing_token(&config).expect("no file is fine"), None);
        let token = operator_token(&config).expect("it is made");
        assert_eq!(token.len(), 64);
        assert_eq!(operator_token(&config).expect("it is kept"), token);
        let mode = fs::metadata(file(&config)).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(file(&config), "x").expect("it can be written");
        assert!(operator_token(&config).expect_err("too short").message.contains("holds no token"));
        fs::write(file(&config), "").expect("it can be written");
        let mended = operator_token(&config).expect("an empty one is made again");
        assert_eq!((mended.len(), existing_token(&config).expect("it is kept")), (64, Some(mended.clone())));
    }
}
