//! Handing ticks over: one by one while the shard keeps up, by columns when they wait.

use super::following::Shown;
use super::slot::{Held, Slot};
use super::{Fed, Message, Shard};
use crate::meter::add_shared;
use crate::moment::Moment;
use crate::usage::second;
use domain::desk::Columns;
use domain::footprint::Footprint;
use domain::symbol::SymbolId;
use domain::tick::TickColumns;
use std::sync::Arc;

/// An owner is charged with fuel at the latest when it is this part of what may be used in a second.
const FUEL_SHARE: u64 = 256;

/// How many engines before its own call an engine's footprint is asked for itself.
pub(super) const FOOTPRINTS_AHEAD: usize = 4;

/// What handing over needs and keeps from one time to the next.
pub(super) struct Scratch {
    /// Slots that want something of the run.
    touched: Vec<u32>,
    /// Of each symbol: the index in the run of its last tick.
    last_of: Vec<u32>,
    /// Of each tick of the run: its row in its symbol's columns.
    row_of: Vec<u32>,
    /// Of each symbol: the run's ticks as columns.
    columns: Vec<Option<Arc<dyn Columns>>>,
}

impl Scratch {
    pub(super) fn new(symbols: usize) -> Self {
        Self { touched: Vec::new(), last_of: vec![0; symbols], row_of: Vec::new(), columns: vec![None; symbols] }
    }

    /// Lets go of a run's columns.
    pub(super) fn clear(&mut self) {
        self.columns.iter_mut().for_each(|columns| *columns = None);
    }
}

/// Waiting ticks of one symbol.
#[derive(Default)]
struct Backlog {
    times: Vec<i64>,
    bids: Vec<f64>,
    asks: Vec<f64>,
    lasts: Vec<f64>,
    volumes: Vec<f64>,
}

impl Columns for Backlog {
    fn columns(&self) -> TickColumns<'_> {
        TickColumns { times: &self.times, bids: &self.bids, asks: &self.asks, lasts: &self.lasts, volumes: &self.volumes }
    }
}

pub(super) fn index(symbol: SymbolId) -> usize {
    usize::from(symbol.0)
}

/// The ticks of a run, with their places in it.
fn ticks(run: &[Message]) -> impl Iterator<Item = (usize, &Fed)> {
    run.iter().enumerate().filter_map(|(at, message)| if let Message::Tick(fed) = message { Some((at, fed)) } else { None })
}

impl Shard {
    /// Ticks that wait, none of them later than anything else that waits.
    pub(super) fn ticks(&mut self, run: &[Message]) {
        let began = Moment::now();
        self.mark = began;
        self.second = second(self.shared.clock.steady());
        self.keep(run);
        if let [Message::Tick(fed)] = run {
            // The usual case: nothing else waits.
            self.hand_round(fed);
        } else {
            self.rouse_for(ticks(run).map(|(_, fed)| fed));
            self.many_ticks(run, None);
        }
        self.load.add(self.mark.since(began));
        self.forget_stale();
    }

    /// Has memory fetch what the call of a subscriber will touch, and of one that comes later what that is.
    pub(super) fn ask_ahead(&self, symbol: usize, subscriber: usize, later: usize) {
        let footprint = |subscriber: usize| self.footprints.get(self.by_symbol[symbol].get(subscriber)?.slot as usize);
        footprint(later).inspect(|footprint| Footprint::of(*footprint).fetch());
        footprint(subscriber).inspect(|footprint| footprint.fetch());
    }

    pub(super) fn flat(&mut self, at: usize, wanted: usize, fed: &Fed) {
        if self.is_fed(at) {
            if self.is_throttled(at) && self.is_awaited(at, wanted, fed) {
                return self.throttled(at, wanted, fed);
            }
            self.before_shadow(at);
            self.with_guest(at, |slot, shared| slot.tick(wanted, fed, shared));
            self.charge(at, 1);
            self.after_shadow(at, || vec![Shown::Tick { wanted, fed: fed.clone() }]);
            return;
        }
        let held_max = self.bounds().held_max;
        match self.slots[at].as_mut() {
            Some(slot) if slot.held.is_some() => slot.hold(Held::Tick { wanted, fed: fed.clone() }, held_max),
            Some(slot) if slot.state.is_fed() => self.tick_waits(at, fed),
            Some(slot) => slot.pass(wanted, fed),
            None => {}
        }
    }

