//! Lists the sources of the SDK, which the program carries for the projects that it makes.

use std::fmt::Write as _;
use std::path::Path;

/// Folders of the SDK of which a project needs every file.
const FOLDERS: [&str; 3] = ["src", "wit", "derive/src"];

fn main() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the SDK's folder");
    let mut list = String::from("const SOURCES: &[(&str, &str)] = &[\n");
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={}", sdk.join(folder).display());
        add(sdk, &sdk.join(folder), &mut list);
    }
    list += "];\n";
    let out = std::env::var_os("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&out).join("sources.rs"), list).expect("cargo's own folder can be written");
}

fn add(sdk: &Path, folder: &Path, list: &mut String) {
    let mut paths: Vec<_> = std::fs::read_dir(folder).expect("a folder of the SDK").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            add(sdk, &path, list);
        } else {
            let name = path.strip_prefix(sdk).expect("it lies below").display().to_string();
            writeln!(list, "({name:?}, include_str!({:?})),", path.display().to_string()).expect("a string takes all");
        }
    }
}
