//! The layering of the workspace, checked: who depends on whom is exactly what the table of crates in `ARCHITECTURE.md` says.

use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use std::collections::{BTreeMap, BTreeSet};

/// Path of a crate's folder within the workspace, `host/domain`, to the name of its package.
type Packages = BTreeMap<String, String>;

/// Name of a package to the names of those it may depend on when it is built.
type Edges = BTreeMap<String, BTreeSet<String>>;

/// The first line of the table; its third column is what is read.
const HEADER: &str = "| crate | what it does | may depend on |";

/// Reads the table. A cell of the first column names folders in backquotes, one of the third lists crates: a folder's name (below
/// `host/` where it has no slash), `all` for every crate of the host but the program and the testkit, or nothing.
/// A crate may leave out an edge it has no use for; it may not add one.
fn allowed(map: &str, packages: &Packages) -> Result<Edges, String> {
    let rows = map.lines().skip_while(|line| !line.starts_with(HEADER)).skip(2).take_while(|line| line.starts_with('|'));
    let mut edges = Edges::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [crates, _, may, ..] = cells[..] else { return Err(format!("not a row of three columns: {row}")) };
        let mut to = BTreeSet::new();
        for word in may.split(',').map(str::trim).filter(|word| !["nothing of ours", "-"].contains(word)) {
            to.extend(named(word, packages).ok_or_else(|| format!("`{word}` is no crate of the workspace: {row}"))?);
        }
        for folder in crates.split('`').skip(1).step_by(2) {
            if let Some(kind) = folder.strip_suffix("/*") {
                let below = packages.iter().filter(|(path, _)| path.starts_with(kind));
                edges.extend(below.map(|(_, name)| (name.clone(), to.clone())));
            } else {
                let name = packages.get(folder).ok_or_else(|| format!("there is no crate in `{folder}`: {row}"))?;
                edges.insert(name.clone(), to.clone());
            }
        }
    }
    if edges.is_empty() { Err(format!("ARCHITECTURE.md has no table that begins with `{HEADER}`")) } else { Ok(edges) }
}

/// The packages that a word of the third column means.
fn named(word: &str, packages: &Packages) -> Option<Vec<String>> {
    if word == "all" {
        let host = packages.iter().filter(|(path, _)| path.starts_with("host/"));
        let built = host.filter(|(path, _)| !["host/stockade", "host/testkit"].contains(&path.as_str()));
        return Some(built.map(|(_, name)| name.clone()).collect());
    }
    packages.get(word).or_else(|| packages.get(&format!("host/{word}"))).map(|name| vec![name.clone()])
}

/// What tests may depend on besides: the testkit, the paper broker and anything of the SDK, never the binary or the API.
const DEV: &[&str] = &[
    "stockade-testkit",
    "stockade-sdk",
    "stockade-build",
    "stockade-paper",
    "stockade-market",
    "stockade-sandbox",
    "ema-cross",
    "scalper",
];

fn ours<'a>(package: &'a Package, names: &BTreeSet<&str>, dev: bool) -> Vec<&'a str> {
    let wanted = package.dependencies.iter().filter(|dependency| (dependency.kind == DependencyKind::Development) == dev);
    wanted.map(|dependency| dependency.name.as_str()).filter(|name| names.contains(name)).collect()
}

#[test]
fn crates_depend_only_on_what_the_architecture_allows() {
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata");
    let packages = metadata.workspace_packages();
    let names: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let folder = |package: &Package| {
        let folder = package.manifest_path.parent().expect("a manifest lies in a folder");
        folder.strip_prefix(&metadata.workspace_root).expect("below the workspace").as_str().to_owned()
    };
    let folders = packages.iter().map(|package| (folder(package), package.name.to_string())).collect();
    let map = std::fs::read_to_string(metadata.workspace_root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let allowed = allowed(&map, &folders).unwrap_or_else(|wrong| panic!("{wrong}"));
    let mut wrong = Vec::new();
    for package in &packages {
        let name = package.name.as_str();
        let Some(may) = allowed.get(name) else {
            wrong.push(format!("{name} has no row in the table of crates in ARCHITECTURE.md"));
            continue;
        };
        let built = ours(package, &names, false).into_iter().filter(|to| !may.contains(*to));
        wrong.extend(built.map(|to| format!("{name} -> {to}")));
        let dev = ours(package, &names, true).into_iter().filter(|to| !may.contains(*to) && !DEV.contains(to) && *to != name);
        wrong.extend(dev.map(|to| format!("{name} -> {to} (tests)")));
    }
    assert!(wrong.is_empty(), "edges that ARCHITECTURE.md does not have: {wrong:#?}");
}

#[test]
fn a_map_that_names_what_is_not_there_is_told() {
    let packages = Packages::from([("host/domain".into(), "stockade-domain".into())]);
    let table = |row: &str| format!("# The map\n\n{HEADER} refuses |\n| --- | --- | --- | --- |\n{row}\n");
    let read = |row: &str| allowed(&table(row), &packages);
    assert!(read("| `host/mt5` | x | domain | y |").unwrap_err().contains("no crate in `host/mt5`"));
    assert!(read("| `host/domain` | x | files | y |").unwrap_err().contains("`files` is no crate"));
    assert!(allowed("# No table", &packages).unwrap_err().contains("has no table"));
}

/// Which third-party crate is confined to which of ours.
const CONFINED: [(&str, &[&str]); 6] = [
    ("wasmtime", &["stockade-sandbox"]),
    ("sqlx", &["stockade-store"]),
    ("axum", &["stockade-api"]),
    ("hyper", &["stockade-api"]),
    ("tokio", &["stockade-store", "stockade-api", "stockade"]),
    ("arrow-array", &["stockade-market"]),
];

#[test]
fn heavy_dependencies_stay_behind_their_crate() {
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata");
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        for (heavy, home) in CONFINED {
            let built = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
            let named = built.map(|dependency| dependency.name.as_str()).any(|name| name == heavy);
            if named && !home.contains(&package.name.as_str()) {
                wrong.push(format!("{} -> {heavy}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "dependencies that belong elsewhere: {wrong:#?}");
}
