//! The project that `stockade strategy new` writes.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::sdk;

/// The longest name, in bytes: it becomes a file's name and a crate's.
const NAME_BYTES_MAX: usize = 64;

/// Names of crates that a project's tests could not name: Rust's own words, and crates that are always there.
#[rustfmt::skip]
const TAKEN: [&str; 56] = [
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "const", "continue", "core", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut",
    "override", "priv", "proc_macro", "pub", "ref", "return", "self", "static", "std", "struct", "super", "test", "trait", "true", "try",
    "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Where a new project takes `stockade-sdk` from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SdkSource {
    /// A copy in the project's own folder, of the SDK that this program carries.
    Carried,
    /// An `sdk` folder elsewhere.
    Path(PathBuf),
}

impl SdkSource {
    fn dependency(&self) -> Result<String> {
        let path = match self {
            SdkSource::Carried => sdk::FOLDER.to_owned(),
            SdkSource::Path(path) => {
                let way_out = "--sdk or STOCKADE_SDK must name an `sdk` folder; without them the project gets its own copy";
                let path = path.canonicalize().with_context(|| format!("there is no SDK at {}: {way_out}", path.display()))?;
                ensure!(sdk::is_sdk(&path), "{} is not a Stockade SDK: {way_out}", path.display());
                path.display().to_string()
            }
        };
        Ok(format!("{{ path = {path:?} }}"))
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
    ensure!(!name.starts_with(sdk::FOLDER), "`{name}` is the SDK's own name; choose another");
    let folder = parent.join(name);
    ensure!(!folder.exists(), "{} exists already; choose another name", folder.display());
    let dependency = sdk.dependency()?;
    let crate_name = crate_name(name);
    let fill = |text: &str| text.replace("{{name}}", name).replace("{{crate}}", &crate_name).replace("{{sdk}}", &dependency);
    let files = [
        ("Cargo.toml", include_str!("../template/Cargo.toml.txt")),
        (".gitignore", include_str!("../template/gitignore.txt")),
        ("clippy.toml", include_str!("../template/clippy.toml.txt")),
        ("README.md", include_str!("../template/README.md.txt")),
        ("src/lib.rs", include_str!("../template/lib.rs.txt")),
        ("tests/behaviour.rs", include_str!("../template/behaviour.rs.txt")),
    ];
    for (file, text) in files {
        crate::write_whole(&folder.join(file), fill(text).as_bytes())?;
    }
    let mut paths = files.map(|(file, _)| folder.join(file)).to_vec();
    if *sdk == SdkSource::Carried {
        paths.push(sdk::write_sdk(&folder)?);
    }
    Ok(paths)
}

/// What the project's tests call its crate.
fn crate_name(name: &str) -> String {
    let name = name.replace('-', "_");
    if TAKEN.contains(&name.as_str()) { format!("{name}_strategy") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        template(folder.path(), name, &SdkSource::Carried).expect_err("refused").to_string()
    }

    #[test]
    fn a_name_that_is_no_crates_name_is_refused() {
        for name in ["", "../evil", "Big", "1st", "a b", &"a".repeat(65)] {
            assert!(refused(name).contains("cannot be a strategy's name"), "{name}");
        }
        assert!(refused("stockade-sdk").contains("the SDK's own name"));
    }

    #[test]
    fn an_existing_folder_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let sdk = SdkSource::Carried;
        template(folder.path(), "mine", &sdk).expect("the first one");
        assert!(template(folder.path(), "mine", &sdk).expect_err("the second").to_string().contains("exists already"));
    }

    #[test]
    fn every_placeholder_is_filled() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = template(folder.path(), "my-idea", &SdkSource::Carried).expect("written");
        for path in paths.iter().filter(|path| path.is_file()) {
            let text = std::fs::read_to_string(path).expect("a file");
            assert!(!text.contains("{{"), "{}", path.display());
        }
    }

    #[test]
    fn a_folder_that_is_no_sdk_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let sdk = SdkSource::Path(folder.path().to_owned());
        let why = template(folder.path(), "mine", &sdk).expect_err("no SDK").to_string();
        assert!(why.contains("not a Stockade SDK") && why.contains("--sdk or STOCKADE_SDK"), "{why}");
        assert!(!folder.path().join("mine").exists());
    }
}
