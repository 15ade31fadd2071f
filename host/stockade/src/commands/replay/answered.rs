//! How long the orders of a recorded life took, in market time, and when its guest heard of them: what a backtest over its ticks
//! must give its own orders too.

use backtest::Hearing;
use domain::contract::{OrderKind, PositionChange, SeenEvent, SeenPosition};
use domain::symbol::SymbolId;
use domain::tape::{Asked, Entry, Heard};
use domain::time::Time;
use record::{Life, RecordError, TickTape};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// When a life's orders and their changes were carried out, and heard of.
///
/// A deal says when it was done, to a guest that has a callback for it or looks at its positions. Of anything else the record has only
/// when it was heard of; a host's own broker carries it out at the prices at which it was asked for, and so it is taken to have been.
/// An order that was never answered took longer than the life lasted.
pub struct Answered {
    /// Of each order, by its number from the life's first on: microseconds until it was carried out, then those of its changes.
    pub taken_us: Arc<[Vec<i64>]>,
    /// When the guest heard of what, by the same numbers.
    pub hearing: Hearing,
    /// The last tick that was handed over, or went by; of a strategy that is handed none, its last call.
    pub until: Time,
    /// How long after they were asked for those orders were answered that were answered after later ticks, shortest first.
    late_us: Vec<i64>,
    unanswered: usize,
}

/// Something that the guest asked for.
struct Command {
    /// Whether it is an order that is executed as soon as it arrives.
    is_market: bool,
    asked: Time,
    done: Option<Time>,
    heard: Option<Time>,
}

/// What is known of a life's commands.
#[derive(Default)]
struct Commands {
    first_id: Option<u64>,
    /// By order, the order itself first.
    all: Vec<Vec<Command>>,
    hearing: Hearing,
}

impl Answered {
    /// Reads it from the record.
    ///
    /// # Errors
    /// Ticks that the record refers to are not there.
    pub fn of(records: &Path, life: &Life) -> Result<Self, RecordError> {
        let names = life.beginning.symbols.iter().filter_map(|symbol| life.beginning.table.get(usize::from(symbol.0)));
        let mut tapes = names.map(|spec| TickTape::open(records, life.run, &spec.name)).collect::<Result<Vec<_>, _>>()?;
        // The last tick that was handed over, or went by.
        let mut last = Time(i64::MIN);
        // Market time of what the guest does, which is that of the call.
        let mut now = Time(i64::MIN);
        let mut commands = Commands::default();
        let has_ticks = life.entries.iter().any(|entry| matches!(entry, Entry::Ticks { .. } | Entry::Passed { .. }));
        for entry in &life.entries {
            if let Entry::Called { at, .. } = entry {
                now = now.max(*at);
                // Who is handed no ticks lives from call to call.
                if !has_ticks {
                    last = last.max(*at);
                }
            }
            match entry {
                // Those that went by took their time as well.
                &Entry::Ticks { symbol, first, count, .. } | &Entry::Passed { symbol, first, count } => {
                    let Some(tape) = tapes.get_mut(symbol as usize) else { break };
                    let read = tape.range(SymbolId(symbol as u16), first + u64::from(count) - 1, 1, |tick| {
                        last = tick.time;
                        true
                    });
                    match read {
                        // A crash cut it short.
                        Err(RecordError::TicksMissing(missing)) if missing.is_end() => break,
                        read => read?,
                    }
                    now = now.max(last);
                }
                Entry::Called { call: Heard::Order { id, event }, .. } => commands.heard(*id, event, last),
                Entry::Called { call: Heard::Position { position, change }, .. } => commands.dealt(position, *change, last),
                Entry::Untold { id } => commands.untold(*id, last),
                Entry::Asked(asked) => commands.asked(asked, now),
                Entry::Called { .. } | Entry::Begin(_) | Entry::Failed(_) | Entry::Gap => {}
            }
        }
        Ok(commands.answered(last))
    }
}

