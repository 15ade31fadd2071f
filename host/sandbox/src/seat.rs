//! Places of guests on the host: who is let in, and what each takes until it leaves.

use crate::in_use::InUse;
use crate::profile::EpochClock;
use crate::room::{MAPS_OF_A_GUEST, Room};
use domain::guest::{Fault, FaultKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What guests share with their sandbox, and keep alive when it is gone: deadlines need the clock.
pub(crate) struct Host {
    guests: AtomicUsize,
    guests_max: usize,
    /// Mappings that those alive were let in with.
    maps: AtomicU64,
    /// What the machine has room for.
    room: Room,
    in_use: Arc<InUse>,
    _epochs: EpochClock,
}

impl Host {
    /// Without guests.
    pub fn new(guests_max: usize, room: Room, in_use: InUse, epochs: EpochClock) -> Self {
        Self { guests: AtomicUsize::new(0), guests_max, maps: AtomicU64::new(0), room, in_use: Arc::new(in_use), _epochs: epochs }
    }

    /// Guests alive, and how many there may be.
    pub fn guests(&self) -> (usize, usize) {
        (self.guests.load(Ordering::Relaxed), self.guests_max)
    }

    /// Why no further usual guest would be let in now, with the way out.
    pub fn full(&self) -> Option<String> {
        self.full_beside(self.guests.load(Ordering::Relaxed), self.maps.load(Ordering::Relaxed), MAPS_OF_A_GUEST)
    }

    /// Counts memory that the host itself is about to use.
    ///
    /// # Errors
    /// It would have too much, in one line with the way out.
    pub fn take_memory(&self, bytes: u64) -> Result<(), String> {
        self.in_use.take(bytes)
    }

    /// Why no guest of `more` mappings is let in beside those that have `maps`.
    fn full_beside(&self, guests: usize, maps: u64, more: u64) -> Option<String> {
        let max = self.guests_max;
        if guests >= max {
            let out = if max < self.room.guests { "raise sandbox.engines_max".into() } else { self.room.mend(max + 1) };
            return Some(format!("this host has room for {max} guests and all are taken: stop some, or {out}"));
        }
        let strain = self.room.strain(maps, more).or_else(|| self.in_use.strain())?;
        Some(format!("this host lets no further guest in: {strain}"))
    }
}

/// A guest's place among those the host has room for. An engine keeps its own while it has no guest and will have one again.
pub(crate) struct Seat {
    host: Arc<Host>,
    maps: AtomicU64,
}

impl Seat {
    /// A place for a guest with this many mappings.
    ///
    /// # Errors
    /// There is no room, in one line with the way out.
    pub fn take(host: &Arc<Host>, maps: u64) -> Result<Arc<Self>, Fault> {
        let guests = host.guests.fetch_add(1, Ordering::Relaxed);
        let others = host.maps.fetch_add(maps, Ordering::Relaxed);
        // Made first, so that every way out gives the place back.
        let seat = Arc::new(Self { host: Arc::clone(host), maps: AtomicU64::new(maps) });
        match host.full_beside(guests, others, maps) {
            None => Ok(seat),
            Some(message) => Err(no_room(message)),
        }
    }

    /// Makes sure that it suffices for a guest with this many mappings, and that the host has the memory that any guest takes.
    ///
    /// # Errors
    /// It will not, in one line with the way out.
    pub fn suit(&self, maps: u64) -> Result<(), Fault> {
        let more = maps.saturating_sub(self.maps.load(Ordering::Relaxed));
        let others = self.host.maps.fetch_add(more, Ordering::Relaxed);
        self.maps.fetch_add(more, Ordering::Relaxed);
        let short = if more > 0 { self.host.room.strain(others, more) } else { None };
        if short.is_some() {
            self.host.maps.fetch_sub(more, Ordering::Relaxed);
            self.maps.fetch_sub(more, Ordering::Relaxed);
        }
        let strain = short.or_else(|| self.host.in_use.strain());
        strain.map_or(Ok(()), |strain| Err(no_room(format!("this host lets no further guest in: {strain}"))))
    }

    /// The budget that the guest's growth counts against.
    pub fn in_use(&self) -> Arc<InUse> {
        Arc::clone(&self.host.in_use)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.host.guests.fetch_sub(1, Ordering::Relaxed);
        self.host.maps.fetch_sub(*self.maps.get_mut(), Ordering::Relaxed);
    }
}

fn no_room(message: String) -> Fault {
    Fault { kind: FaultKind::NoRoom, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_run_out_before_places_do_and_come_back_with_their_guests() {
        // What the host itself has, and room for seven usual guests.
        let room = Room::within(8_000 + 21, None);
        let epochs = EpochClock::start(&[]).expect("one thread");
        let host = Arc::new(Host::new(room.guests, room, InUse::default(), epochs));
        let enter = |maps: u64| Seat::take(&host, maps);
        let first = enter(9).expect("there are 21");
        let _second = enter(9).expect("there are 12");
        let fault = enter(9).err().expect("there are 3");
        assert!(fault.kind == FaultKind::NoRoom && fault.message.contains("have 18 of 21 mappings and this one takes 9"), "{fault}");
        assert_eq!((host.full(), host.guests()), (None, (2, 7)), "a usual one has room, and who was refused has left");
        let _third = enter(MAPS_OF_A_GUEST).expect("there are 3");
        assert!(host.full().is_some_and(|why| why.starts_with("this host lets no further guest in: vm.max_map_count: ")));
        let Err(fault) = first.suit(10) else { panic!("a place was left") };
        assert!(fault.kind == FaultKind::NoRoom && first.suit(9).is_ok(), "{fault}");
        drop(first);
        assert!(host.full().is_none() && enter(9).is_ok());
        let wider = enter(3).expect("there are 9");
        assert!(wider.suit(9).is_ok() && host.full().is_some(), "it has all of them now");
        drop(wider);
        assert!(enter(9).is_ok(), "and gives all back");
    }
}
