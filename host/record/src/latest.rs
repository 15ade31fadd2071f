//! The latest tick on record: how far the market had come when the host ended, however that was.

use crate::error::RecordError;
use crate::ticks::{ROW, ticks_folder, time_of};
use crate::writer::{files, folders};
use domain::time::Time;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// The time of the latest tick of the host's last run; `None` where it has none.
///
/// # Errors
/// The folder or one of its files can't be read.
pub fn latest_tick(records: &Path) -> Result<Option<Time>, RecordError> {
    let number = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<i64>().ok());
    let runs = folders(&ticks_folder(records))?;
    let Some(last_run) = runs.into_iter().filter(|path| number(path).is_some()).max_by_key(|path| number(path)) else { return Ok(None) };
    let mut latest = None;
    for path in files(&last_run)?.iter().filter(|path| path.extension().is_some_and(|kind| kind == "ticks")) {
        latest = latest.max(last_row(path).map_err(RecordError::io("read", path))?);
    }
    Ok(latest)
}

/// The time of the last whole row: a crash may have cut the one after it.
fn last_row(path: &Path) -> std::io::Result<Option<Time>> {
    let mut file = File::open(path)?;
    let rows = file.metadata()?.len() / ROW as u64;
    let Some(last) = rows.checked_sub(1) else { return Ok(None) };
    let mut row = [0; ROW];
    file.seek(SeekFrom::Start(last * ROW as u64))?;
    file.read_exact(&mut row)?;
    Ok(Some(time_of(&row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::{Recorder, Retention};
    use domain::symbol::{SymbolId, SymbolTable, common};
    use domain::tick::Tick;
    use std::fs::OpenOptions;
    use std::io::Write as _;

    #[test]
    fn the_last_whole_row_of_the_last_run_counts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(latest_tick(folder.path()).unwrap(), None);
        let table = SymbolTable::new(vec![common::forex("EUR", "USD"), common::gold()]).unwrap();
        let tick = |symbol, us| Tick {
            symbol: SymbolId(symbol),
            sequence: 1,
            time: Time(us),
            bid: 1.3,
            ask: 1.3,
            last: 0.0,
            volume: 0.0,
            flags: 0,
        };
        let record = |run, ticks: &[Tick]| {
            let mut recorder = Recorder::new(folder.path(), run, table.clone(), Retention::default()).unwrap();
            recorder.ticks(ticks).unwrap();
        };
        record(9, &[tick(0, 5_000)]);
        record(10, &[tick(0, 70), tick(1, 80), tick(0, 75)]);
        assert_eq!(latest_tick(folder.path()).unwrap(), Some(Time(80)));
        for path in files(&ticks_folder(folder.path()).join("10")).unwrap() {
            OpenOptions::new().append(true).open(path).unwrap().write_all(&[255; ROW - 1]).unwrap();
        }
        assert_eq!(latest_tick(folder.path()).unwrap(), Some(Time(80)), "a row that was cut does not count");
    }
}
