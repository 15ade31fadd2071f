//! What the targets have in common: a folder to put the bytes into, since importers and the record's reader read files.

use domain::ids::EngineId;
use market::import::{Format, ImportOptions, import};
use market::store::TickStore;
use record::Record;
use std::path::PathBuf;
use std::sync::Once;
use tempfile::TempDir;

/// A folder in memory where there is one.
fn folder() -> TempDir {
    let shm = PathBuf::from("/dev/shm");
    let made = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    made.expect("a folder can be made")
}

/// Lets a target catch panics as the importer does: libFuzzer's own hook ends the process at each. One that nobody catches still does.
pub fn panics_may_be_caught() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}

/// Imports the bytes as a file of this name. It may refuse them; it must end, and leave nothing behind when it refuses.
pub fn imports(name: &str, format: Format, bytes: &[u8]) {
    let folder = folder();
    let store = TickStore::create(folder.path().join("store")).expect("a store");
    let file = folder.path().join(name);
    std::fs::create_dir_all(file.parent().expect("a file is in a folder")).expect("its folders");
    std::fs::write(&file, bytes).expect("a file");
    let options = ImportOptions { format, symbol: Some("EURUSD".into()), ..ImportOptions::default() };
    if import(&file, &options, &store, &mut |_| {}).is_err() {
        assert!(store.symbols().expect("symbols").is_empty(), "nothing half done");
    }
}

/// Reads the bytes as an engine's record.
pub fn reads_record(bytes: &[u8]) {
    let folder = folder();
    let engine = folder.path().join("engine-1");
    std::fs::create_dir(&engine).expect("a folder");
    std::fs::write(engine.join("0000000001.rec"), bytes).expect("a file");
    drop(Record::open(folder.path(), EngineId(1)));
}
