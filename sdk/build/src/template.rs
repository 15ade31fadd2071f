//! The project that `stockade strategy new` writes.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// The longest name, in bytes: it becomes a file's name and a crate's.
const NAME_BYTES_MAX: usize = 64;

/// Where a new project takes `stockade-sdk` from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SdkSource {
    /// A checked-out `sdk` folder.
    Path(PathBuf),
    /// A published version, such as `0.1`.
    Version(String),
}

impl SdkSource {
    fn dependency(&self) -> Result<String> {
        Ok(match self {
            SdkSource::Path(path) => {
                let path = path.canonicalize().with_context(|| format!("there is no SDK at {}", path.display()))?;
                ensure!(path.join("wit/strategy.wit").is_file(), "{} is not a Stockade SDK", path.display());
                format!("{{ path = {:?} }}", path.display().to_string())
            }
            SdkSource::Version(version) => format!("{version:?}"),
        })
    }
}

/// Writes a project for a strategy called `name` into the folder `parent/name`, and gives the paths of its files.
///
/// # Errors
/// When the name cannot be a crate's, the folder exists already, the SDK is not there, or a file cannot be written.
pub fn template(parent: &Path, name: &str, sdk: &SdkSource) -> Result<Vec<PathBuf>> {
    let first = name.starts_with(|letter: char| letter.is_ascii_lowercase());
    let rest = name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
    ensure!(
        first && rest && name.len() <= NAME_BYTES_MAX,
        "`{name}` cannot be a strategy's name; use lower case letters, digits and -, starting with a letter, at most 64"
    );
    let folder = parent.join(name);
    ensure!(!folder.exists(), "{} exists already; choose another name", folder.display());
    let dependency = sdk.dependency()?;
    let fill = |text: &str| text.replace("{{name}}", name).replace("{{crate}}", &name.replace('-', "_")).replace("{{sdk}}", &dependency);
    let files = [
        ("Cargo.toml", include_str!("../template/Cargo.toml.txt")),
        (".gitignore", include_str!("../template/gitignore.txt")),
        ("README.md", include_str!("../template/README.md.txt")),
        ("src/lib.rs", include_str!("../template/lib.rs.txt")),
        ("tests/behaviour.rs", include_str!("../template/behaviour.rs.txt")),
    ];
    for (file, text) in files {
        crate::write_whole(&folder.join(file), fill(text).as_bytes())?;
    }
    Ok(files.map(|(file, _)| folder.join(file)).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        template(folder.path(), name, &SdkSource::Version("0.1".into())).expect_err("refused").to_string()
    }

    #[test]
    fn a_name_that_is_no_crates_name_is_refused() {
        for name in ["", "../evil", "Big", "1st", "a b", &"a".repeat(65)] {
            assert!(refused(name).contains("cannot be a strategy's name"), "{name}");
        }
    }

    #[test]
    fn an_existing_folder_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let sdk = SdkSource::Version("0.1".into());
        template(folder.path(), "mine", &sdk).expect("the first one");
        assert!(template(folder.path(), "mine", &sdk).expect_err("the second").to_string().contains("exists already"));
    }

    #[test]
    fn every_placeholder_is_filled() {
        let folder = tempfile::tempdir().expect("a folder");
        for path in template(folder.path(), "my-idea", &SdkSource::Version("0.1".into())).expect("written") {
            let text = std::fs::read_to_string(&path).expect("a file");
            assert!(!text.contains("{{"), "{}", path.display());
        }
    }

    #[test]
    fn a_folder_that_is_no_sdk_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let sdk = SdkSource::Path(folder.path().to_owned());
        assert!(template(folder.path(), "mine", &sdk).expect_err("no SDK").to_string().contains("not a Stockade SDK"));
        assert!(!folder.path().join("mine").exists());
    }
}
