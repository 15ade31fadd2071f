//! The SDK that travels with the program.
//!
//! A project takes it along in a folder of its own, so that it builds wherever it is copied or cloned to, and goes on building
//! against the version that it was tested with.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use toml::{Table, Value};

include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// The folder of a project that holds the SDK.
pub(crate) const FOLDER: &str = "stockade-sdk";

/// The file by which a folder is known to be the SDK.
const MARK: &str = "wit/strategy.wit";

const WORKSPACE: &str = include_str!("../../../Cargo.toml");

/// Manifests, which in this workspace take versions from its root.
const MANIFESTS: [(&str, &str); 2] =
    [("Cargo.toml", include_str!("../../Cargo.toml")), ("derive/Cargo.toml", include_str!("../../derive/Cargo.toml"))];

/// Whether a folder is an SDK.
pub(crate) fn is_sdk(folder: &Path) -> bool {
    folder.join(MARK).is_file()
}

/// Writes the SDK that this program carries into the folder `stockade-sdk` of `project`, in the place of the one that is there, and
/// gives its path.
///
/// # Errors
/// The folder is there and is something else, or it cannot be written.
pub fn write_sdk(project: &Path) -> Result<PathBuf> {
    let folder = project.join(FOLDER);
    ensure!(!folder.exists() || is_sdk(&folder), "{} is there and is not a Stockade SDK; move it away first", folder.display());
    let cannot = || format!("cannot write {}", folder.display());
    // Beside its place until it is whole.
    let beside = tempfile::Builder::new().prefix(".stockade-sdk-").tempdir_in(project).with_context(cannot)?;
    let new = beside.path().join("new");
    for (name, text) in SOURCES {
        crate::write_whole(&new.join(name), text.as_bytes())?;
    }
    for (name, text) in MANIFESTS {
        crate::write_whole(&new.join(name), standalone(text).to_string().as_bytes())?;
    }
    crate::write_whole(&new.join("LICENSE"), include_bytes!("../../../LICENSE"))?;
    if folder.exists() {
        std::fs::rename(&folder, beside.path().join("old")).with_context(cannot)?;
    }
    std::fs::rename(&new, &folder).with_context(cannot)?;
    Ok(folder)
}

/// The manifest of a package of this workspace, as it must read outside it.
fn standalone(manifest: &str) -> Table {
    let workspace: Table = WORKSPACE.parse().expect("cargo has read it");
    let mut manifest: Table = manifest.parse().expect("cargo has read it");
    manifest.remove("lints");
    for section in ["package", "dependencies"] {
        let inherited = &workspace["workspace"][section];
        let Some(values) = manifest.get_mut(section).and_then(Value::as_table_mut) else { continue };
        for (name, value) in values {
            if value.get("workspace").is_some() {
                *value = from_the_sdk(&inherited[name.as_str()]);
            }
        }
    }
    manifest
}

/// A value of the workspace's root; paths in it begin at the SDK's folder instead.
fn from_the_sdk(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(Value::String(path)) = value.get_mut("path")
        && let Some(below) = path.strip_prefix("sdk/")
    {
        *path = below.to_owned();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifests_need_no_workspace_and_name_what_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let sdk = write_sdk(folder.path()).expect("written");
        for (manifest, package) in [("Cargo.toml", "stockade-sdk"), ("derive/Cargo.toml", "stockade-sdk-derive")] {
            let text = std::fs::read_to_string(sdk.join(manifest)).expect("a file");
            assert!(!text.contains("workspace") && text.contains(&format!("name = \"{package}\"")), "{text}");
            assert!(!text.contains("path = ") || text.contains("path = \"derive\""), "{text}");
        }
        for file in ["src/lib.rs", "src/indicators/mod.rs", "derive/src/lib.rs", MARK, "LICENSE"] {
            assert!(sdk.join(file).is_file(), "{file}");
        }
    }

    #[test]
    fn an_older_one_is_replaced_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let sdk = write_sdk(folder.path()).expect("written");
        std::fs::write(sdk.join("src/of_before.rs"), "").expect("written");
        write_sdk(folder.path()).expect("written again");
        assert!(is_sdk(&sdk) && !sdk.join("src/of_before.rs").exists());
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);

        std::fs::remove_file(sdk.join(MARK)).expect("it was there");
        assert!(write_sdk(folder.path()).expect_err("somebody's").to_string().contains("is not a Stockade SDK"));
    }
}