impl Commands {
    /// An order is asked for.
    fn place(&mut self, id: u64, asked: Time, is_market: bool) {
        let place = id.checked_sub(*self.first_id.get_or_insert(id)).and_then(|place| usize::try_from(place).ok());
        let Some(place) = place else { return };
        // The record has the first order of a close that is too large for one: those between were asked for with it.
        let with = self.all.last().and_then(|commands| commands.first()).map_or(asked, |first| first.asked);
        while self.all.len() < place {
            self.all.push(vec![Command { is_market: true, asked: with, done: Some(with), heard: None }]);
        }
        if self.all.len() == place {
            self.all.push(vec![Command { is_market, asked, done: None, heard: None }]);
        }
    }

    fn number(&self, id: u64) -> Option<u32> {
        u32::try_from(id.checked_sub(self.first_id?)? + 1).ok()
    }

    fn asked(&mut self, asked: &Asked, now: Time) {
        match asked {
            Asked::Submit { answer: Ok(id), order } => self.place(*id, now, order.kind == OrderKind::Market),
            Asked::Close { answer: Ok(id), .. } => self.place(*id, now, true),
            Asked::ModifyOrder { id, answer: Ok(()), .. }
            | Asked::ModifyPosition { id, answer: Ok(()), .. }
            | Asked::Cancel { id, answer: Ok(()) } => {
                let place = self.first_id.and_then(|first| usize::try_from(id.checked_sub(first)?).ok());
                if let Some(commands) = place.and_then(|place| self.all.get_mut(place)) {
                    commands.push(Command { is_market: false, asked: now, done: None, heard: None });
                }
            }
            Asked::Positions(rows) => rows.iter().for_each(|row| self.done(row.id, Time(row.opened))),
            _ => {}
        }
    }

    /// The command of an order that waits longest for an answer: the order itself, or one of its changes.
    fn waiting(&mut self, id: u64, is_change: bool) -> Option<(usize, usize)> {
        let place = usize::try_from(id.checked_sub(self.first_id?)?).ok()?;
        let commands = self.all.get(place)?.iter().enumerate().skip(usize::from(is_change));
        let mut waiting = commands.filter(|(at, command)| command.heard.is_none() && (is_change || *at == 0));
        waiting.next().map(|(at, _)| (place, at))
    }

    /// The command has been heard of.
    fn answer(&mut self, command: Option<(usize, usize)>, last: Time) {
        if let Some((place, at)) = command {
            self.all[place][at].heard = Some(last);
        }
    }

    /// A deal of the order was done then; the first that a market order does is done when it arrives.
    fn done(&mut self, id: u64, at: Time) {
        let place = self.first_id.and_then(|first| usize::try_from(id.checked_sub(first)?).ok());
        let order = place.and_then(|place| self.all.get_mut(place)).and_then(|commands| commands.first_mut());
        if let Some(order) = order.filter(|order| order.is_market) {
            order.done.get_or_insert(at);
        }
    }

    fn heard(&mut self, id: u64, event: &SeenEvent, last: Time) {
        let Some(number) = self.number(id) else { return };
        self.hearing.orders.entry(number).or_default().push_back(last);
        let is_change = matches!(event, SeenEvent::Modified | SeenEvent::ModifyRejected(_) | SeenEvent::Canceled);
        let command = self.waiting(id, is_change).or_else(|| self.waiting(id, !is_change));
        self.answer(command, last);
        if let SeenEvent::Filled(fill) | SeenEvent::PartiallyFilled(fill) = event {
            self.done(id, Time(fill.time));
        }
    }

    fn untold(&mut self, id: u64, last: Time) {
        let Some(number) = self.number(id) else { return };
        self.hearing.orders.entry(number).or_default().push_back(last);
        let command = self.waiting(id, false).or_else(|| self.waiting(id, true));
        self.answer(command, last);
    }