    /// Whether its owner's engines have used up the fuel of this second.
    fn is_throttled(&self, at: usize) -> bool {
        let shared = &self.shared;
        shared.is_short_of_fuel(self.second)
            && self.slots[at].as_ref().is_some_and(|slot| slot.entry.usage.is_out_of_fuel(self.second, &shared.bounds.quotas))
    }

    /// Whether a tick would be handed to an engine's guest. The others are skipped, and not counted as missed.
    fn is_awaited(&mut self, at: usize, wanted: usize, fed: &Fed) -> bool {
        self.slots[at].as_mut().is_some_and(|slot| slot.is_awaited(wanted, fed))
    }

    /// Skips a tick; the guest still hears of the bars it closes, and the next tick says how many were skipped.
    fn throttled(&mut self, at: usize, wanted: usize, fed: &Fed) {
        let (second, seen) = (self.second, self.slots[at].as_mut().is_none_or(|slot| slot.has_seen(wanted, fed)));
        if seen {
            return;
        }
        self.before_shadow(at);
        self.with_guest(at, |slot, shared| {
            slot.throttle(fed.tick.time, second, shared);
            slot.bars_only(wanted, fed)
        });
        self.after_shadow(at, || vec![Shown::Bars { wanted, fed: fed.clone() }]);
    }

    /// Notes how long an engine kept this shard busy with this many ticks, or an order event, and the fuel used.
    pub(super) fn charge(&mut self, at: usize, ticks: usize) {
        let second = self.second;
        let Some(slot) = self.slots[at].as_mut() else { return };
        let fuel = slot.charge_fuel(second, self.shared.bounds.quotas.fuel_per_second_max / FUEL_SHARE, &self.shared);
        let took = slot.done.since(self.mark);
        self.mark = self.mark.max(slot.done);
        let second = self.load.second();
        slot.cost = if slot.cost.0 == second { (second, slot.cost.1 + took) } else { (second, took) };
        slot.lane.took(second, took, ticks);
        if slot.has_published() {
            let footprint = slot.footprint();
            self.footprints.resize(self.slots.len(), Footprint::default());
            self.footprints[at] = footprint;
        }
        self.judge(at, fuel, ticks);
    }

    /// Whether its ticks go to its guest now.
    fn is_fed(&self, at: usize) -> bool {
        let may_have_it = |slot: &Slot| !slot.lane.is_slow() || self.lanes.serves(at);
        self.slots[at].as_ref().is_some_and(|slot| slot.state.is_fed() && slot.held.is_none() && may_have_it(slot))
    }

    /// Ticks for an engine that is not fed: they wait, or go by.
    fn aside(&mut self, at: usize, run: &[Message]) {
        for (_, fed) in ticks(run) {
            self.wanted(at, fed.tick.symbol).into_iter().for_each(|wanted| self.flat(at, wanted, fed));
        }
    }

    /// A backlog: engine by engine, so that each is handed as much as possible at once. To all, or to those in some places.
    pub(super) fn many_ticks(&mut self, run: &[Message], only: Option<&[u32]>) {
        let mut scratch = std::mem::replace(&mut self.run, Scratch::new(0));
        let by_columns = run.len() >= self.bounds().columns_from;
        self.prepare(run, by_columns, &mut scratch);
        match only {
            Some(places) => {
                scratch.touched.clear();
                scratch.touched.extend_from_slice(places);
            }
            None => self.touch(run, &mut scratch),
        }
        for &slot in &scratch.touched {
            let at = slot as usize;
            let latest_only = self.slots[at].as_ref().is_some_and(|slot| slot.latest_only);
            if latest_only {
                self.latest(at, run, &scratch);
            } else if by_columns {
                self.columns(at, run, &scratch);
            } else {
                for (_, fed) in ticks(run) {
                    self.wanted(at, fed.tick.symbol).into_iter().for_each(|wanted| self.flat(at, wanted, fed));
                }
            }
            self.interrupt();
        }
        scratch.clear();
        self.run = scratch;
    }

    /// Who wants something of a run.
    fn touch(&self, run: &[Message], scratch: &mut Scratch) {
        scratch.touched.clear();
        let mut known: Vec<SymbolId> = Vec::new();
        for (_, fed) in ticks(run) {
            if !known.contains(&fed.tick.symbol) {
                known.push(fed.tick.symbol);
                scratch.touched.extend(self.by_symbol[index(fed.tick.symbol)].iter().map(|subscriber| subscriber.slot));
            }
        }
        scratch.touched.sort_unstable();
        scratch.touched.dedup();
    }

