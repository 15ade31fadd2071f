//! Who waits for room on the host. Users take turns and each user's engines keep their order, so that who waits longest is taken
//! first and nobody's ten thousand engines hold up another's one. Only the first in line asks for room; the others wait for it.

use crate::events::Whose;
use domain::ids::{EngineId, UserId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The line. Bounded by the engines there are: each is in it once at most.
#[derive(Default)]
pub(crate) struct RoomLine(Mutex<Line>);

#[derive(Default)]
struct Line {
    joined: u64,
    /// Users with an engine in line, each once.
    turns: VecDeque<UserId>,
    /// Their engines in the order in which they joined.
    engines: BTreeMap<UserId, BTreeMap<u64, EngineId>>,
    numbers: BTreeMap<EngineId, u64>,
    /// What the first was told when it looked last.
    why: String,
}

impl RoomLine {
    /// Whether an engine may ask for room: nobody waits but itself, or it is the first.
    pub(crate) fn is_turn_of(&self, engine: EngineId) -> bool {
        self.first().is_none_or(|first| first == engine)
    }

    /// Whose turn it is.
    pub(crate) fn first(&self) -> Option<EngineId> {
        self.lock().first()
    }

    /// Why the first is still in line: what the others wait for as well.
    pub(crate) fn why(&self) -> String {
        self.lock().why.clone()
    }

    /// The first has looked, and must wait on.
    pub(crate) fn set_why(&self, why: &str) {
        why.clone_into(&mut self.lock().why);
    }

    /// Puts an engine in line, behind its user's others. One that is in line keeps its place.
    pub(crate) fn join(&self, whose: Whose) {
        let mut line = self.lock();
        if line.numbers.contains_key(&whose.engine) {
            return;
        }
        line.joined += 1;
        let number = line.joined;
        line.numbers.insert(whose.engine, number);
        let own = line.engines.entry(whose.owner).or_default();
        let is_first = own.is_empty();
        own.insert(number, whose.engine);
        if is_first {
            line.turns.push_back(whose.owner);
        }
    }

    /// Takes an engine out of the line; `false`: it is not in it. After the first it is the next user's turn.
    pub(crate) fn leave(&self, whose: Whose) -> bool {
        let mut line = self.lock();
        let was_first = line.first() == Some(whose.engine);
        let Some(number) = line.numbers.remove(&whose.engine) else { return false };
        let Some(own) = line.engines.get_mut(&whose.owner) else { return false };
        own.remove(&number);
        if own.is_empty() {
            line.engines.remove(&whose.owner);
            line.turns.retain(|user| *user != whose.owner);
        } else if was_first {
            line.turns.rotate_left(1);
        }
        true
    }

    /// It is whole at every moment, so that a panic elsewhere does not matter.
    fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn first(&self) -> Option<EngineId> {
        let own = self.engines.get(self.turns.front()?)?;
        own.first_key_value().map(|(_, engine)| *engine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::AccountId;

    fn whose(user: u32, engine: u32) -> Whose {
        Whose { engine: EngineId(engine), account: AccountId(user), owner: UserId(user) }
    }

    #[test]
    fn users_take_turns_and_whoever_leaves_gives_the_turn_on() {
        let line = RoomLine::default();
        assert!(line.is_turn_of(EngineId(1)), "nobody waits");
        for (user, engine) in [(1, 10), (1, 11), (1, 12), (2, 20), (3, 30), (2, 21), (1, 10)] {
            line.join(whose(user, engine));
        }
        // One that gives up in the middle changes nobody's turn.
        assert_eq!((line.leave(whose(1, 11)), line.leave(whose(1, 99))), (true, false));
        let mut taken = Vec::new();
        while let Some(first) = line.first() {
            assert!(line.is_turn_of(first) && !line.is_turn_of(EngineId(99)));
            taken.push(first.0);
            line.leave(whose(first.0 / 10, first.0));
        }
        assert_eq!(taken, [10, 20, 30, 12, 21]);
    }
}
