//! Orders that ended lately. A broker may say more of an order that has ended: a fill that its cancel crossed, the answer to
//! one that had been given up. Such a fill opens a position with the order's stops and note, so the order is kept for a while.

use super::WorkingOrder;
use super::past::Stops;
use crate::ids::OrderId;
use crate::time::Time;
use std::collections::{BTreeMap, VecDeque};

/// How many ended orders a ledger remembers: reports overtake each other within seconds, in which an account ends few orders;
/// and there are thousands of accounts.
pub const ENDED_MAX: usize = 32;

/// Modifications of one order that are remembered.
const MODIFIED_MAX: usize = 8;

/// The stops an order has had, each from when on, by the broker's clock; empty when they were never changed.
pub(super) type StopsSince = Vec<(Time, Stops)>;

/// The orders that ended last, oldest first; and the stops that modified orders have had.
#[derive(Clone, Debug, Default)]
pub(super) struct Ended {
    orders: VecDeque<(WorkingOrder, StopsSince)>,
    modified: BTreeMap<OrderId, StopsSince>,
}

impl Ended {
    /// An order that worked until now.
    pub fn end(&mut self, order: WorkingOrder) {
        let stops = self.modified.remove(&order.id).unwrap_or_default();
        self.push(order, stops);
    }

    pub fn push(&mut self, order: WorkingOrder, stops: StopsSince) {
        if self.orders.len() >= ENDED_MAX {
            self.orders.pop_front();
        }
        self.orders.push_back((order, stops));
    }

    pub fn find(&self, id: OrderId) -> Option<&WorkingOrder> {
        self.orders.iter().rev().map(|(order, _)| order).find(|order| order.id == id)
    }

    pub fn find_mut(&mut self, id: OrderId) -> Option<&mut WorkingOrder> {
        self.orders.iter_mut().rev().map(|(order, _)| order).find(|order| order.id == id)
    }

    /// The stops that an order had at a time; `None` when they were never changed. One that works is not looked for among
    /// those that have ended.
    pub fn stops_at(&self, id: OrderId, works: bool, at: Time) -> Option<Stops> {
        let since = match self.modified.get(&id) {
            None if works => return None,
            None => self.orders.iter().rev().find(|(order, _)| order.id == id).map(|(_, stops)| stops)?,
            Some(since) => since,
        };
        since.iter().rev().find(|(from, _)| *from <= at).map(|(_, stops)| *stops)
    }

    /// Notes that an order, which had the stops `before`, was given others; says whether nothing later is known.
    pub fn modify(&mut self, id: OrderId, before: Stops, stops: Stops, at: Time) -> bool {
        let since = match self.orders.iter_mut().rev().find(|(order, _)| order.id == id) {
            Some((_, since)) => since,
            None => self.modified.entry(id).or_default(),
        };
        if since.is_empty() {
            since.push((Time(i64::MIN), before));
        }
        let place = since.partition_point(|(from, _)| *from < at);
        match since.get_mut(place) {
            // Repeated; of two at the same time what comes last counts.
            Some(same) if same.0 == at => same.1 = stops,
            _ => since.insert(place, (at, stops)),
        }
        let is_latest = place + 1 == since.len();
        if since.len() > MODIFIED_MAX {
            since.remove(0);
        }
        is_latest
    }
}
