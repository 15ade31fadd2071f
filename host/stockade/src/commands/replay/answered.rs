//! How long the orders of a recorded life took, in market time: what a backtest over its ticks must give its own orders too.

use domain::symbol::SymbolId;
use domain::tape::{Asked, Entry, Heard};
use domain::time::Time;
use record::{Life, RecordError, TickTape};
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// When a life's orders were answered.
///
/// An order is answered with the first that its guest heard of it, or would have heard if it had a callback for that. Where no
/// tick came meanwhile, no time went by: that is what a backtest without delay does. One that was never answered took
/// longer than the life lasted.
pub struct Answered {
    /// Of each order, by its number from the life's first on: microseconds until it was answered. None for the further orders of
    /// a close that is too large for one, of which the record has the first.
    pub after_us: Arc<[i64]>,
    /// The last tick that was handed over, or went by; of a strategy that is handed none, its last call.
    pub until: Time,
    /// How long those took that were answered after later ticks, shortest first.
    late_us: Vec<i64>,
    unanswered: usize,
}

/// The last tick that was handed over, or went by.
#[derive(Clone, Copy, PartialEq)]
struct Last {
    time: Time,
    /// Ticks so far, of all symbols.
    count: u64,
}

impl Answered {
    /// Reads it from the record.
    ///
    /// # Errors
    /// Ticks that the record refers to are not there.
    pub fn of(records: &Path, life: &Life) -> Result<Self, RecordError> {
        let names = life.beginning.symbols.iter().filter_map(|symbol| life.beginning.table.get(usize::from(symbol.0)));
        let mut tapes = names.map(|spec| TickTape::open(records, life.run, &spec.name)).collect::<Result<Vec<_>, _>>()?;
        let mut last = Last { time: Time(i64::MIN), count: 0 };
        // Market time of what the guest does, which is that of the call.
        let mut now = Time(i64::MIN);
        let mut waiting: HashMap<u64, (usize, Time, Last)> = HashMap::new();
        let (mut after_us, mut late_us, mut first_id) = (Vec::new(), Vec::new(), None);
        let has_ticks = life.entries.iter().any(|entry| matches!(entry, Entry::Ticks { .. } | Entry::Passed { .. }));
        for entry in &life.entries {
            // Who is handed no ticks lives from call to call.
            if let Entry::Called { at, .. } = entry
                && !has_ticks
                && *at > last.time
            {
                last = Last { time: *at, count: last.count + 1 };
            }
            match entry {
                // Those that went by took their time as well.
                &Entry::Ticks { symbol, first, count, .. } | &Entry::Passed { symbol, first, count } => {
                    let Some(tape) = tapes.get_mut(symbol as usize) else { break };
                    let read = tape.range(SymbolId(symbol as u16), first + u64::from(count) - 1, 1, |tick| {
                        last = Last { time: tick.time, count: last.count + u64::from(count) };
                        true
                    });
                    match read {
                        // A crash cut it short.
                        Err(RecordError::TicksMissing(missing)) if missing.is_end() => break,
                        read => read?,
                    }
                    now = last.time;
                }
                Entry::Called { call: Heard::Order { id, .. }, .. } | Entry::Untold { id } => {
                    // Whoever is not called does nothing at that time.
                    if let Entry::Called { at, .. } = entry {
                        now = *at;
                    }
                    if let Some((place, asked, then)) = waiting.remove(id)
                        && then != last
                    {
                        after_us[place] = last.time.since_us(asked).max(0);
                        late_us.push(after_us[place]);
                    }
                }
                Entry::Called { at, .. } => now = *at,
                Entry::Asked(Asked::Submit { answer: Ok(id), .. } | Asked::Close { answer: Ok(id), .. }) => {
                    let place = id.saturating_sub(*first_id.get_or_insert(*id)) as usize;
                    waiting.insert(*id, (place, now, last));
                    after_us.resize(after_us.len().max(place + 1), 0);
                }
                Entry::Asked(_) | Entry::Begin(_) | Entry::Failed(_) | Entry::Gap => {}
            }
        }
        let unanswered = waiting.len();
        waiting.into_values().for_each(|(place, asked, _)| after_us[place] = last.time.since_us(asked).max(0) + 1);
        late_us.sort_unstable();
        Ok(Self { after_us: after_us.into(), until: last.time, late_us, unanswered })
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, late, ms) = (self.after_us.len(), &self.late_us, |us: i64| us as f64 / 1e3);
        match (late.get(late.len() / 2), late.last()) {
            (Some(&middle), Some(&most)) => write!(
                f,
                "{} of {all} orders were answered after later ticks, {} ms of market time after they were asked for in the middle, {} at \
                 most; the backtest's orders take as long",
                late.len(),
                ms(middle),
                ms(most)
            )?,
            _ => write!(f, "each of {all} orders was answered before the next tick; the backtest's orders take no time either")?,
        }
        match self.unanswered {
            0 => Ok(()),
            orders => write!(f, "; {orders} were not answered while the life lasted, nor are they in the backtest"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::contract::SeenEvent;
    use domain::ids::{Digest, EngineId};
    use domain::limits::GuestLimits;
    use domain::symbol::{SymbolTable, common};
    use domain::tape::Beginning;
    use domain::tick::Tick;
    use domain::time::SECOND_US;
    use record::{Recorder, Retention};

    #[test]
    fn an_order_took_the_time_of_the_ticks_before_its_answer() {
        let folder = tempfile::tempdir().expect("a folder");
        let table = vec![common::forex("EUR", "USD")];
        let retention = Retention { engine_bytes_max: 1 << 20, tick_bytes_max: 1 << 20 };
        let known = SymbolTable::new(table.clone()).expect("one symbol");
        let mut recorder = Recorder::new(folder.path(), 1, known, retention).expect("a folder");
        let tick = |sequence: u64| Tick {
            time: Time(sequence as i64 * SECOND_US),
            sequence,
            bid: 1.3,
            ask: 1.3,
            last: 0.0,
            volume: 0.0,
            symbol: SymbolId(0),
            flags: 0,
        };
        recorder.ticks(&(1..=9).map(tick).collect::<Vec<_>>()).expect("it is written");
        let ticks = |first, count| Entry::Ticks { symbol: 0, first, count, skipped: 0 };
        let asked = |id| Entry::Asked(Asked::Close { id: 90, volume: None, answer: Ok(id) });
        let heard = |id, s: i64| Entry::Called { at: Time(s * SECOND_US), call: Heard::Order { id, event: SeenEvent::Accepted } };
        let untold = |id, _| Entry::Untold { id };
        for heard in [&heard as &dyn Fn(u64, i64) -> Entry, &untold] {
            // Numbers go on from those of the life before. 7 is answered at once and needs 8 as well, 9 two ticks later, 10 never.
            let entries = vec![ticks(1, 3), asked(7), heard(7, 3), ticks(4, 1), asked(9), ticks(5, 2), heard(9, 6), asked(10), ticks(7, 1)];
            let beginning = Beginning {
                engine: EngineId(1),
                version: Digest([0; 32]),
                table: table.clone(),
                symbols: vec![SymbolId(0)],
                seed: 1,
                limits: GuestLimits::default(),
            };
            let answered = Answered::of(folder.path(), &Life { run: 1, beginning, entries }).expect("all ticks are there");
            assert_eq!((&*answered.after_us, answered.until), (&[0, 0, 2 * SECOND_US, SECOND_US + 1][..], Time(7 * SECOND_US)));
            let said = answered.to_string();
            assert!(said.starts_with("1 of 4 orders were answered after later ticks, 2000 ms") && said.contains("; 1 were not"), "{said}");
        }
    }
}
