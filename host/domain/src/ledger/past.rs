//! What positions are made of. A position follows from what happened to it (its deals, its nights, its stops moved) in the
//! order of the broker's clock and of its deal numbers; what comes late is put into its place, and what followed from it is
//! worked out again.

use super::{Change, Position};
use crate::broker::{Deal, Entry};
use crate::contract::PositionChange;
use crate::ids::{OrderId, PositionId};
use crate::number::{Money, Points, Steps};
use crate::order::Tag;
use crate::time::Time;
use std::collections::{BTreeMap, VecDeque};

/// What happened to one position and can still be preceded by something late. What is older counts as settled: reports
/// overtake each other within seconds.
const EVENTS_MAX: usize = 24;
/// Positions that are not open and of which events are remembered.
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
    stories: BTreeMap<PositionId, Box<Story>>,
    closed: VecDeque<PositionId>,
}

/// How one position came to be what it is.
#[derive(Clone, Debug, Default)]
struct Story {
    /// What it was before the events that are remembered.
    base: Option<Position>,
    /// In the order in which they happened.
    events: Vec<Event>,
}

/// Something that happened to a position, by the broker's clock.
#[derive(Clone, Debug)]
struct Event {
    at: Time,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Deal(Booked),
    /// It was charged for a night.
    Night(Money),
    /// Its stops were moved.
    Moved(Stops),
}

/// What an event did to a position.
enum Step {
    /// The position after it, with volume 0 when it closed.
    Changed(Box<Position>, PositionChange),
    /// It was charged, or a deal booked a cost; the position after it.
    Charged(Box<Position>),
    /// It closes what is not open, as far as is known.
    TooEarly,
    Nothing,
}

impl Past {
    /// Books a deal and says what it did to its position.
    pub fn book(&mut self, positions: &mut BTreeMap<PositionId, Position>, booked: Booked) -> Option<Change> {
        let (id, number) = (booked.deal.position, booked.deal.id);
        match self.happens(positions, id, Event { at: booked.deal.time, what: What::Deal(booked) }) {
            Step::Changed(shown, change) => Some(Change::Position(shown, change)),
            Step::Charged(shown) => Some(Change::Swap(shown)),
            Step::TooEarly => Some(Change::Contradiction(format!("deal {number} closes position {id}, which is not open"))),
            Step::Nothing => None,
        }
    }

    /// The broker has moved a position's stops; gives the position when that changed something.
    pub fn move_stops(
        &mut self,
        positions: &mut BTreeMap<PositionId, Position>,
        id: PositionId,
        stops: Stops,
        at: Time,
    ) -> Option<Position> {
        self.happens(positions, id, Event { at, what: What::Moved(stops) }).position()
    }

