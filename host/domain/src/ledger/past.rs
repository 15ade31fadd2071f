//! The deals that positions are made of. Deals are the ledger, and their numbers say in which order they were: one that comes
//! late is put into its place, and what followed from it is worked out again.

use super::{Change, Position};
use crate::broker::{Deal, Entry};
use crate::contract::PositionChange;
use crate::ids::{OrderId, PositionId};
use crate::number::{Money, Points, Steps};
use crate::order::Tag;
use crate::time::Time;
use std::collections::{BTreeMap, VecDeque};

/// Deals of one position that can still be preceded by a late one. What is older counts as settled: reports overtake each
/// other within seconds.
const DEALS_MAX: usize = 16;
/// Nights of one position that are remembered, to tell a report that repeats.
const CHARGES_MAX: usize = 8;
/// Positions that are not open and of which deals are remembered.
const CLOSED_MAX: usize = 16;

/// Stop loss and take profit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stops {
    pub loss: Option<Points>,
    pub profit: Option<Points>,
}

/// A deal with what its order says of the position that it opens.
#[derive(Clone, Debug)]
pub(super) struct Booked {
    pub deal: Deal,
    pub tag: Tag,
    pub stops: Stops,
}

/// What is remembered of each position.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    stories: BTreeMap<PositionId, Story>,
    closed: VecDeque<PositionId>,
}

/// How one position came to be what it is.
#[derive(Clone, Debug, Default)]
struct Story {
    /// What it was before the deals that are remembered.
    base: Option<Position>,
    /// In order of their numbers.
    deals: Vec<Booked>,
    /// Stops that the broker was told to move last, and when.
    moved: Option<(Time, Stops)>,
    /// When a deal set its stops last.
    set_at: Time,
    /// What nights have cost since it was opened, or since the oldest that is remembered.
    charges: Vec<(Time, Money)>,
}

/// What a deal did to a position.
enum Step {
    /// The position after it, with volume 0 when it closed.
    Changed(Box<Position>, PositionChange),
    /// It booked a cost; the position after it.
    Charged(Box<Position>),
    /// It closes what is not open, as far as is known.
    TooEarly,
}

impl Past {
    /// Books a deal and says what it did to its position.
    pub fn book(&mut self, positions: &mut BTreeMap<PositionId, Position>, booked: Booked) -> Option<Change> {
        let (id, number, entry) = (booked.deal.position, booked.deal.id, booked.deal.entry);
        let mut open = positions.remove(&id);
        let story = self.stories.entry(id).or_insert_with(|| Story::of(open.as_ref()));
        let in_order = story.deals.last().is_none_or(|last| last.deal.id < number);
        let at = story.deals.partition_point(|other| other.deal.id < number);
        story.deals.insert(at, booked);
        let change = if in_order {
            match story.step(&mut open, at) {
                Step::Changed(shown, change) => Some(Change::Position(shown, change)),
                Step::Charged(shown) => Some(Change::Swap(shown)),
                Step::TooEarly => Some(Change::Contradiction(format!("deal {number} closes position {id}, which is not open"))),
            }
        } else {
            let before = open.take();
            open = story.again();
            difference(before, open.as_ref(), entry)
        };
        story.settle();
        self.keep(positions, id, open);
        change
    }

    /// The broker has moved a position's stops; gives the position when that changed something.
    pub fn move_stops(
        &mut self,
        positions: &mut BTreeMap<PositionId, Position>,
        id: PositionId,
        stops: Stops,
        at: Time,
    ) -> Option<Position> {
        let story = self.stories.entry(id).or_insert_with(|| Story::of(positions.get(&id)));
        if story.moved.is_some_and(|(last, _)| at < last) {
            return None;
        }
        story.moved = Some((at, stops));
        let applies = at >= story.set_at;
        let open = positions.remove(&id).map(|open| if applies { open.with(stops) } else { open });
        let shown = open.clone().filter(|_| applies);
        self.keep(positions, id, open);
        shown
    }

