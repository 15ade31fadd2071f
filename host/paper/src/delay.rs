//! Time between an order and its execution, as a wire and a dealer take it.

use domain::ids::OrderId;
use domain::order::Command;
use domain::time::{SECOND_US, Time};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::triggers::Quote;

/// How long commands take to arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Delay {
    /// They are executed at once, at the quote the strategy saw.
    #[default]
    None,
    /// So many microseconds each.
    Fixed(i64),
    /// Anything from the first to the second, microseconds.
    Between(i64, i64),
    /// As MT5's tester draws it: 0 to 8 whole seconds nine times out of ten, else 9 to 18.
    Mt5,
    /// As long as each took once, microseconds, by the orders' numbers within their engine from 1 on: the order itself, then its
    /// changes, those of its position and its withdrawal, one after the other. Those beyond them take no time.
    Each(Arc<[Vec<i64>]>),
}

/// Commands on their way, in order of arrival.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    delay: Delay,
    random: u64,
    underway: BTreeMap<(Time, u64), Underway>,
    sent: u64,
    /// Commands of each order so far, where each took its own time.
    commands: HashMap<OrderId, usize>,
}

/// A command and the quote at which it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Underway {
    pub command: Command,
    pub seen: Option<Quote>,
}

impl Wire {
    pub(crate) fn new(delay: Delay, seed: u64) -> Self {
        Self { delay, random: seed, underway: BTreeMap::new(), sent: 0, commands: HashMap::new() }
    }

    /// When the next command arrives.
    pub(crate) fn next(&self) -> Option<Time> {
        self.underway.first_key_value().map(|((at, _), _)| *at)
    }

    /// Sends a command; gives it back when it arrives at once.
    pub(crate) fn send(&mut self, command: &Command, seen: Option<Quote>) -> bool {
        let us = self.draw(command.order);
        // Behind those that wait it can't arrive at once: whoever cancels an order sends the cancel after it.
        if us <= 0 && self.underway.is_empty() {
            return false;
        }
        let at = command.at.plus_us(us.max(0));
        let command = Command { at, ..command.clone() };
        self.sent += 1;
        self.underway.insert((at, self.sent), Underway { command, seen });
        true
    }

    /// Takes the next command that arrives at or before `until`.
    pub(crate) fn arrive(&mut self, until: Time) -> Option<Underway> {
        self.underway.first_entry().filter(|first| first.key().0 <= until).map(|first| first.remove())
    }

    fn draw(&mut self, order: OrderId) -> i64 {
        match self.delay {
            Delay::Each(ref taken) => {
                let Some(taken) = taken.get((order.number() as usize).wrapping_sub(1)) else { return 0 };
                let commands = self.commands.entry(order).or_default();
                *commands += 1;
                taken.get(*commands - 1).copied().unwrap_or(0)
            }
            Delay::None => 0,
            Delay::Fixed(us) => us,
            Delay::Between(from, to) => from + self.below(to.saturating_sub(from).max(0) as u64 + 1) as i64,
            Delay::Mt5 => {
                let first = self.below(10);
                let seconds = if first == 9 { first + self.below(10) } else { first };
                seconds as i64 * SECOND_US
            }
        }
    }

    /// A number below `n`, from SplitMix64: the same seed gives the same delays.
    fn below(&mut self, n: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::EngineId;

    #[test]
    fn orders_that_took_their_time_once_take_it_again_each_its_own_and_those_beyond_them_none() {
        let mut wire = Wire::new(Delay::Each([vec![2_000, 500], vec![], vec![1_000]].into()), 1);
        let mut took = |engine, number| wire.draw(OrderId::new(EngineId(engine), number));
        // By number, not in the order in which they are sent, and whichever engine asks.
        assert_eq!([took(1, 3), took(1, 1), took(1, 2), took(9, 1)], [1_000, 2_000, 0, 2_000]);
        assert_eq!([took(1, 4), took(1, u32::MAX)], [0, 0]);
        // Changes of an order took their own.
        assert_eq!([took(1, 1), took(1, 1)], [500, 0]);
    }

    #[test]
    fn random_delays_are_those_of_the_tester_and_of_the_seed() {
        let order = OrderId::new(EngineId(1), 1);
        let drawn = |seed| {
            let mut wire = Wire::new(Delay::Mt5, seed);
            (0..10_000).map(|_| wire.draw(order) / SECOND_US).collect::<Vec<_>>()
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let long = drawn(3).iter().filter(|seconds| (9..=18).contains(*seconds)).count();
        assert!((800..1_200).contains(&long), "{long} of 10,000 are long");
        let mut wire = Wire::new(Delay::Between(5, 7), 1);
        assert_eq!((0..100).map(|_| wire.draw(order)).collect::<std::collections::BTreeSet<_>>(), [5, 6, 7].into());
    }
}
