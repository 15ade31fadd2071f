//! Builds real strategies and looks at what comes out.

use std::path::{Path, PathBuf};

use stockade_build::{Imports, Options, SdkSource, build, imports, template};
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Resolve, WorldItem};

fn at_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn refused(path: &Path) -> String {
    format!("{:#}", build(path, &Options::default()).expect_err("should be refused"))
}

/// The interfaces that a component imports and the functions that it exports, as a host would see them.
fn face(component: &[u8]) -> (Vec<String>, Vec<String>) {
    let DecodedWasm::Component(resolve, world) = decode(component).expect("decodes") else { panic!("no component") };
    let world = &resolve.worlds[world];
    let imports = world.imports.values().filter_map(|item| name(&resolve, item)).collect();
    let exports = world.exports.values().filter_map(|item| name(&resolve, item)).collect();
    (imports, exports)
}

fn name(resolve: &Resolve, item: &WorldItem) -> Option<String> {
    match item {
        WorldItem::Interface { id, .. } => Some(resolve.id_of(*id).expect("a named interface")),
        WorldItem::Function(function) => Some(function.name.clone()),
        WorldItem::Type { .. } => None,
    }
}

#[test]
fn samples_import_the_contract_alone_and_export_all_of_it() {
    for sample in ["ema-cross", "scalper"] {
        let built = build(&at_root("strategies").join(sample), &Options::default()).expect("builds");
        let (imports_seen, exports) = face(&built.component);
        assert!(imports_seen.iter().all(|import| import.starts_with("stockade:strategy/")), "{imports_seen:?}");
        assert_eq!(imports(&built.component).expect("a component").len(), imports_seen.len());
        for function in ["describe", "init", "on-start", "on-tick", "on-ticks", "on-bar", "save", "load", "on-tester"] {
            assert!(exports.iter().any(|export| export == function), "{function} of {exports:?}");
        }
        assert_eq!(std::fs::read(&built.path).expect("was written"), built.component);
        let text = String::from_utf8_lossy(&built.component);
        assert!(!text.contains(env!("CARGO_MANIFEST_DIR").trim_end_matches("/sdk/build")), "names a path of this machine");
        // A flag that every export looks at first, in another crate: no function by itself where all is optimised as one.
        assert!(!text.contains("run_ctors_once"), "{sample} was linked without link-time optimisation");
        println!("{}: {} bytes, imports {imports_seen:?}", built.name, built.component.len());
    }
}

#[test]
fn an_import_outside_the_contract_is_refused_by_name_unless_unchecked() {
    let path = at_root("strategies/hostile/ungranted-import");
    let why = refused(&path);
    assert!(why.contains("wasi:http/outgoing-handler@0.2.6"), "{why}");
    let built = build(&path, &Options { imports: Imports::Unchecked, ..Options::default() }).expect("builds");
    assert!(built.imports.iter().any(|import| import == "wasi:http/outgoing-handler@0.2.6"));
}

#[test]
fn a_strategy_that_misbehaves_is_built_like_any_other() {
    let built = build(&at_root("strategies/hostile/misbehaving"), &Options::default()).expect("builds");
    println!("{}: {} bytes", built.name, built.component.len());
}

/// In the target directory of the samples, where the SDK's dependencies may be built already.
fn built_aside(project: &Path) -> anyhow::Result<stockade_build::Built> {
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../strategies");
    let output = Some(project.with_extension("wasm"));
    build(project, &Options { target_dir: Some(target_dir), output, ..Options::default() })
}

#[test]
fn the_front_page_shows_the_strategy_of_a_new_project() {
    let readme = std::fs::read_to_string(at_root("README.md")).expect("a file");
    let shown = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the README shows a strategy");
    let folder = tempfile::tempdir().expect("a folder");
    template(folder.path(), "breakout", &SdkSource::Carried).expect("written");
    assert_eq!(std::fs::read_to_string(folder.path().join("breakout/src/lib.rs")).expect("a file"), shown);
}

/// The SDK's folder of this checkout is not read: what the project needs is in the project, wherever that is.
#[test]
fn a_new_project_builds_and_passes_its_tests_where_it_was_moved_to() {
    let folder = tempfile::tempdir().expect("a folder");
    // A name that no crate can have: its tests are about `test_strategy`.
    template(folder.path(), "test", &SdkSource::Carried).expect("written");
    let project = folder.path().join("moved");
    std::fs::rename(folder.path().join("test"), &project).expect("renamed");
    let built = built_aside(&project).expect("builds");
    assert_eq!((built.name.as_str(), built.path.is_file(), built.warnings.len()), ("test", true, 0));
    let test = std::process::Command::new("cargo")
        .args(["test", "--quiet", "--target-dir"])
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-project"))
        .current_dir(&project)
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&test.stdout);
    assert!(test.status.success() && said.contains("2 passed"), "{said}{}", String::from_utf8_lossy(&test.stderr));
    let lock = std::fs::read_to_string(project.join("Cargo.lock")).expect("cargo wrote it");
    assert!(lock.contains("stockade-sdk-derive"), "{lock}");

    let code = std::fs::read_to_string(project.join("src/lib.rs")).expect("a file");
    let prints = code.replace("ctx.warn(&format!(\"not bought: {denied}\"))", "eprintln!(\"not bought: {denied}\")");
    assert_ne!(prints, code);
    std::fs::write(project.join("src/lib.rs"), prints).expect("written");
    let prints = built_aside(&project).expect("builds");
    assert_eq!(stockade_build::warnings(&prints.component), prints.warnings, "whoever is given the component alone is told as well");
    let warnings = prints.warnings;
    assert!(warnings.iter().any(|warning| warning.contains("use ctx.info or ctx.warn")), "{warnings:?}");

    std::fs::remove_dir_all(project.join("stockade-sdk")).expect("it was there");
    let why = refused(&project);
    assert!(why.contains("stockade strategy sdk") && why.contains("STOCKADE_SDK"), "{why}");
}

#[test]
fn a_strategy_that_does_not_compile_is_refused_with_the_compilers_words() {
    let folder = tempfile::tempdir().expect("a folder");
    template(folder.path(), "broken", &SdkSource::Path(at_root("sdk"))).expect("written");
    std::fs::write(folder.path().join("broken/src/lib.rs"), "stockade_sdk::export!(Missing);").expect("written");
    let why = built_aside(&folder.path().join("broken")).expect_err("refused");
    assert!(format!("{why:#}").contains("cannot find type `Missing`"), "{why:#}");
}

#[test]
fn what_is_no_strategy_is_refused_with_the_way_out() {
    let empty = tempfile::tempdir().expect("a folder");
    assert!(refused(empty.path()).contains("no Cargo.toml"));
    assert!(refused(&at_root("sdk")).contains("crate-type = [\"cdylib\", \"rlib\"]"));
    assert!(refused(&at_root("")).contains("has no [package]"));
    std::fs::write(
        empty.path().join("Cargo.toml"),
        "[package]\nname = \"p\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n",
    )
    .expect("written");
    std::fs::create_dir(empty.path().join("src")).expect("made");
    std::fs::write(empty.path().join("src/lib.rs"), "").expect("written");
    assert!(refused(empty.path()).contains("does not depend on stockade-sdk"));
}