    /// A position was charged for a night; gives it as it is now. A night is charged once.
    pub fn charge(&mut self, positions: &mut BTreeMap<PositionId, Position>, id: PositionId, amount: Money, at: Time) -> Option<Position> {
        let story = self.stories.entry(id).or_insert_with(|| Story::of(positions.get(&id)));
        let is_new = story.charges.iter().all(|(night, _)| *night != at);
        if is_new {
            story.charges.push((at, amount));
        }
        let mut open = positions.remove(&id);
        // An earlier night was that of a position which has closed since and was opened again.
        let counts = is_new && open.as_ref().is_some_and(|open| at >= open.opened);
        if let Some(open) = open.as_mut().filter(|_| counts) {
            open.swap += amount;
        }
        story.settle();
        let shown = open.clone().filter(|_| counts);
        self.keep(positions, id, open);
        shown
    }

    /// An order turns out to have had other stops when it was carried out; gives the positions that this changes.
    pub fn restop(
        &mut self,
        positions: &mut BTreeMap<PositionId, Position>,
        order: OrderId,
        stops_at: impl Fn(Time) -> Option<Stops>,
    ) -> Vec<Position> {
        let mut moved = Vec::new();
        for (id, story) in &mut self.stories {
            let mut is_other = false;
            for booked in story.deals.iter_mut().filter(|booked| booked.deal.order == Some(order)) {
                let stops = stops_at(booked.deal.time).unwrap_or(booked.stops);
                is_other |= std::mem::replace(&mut booked.stops, stops) != stops;
            }
            if is_other
                && let (Some(after), Some(before)) = (story.again(), positions.get_mut(id))
                && *before != after
            {
                *before = after.clone();
                moved.push(after);
            }
        }
        moved
    }

    /// Puts a position back, or remembers its story for a while when it is not open.
    fn keep(&mut self, positions: &mut BTreeMap<PositionId, Position>, id: PositionId, open: Option<Position>) {
        if let Some(open) = open {
            positions.insert(id, open);
        } else if !self.closed.contains(&id) {
            self.closed.push_back(id);
        }
        while self.closed.len() > CLOSED_MAX {
            let Some(oldest) = self.closed.pop_front() else { return };
            if !positions.contains_key(&oldest) {
                self.stories.remove(&oldest);
            }
        }
    }
}

fn charged_since(charges: &[(Time, Money)], opened: Time) -> Money {
    charges.iter().filter(|(night, _)| *night >= opened).map(|(_, amount)| *amount).sum()
}

/// What working out a position again changed, by a deal of this kind.
fn difference(before: Option<Position>, after: Option<&Position>, entry: Entry) -> Option<Change> {
    let (shown, change) = match (before, after) {
        (None, None) => return None,
        (None, Some(after)) => (after.clone(), PositionChange::Opened),
        (Some(before), None) => (Position { volume: Steps(0), ..before }, PositionChange::Closed),
        (Some(before), Some(after)) if before == *after => return None,
        (Some(before), Some(after)) if before.side != after.side => (after.clone(), PositionChange::Reversed),
        (Some(_), Some(after)) if entry == Entry::In => (after.clone(), PositionChange::Increased),
        (Some(_), Some(after)) => (after.clone(), PositionChange::Reduced),
    };
    Some(Change::Position(Box::new(shown), change))
}

impl Story {
    fn of(open: Option<&Position>) -> Self {
        Self { base: open.cloned(), set_at: open.map_or(Time(i64::MIN), |open| open.opened), ..Self::default() }
    }

    /// The position from the beginning.
    fn again(&mut self) -> Option<Position> {
        let mut open = self.base.clone();
        let (moved, charges) = (self.moved, std::mem::take(&mut self.charges));
        self.set_at = Time(i64::MIN);
        for at in 0..self.deals.len() {
            self.step(&mut open, at);
        }
        self.moved = moved;
        if let Some(open) = &mut open {
            open.swap += charged_since(&charges, open.opened);
            self.charges = charges;
        }
        match moved {
            Some((at, stops)) if at >= self.set_at => open.map(|open| open.with(stops)),
            _ => open,
        }
    }

