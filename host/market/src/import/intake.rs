//! Where every format's rows come together: checked, counted, sorted into symbols and days.

pub(super) use super::clock::Direction;
use super::clock::{SourceClock, ToUtc};
use super::error::ImportError;
use super::inputs::{Input, Inputs};
use super::lines::{Line, Lines};
use super::lots::{Lot, Lots};
use super::number::Decimal;
use super::report::{DIRTY_ROWS_NAMED_MAX, DirtyRow, Progress};
use super::source::Stream;
use super::staging::Staging;
use super::table::is_of_asks;
use super::timestamp::EPOCH_US_MIN;
use super::{Format, ImportOptions, OnBadFile, OnDailyRows, OnDirtyRow};
use crate::columns::Row;
use crate::date::Date;
use crate::store::BarColumns;
use domain::tick::{TickFlags, Timeframe};
use domain::time::{DAY_US, SECOND_US, Time};
use std::io::Read;

/// A tick up to this much earlier than the one before is late, not wrong.
const LATE_US_MAX: i64 = SECOND_US;
/// A longer jump ahead waits for the next row to confirm it. Holidays close markets for four days.
const JUMP_US_MAX: i64 = 5 * DAY_US;
/// A file that was joined from others comes back to a day now and then; each time the day is read and written again.
const REOPENED_DAYS_MAX: u64 = 1_000;
/// Rows that may be late whatever their share is.
const LATE_ROWS_MAX: u64 = 20;
/// So many dirty rows and no good one: it is another format.
const DIRTY_ROWS_AT_HEAD_MAX: u64 = 1_000;
/// Ticks of one day, which are kept in memory until it ends: fifty a second around the clock, 200 MB.
const DAY_TICKS_MAX: usize = 1 << 22;
/// Bars of a symbol, which are kept in memory until all files are read: 25 years of minutes are 9 million.
pub(super) const BARS_MAX: usize = 10_000_000;
/// Rows between two reports of progress.
const ROWS_PER_PROGRESS: u64 = 100_000;
/// Rows between two looks at whether somebody wants the import to end.
const ROWS_PER_LOOK: u64 = 4_096;
/// Bad files that are named, some 2 MB of text; all are counted.
const BAD_FILES_NAMED_MAX: usize = 10_000;
/// Times that ticks can have: 1990 to 2200.
const TIMES: std::ops::Range<i64> = EPOCH_US_MIN..7_258_118_400 * SECOND_US;
/// MT5 sets undocumented bits too.
const KNOWN_FLAGS: TickFlags = 0x7E;

/// A row as its format read it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawTick {
    /// Microseconds since 1970 UTC.
    pub time: i64,
    pub bid: Decimal,
    pub ask: Decimal,
    pub last: Option<Decimal>,
    pub volume: f64,
    pub flags: TickFlags,
}

/// What was counted over all files and symbols.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub files: usize,
    pub rows: u64,
    pub skipped: u64,
    pub dirty_rows: Vec<DirtyRow>,
    pub notes: Vec<String>,
}

/// Files that are not what they should be.
#[derive(Debug, Default)]
pub(super) struct BadFiles {
    pub count: u64,
    /// The first of them, each with what is wrong with it.
    pub named: Vec<String>,
    /// What is wrong with the first.
    first: Option<ImportError>,
}

/// What an import gathered.
pub(super) struct Gathered {
    pub tally: Tally,
    pub bad_files: BadFiles,
    pub staging: Staging,
    /// At least one, each with ticks or bars.
    pub lots: Vec<Lot>,
    pub format: Format,
    /// Which clocks the files' times were taken to be of.
    pub clocks: String,
}

/// Takes the rows of all files.
pub(super) struct Intake<'a> {
    options: &'a ImportOptions,
    progress: &'a mut dyn FnMut(Progress<'_>),
    tally: Tally,
    /// As it was before the stream at hand.
    tally_before: Tally,
    bad_files: BadFiles,
    staging: Staging,
    lots: Lots,
    format: Format,
    format_before: Format,
    /// The usual clocks of the files, each once.
    usual_clocks: Vec<SourceClock>,
    files_total: usize,
    bytes_total: u64,
    bytes_done: u64,
    stream: StreamState,
}

/// What belongs to the stream at hand.
struct StreamState {
    label: String,
    file: String,
    bytes: u64,
    bytes_on_disk: u64,
    bytes_read: u64,
    to_utc: ToUtc,
    taken: u64,
    skipped: u64,
    direction: Direction,
    /// Its bars are of asks.
    is_of_asks: bool,
}

