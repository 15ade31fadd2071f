//! The market that a recorded life had, for a backtest over it: the ticks of its host's run, each for the guest only if the life had it,
//! and of the time before that run what the life asked for.

use crate::exit::{Exit, Failure, Outcome};
use backtest::source::{Audience, Chunks, owned};
use backtest::{Chunk, Past, Source};
use domain::symbol::{SymbolId, SymbolTable};
use domain::tape::{Asked, Entry, Heard};
use domain::tick::{Bar, Tick};
use domain::time::Time;
use market::OwnedColumns;
use market::columns::Row;
use record::{Life, TickTape};
use std::collections::BTreeMap;
use std::path::Path;

/// Rows of one chunk: a day of a busy market is some of them.
const ROWS: usize = 65_536;

/// The market of a life that was started at `start`, up to `to`: all symbols, for conversions too. And how many ticks it missed.
///
/// # Errors
/// The record can't be read.
pub fn of(records: &Path, life: &Life, table: &SymbolTable, start: Time, to: Time) -> Outcome<(Source, u64)> {
    let mut lanes: Vec<(SymbolId, Chunks)> = Vec::new();
    let mut firsts = BTreeMap::new();
    let mut missed = 0;
    for (id, spec) in table.iter() {
        let mut tape = TickTape::open(records, life.run, &spec.name).map_err(super::failure)?;
        let mut lane = Lane { had: had(life, id).into(), start, open: None, chunks: Vec::new() };
        while let Some(tick) = tape.advance().map_err(super::failure)?.filter(|tick| tick.time <= to) {
            firsts.entry(id).or_insert(tick);
            missed += u64::from(lane.push(&tick) == Audience::Missed);
        }
        lane.close();
        lanes.push((id, Box::new(lane.chunks.into_iter().map(Ok))));
    }
    let past = Past { start: Some(start), ..past(life, &firsts) };
    Ok((Source::new(lanes).map_err(Failure::of(Exit::Failed))?.after(past), missed))
}

/// The ticks of a symbol that the life was handed, or that went by since it did not wait for them: the numbers of the first and the
/// last of each range, in order. None of a symbol that is not its own, or of which it is handed none.
fn had(life: &Life, symbol: SymbolId) -> Vec<(u64, u64)> {
    let is_it = |index: u32| life.beginning.symbols.get(index as usize) == Some(&symbol);
    let range = |entry: &Entry| match *entry {
        Entry::Ticks { symbol, first, count, .. } | Entry::Passed { symbol, first, count } if is_it(symbol) => {
            Some((first, first + u64::from(count) - 1))
        }
        _ => None,
    };
    life.entries.iter().filter_map(range).collect()
}

/// One symbol's rows, in chunks that are for one audience each.
struct Lane {
    had: std::collections::VecDeque<(u64, u64)>,
    start: Time,
    open: Option<(Audience, OwnedColumns)>,
    chunks: Vec<Chunk>,
}

impl Lane {
    /// Adds a row; says whom it is for.
    fn push(&mut self, tick: &Tick) -> Audience {
        let audience = self.audience(tick);
        if self.open.as_ref().is_none_or(|(of, rows)| *of != audience || rows.len() >= ROWS) {
            self.close();
        }
        let (_, rows) = self.open.get_or_insert_with(|| (audience, OwnedColumns::default()));
        rows.push(Row { time: tick.time, bid: tick.bid, ask: tick.ask, last: tick.last, volume: tick.volume, flags: tick.flags });
        audience
    }

    fn audience(&mut self, tick: &Tick) -> Audience {
        let is_own = !self.had.is_empty();
        while self.had.len() > 1 && self.had.front().is_some_and(|&(_, last)| last < tick.sequence) {
            self.had.pop_front();
        }
        match self.had.front() {
            Some((first, last)) if (first..=last).contains(&&tick.sequence) => Audience::Everyone,
            _ if tick.time <= self.start => Audience::Past,
            _ if is_own => Audience::Missed,
            _ => Audience::Everyone,
        }
    }

    fn close(&mut self) {
        if let Some((audience, rows)) = self.open.take() {
            self.chunks.push(owned(rows).meant_for(audience));
        }
    }
}