    /// The deal at this place is done to the position.
    fn step(&mut self, open: &mut Option<Position>, at: usize) -> Step {
        let booked = &self.deals[at];
        let step = apply(open, booked);
        match (&step, &mut *open) {
            // Nights that were heard of before the deal that opened it.
            (Step::Changed(_, PositionChange::Opened), Some(open)) => {
                open.swap += charged_since(&self.charges, open.opened);
            }
            // What was charged before is in its last deal.
            (Step::Changed(_, PositionChange::Closed), _) => self.charges.retain(|(night, _)| *night > booked.deal.time),
            _ => {}
        }
        if sets_stops(open.as_ref(), booked, &step) {
            self.set_at = booked.deal.time;
            match self.moved {
                // The order was carried out after the stops had been moved; at the same time what comes last counts.
                Some((moved, _)) if moved <= self.set_at => self.moved = None,
                Some((_, stops)) => *open = open.take().map(|open| open.with(stops)),
                None => {}
            }
        }
        match (step, open) {
            (Step::Changed(_, change), Some(open)) => Step::Changed(Box::new(open.clone()), change),
            (step, _) => step,
        }
    }

    /// What is too old to be preceded becomes the base.
    fn settle(&mut self) {
        while self.deals.len() > DEALS_MAX {
            let mut base = self.base.take();
            apply(&mut base, &self.deals[0]);
            self.base = base;
            self.deals.remove(0);
        }
        while self.charges.len() > CHARGES_MAX {
            let (_, amount) = self.charges.remove(0);
            if let Some(base) = &mut self.base {
                base.swap += amount;
            } else if let Some(first) = self.charges.first_mut() {
                first.1 += amount;
            }
        }
    }
}

/// Whether a deal gave the position that is open after it its stops: as in MT5 those of the last order that opens, increases
/// or turns a position replace the old ones.
fn sets_stops(open: Option<&Position>, booked: &Booked, step: &Step) -> bool {
    let Step::Changed(_, change) = step else { return false };
    match change {
        PositionChange::Opened | PositionChange::Reversed => true,
        PositionChange::Increased => open.is_some_and(|open| booked.deal.order.is_some_and(|order| PositionId(order) != open.id)),
        _ => false,
    }
}

fn apply(open: &mut Option<Position>, Booked { deal, tag, stops }: &Booked) -> Step {
    let cost = deal.price.0.saturating_mul(deal.volume.0);
    let Some(position) = open else {
        if deal.entry != Entry::In {
            return Step::TooEarly;
        }
        let opened = Position {
            id: deal.position,
            symbol: deal.symbol,
            side: deal.side,
            volume: deal.volume,
            cost,
            stop_loss: stops.loss,
            take_profit: stops.profit,
            opened: deal.time,
            realised: Money::ZERO,
            commission: deal.commission,
            swap: Money::ZERO,
            tag: tag.clone(),
        };
        *open = Some(opened.clone());
        return Step::Changed(Box::new(opened), PositionChange::Opened);
    };
    position.commission += deal.commission;
    position.swap -= deal.swap;
    position.realised += deal.profit;
    let change = match deal.entry {
        Entry::In => {
            position.volume += deal.volume;
            position.cost += cost;
            if deal.order.is_some_and(|order| PositionId(order) != position.id) {
                (position.stop_loss, position.take_profit) = (stops.loss, stops.profit);
            }
            PositionChange::Increased
        }
        Entry::InOut => {
            // What is left after the turn was opened at this deal's price.
            position.side = deal.side;
            position.volume = deal.volume - position.volume;
            position.cost = deal.price.0.saturating_mul(position.volume.0);
            (position.stop_loss, position.take_profit) = (stops.loss, stops.profit);
            PositionChange::Reversed
        }
        // Only books a swap or a cost: the position goes on, and whoever keeps it must hear of it.
        Entry::Out | Entry::OutBy if deal.volume == Steps(0) => return Step::Charged(Box::new(position.clone())),
        Entry::Out | Entry::OutBy if deal.volume < position.volume => {
            let left = position.volume - deal.volume;
            position.cost = position.cost_left(left);
            position.volume = left;
            PositionChange::Reduced
        }
        Entry::Out | Entry::OutBy => PositionChange::Closed,
    };
    let mut after = position.clone();
    if change == PositionChange::Closed {
        // What its last deal booked: nothing is due any more, and whoever shows what it cost wants to know.
        (after.volume, after.swap) = (Steps(0), deal.swap);
        *open = None;
    }
    Step::Changed(Box::new(after), change)
}

impl Position {
    fn with(self, stops: Stops) -> Self {
        Self { stop_loss: stops.loss, take_profit: stops.profit, ..self }
    }
}