impl<'a> Intake<'a> {
    /// `known` are the symbols that the store has.
    pub fn new(
        options: &'a ImportOptions,
        staging: Staging,
        known: Vec<String>,
        inputs: &Inputs,
        progress: &'a mut dyn FnMut(Progress<'_>),
    ) -> Self {
        let mut intake = Self {
            options,
            progress,
            staging,
            tally: Tally::default(),
            tally_before: Tally::default(),
            bad_files: BadFiles::default(),
            lots: Lots::new(options.symbol.clone().or(options.spec.as_ref().map(|spec| spec.name.clone())), known),
            format: Format::Auto,
            format_before: Format::Auto,
            usual_clocks: Vec::new(),
            files_total: inputs.files.len(),
            bytes_total: inputs.files.iter().map(|file| file.bytes).sum(),
            bytes_done: 0,
            stream: StreamState::new(String::new(), String::new(), 0, 0, ToUtc::new(&options.clock, &SourceClock::Usual)),
        };
        if inputs.candles > 0 {
            let what =
                if inputs.candles == 1 { "1 file of candles was".to_owned() } else { format!("{} files of candles were", inputs.candles) };
            intake.note(format!("{what} left out: the ticks beside them hold more"));
            intake.tally_before = intake.tally.clone();
        }
        intake
    }

    /// A stream begins, of the same format as those before. `clock` is the usual one of such files.
    pub fn begin(&mut self, stream: &Stream<'_>, format: Format, symbol: Option<String>, clock: SourceClock) -> Result<(), ImportError> {
        let file = stream.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let on_disk = stream.path.metadata().map_or(0, |meta| meta.len());
        let to_utc = ToUtc::new(&self.options.clock, &clock);
        if !self.usual_clocks.contains(&clock) {
            self.usual_clocks.push(clock);
        }
        self.stream = StreamState::new(stream.label.clone(), file, stream.bytes, on_disk, to_utc);
        self.stream.is_of_asks = is_of_asks(&stream.name);
        if self.format != Format::Auto && self.format != format {
            let why = format!("it is {} and the files before it {}: import each format by itself", format.name(), self.format.name());
            return Err(self.wrong(why));
        }
        self.format = format;
        self.lots.begin_stream(symbol, &mut self.staging)?;
        self.tell_progress();
        Ok(())
    }

    /// The rows that follow are of this symbol, as their own column says. Whether they are wanted: where one symbol was asked for,
    /// those of others are not.
    pub fn of_symbol(&mut self, name: &str) -> Result<bool, ImportError> {
        let label = &self.stream.label;
        self.lots.of_row(name, &mut self.staging, |why| ImportError::WrongFormat { file: label.clone(), why })
    }

    /// Leaves the stream at hand out. Where such files are to end the import, the others are still read, so that all bad ones are
    /// named at once.
    pub fn leave_out(&mut self, error: ImportError) -> Result<(), ImportError> {
        if !error.is_of_one_file() {
            return Err(error);
        }
        self.lots.forget_stream();
        self.tally = self.tally_before.clone();
        self.format = self.format_before;
        self.bad_files.count += 1;
        if self.bad_files.named.len() < BAD_FILES_NAMED_MAX {
            self.bad_files.named.push(error.to_string());
        }
        self.bad_files.first.get_or_insert(error);
        Ok(())
    }

    /// What a packed table is unpacked to.
    pub fn spool(&self, from: impl Read) -> Result<std::fs::File, ImportError> {
        self.staging.spool(from).map_err(ImportError::io(&self.stream.label))
    }

    /// Nobody wants the import to end.
    pub fn go_on(&self) -> Result<(), ImportError> {
        if self.options.stop.is_asked() { Err(ImportError::Interrupted) } else { Ok(()) }
    }

    /// Cuts the stream's text into lines, without blank ones.
    pub fn each_line(
        &mut self,
        text: impl Read,
        mut read: impl FnMut(&mut Self, u64, &[u8]) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let mut lines = Lines::new(text);
        let label = self.stream.label.clone();
        loop {
            match lines.next().map_err(ImportError::io(&label))? {
                None => return Ok(()),
                Some((_, Line::Text([]))) => {}
                Some((line, Line::Text(text))) => {
                    self.stream.bytes_read += text.len() as u64 + 1;
                    read(self, line, text)?;
                }
                Some((line, Line::TooLong)) => self.dirty(line, || "the line is too long to be a row".into())?,
            }
        }
    }

    /// A time on the file's clock as UTC.
    pub fn utc(&mut self, local_us: i64) -> i64 {
        self.stream.to_utc.utc(local_us)
    }

    /// The time of a bar on the file's clock as UTC.
    pub fn utc_of_bar(&mut self, local_us: i64) -> i64 {
        self.stream.to_utc.utc_of_bar(local_us)
    }

    /// The stream's rows come in this order.
    pub fn set_direction(&mut self, direction: Direction) {
        self.stream.direction = direction;
        self.stream.to_utc.set_direction(direction);
        if direction == Direction::NewestFirst {
            self.note("its newest rows come first; they were sorted");
        }
    }

    /// The stream is not what it seemed to be.
    pub fn wrong(&self, why: impl Into<String>) -> ImportError {
        ImportError::WrongFormat { file: self.stream.label.clone(), why: why.into() }
    }

    /// Something else to tell, once.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.tally.notes.contains(&note) {
            self.tally.notes.push(note);
        }
    }

    /// Rows were not in the order of the stream.
    pub fn note_unsorted(&mut self) {
        if self.stream.direction == Direction::OldestFirst {
            self.note(format!("{}: its rows are not in order of time; they were sorted", self.stream.label));
        }
    }

    /// Something about the clock to tell, where nobody named it.
    pub fn note_of_clock(&mut self, note: &str) {
        if self.options.clock == SourceClock::Usual {
            self.note(note);
        }
    }

    /// A row that could be read.
    pub fn tick(&mut self, line: u64, tick: RawTick) -> Result<(), ImportError> {
        self.count()?;
        if let Err(reason) = sane(&tick) {
            return self.skip(line, reason);
        }
        let lot = self.lots.at_hand().ok_or_else(|| ImportError::NoSymbol { file: self.stream.label.clone() })?;
        let last_time = lot.last_time;
        if let Some((held_line, held)) = lot.waiting.take() {
            let last = last_time.unwrap_or(held.time);
            let is_ahead = held.time > last;
            let is_confirmed = match is_ahead {
                true => tick.time >= held.time - LATE_US_MAX,
                false => (tick.time - held.time).abs() < (tick.time - last).abs(),
            };
            if is_confirmed || self.stream.direction == Direction::NewestFirst {
                self.place(held_line, held)?;
            } else {
                let days = (held.time - last).abs() / DAY_US;
                self.skip(
                    held_line,
                    match is_ahead {
                        true => format!("time jumps {days} days ahead and the next row is back before it"),
                        false => format!("time goes back by {days} days and the next row is back"),
                    },
                )?;
            }
        }
        let lot = self.lots.at_hand().expect("it was at hand above");
        if lot.last_time.is_some_and(|last| (tick.time - last).abs() > JUMP_US_MAX) {
            lot.waiting = Some((line, tick));
            return Ok(());
        }
        self.place(line, tick)
    }

    /// A row that was read and taken, and is one too many.
    pub fn repeated(&mut self, line: u64, reason: String) -> Result<(), ImportError> {
        self.stream.taken -= 1;
        self.skip(line, reason)
    }

    /// A row that could not be read; blank lines and headers do not count.
    pub fn dirty(&mut self, line: u64, reason: impl FnOnce() -> String) -> Result<(), ImportError> {
        self.count()?;
        self.skip(line, reason())
    }

    /// Bars of a whole stream, in order of time.
    pub fn bars(&mut self, timeframe: Timeframe, bars: &BarColumns) -> Result<(), ImportError> {
        let label = &self.stream.label;
        let wrong = |why: String| ImportError::WrongFormat { file: label.clone(), why };
        let lot = self.lots.at_hand().ok_or_else(|| ImportError::NoSymbol { file: label.clone() })?;
        let known = [&lot.bars, &lot.asks, &lot.bars_of_stream].into_iter().flatten().next().map_or(timeframe, |bars| bars.0);
        if known != timeframe {
            return Err(wrong(format!("it has {timeframe:?} bars and the files before it {known:?}: import each by itself")));
        }
        lot.stream_is_of_asks = self.stream.is_of_asks;
        let new = &mut lot.bars_of_stream.get_or_insert_with(|| (timeframe, BarColumns::default())).1;
        *new = std::mem::take(new).spliced(bars);
        let before = if lot.stream_is_of_asks { &lot.asks } else { &lot.bars };
        if new.len() + before.as_ref().map_or(0, |bars| bars.1.len()) > BARS_MAX {
            return Err(wrong(format!("with it there are more than {BARS_MAX} bars; import the years one by one")));
        }
        Ok(())
    }

    /// In these lines, at the head of shorter bars, are daily ones.
    pub fn daily_rows(&mut self, lines: &[u64]) -> Result<(), ImportError> {
        let (first, last) = (lines[0], lines[lines.len() - 1]);
        if self.options.on_daily_rows == OnDailyRows::Refuse {
            return Err(ImportError::DailyRows { file: self.stream.label.clone(), first, last });
        }
        self.note(format!("{}, lines {first} to {last}: daily rows before shorter bars, left out", self.stream.label));
        Ok(())
    }

    /// A bar's row was read and is good.
    pub fn bar_taken(&mut self, decimals: [u8; 4]) {
        self.tally.rows += 1;
        self.stream.taken += 1;
        if let Some(lot) = self.lots.at_hand() {
            lot.counts.rows += 1;
            decimals.into_iter().for_each(|decimals| lot.counts.decimals.add(decimals));
        }
    }

    /// The stream ends, and was a good one.
    pub fn end(&mut self) -> Result<(), ImportError> {
        for at in 0..self.lots.len() {
            self.lots.take_up(at);
            let last_time = self.lots.at_hand().and_then(|lot| lot.last_time);
            if let Some((line, held)) = self.lots.at_hand().and_then(|lot| lot.waiting.take()) {
                match last_time.filter(|last| held.time < *last && self.stream.direction == Direction::OldestFirst) {
                    Some(last) => self.skip(line, format!("time goes back by {} days", (last - held.time) / DAY_US))?,
                    None => self.place(line, held)?,
                }
            }
            self.flush()?;
            self.check_order()?;
        }
        if self.stream.skipped > self.stream.taken && self.stream.taken > 0 {
            let note = format!("{}: more rows were skipped than taken; is it the right format and clock?", self.stream.label);
            self.note(note);
        }
        self.lots.keep_stream()?;
        self.tally_before = self.tally.clone();
        self.format_before = self.format;
        Ok(())
    }

    /// A file and all in it was read.
    pub fn file_done(&mut self, file: &Input) {
        self.tally.files += 1;
        self.tally_before.files = self.tally.files;
        self.bytes_done += file.bytes;
        self.stream.bytes_read = 0;
        self.tell_progress();
    }

    /// All files were read.
    pub fn finish(self) -> Result<Gathered, ImportError> {
        let shown = |clock: &SourceClock| match clock {
            SourceClock::Usual => SourceClock::AheadMinutes(0).to_string(),
            clock => clock.to_string(),
        };
        let clocks = match &self.options.clock {
            SourceClock::Usual => self.usual_clocks.iter().map(shown).collect::<Vec<_>>().join(" and "),
            given => given.to_string(),
        };
        let Self { mut tally, mut bad_files, staging, lots, format, .. } = self;
        if self.options.on_bad_file == OnBadFile::Stop
            && let Some(first) = bad_files.first.take()
        {
            let BadFiles { count, named, .. } = bad_files;
            return Err(if count == 1 { first } else { ImportError::BadFiles { count, named } });
        }
        let lots = lots.wanted(&mut tally.notes)?;
        Ok(Gathered { tally, bad_files, staging, lots, format, clocks })
    }

    fn count(&mut self) -> Result<(), ImportError> {
        self.tally.rows += 1;
        if self.tally.rows.is_multiple_of(ROWS_PER_LOOK) {
            self.go_on()?;
        }
        if self.tally.rows.is_multiple_of(ROWS_PER_PROGRESS) {
            self.tell_progress();
        }
        Ok(())
    }

    fn skip(&mut self, line: u64, reason: String) -> Result<(), ImportError> {
        let row = DirtyRow { file: self.stream.label.clone(), line, reason };
        if self.options.on_dirty_row == OnDirtyRow::Stop {
            return Err(ImportError::Dirty(row));
        }
        self.tally.skipped += 1;
        self.stream.skipped += 1;
        if self.stream.taken == 0 && self.stream.skipped >= DIRTY_ROWS_AT_HEAD_MAX {
            let why = format!("none of its first {DIRTY_ROWS_AT_HEAD_MAX} rows can be used as {}; the last: {row}", self.format.name());
            return Err(self.wrong(why));
        }
        if self.tally.dirty_rows.len() < DIRTY_ROWS_NAMED_MAX {
            self.tally.dirty_rows.push(row);
        }
        Ok(())
    }

    fn place(&mut self, line: u64, tick: RawTick) -> Result<(), ImportError> {
        let lot = self.lots.at_hand().expect("ticks are placed in the lot at hand");
        let last = lot.last_time.unwrap_or(tick.time);
        let back_us = if self.stream.direction == Direction::OldestFirst { last - tick.time } else { 0 };
        let is_late = (1..=LATE_US_MAX).contains(&back_us);
        lot.order.rows += 1;
        lot.order.late += u64::from(is_late);
        if back_us > LATE_US_MAX {
            lot.order.back += 1;
            lot.order.back_us_max = lot.order.back_us_max.max(back_us);
        }
        let time = Time(if is_late { last } else { tick.time });
        let date = Date::of(time);
        if lot.day != Some(date) {
            self.flush()?;
            let lot = self.lots.at_hand().expect("it was at hand above");
            lot.order.reopened += u64::from(lot.raw.is_of_file(date));
            if lot.order.reopened > REOPENED_DAYS_MAX {
                return Err(self.wrong(format!("line {line}: its rows are in no order of time; sort it by time first")));
            }
        }
        let lot = self.lots.at_hand().expect("it was at hand above");
        lot.day = Some(date);
        lot.last_time = Some(time.0);
        lot.counts.take(&tick, is_late);
        lot.ticks.push(Row {
            time,
            bid: tick.bid.value,
            ask: tick.ask.value,
            last: tick.last.map_or(0.0, |last| last.value),
            volume: tick.volume,
            flags: tick.flags & KNOWN_FLAGS,
        });
        self.stream.taken += 1;
        // Over all symbols together: their days are in memory at once.
        if !self.lots.hold_one_more(DAY_TICKS_MAX) {
            return Err(self.too_many(date, Some(line)));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        match self.lots.flush(DAY_TICKS_MAX, self.stream.direction)? {
            Some(date) => Err(self.too_many(date, None)),
            None => Ok(()),
        }
    }

    /// Rows that step back are told; where too many do by so little that they look late, the file has no order that could be
    /// known.
    fn check_order(&mut self) -> Result<(), ImportError> {
        let Some(order) = self.lots.at_hand().map(|lot| lot.order) else { return Ok(()) };
        if order.late > LATE_ROWS_MAX && order.late * 10 > order.rows {
            let (late, rows) = (order.late, order.rows);
            return Err(self.wrong(format!("{late} of {rows} rows are earlier than the row before them; sort it by time first")));
        }
        if order.back > 0 {
            let (back, seconds) = (order.back, order.back_us_max as f64 / 1e6);
            self.note(format!("{}: time steps back at {back} rows, by up to {seconds:.3} s; its rows were sorted", self.stream.label));
        }
        Ok(())
    }

    fn too_many(&self, date: Date, line: Option<u64>) -> ImportError {
        let place = line.map_or_else(String::new, |line| format!("line {line}: "));
        self.wrong(format!(
            "{place}{date} has more than {DAY_TICKS_MAX} ticks; is the clock right? If so, leave out those without a new price"
        ))
    }

    fn tell_progress(&mut self) {
        let StreamState { file, bytes, bytes_on_disk, bytes_read, .. } = &self.stream;
        let share = (*bytes_read as f64 / (*bytes).max(1) as f64).min(1.0);
        (self.progress)(Progress {
            file,
            files_done: self.tally.files,
            files_total: self.files_total,
            bytes_done: (self.bytes_done + (share * *bytes_on_disk as f64) as u64).min(self.bytes_total),
            bytes_total: self.bytes_total,
            rows: self.tally.rows - self.tally.skipped,
        });
    }
}

impl StreamState {
    fn new(label: String, file: String, bytes: u64, bytes_on_disk: u64, to_utc: ToUtc) -> Self {
        Self {
            label,
            file,
            bytes,
            bytes_on_disk,
            bytes_read: 0,
            to_utc,
            taken: 0,
            skipped: 0,
            direction: Direction::OldestFirst,
            is_of_asks: false,
        }
    }
}

/// What no tick can be, whatever its neighbours. A bid above the ask can be: feeds do send such.
fn sane(tick: &RawTick) -> Result<(), String> {
    let price = |what: &str, value: f64| {
        if value > 0.0 && value < 1e15 { Ok(()) } else { Err(format!("{what} {value} is no price")) }
    };
    price("bid", tick.bid.value)?;
    price("ask", tick.ask.value)?;
    if let Some(last) = tick.last.filter(|last| last.value != 0.0) {
        price("last", last.value)?;
    }
    if !(tick.volume >= 0.0 && tick.volume < 1e15) {
        return Err(format!("invalid volume {}", tick.volume));
    }
    if !TIMES.contains(&tick.time) {
        return Err(format!("its time {} is not between 1990 and 2200", Time(tick.time)));
    }
    Ok(())
}
