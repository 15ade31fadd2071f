//! Every importer through the one entry point, on files made here and on the real ones where they are.

mod any_bytes;
mod binary;
mod bombs;
mod interrupted;
mod lean;
mod mt5;
mod order;
mod packed;
mod symbols;
mod tables;
mod text;

use super::*;
use crate::columns::OwnedColumns;
use crate::date::Date;
use domain::time::Time;
use std::io::Write as _;
use std::path::PathBuf;

/// A store and a folder for source files, both gone at the end.
struct Bench {
    _folder: tempfile::TempDir,
    store: TickStore,
    files: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = TickStore::create(folder.path().join("store")).expect("a store");
        let files = folder.path().join("files");
        std::fs::create_dir(&files).expect("a folder");
        Self { _folder: folder, store, files }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.files.join(name);
        std::fs::write(&path, content).expect("a source file");
        path
    }

    /// A zip with one file in it.
    fn zip(&self, name: &str, inner: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.files.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).expect("a zip"));
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(inner, options).expect("an entry");
        std::io::Write::write_all(&mut zip, content.as_ref()).expect("content");
        zip.finish().expect("a finished zip");
        path
    }

    /// The report of the only symbol.
    fn import(&self, source: &Path, options: &ImportOptions) -> Result<ImportReport, ImportError> {
        let mut reports = import(source, options, &self.store, &mut |_| {})?;
        assert_eq!(reports.len(), 1, "{reports:?}");
        Ok(reports.remove(0))
    }

    fn imported(&self, source: &Path) -> ImportReport {
        self.import(source, &ImportOptions::default()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn imported_as(&self, source: &Path, options: &ImportOptions) -> ImportReport {
        self.import(source, options).unwrap_or_else(|error| panic!("{error}"))
    }

    fn refused(&self, source: &Path, options: &ImportOptions, expected: &str) {
        let error = self.import(source, options).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }

    /// All ticks of a symbol.
    fn ticks(&self, symbol: &str) -> OwnedColumns {
        self.store.verify(symbol).unwrap_or_else(|error| panic!("{error}"));
        let mut all = OwnedColumns::default();
        for day in self.store.read(symbol, Time(i64::MIN), Time(i64::MAX)).expect("readable") {
            let day = day.expect("sound");
            all.extend(day.columns(), day.flags());
        }
        all
    }

    /// Each tick as `time bid ask`.
    fn shown(&self, symbol: &str) -> Vec<String> {
        let ticks = self.ticks(symbol);
        (0..ticks.len()).map(|at| ticks.row(at)).map(|row| format!("{} {} {}", row.time, row.bid, row.ask)).collect()
    }

    /// Each bar of a length as `time open high low close volume spread`.
    fn shown_bars(&self, symbol: &str, timeframe: domain::tick::Timeframe) -> Vec<String> {
        let bars = self.store.bars(symbol, timeframe, Time(i64::MIN), Time(i64::MAX)).unwrap_or_else(|error| panic!("{error}"));
        let shown = |at: usize| {
            let [open, high, low, close] = [&bars.opens, &bars.highs, &bars.lows, &bars.closes].map(|column| column[at]);
            format!("{} {open} {high} {low} {close} {} {}", Time(bars.times[at]), bars.tick_volumes[at], bars.spreads[at])
        };
        (0..bars.len()).map(shown).collect()
    }

    /// Names of files that are neither a symbol's nor a lock's.
    fn leftovers(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.store.root()).expect("a store");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with('.') && !name.ends_with(".lock")).collect()
    }
}

/// Real files below the folder that `TEST_DATA` names; or `None`, and a line that `cargo xtask test` counts.
fn real(path: &str) -> Option<PathBuf> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("TEST_DATA").map_or_else(usual, PathBuf::from).join(path);
    if !path.exists() {
        // Past the test's own output, of which nothing is shown where a test passes.
        writeln!(std::io::stdout(), "no data: {} is not there", path.display()).expect("somebody reads");
    }
    path.exists().then_some(path)
}

/// Imports real files and says how fast that went.
fn timed(bench: &Bench, source: &Path) -> ImportReport {
    let start = std::time::Instant::now();
    let report = bench.imported(source);
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{report}\n  {:.2} s, {:.2} M rows/s", seconds, report.rows as f64 / seconds / 1e6);
    report
}
