//! A record whose writer died at any moment, and whose files were cut at any byte: it is replayed up to there, and goes on.

use domain::contract::DenyCode;
use domain::guest::{Call, Guest, GuestHost as _, Outcome, Reply, Used};
use domain::ids::{Digest, EngineId};
use domain::limits::GuestLimits;
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::tape::{Asked, Beginning, Entry, Heard};
use domain::tick::Tick;
use domain::time::Time;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use stockade_record::{Kept, LifeEnd, Record, RecordError, Recorder, ReplayHost, Replayed, Retention, replay};

const ENGINES: [EngineId; 2] = [EngineId(1), EngineId(2)];
/// Files of engines are begun anew with every life, so that cuts lie at their borders as well.
const RETENTION: Retention = Retention { engine_bytes_max: 8_000, tick_bytes_max: 1 << 20 };
/// Magic and hash of a file of entries.
const HEADER: usize = 40;

/// Asks for a random number and a cancel at every third tick of a symbol.
struct Third(ReplayHost);

impl Guest<ReplayHost> for Third {
    fn host(&mut self) -> &mut ReplayHost {
        &mut self.0
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        if let Call::Tick { tick, .. } = call
            && tick.sequence.is_multiple_of(3)
        {
            let id = self.0.random();
            _ = self.0.cancel(id);
        }
        Outcome::Decided(Reply::Done)
    }

    fn used(&self) -> Used {
        Used::default()
    }
}

fn table() -> SymbolTable {
    SymbolTable::new(vec![common::forex("EUR", "USD"), common::gold()]).unwrap()
}

fn tick(symbol: u16, sequence: u64) -> Tick {
    let price = 1.0 + sequence as f64 / 1_000.0;
    Tick { symbol: SymbolId(symbol), sequence, time: Time(sequence as i64 * 10), bid: price, ask: price, last: 0.0, volume: 0.0, flags: 0 }
}

fn begin(engine: EngineId) -> Vec<Entry> {
    let table: Vec<_> = table().iter().map(|(_, spec)| spec.clone()).collect();
    let (version, limits, symbols) = (Digest([0; 32]), GuestLimits::default(), vec![SymbolId(0), SymbolId(1)]);
    let beginning = Beginning { engine, version, table, symbols, seed: 1, limits };
    vec![Entry::Begin(Box::new(beginning)), Entry::Called { at: Time(0), call: Heard::Timer(1) }]
}

/// Three ticks of a symbol, at the last of which it asked something.
fn three(symbol: u32, first: u64) -> Vec<Entry> {
    let answer = Err(DenyCode::Invalid);
    vec![
        Entry::Ticks { symbol, first, count: 3, skipped: 0 },
        Entry::Asked(Asked::Random(first)),
        Entry::Asked(Asked::Cancel { id: first, answer }),
    ]
}

/// One write of a host: some ticks, or what an engine and its guest said.
#[derive(Clone, Debug)]
enum Write {
    Ticks(Vec<Tick>),
    Entries(EngineId, Vec<Entry>),
}

/// What a host writes, in its order: each round both engines have three ticks of one symbol or the other, and once a life begins anew.
/// Ticks this far `ahead` of those that are named are written early.
fn writes(rounds: u64, ahead: u64) -> Vec<Write> {
    let mut all: Vec<Write> = ENGINES.map(|engine| Write::Entries(engine, begin(engine))).to_vec();
    let mut written = [0, 0];
    for round in 0..rounds {
        let (symbol, first) = ((round % 2) as u16, round / 2 * 3 + 1);
        let from = written[usize::from(symbol)] + 1;
        written[usize::from(symbol)] = first + 2 + ahead;
        all.push(Write::Ticks((from..first + 3 + ahead).map(|number| tick(symbol, number)).collect()));
        for engine in ENGINES {
            if round == 4 && engine == ENGINES[0] {
                all.push(Write::Entries(engine, begin(engine)));
            }
            all.push(Write::Entries(engine, three(u32::from(symbol), first)));
        }
    }
    all
}

fn write(recorder: &mut Recorder, one: &Write) {
    match one.clone() {
        Write::Ticks(ticks) => recorder.ticks(&ticks).unwrap(),
        Write::Entries(engine, entries) => recorder.entries(engine, entries).unwrap(),
    }
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|known| known == extension)
}

/// The files of entries and of ticks, with what is in them.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            all.extend(files(&entry));
        } else if has_extension(&entry, "rec") || has_extension(&entry, "ticks") {
            all.insert(entry.clone(), fs::read(&entry).unwrap());
        }
    }
    all
}

/// All lives of an engine, done again.
fn lives(folder: &Path, engine: EngineId) -> Result<Vec<(LifeEnd, Replayed)>, RecordError> {
    let record = Record::open(folder, engine)?;
    let all = (Time(i64::MIN), Time(i64::MAX));
    let again = |(number, life)| {
        let replayed = replay(folder, life, Box::new(Third(ReplayHost::default())), all, |_, _| ())?;
        Ok((record.end_of(number), replayed))
    };
    record.lives.iter().enumerate().map(again).collect()
}

