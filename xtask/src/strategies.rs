//! The sample strategies, and the hostile ones that tests and the demo need.

use crate::cargo::{say, workspace};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use stockade_build::{Built, Imports, Options, build};

/// Builds every strategy below `strategies/` into a component, in order of name.
///
/// # Errors
/// The first that does not build, in the compiler's words.
pub fn build_all() -> Result<Vec<Built>> {
    build_each(|_| true)
}

/// Builds the strategies in folders of these names, and no others.
///
/// # Errors
/// The first that does not build, in the compiler's words.
pub fn build_named(names: &[&str]) -> Result<Vec<Built>> {
    build_each(|folder| names.iter().any(|name| folder.ends_with(name)))
}

fn build_each(wanted: impl Fn(&Path) -> bool) -> Result<Vec<Built>> {
    let mut built = Vec::new();
    for folder in folders(&workspace().join("strategies"))?.into_iter().filter(|folder| wanted(folder)) {
        let name = folder.strip_prefix(workspace()).unwrap_or(&folder).display().to_string();
        say(&format!("building {name}"));
        let strategy = build(&folder, &options(&folder)).with_context(|| format!("{name} can't be built"))?;
        println!("{:>10} bytes  {}", strategy.component.len(), strategy.path.display());
        built.push(strategy);
    }
    Ok(built)
}

/// A hostile strategy may import what a host must refuse.
fn options(folder: &Path) -> Options {
    let hostile = folder.components().any(|part| part.as_os_str() == "hostile");
    Options { imports: if hostile { Imports::Unchecked } else { Imports::Granted }, ..Options::default() }
}

/// The folders with a crate in them, two levels deep.
fn folders(below: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(below).with_context(|| format!("cannot list {}", below.display()))? {
        let folder = entry?.path();
        if !folder.is_dir() || folder.ends_with("target") {
            continue;
        }
        if std::fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|manifest| manifest.contains("[package]")) {
            found.push(folder);
        } else {
            found.extend(folders(&folder)?);
        }
    }
    found.sort();
    Ok(found)
}
