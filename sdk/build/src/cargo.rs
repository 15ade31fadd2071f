//! What is asked of cargo: which package this is, whether the target is there, and the compilation.

use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use cargo_metadata::{CrateType, Message, Metadata, MetadataCommand, Package};

use crate::{Options, Progress, TARGET};

/// Flags of an enclosing cargo that must not reach the strategy's build: they are for another target or another tool.
const FOREIGN_SETTINGS: [&str; 5] = ["RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_RUSTFLAGS", "CLIPPY_ARGS"];

/// The most of the compiler's words that an error carries, in bytes.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// A package that can become a strategy.
pub(crate) struct Strategy {
    pub name: String,
    pub target_dir: PathBuf,
    manifest_path: PathBuf,
    /// From what to what the paths in panic messages and backtraces are shortened.
    remaps: Vec<(String, String)>,
}

/// Reads the manifest and checks that it is a strategy's.
pub(crate) fn find_package(manifest_dir: &Path) -> Result<Strategy> {
    let manifest_path = manifest_dir.join("Cargo.toml");
    ensure!(
        manifest_path.is_file(),
        "there is no Cargo.toml in {}; `stockade strategy new <name>` makes a project that builds",
        manifest_dir.display()
    );
    let manifest_path = manifest_path.canonicalize().context("cannot find the manifest's place")?;
    let metadata = MetadataCommand::new().manifest_path(&manifest_path).exec().map_err(|error| unread(&manifest_path, &error))?;
    let package = metadata.packages.iter().find(|package| package.manifest_path.as_std_path() == manifest_path);
    let Some(package) = package else { bail!("{} has no [package]; name the folder of the strategy's own crate", manifest_path.display()) };
    let is_cdylib = package.targets.iter().any(|target| target.crate_types.contains(&CrateType::CDyLib));
    ensure!(
        is_cdylib,
        "{} is not a cdylib, so it makes no module; add to its Cargo.toml:\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]",
        package.name
    );
    ensure!(
        package.dependencies.iter().any(|dependency| dependency.name == "stockade-sdk"),
        "{} does not depend on stockade-sdk, so it exports no strategy; add `stockade-sdk` to its [dependencies]",
        package.name
    );
    Ok(Strategy {
        name: package.name.to_string(),
        target_dir: metadata.target_directory.clone().into(),
        remaps: remaps(&metadata),
        manifest_path,
    })
}

/// Where cargo builds what belongs to the project in or around `folder`, whatever variables and settings say of it; none where there
/// is no project, or no cargo.
pub(crate) fn target_dir(folder: &Path) -> Option<PathBuf> {
    let metadata = MetadataCommand::new().current_dir(folder).no_deps().exec().ok()?;
    Some(metadata.target_directory.into())
}

/// What cargo has against the manifest; where it misses the SDK, the way to one.
fn unread(manifest_path: &Path, error: &cargo_metadata::Error) -> anyhow::Error {
    let said = error.to_string();
    let way_out = if said.contains("stockade-sdk") {
        "\nCargo.toml names an SDK that is not there: `stockade strategy sdk` puts one into the project, for which Cargo.toml says \
         `stockade-sdk = { path = \"stockade-sdk\" }`. New projects get it by themselves, or use the folder named by --sdk or STOCKADE_SDK"
    } else {
        ""
    };
    anyhow!("cargo cannot read {}: {}{way_out}", manifest_path.display(), said.trim())
}

/// Machine paths have no place in an artefact that others run.
fn remaps(metadata: &Metadata) -> Vec<(String, String)> {
    let mut remaps: Vec<_> = metadata.packages.iter().filter_map(remap).collect();
    remaps.sort();
    remaps.dedup();
    remaps
}

fn remap(package: &Package) -> Option<(String, String)> {
    let folder = package.manifest_path.parent()?;
    match package.source {
        None => Some((folder.to_string(), format!("/{}", package.name))),
        Some(_) => Some((folder.parent()?.to_string(), "/crates".to_owned())),
    }
}

/// Checks that the compilation target is installed.
pub(crate) fn require_target(manifest_dir: &Path) -> Result<()> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(manifest_dir)
        .output()
        .context("cannot run rustc; install it from https://rustup.rs")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success() && Path::new(folder.trim()).is_dir(),
        "the compilation target {TARGET} is not installed; run: rustup target add {TARGET}"
    );
    Ok(())
}

/// Compiles the package and gives the path of its module.
pub(crate) fn compile(package: &Strategy, target_dir: &Path, options: &Options) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command
        // The module alone: where a package makes a library of Rust as well, cargo leaves link-time optimisation out, without a word.
        .args(["rustc", "--lib", "--crate-type=cdylib", "--release", "--target", TARGET, "--message-format=json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(&package.manifest_path)
        .arg("--target-dir")
        .arg(target_dir)
        // The strategy's own settings do not matter: every strategy is built alike.
        .args(["--config", "profile.release.opt-level=3"])
        .args(["--config", "profile.release.lto='fat'"])
        .args(["--config", "profile.release.codegen-units=1"])
        .args(["--config", "profile.release.panic='abort'"])
        // Function names are enough to symbolise a backtrace; line tables of the standard library alone are 1 MB.
        .args(["--config", "profile.release.debug=false"])
        .args(["--config", "profile.release.strip='debuginfo'"])
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(package, options))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    for setting in FOREIGN_SETTINGS {
        command.env_remove(setting);
    }
    match options.progress {
        Progress::Shown => command.stderr(Stdio::inherit()),
        Progress::Quiet => command.stderr(Stdio::piped()).arg("--quiet"),
    };
    let mut child = command.spawn().context("cannot run cargo; install it from https://rustup.rs")?;
    // The compiler's words are read aside: either pipe may fill up while the other is read.
    let stderr = child.stderr.take().map(|mut stderr| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            _ = stderr.read_to_end(&mut text);
            text
        })
    });
    let stdout = child.stdout.take().expect("it was asked for above");
    let mut module = None;
    for message in Message::parse_stream(BufReader::new(stdout)) {
        if let Message::CompilerArtifact(artifact) = message.context("cannot read what cargo says")?
            && artifact.manifest_path.as_std_path() == package.manifest_path
        {
            let mut files = artifact.filenames.into_iter().map(PathBuf::from);
            module = files.find(|file| file.extension().is_some_and(|ending| ending == "wasm")).or(module);
        }
    }
    let status = child.wait().context("cannot wait for cargo")?;
    let words = stderr.and_then(|reader| reader.join().ok()).unwrap_or_default();
    ensure!(status.success(), "{} does not compile\n{}", package.name, tail(&words));
    module.with_context(|| format!("cargo built {} but made no module", package.name))
}

/// What LLVM may inline, twice its own choice: a strategy's `on_tick` belongs into the loop over a batch, where its state
/// stays in registers. A call by the row costs more than a pair of averages; the price is a tenth more bytes.
const INLINE_THRESHOLD: u32 = 500;

fn rustflags(package: &Strategy, options: &Options) -> String {
    let mut flags =
        vec![format!("-Clink-arg=-zstack-size={}", options.stack_bytes), format!("-Cllvm-args=--inline-threshold={INLINE_THRESHOLD}")];
    flags.extend(package.remaps.iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}")));
    // Cargo's separator, which cannot occur in a path that matters.
    flags.join("\x1f")
}

/// The last words, which name the error.
fn tail(words: &[u8]) -> String {
    let start = words.len().saturating_sub(OUTPUT_BYTES_MAX);
    String::from_utf8_lossy(&words[start..]).trim().to_owned()
}
