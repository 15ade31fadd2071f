//! Reading: an engine's record as the lives of its guests.

use crate::chain::read;
use crate::error::RecordError;
use crate::writer::{component_file, engine_files, engine_folder};
use domain::ids::{Digest, EngineId};
use domain::tape::{Beginning, Entry};
use domain::time::Time;
use std::fs;
use std::path::Path;

/// All that is kept of one engine.
#[derive(Debug)]
pub struct Record {
    /// Its guests' lives, the oldest first.
    pub lives: Vec<Life>,
    /// The last hash of the chain: whoever has written it down elsewhere can tell whether all of the record is there.
    pub hash: Digest,
    /// Bytes at the end of the newest file that are of a frame cut short: its host crashed, or has not finished writing.
    pub torn: u64,
}

/// One guest, from its beginning.
#[derive(Debug)]
pub struct Life {
    /// Which run of the host it belongs to, as microseconds since 1970 UTC.
    pub run: i64,
    /// What it was.
    pub beginning: Beginning,
    /// All that crossed its border.
    pub entries: Vec<Entry>,
}

impl Record {
    /// Reads what is kept of `engine` and checks its chain.
    ///
    /// # Errors
    /// There is nothing, or it has been altered.
    pub fn open(records: &Path, engine: EngineId) -> Result<Self, RecordError> {
        let folder = engine_folder(records, engine);
        let mut record = Self { lives: Vec::new(), hash: Digest([0; 32]), torn: 0 };
        let mut last = None;
        for path in engine_files(&folder)? {
            let read = read(&path)?;
            // Who writes on cuts off what a crash left, so nothing of that is followed by another file.
            if last.is_some_and(|last| last != read.before) || record.torn > 0 {
                return Err(RecordError::Altered { path, at: 0, what: "it does not follow on the file before it" });
            }
            last = Some(read.after);
            record.torn = read.torn;
            for frame in read.frames {
                frame.entries.into_iter().for_each(|entry| record.take_in(frame.run, entry));
            }
        }
        record.hash = Digest(last.ok_or_else(|| RecordError::NoRecord { engine: engine.0, folder: records.to_path_buf() })?);
        Ok(record)
    }

    fn take_in(&mut self, run: i64, entry: Entry) {
        match (entry, self.lives.last_mut()) {
            (Entry::Begin(beginning), _) => self.lives.push(Life { run, beginning: *beginning, entries: Vec::new() }),
            (entry, Some(life)) => life.entries.push(entry),
            // Its beginning has been dropped to keep the record within its bounds.
            (_, None) => {}
        }
    }
}

impl Life {
    /// The component that lived.
    ///
    /// # Errors
    /// It is not kept, or has been altered.
    pub fn component(&self, records: &Path) -> Result<Vec<u8>, RecordError> {
        let path = component_file(records, &self.beginning.version);
        let bytes = fs::read(&path).map_err(RecordError::io("read", &path))?;
        if Digest::of(&bytes) != self.beginning.version {
            return Err(RecordError::Altered { path, at: 0, what: "it is not the component that its name says" });
        }
        Ok(bytes)
    }

    /// Market time of its first call; `None` when it was never called.
    pub fn begins(&self) -> Option<Time> {
        self.entries.iter().find_map(|entry| if let Entry::Called { at, .. } = entry { Some(*at) } else { None })
    }
}
