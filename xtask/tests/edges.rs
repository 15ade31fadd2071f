//! The layering of the workspace, checked: who depends on whom is exactly what `ARCHITECTURE.md` says.

use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use std::collections::{BTreeMap, BTreeSet};

type Edges = BTreeMap<&'static str, &'static [&'static str]>;

/// Edges of the built program. A crate may leave out an edge it has no use for; it may not add one.
fn allowed() -> Edges {
    BTreeMap::from([
        ("stockade-domain", [].as_slice()),
        ("stockade-files", &[]),
        ("stockade-sandbox", &["stockade-domain", "stockade-files"]),
        ("stockade-market", &["stockade-domain", "stockade-files"]),
        ("stockade-paper", &["stockade-domain"]),
        ("stockade-mt5", &["stockade-domain"]),
        ("stockade-record", &["stockade-domain", "stockade-files"]),
        ("stockade-store", &["stockade-domain", "stockade-files"]),
        ("stockade-engine", &["stockade-domain"]),
        ("stockade-testkit", &["stockade-domain", "stockade-sdk", "stockade-build"]),
        ("stockade-backtest", &["stockade-domain", "stockade-files", "stockade-market", "stockade-paper"]),
        ("stockade-api", &["stockade-domain", "stockade-engine", "stockade-store", "stockade-backtest"]),
        (
            "stockade",
            &[
                "stockade-api",
                "stockade-backtest",
                "stockade-build",
                "stockade-domain",
                "stockade-engine",
                "stockade-files",
                "stockade-market",
                "stockade-mt5",
                "stockade-paper",
                "stockade-record",
                "stockade-sandbox",
                "stockade-store",
            ],
        ),
        ("stockade-sdk", &["stockade-sdk-derive"]),
        ("stockade-sdk-derive", &[]),
        ("stockade-build", &[]),
        ("xtask", &["stockade-build"]),
    ])
}

/// What a strategy may depend on.
const STRATEGY: &[&str] = &["stockade-sdk"];

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
    let allowed = allowed();
    let mut wrong = Vec::new();
    for package in &packages {
        let name = package.name.as_str();
        let strategy = package.manifest_path.components().any(|part| part.as_str() == "strategies");
        let Some(may) = allowed.get(name).copied().or(strategy.then_some(STRATEGY)) else {
            wrong.push(format!("{name} has no place in the architecture; give it one here and in ARCHITECTURE.md"));
            continue;
        };
        let built = ours(package, &names, false).into_iter().filter(|to| !may.contains(to));
        wrong.extend(built.map(|to| format!("{name} -> {to}")));
        let dev = ours(package, &names, true).into_iter().filter(|to| !may.contains(to) && !DEV.contains(to) && *to != name);
        wrong.extend(dev.map(|to| format!("{name} -> {to} (tests)")));
    }
    assert!(wrong.is_empty(), "edges that ARCHITECTURE.md does not have: {wrong:#?}");
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
