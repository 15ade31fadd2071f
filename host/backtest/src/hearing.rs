//! When a live guest heard news of its orders: later than it happened, since a host writes it down first.

use domain::broker::{Happened, Report};
use domain::time::Time;
use std::collections::{HashMap, VecDeque};

/// The times of the ticks after which a guest heard something of an order or a position, by its number within the engine, in
/// order. What is not in it is heard of at once.
#[derive(Clone, Debug, Default)]
pub struct Hearing {
    /// News of orders.
    pub orders: HashMap<u32, VecDeque<Time>>,
    /// Deals of positions.
    pub deals: HashMap<u32, VecDeque<Time>>,
    /// Stops of positions that have moved.
    pub stops: HashMap<u32, VecDeque<Time>>,
}

impl Hearing {
    /// After which tick the guest hears of this.
    fn next(&mut self, report: &Report) -> Time {
        fn take(from: &mut HashMap<u32, VecDeque<Time>>, number: u32) -> Option<Time> {
            from.get_mut(&number)?.pop_front()
        }
        let of_position = match &report.happened {
            Happened::Deal { deal, .. } => take(&mut self.deals, deal.position.0.number()),
            Happened::PositionModified { position, .. } => return take(&mut self.stops, position.0.number()).unwrap_or(AT_ONCE),
            Happened::SwapCharged { .. } => return AT_ONCE,
            _ => None,
        };
        report.order.and_then(|order| take(&mut self.orders, order.number())).or(of_position).unwrap_or(AT_ONCE)
    }
}

const AT_ONCE: Time = Time(i64::MIN);

/// Reports on their way to the guest, in order.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    hearing: Hearing,
    waiting: VecDeque<(Time, Report)>,
}

impl Mail {
    pub fn new(hearing: Hearing) -> Self {
        Self { hearing, waiting: VecDeque::new() }
    }

    /// Takes what a broker reports: none is heard of before an earlier one.
    pub fn post(&mut self, reports: impl IntoIterator<Item = Report>) {
        for report in reports {
            let before = self.waiting.back().map_or(AT_ONCE, |(due, _)| *due);
            self.waiting.push_back((self.hearing.next(&report).max(before), report));
        }
    }

    /// After which tick the next one is heard of.
    pub fn due(&self) -> Option<Time> {
        self.waiting.front().map(|(due, _)| *due)
    }

    /// The next one that is heard of by whoever has had the ticks up to `handed`.
    pub fn take(&mut self, handed: Time) -> Option<Report> {
        self.waiting.pop_front_if(|(due, _)| *due <= handed).map(|(_, report)| report)
    }
}