    pub(super) fn prepare(&self, run: &[Message], by_columns: bool, scratch: &mut Scratch) {
        scratch.row_of.clear();
        scratch.row_of.resize(run.len(), 0);
        let mut backlogs: Vec<(SymbolId, Backlog)> = Vec::new();
        for (at, fed) in ticks(run) {
            let tick = &fed.tick;
            scratch.last_of[index(tick.symbol)] = at as u32;
            let known = backlogs.iter().position(|(symbol, _)| *symbol == tick.symbol).unwrap_or_else(|| {
                backlogs.push((tick.symbol, Backlog::default()));
                backlogs.len() - 1
            });
            if by_columns {
                let backlog = &mut backlogs[known].1;
                scratch.row_of[at] = backlog.times.len() as u32;
                backlog.times.push(tick.time.0);
                backlog.bids.push(tick.bid);
                backlog.asks.push(tick.ask);
                backlog.lasts.push(tick.last);
                backlog.volumes.push(tick.volume);
            }
        }
        if by_columns {
            for (symbol, mut backlog) in backlogs {
                let none = |column: &[f64]| column.iter().all(|&value| value == 0.0);
                if none(&backlog.lasts) && none(&backlog.volumes) {
                    backlog.lasts.clear();
                    backlog.volumes.clear();
                }
                scratch.columns[index(symbol)] = Some(Arc::new(backlog));
            }
        }
    }

    /// Which of the engine's symbols this is.
    pub(super) fn wanted(&self, at: usize, symbol: SymbolId) -> Option<usize> {
        self.slots[at].as_ref()?.wanted.iter().position(|wanted| wanted.symbol == symbol)
    }

    /// For an engine that wants the latest only: every bar, and of each symbol the last tick that it is to be handed, with the number it
    /// missed.
    pub(super) fn latest(&mut self, at: usize, run: &[Message], scratch: &Scratch) {
        let mut merged = 0;
        for (place, fed) in ticks(run) {
            let Some(wanted) = self.wanted(at, fed.tick.symbol) else { continue };
            let is_last = scratch.last_of[index(fed.tick.symbol)] as usize == place;
            if is_last || !self.is_fed(at) || !self.is_awaited(at, wanted, fed) {
                self.flat(at, wanted, fed);
            } else {
                merged += 1;
                self.before_shadow(at);
                self.with_guest(at, |slot, _| slot.bars_only(wanted, fed));
                self.after_shadow(at, || vec![Shown::Bars { wanted, fed: fed.clone() }]);
            }
        }
        add_shared(&self.shared.counters.ticks_merged, merged);
    }

    /// By columns, cut where a bar closes, a timer is due, another of the engine's symbols has a tick, a tick is missing, and
    /// after each row at which the guest asks for something.
    fn columns(&mut self, at: usize, run: &[Message], scratch: &Scratch) {
        let mut from = 0;
        while let Some(rest) = run.get(from..).filter(|rest| !rest.is_empty()) {
            if !self.is_fed(at) {
                self.aside(at, rest);
                return;
            }
            let first = ticks(rest).find_map(|(offset, fed)| self.wanted(at, fed.tick.symbol).map(|wanted| (from + offset, wanted, fed)));
            let Some((place, wanted, fed)) = first else { return };
            let Some(columns) = &scratch.columns[index(fed.tick.symbol)] else { return };
            from = self.stretch(at, run, place, wanted, fed, (columns, &scratch.row_of));
            self.interrupt();
        }
    }

    /// The first call of a run, of which the engine wants the first tick; how many of its ticks are done with.
    pub(super) fn first_stretch(&mut self, at: usize, run: &[Message], wanted: usize, fed: &Fed, scratch: &Scratch) -> usize {
        match &scratch.columns[index(fed.tick.symbol)] {
            Some(columns) => self.stretch(at, run, 0, wanted, fed, (columns, &scratch.row_of)),
            None => run.len(),
        }
    }