/// How many ticks of both engines' lives were done again: nothing differs, and there is no hole.
fn replayed(folder: &Path, what: &str) -> u64 {
    let mut ticks = 0;
    for engine in ENGINES {
        for (_, life) in lives(folder, engine).unwrap_or_else(|error| panic!("{what}: {error}")) {
            assert_eq!(life.difference, None, "{what}");
            assert!(life.missing.as_ref().is_none_or(|missing| missing.is_end()), "{what}: {:?}", life.missing);
            ticks += life.ticks;
        }
    }
    ticks
}

/// A later run of the host goes on: its lives are whole, and those before are replayed as far as they were.
fn goes_on(folder: &Path, what: &str) {
    let before = replayed(folder, what);
    {
        let mut recorder = Recorder::new(folder, 2, table(), RETENTION).unwrap();
        writes(2, 0).iter().for_each(|one| write(&mut recorder, one));
    }
    assert_eq!(replayed(folder, what), before + 12, "{what}");
    for engine in ENGINES {
        let (end, last) = lives(folder, engine).unwrap().pop().unwrap();
        assert!(end == LifeEnd::Crashed && last.missing.is_none() && last.ticks == 6, "{what}: {last:?}");
    }
}

#[test]
fn a_host_that_dies_in_any_write_leaves_all_that_it_wrote_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::new(folder.path(), 1, table(), RETENTION).unwrap();
    let all = writes(10, 2);
    // Of every engine there is a record.
    all[..2].iter().for_each(|one| write(&mut recorder, one));
    let mut named = 0;
    for one in &all[2..] {
        let before = files(folder.path());
        write(&mut recorder, one);
        for (path, bytes) in files(folder.path()) {
            // A new file of entries has its name only when its header is there.
            let new = if has_extension(&path, "rec") { HEADER } else { 0 };
            for cut in before.get(&path).map_or(new, Vec::len)..bytes.len() {
                fs::write(&path, &bytes[..cut]).unwrap();
                assert_eq!(replayed(folder.path(), &format!("{} cut to {cut}", path.display())), named);
            }
            fs::write(&path, &bytes).unwrap();
        }
        if let Write::Entries(_, entries) = one {
            named += 3 * entries.iter().filter(|entry| matches!(entry, Entry::Ticks { .. })).count() as u64;
        }
        assert_eq!(replayed(folder.path(), "between two writes"), named);
    }
    assert_eq!(named, 60);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_record_whose_newest_files_were_cut_anywhere_is_replayed_up_to_there_and_goes_on(
        rounds in 1_u64..12, ahead in 0_u64..3, cuts in prop::collection::vec((0_usize..8, 0.0_f64..1.0), 1..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        {
            let mut recorder = Recorder::new(folder.path(), 1, table(), RETENTION).unwrap();
            writes(rounds, ahead).iter().for_each(|one| write(&mut recorder, one));
        }
        let all = files(folder.path());
        // All files of ticks, and each engine's newest: those of which a power cut can have taken the end.
        let is_newest = |path: &Path| !all.keys().any(|other| other.parent() == path.parent() && other.as_path() > path);
        let open: Vec<_> = all.iter().filter(|(path, _)| has_extension(path, "ticks") || is_newest(path)).collect();
        let mut what = String::new();
        for (file, share) in cuts {
            let (path, bytes) = open[file % open.len()];
            let cut = (bytes.len() as f64 * share) as usize;
            fs::write(path, &bytes[..cut]).unwrap();
            what += &format!("{} of {} bytes cut to {cut}; ", path.display(), bytes.len());
        }
        goes_on(folder.path(), &what);
    }
}

#[test]
fn ticks_that_are_missing_in_the_middle_are_a_hole_and_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::new(folder.path(), 1, table(), RETENTION).unwrap();
    recorder.entries(ENGINES[0], begin(ENGINES[0])).unwrap();
    recorder.ticks(&[1, 2, 3, 5, 6].map(|number| tick(0, number))).unwrap();
    recorder.entries(ENGINES[0], [three(0, 1), three(0, 4)].concat()).unwrap();
    let (end, life) = lives(folder.path(), ENGINES[0]).unwrap().remove(0);
    let missing = life.missing.unwrap();
    assert_eq!((end, missing.first, missing.kept, missing.is_end()), (LifeEnd::Running, 4, Kept::Later(5, Time(50)), false));
    assert_eq!((life.ticks, life.until, life.difference), (3, Some(Time(30)), None));
    drop(recorder);
    assert_eq!(lives(folder.path(), ENGINES[0]).unwrap()[0].0, LifeEnd::Crashed);

    // All of a symbol's ticks are gone: they were dropped, which is no end either.
    for path in files(folder.path()).into_keys().filter(|path| has_extension(path, "ticks")) {
        fs::remove_file(path).unwrap();
    }
    let missing = lives(folder.path(), ENGINES[0]).unwrap().remove(0).1.missing.unwrap();
    assert!(missing.kept == Kept::Nothing && !missing.is_end());
}