    fn dealt(&mut self, position: &SeenPosition, change: PositionChange, last: Time) {
        let Some(number) = self.number(position.id) else { return };
        if change == PositionChange::StopsMoved {
            self.hearing.stops.entry(number).or_default().push_back(last);
            let command = self.waiting(position.id, true);
            self.answer(command, last);
        } else {
            self.hearing.deals.entry(number).or_default().push_back(last);
            // It was opened by an order of the same number.
            self.done(position.id, Time(position.opened));
        }
    }

    fn answered(self, last: Time) -> Answered {
        let orders = self.all.iter().filter_map(|commands| commands.first());
        let late = orders.clone().filter_map(|order| Some(order.heard?.since_us(order.asked)));
        let mut late_us: Vec<i64> = late.filter(|&us| us > 0).collect();
        late_us.sort_unstable();
        let unanswered = orders.filter(|order| order.heard.is_none() && order.done.is_none()).count();
        let us = |(at, command): (usize, &Command)| match (command.done, command.heard) {
            (Some(done), _) => done.since_us(command.asked).max(0),
            (None, None) if at == 0 => last.since_us(command.asked).max(0) + 1,
            (None, _) => 0,
        };
        let taken_us = self.all.iter().map(|commands| commands.iter().enumerate().map(us).collect()).collect();
        Answered { taken_us, hearing: self.hearing, until: last, late_us, unanswered }
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, late, ms) = (self.taken_us.len(), &self.late_us, |us: i64| us as f64 / 1e3);
        match (late.get(late.len() / 2), late.last()) {
            (Some(&middle), Some(&most)) => write!(
                f,
                "{} of {all} orders were answered after later ticks, {} ms of market time after they were asked for in the middle, {} at \
                 most; in the backtest each is carried out and heard of when it was",
                late.len(),
                ms(middle),
                ms(most)
            )?,
            _ => write!(f, "each of {all} orders was answered before the next tick; the backtest's orders take no time either")?,
        }
        match self.unanswered {
            0 => Ok(()),
            1 => write!(f, "; 1 was not answered while the life lasted, nor is it in the backtest"),
            orders => write!(f, "; {orders} were not answered while the life lasted, nor are they in the backtest"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::contract::{SeenEvent, SeenFill};
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
        let heard = |id, s: i64| {
            let time = s * SECOND_US;
            let fill = SeenFill { volume: 0.1, price: 1.3, time, position: 90, profit: 0.0, commission: 0.0 };
            Entry::Called { at: Time(time), call: Heard::Order { id, event: SeenEvent::Filled(fill) } }
        };
        let untold = |id, _| Entry::Untold { id };
        // Carried out a tick before it was heard of, which only the deal tells.
        for (heard, taken) in [(&heard as &dyn Fn(u64, i64) -> Entry, SECOND_US), (&untold, 0)] {
            // Numbers go on from those of the life before. 7 is answered at once and needs 8 as well, 9 two ticks later, 10 never.
            let entries = vec![ticks(1, 3), asked(7), heard(7, 3), ticks(4, 1), asked(9), ticks(5, 2), heard(9, 5), asked(10), ticks(7, 1)];
            let beginning = Beginning {
                engine: EngineId(1),
                version: Digest([0; 32]),
                table: table.clone(),
                symbols: vec![SymbolId(0)],
                seed: 1,
                limits: GuestLimits::default(),
            };
            let answered = Answered::of(folder.path(), &Life { run: 1, beginning, entries }).expect("all ticks are there");
            assert_eq!(answered.until, Time(7 * SECOND_US));
            let first: Vec<i64> = answered.taken_us.iter().map(|commands| commands[0]).collect();
            assert_eq!((first[0], first[1], first[2], first.len()), (0, 0, taken, 4));
            let never = answered.until.0 - 6 * SECOND_US + 1;
            assert!(first[3] >= never, "{first:?}");
            assert_eq!(answered.hearing.orders[&3], [Time(6 * SECOND_US)]);
            let said = answered.to_string();
            assert!(said.starts_with("1 of 4 orders were answered after later ticks, 2000 ms") && said.contains("; 1 was not"), "{said}");
        }
    }
}