    /// One call with as many rows as possible from `place` on; the place from which to go on.
    fn stretch(
        &mut self,
        at: usize,
        run: &[Message],
        place: usize,
        wanted: usize,
        fed: &Fed,
        (columns, row_of): (&Arc<dyn Columns>, &[u32]),
    ) -> usize {
        let Some(slot) = self.slots[at].as_mut() else { return run.len() };
        if slot.has_seen(wanted, fed) {
            return place + 1;
        }
        let (last, sequence, takes_rows) = (slot.wanted[wanted].last, fed.tick.sequence, slot.takes_rows(wanted, fed));
        if (last != 0 && sequence != last + 1) || self.is_throttled(at) {
            // Columns can't say how many were missed, nor let them go by; a single tick can.
            self.flat(at, wanted, fed);
            return place + 1;
        }
        if !takes_rows {
            self.flat(at, wanted, fed);
            return self.pass_over(at, run, place + 1, wanted, fed, (columns, row_of));
        }
        let mut end = place + 1;
        self.before_shadow(at);
        self.with_guest(at, |slot, shared| {
            let timer = slot.before_rows(wanted, fed)?;
            // A timer or a bar may have it wait for other ticks.
            if !slot.takes_rows(wanted, fed) {
                return slot.only_tick(wanted, fed, shared);
            }
            let (rows, places) = stretch_rows(slot, run, place, wanted, fed, timer);
            let start = row_of[place] as usize;
            let handled = slot.rows(wanted, columns, start..start + rows, sequence)?;
            add_shared(&shared.counters.column_calls, 1);
            add_shared(&shared.counters.ticks_by_columns, handled as u64);
            // The place after the last row that was handled: rows of other symbols in between are not this engine's.
            let mut handled_rows = ticks(&run[place..places]).filter(|(_, other)| other.tick.symbol == fed.tick.symbol);
            let (offset, last) = handled_rows.nth(handled - 1).unwrap_or((0, fed));
            end = place + offset + 1;
            slot.decided(last, shared)
        });
        self.charge(at, end - place);
        self.after_shadow(at, || one_by_one(&run[place..end], wanted, fed.tick.symbol));
        end
    }

    /// Ticks from `place` on that nothing happens at and that the engine does not wait for go by, after `before`; the place from which
    /// to go on.
    fn pass_over(
        &mut self,
        at: usize,
        run: &[Message],
        place: usize,
        wanted: usize,
        before: &Fed,
        (columns, row_of): (&Arc<dyn Columns>, &[u32]),
    ) -> usize {
        let is_fed = self.is_fed(at);
        let Some(slot) = self.slots[at].as_mut().filter(|slot| is_fed && slot.is_at(wanted, before)) else { return place };
        // The rows of one call that began with the tick before: all that follow it up to a bar, a timer, another symbol or a gap.
        let timer = slot.next_timer();
        let (rows, _) = stretch_rows(slot, run, place - 1, wanted, before, timer);
        let start = row_of[place - 1] as usize + 1;
        let passing = slot.passing(wanted, &columns.columns().slice(start..start + rows - 1));
        let Some((offset, last)) = passing
            .checked_sub(1)
            .and_then(|nth| ticks(&run[place..]).filter(|(_, other)| other.tick.symbol == before.tick.symbol).nth(nth))
        else {
            return place;
        };
        self.before_shadow(at);
        self.with_guest(at, |slot, shared| slot.pass_by(wanted, last, passing as u32, shared));
        self.charge(at, passing);
        self.after_shadow(at, || one_by_one(&run[place..=place + offset], wanted, before.tick.symbol));
        place + offset + 1
    }
}

/// Ticks of a symbol as a shadow is shown them: one by one, which leads to the same decisions.
fn one_by_one(run: &[Message], wanted: usize, symbol: SymbolId) -> Vec<Shown> {
    let rows = ticks(run).filter(|(_, other)| other.tick.symbol == symbol);
    rows.map(|(_, other)| Shown::Tick { wanted, fed: other.clone() }).collect()
}

/// How many rows may go into one call from `place` on, and the place after the last of them.
fn stretch_rows(slot: &Slot, run: &[Message], place: usize, wanted: usize, fed: &Fed, timer: Option<domain::time::Time>) -> (usize, usize) {
    let (mut rows, mut end) = (1, place + 1);
    for (offset, other) in ticks(&run[place + 1..]) {
        let tick = &other.tick;
        if tick.symbol == fed.tick.symbol {
            let due = timer.is_some_and(|timer| timer <= tick.time);
            if due || slot.wants_bars_of(wanted, other) || tick.sequence != fed.tick.sequence + rows as u64 {
                break;
            }
            rows += 1;
            end = place + 1 + offset + 1;
        } else if slot.wanted.iter().any(|own| own.symbol == tick.symbol) {
            break;
        }
    }
    (rows, end)
}