    /// A position was charged for a night; gives it as it is now. A night is charged once.
    pub fn charge(&mut self, positions: &mut BTreeMap<PositionId, Position>, id: PositionId, amount: Money, at: Time) -> Option<Position> {
        self.happens(positions, id, Event { at, what: What::Night(amount) }).position()
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
            if story.restop(order, &stops_at)
                && let (Some(after), Some(before)) = (story.again(), positions.get_mut(id))
                && *before != after
            {
                *before = after.clone();
                moved.push(after);
            }
        }
        moved
    }

    fn happens(&mut self, positions: &mut BTreeMap<PositionId, Position>, id: PositionId, event: Event) -> Step {
        let mut open = positions.remove(&id);
        let story = self.stories.entry(id).or_insert_with(|| Box::new(Story { base: open.clone(), events: Vec::new() }));
        let step = story.happens(&mut open, event);
        self.keep(positions, id, open);
        step
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

impl Step {
    fn position(self) -> Option<Position> {
        match self {
            Self::Changed(position, _) | Self::Charged(position) => Some(*position),
            Self::TooEarly | Self::Nothing => None,
        }
    }
}

impl Event {
    /// Whether this happened after `other`. What happened at the same time counts in the order in which it was heard of; only
    /// deals have numbers that say more.
    fn is_after(&self, other: &Self) -> bool {
        let number = |event: &Self| if let What::Deal(booked) = &event.what { Some(booked.deal.id) } else { None };
        let by_number = || number(self).zip(number(other)).is_some_and(|(this, other)| this > other);
        self.at > other.at || (self.at == other.at && by_number())
    }

    /// Whether `other` is a repetition; deals are told by their numbers before they come here.
    fn is_again(&self, other: &Self) -> bool {
        self.at == other.at
            && match (&self.what, &other.what) {
                (What::Night(_), What::Night(_)) => true,
                (What::Moved(these), What::Moved(those)) => these == those,
                _ => false,
            }
    }

    /// Does this to the position.
    fn apply(&self, open: &mut Option<Position>) -> Step {
        // What came before a position was opened is another's, that had the same number.
        let lived = open.as_mut().filter(|open| open.opened <= self.at);
        match (&self.what, lived) {
            (What::Deal(booked), _) => apply(open, booked),
            // Older than what is remembered: it was charged before.
            (What::Night(_), Some(open)) if open.charged_until.is_some_and(|until| self.at <= until) => Step::Nothing,
            (What::Night(amount), Some(open)) => {
                open.swap += *amount;
                open.charged_until = Some(self.at);
                Step::Charged(Box::new(open.clone()))
            }
            (What::Moved(stops), Some(open)) => {
                (open.stop_loss, open.take_profit) = (stops.loss, stops.profit);
                Step::Changed(Box::new(open.clone()), PositionChange::StopsMoved)
            }
            (_, None) => Step::Nothing,
        }
    }

    /// What this changed, when what came after it had been heard of before.
    fn difference(&self, before: Option<Position>, after: Option<&Position>) -> Step {
        let entry = if let What::Deal(booked) = &self.what { Some(booked.deal.entry) } else { None };
        let (shown, change) = match (before, after) {
            (None, None) => return Step::Nothing,
            (None, Some(after)) => (after.clone(), PositionChange::Opened),
            (Some(before), None) => (Position { volume: Steps(0), closed: before.volume, ..before }, PositionChange::Closed),
            (Some(before), Some(after)) if before == *after => return Step::Nothing,
            (Some(before), Some(after)) if before.side != after.side => (after.clone(), PositionChange::Reversed),
            (Some(_), Some(after)) => match (&self.what, entry) {
                (What::Night(_), _) => return Step::Charged(Box::new(after.clone())),
                (What::Moved(_), _) => (after.clone(), PositionChange::StopsMoved),
                (_, Some(Entry::In)) => (after.clone(), PositionChange::Increased),
                _ => (after.clone(), PositionChange::Reduced),
            },
        };
        Step::Changed(Box::new(shown), change)
    }
}

impl Story {
    fn happens(&mut self, open: &mut Option<Position>, event: Event) -> Step {
        if self.events.iter().any(|known| known.is_again(&event)) {
            return Step::Nothing;
        }
        let place = self.events.iter().rposition(|known| !known.is_after(&event)).map_or(0, |before| before + 1);
        let step = if place == self.events.len() {
            let step = event.apply(open);
            self.events.push(event);
            step
        } else {
            let before = open.take();
            self.events.insert(place, event);
            *open = self.again();
            self.events[place].difference(before, open.as_ref())
        };
        while self.events.len() > EVENTS_MAX {
            let oldest = self.events.remove(0);
            oldest.apply(&mut self.base);
        }
        step
    }

    /// The position from the beginning.
    fn again(&self) -> Option<Position> {
        let mut open = self.base.clone();
        self.events.iter().for_each(|event| _ = event.apply(&mut open));
        open
    }

    /// Gives the deals of an order the stops it had then; says whether that is news.
    fn restop(&mut self, order: OrderId, stops_at: impl Fn(Time) -> Option<Stops>) -> bool {
        let mut is_news = false;
        for event in &mut self.events {
            let What::Deal(booked) = &mut event.what else { continue };
            if booked.deal.order == Some(order) {
                let stops = stops_at(event.at).unwrap_or(booked.stops);
                is_news |= std::mem::replace(&mut booked.stops, stops) != stops;
            }
        }
        is_news
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
            closed: Steps(0),
            stop_loss: stops.loss,
            take_profit: stops.profit,
            opened: deal.time,
            realised: Money::ZERO,
            commission: deal.commission,
            swap: Money::ZERO,
            charged_until: None,
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
        Entry::InOut if deal.volume > position.volume => {
            // What is left after the turn was opened at this deal's price.
            position.side = deal.side;
            position.volume = deal.volume - position.volume;
            position.cost = deal.price.0.saturating_mul(position.volume.0);
            (position.stop_loss, position.take_profit) = (stops.loss, stops.profit);
            PositionChange::Reversed
        }
        // Only books a swap or a cost: the position goes on, and whoever keeps it must hear of it.
        Entry::Out | Entry::OutBy if deal.volume == Steps(0) => return Step::Charged(Box::new(position.clone())),
        // A turn that is too small for one has overtaken what made the position smaller: until that comes, it reduces.
        Entry::Out | Entry::OutBy | Entry::InOut if deal.volume < position.volume => {
            let left = position.volume - deal.volume;
            position.cost = position.cost_left(left);
            position.volume = left;
            PositionChange::Reduced
        }
        Entry::Out | Entry::OutBy | Entry::InOut => PositionChange::Closed,
    };
    let mut after = position.clone();
    if change == PositionChange::Closed {
        // What its last deal booked: nothing is due any more, and whoever shows what it cost wants to know.
        (after.volume, after.closed, after.swap) = (Steps(0), after.volume, deal.swap);
        *open = None;
    }
    Step::Changed(Box::new(after), change)
}