/// What the life asked for, and was told, of the time before the first tick of each symbol.
fn past(life: &Life, firsts: &BTreeMap<SymbolId, Tick>) -> Past {
    let mut past = Past::default();
    let is_before = |bar: &Bar| firsts.get(&bar.symbol).is_none_or(|first| bar.open_time < first.time);
    for entry in &life.entries {
        match entry {
            Entry::Called { call: Heard::Bar { bar, .. }, at } if is_before(bar) => {
                past.bars.entry((bar.symbol, bar.timeframe)).or_default().insert(bar.open_time, *bar);
                let first = firsts.get(&bar.symbol).map(|first| first.time);
                if first == Some(*at) && bar.timeframe.close(bar.open_time) <= *at {
                    past.closed_by_first.push(*bar);
                }
            }
            Entry::Asked(Asked::Bars { answer, .. }) => {
                for bar in answer.iter().filter(|bar| is_before(bar)) {
                    past.bars.entry((bar.symbol, bar.timeframe)).or_default().insert(bar.open_time, *bar);
                }
            }
            Entry::Asked(Asked::Ticks { answer, .. }) => {
                for tick in answer.iter().filter(|tick| firsts.get(&tick.symbol).is_none_or(|first| tick.sequence < first.sequence)) {
                    let known = past.ticks.entry(tick.symbol).or_default();
                    if known.last().is_none_or(|last| last.sequence < tick.sequence) {
                        known.push(*tick);
                    }
                }
            }
            _ => {}
        }
    }
    past
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::{Digest, EngineId};
    use domain::limits::GuestLimits;
    use domain::symbol::common;
    use domain::tape::Beginning;
    use domain::tick::Timeframe;
    use domain::time::MINUTE_US;
    use record::{Recorder, Retention};

    const EURUSD: SymbolId = SymbolId(0);

    /// A life over ticks numbered 11 to 20, the first 30 s after 00:10 and one every 10 s from there on, that was started at the second.
    fn life(entries: &[Entry]) -> (tempfile::TempDir, Life, SymbolTable) {
        let folder = tempfile::tempdir().expect("a folder");
        let table = SymbolTable::new(vec![common::forex("EUR", "USD")]).expect("one symbol");
        let mut recorder = Recorder::new(folder.path(), 1, table.clone(), Retention::default()).expect("a folder");
        recorder.ticks(&(11..=20).map(tick).collect::<Vec<_>>()).expect("it is written");
        let specs = table.iter().map(|(_, spec)| spec.clone()).collect();
        let (engine, version, limits) = (EngineId(1), Digest([0; 32]), GuestLimits::default());
        let beginning = Beginning { engine, version, table: specs, symbols: vec![EURUSD], seed: 1, limits };
        (folder, Life { run: 1, beginning, entries: entries.to_vec() }, table)
    }

    fn tick(sequence: u64) -> Tick {
        let time = Time(10 * MINUTE_US + 30_000_000 + (sequence as i64 - 11) * 10_000_000);
        Tick { symbol: EURUSD, sequence, time, bid: 1.3, ask: 1.3, last: 0.0, volume: 0.0, flags: 0 }
    }

    fn bar(minute: i64) -> Bar {
        Bar {
            symbol: EURUSD,
            timeframe: Timeframe::M1,
            open_time: Time(minute * MINUTE_US),
            open: 1.3,
            high: 1.3,
            low: 1.3,
            close: 1.3,
            tick_volume: 7,
            spread: 1,
        }
    }

    /// For whom each row is.
    fn audiences(entries: &[Entry], to: Time) -> (Vec<Audience>, u64) {
        let (folder, life, table) = life(entries);
        let (mut source, missed) = of(folder.path(), &life, &table, tick(12).time, to).expect("all is there");
        let mut all = Vec::new();
        while let Some(stretch) = source.peek() {
            let rows = stretch.rows.len();
            let (audience, handled) = (stretch.audience, stretch.handled(rows));
            all.extend(std::iter::repeat_n(audience, rows));
            source.take(handled).expect("it is in memory");
        }
        (all, missed)
    }

    #[test]
    fn a_backtest_is_handed_the_ticks_that_the_life_was_handed_and_those_that_it_let_pass() {
        use Audience::{Everyone, Missed, Past};
        let ticks = |first, count| Entry::Ticks { symbol: 0, first, count, skipped: 0 };
        let passed = Entry::Passed { symbol: 0, first: 18, count: 1 };
        let (all, missed) = audiences(&[ticks(14, 2), ticks(17, 1), passed], tick(19).time);
        assert_eq!(all, [Past, Past, Missed, Everyone, Everyone, Missed, Everyone, Everyone, Missed]);
        assert_eq!(missed, 3);
        // A strategy without ticks: there is no record of those that it might have had.
        let (all, missed) = audiences(&[], tick(14).time);
        assert_eq!((all, missed), (vec![Past, Past, Everyone, Everyone], 0));
    }

    #[test]
    fn of_the_time_before_the_record_a_backtest_has_what_the_life_asked_for() {
        let asked = |minutes: &[i64]| {
            let answer = minutes.iter().map(|&minute| bar(minute)).collect();
            Entry::Asked(Asked::Bars { symbol: 0, timeframe: Timeframe::M1, count: 9, answer })
        };
        let told = |minute, at| Entry::Called { at, call: Heard::Bar { symbol: 0, bar: bar(minute) } };
        // The bar of 00:09 is closed by the first tick; that of 00:10 begins before the record and ends within it.
        let entries = [told(9, tick(11).time), asked(&[5, 6, 7]), told(10, tick(14).time), asked(&[7, 9, 10, 11])];
        let (_folder, life, _) = life(&entries);
        let past = past(&life, &BTreeMap::from([(EURUSD, tick(11))]));
        let minutes: Vec<i64> = past.bars[&(EURUSD, Timeframe::M1)].keys().map(|open| open.0 / MINUTE_US).collect();
        assert_eq!(minutes, [5, 6, 7, 9, 10]);
        assert_eq!(past.closed_by_first, [bar(9)]);
    }
}
