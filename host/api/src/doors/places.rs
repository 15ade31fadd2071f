//! Places that callers share, so that nobody can take them all.

use super::Caller;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A bounded number of places: for requests, streams, bytes.
///
/// A caller may have as many as it leaves free: half of them when it is alone, a third each when there are two, and so on. Whoever
/// comes next finds room, and nobody has to know how many callers there are.
#[derive(Debug)]
pub(crate) struct Places {
    max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by: HashMap<Caller, usize>,
}

/// Places that a caller has until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    caller: Caller,
    count: usize,
}

impl Places {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, taken: Mutex::default() })
    }

    /// Takes `count` places; `None` when that is more than the caller's share.
    pub(crate) fn take(self: &Arc<Self>, caller: &Caller, count: usize) -> Option<Place> {
        let mut place = Place { places: Arc::clone(self), caller: caller.clone(), count: 0 };
        place.grow(count).then_some(place)
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Takes `more` places; false, and nothing is taken, when that exceeds the caller's share.
    pub(crate) fn grow(&mut self, count: usize) -> bool {
        let mut taken = self.places.lock();
        let free = self.places.max.saturating_sub(taken.all);
        let mine = taken.by.get(&self.caller).copied().unwrap_or(0);
        let leaves_enough = mine == 0 || mine + count <= free.saturating_sub(count);
        if count > free || !leaves_enough {
            return false;
        }
        taken.all += count;
        taken.by.insert(self.caller.clone(), mine + count);
        self.count += count;
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= self.count;
        if let Some(mine) = taken.by.get_mut(&self.caller) {
            *mine -= self.count;
            if *mine == 0 {
                taken.by.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> Caller {
        Caller::For(name.into())
    }

    /// Takes places one by one until the caller has its share.
    fn fill(places: &Arc<Places>, name: &str) -> Vec<Place> {
        std::iter::from_fn(|| places.take(&user(name), 1)).collect()
    }

    #[test]
    fn a_caller_takes_what_it_leaves_to_others_and_gives_it_back() {
        let places = Places::new(64);
        let ann = fill(&places, "ann");
        let bob = fill(&places, "bob");
        let eve = fill(&places, "eve");
        assert_eq!([ann.len(), bob.len(), eve.len()], [32, 16, 8]);
        drop(ann);
        assert_eq!(fill(&places, "bob").len(), 12, "bob has as many as are free");
        drop((bob, eve));
        assert_eq!((places.taken(), places.lock().by.len()), (0, 0));
    }

    #[test]
    fn what_is_more_than_the_share_takes_nothing() {
        let places = Places::new(100);
        let mut place = places.take(&user("ann"), 40).expect("there is room");
        assert!(!place.grow(11) && places.taken() == 40);
        assert!(place.grow(10) && places.take(&user("bob"), 51).is_none());
        drop(place);
        assert_eq!(places.taken(), 0);
    }
}
