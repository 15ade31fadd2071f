//! How many guests this process has room for. A process that asks for one mapping too many is *ended* by the allocator that did
//! not get it, so nobody is let in who might be that one.

use crate::profile::Profile;
use rustix::process::{Resource, getrlimit};
use std::fmt;

/// Memory mappings the rest of the process uses: code, heaps, stacks, columns of ticks.
const MAPS_OF_THE_HOST: u64 = 8_000;
/// Mappings of one guest beside its memories': what the allocator maps for it now and then.
const MAPS_BESIDE_MEMORIES: u64 = 1;
/// Mappings of one memory: two, measured, for the part of it that is used and the reservation behind.
const MAPS_OF_A_MEMORY: u64 = 2;
/// Two more where its first content is shared until it is written: that is one of its own, and parts what is used in two.
const MAPS_OF_SHARED_CONTENT: u64 = 2;
/// Mappings of a usual guest, which has one memory.
pub(crate) const MAPS_OF_A_GUEST: u64 = MAPS_BESIDE_MEMORIES + MAPS_OF_A_MEMORY;
/// What Linux allows a process unless told otherwise.
const MAPS_DEFAULT: u64 = 65_530;
/// Addresses the rest of the process uses: compiled code, stacks, mapped files, what allocators reserve.
const ADDRESS_BYTES_OF_THE_HOST: u64 = 8 << 30;
/// Addresses of one guest: a dense slot with its guard, and what the allocator keeps for it.
const ADDRESS_BYTES_OF_A_GUEST: u64 = 1 << 20;

/// Mappings of one guest with `memories` memories; one without any counts as a usual one.
pub(crate) fn maps(profile: Profile, memories: u32) -> u64 {
    let of_a_memory = match profile {
        Profile::Native | Profile::Roomy => MAPS_OF_A_MEMORY,
        Profile::Scripted => MAPS_OF_A_MEMORY + MAPS_OF_SHARED_CONTENT,
    };
    MAPS_BESIDE_MEMORIES + of_a_memory * u64::from(memories.max(1))
}

/// Room for guests, and what bounds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Usual guests, of one memory, that may be alive at once.
    pub guests: usize,
    /// What is scarcest, by the name of its setting.
    pub bound_by: &'static str,
    /// How much of it there is.
    pub found: u64,
    /// Mappings that all guests may have together.
    maps: u64,
}

impl Room {
    /// What this machine and the limits of this process allow.
    pub fn of_this_machine() -> Self {
        let maps = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|text| text.trim().parse().ok());
        Self::within(maps.unwrap_or(MAPS_DEFAULT), getrlimit(Resource::As).current)
    }

    pub(crate) fn within(found: u64, address_bytes: Option<u64>) -> Self {
        let maps = found.saturating_sub(MAPS_OF_THE_HOST);
        let by_maps = maps / MAPS_OF_A_GUEST;
        let by_addresses =
            address_bytes.map_or(u64::MAX, |bytes| bytes.saturating_sub(ADDRESS_BYTES_OF_THE_HOST) / ADDRESS_BYTES_OF_A_GUEST);
        let guests = usize::try_from(by_maps.min(by_addresses)).unwrap_or(usize::MAX);
        match address_bytes {
            Some(found) if by_addresses < by_maps => Self { guests, bound_by: "address space", found, maps },
            _ => Self { guests, bound_by: "vm.max_map_count", found, maps },
        }
    }

    /// Why a guest of `more` mappings is one too many beside guests that have `taken`, with the way out.
    pub(crate) fn strain(&self, taken: u64, more: u64) -> Option<String> {
        let wanted = taken.saturating_add(more);
        (wanted > self.maps).then(|| {
            format!(
                "vm.max_map_count: guests have {taken} of {} mappings and this one takes {more}, some for each of its memories: \
                 stop some engines, or {}",
                self.maps,
                sysctl(wanted)
            )
        })
    }

    /// The line that makes room for that many.
    pub fn mend(&self, guests: usize) -> String {
        let guests = guests as u64;
        if self.bound_by == "vm.max_map_count" {
            sysctl(guests * MAPS_OF_A_GUEST)
        } else {
            format!("ulimit -v unlimited, or at least {}", (guests * ADDRESS_BYTES_OF_A_GUEST + ADDRESS_BYTES_OF_THE_HOST) >> 10)
        }
    }
}

/// The line that gives all guests together that many mappings.
fn sysctl(maps: u64) -> String {
    format!("sysctl -w vm.max_map_count={}", (maps + MAPS_OF_THE_HOST).next_power_of_two().max(1 << 18))
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: room for {} engines", self.found, self.guests)
    }
}

#[cfg(test)]
mod tests {
    use super::{MAPS_OF_A_GUEST, Room, maps};
    use crate::profile::Profile;

    #[test]
    fn the_scarcest_bounds_and_its_line_mends_it() {
        let usual = Room::within(65_530, None);
        assert_eq!((usual.guests, usual.bound_by), (19_176, "vm.max_map_count"));
        assert_eq!(usual.mend(50_000), "sysctl -w vm.max_map_count=262144");
        assert!(Room::within(262_144, None).guests >= 50_000, "the line above is enough");
        let narrow = Room::within(65_530, Some(9 << 30));
        assert_eq!((narrow.guests, narrow.bound_by), (1_024, "address space"));
        assert!(narrow.mend(2_000).contains("ulimit -v"));
        assert_eq!(Room::within(100, None).guests, 0);
    }

    #[test]
    fn a_guest_takes_mappings_for_each_of_its_memories() {
        assert_eq!([0, 1, 3, 4].map(|memories| maps(Profile::Native, memories)), [3, 3, 7, 9]);
        assert_eq!([0, 1, 3, 4].map(|memories| maps(Profile::Scripted, memories)), [5, 5, 13, 17]);
        assert_eq!(maps(Profile::Roomy, 1), MAPS_OF_A_GUEST);
    }

    #[test]
    fn guests_of_many_memories_fill_the_room_before_the_machine_has_no_mapping_left() {
        let room = Room::within(65_530, None);
        let full_at = |more: u64| (0..).find(|guests| room.strain(guests * more, more).is_some()).expect("it has an end");
        assert_eq!(full_at(maps(Profile::Native, 1)), 19_176, "as many usual ones as ever");
        assert_eq!(full_at(maps(Profile::Native, 4)), 6_392);
        let why = room.strain(57_528, 9).expect("2 are left");
        assert!(why.contains("have 57528 of 57530 mappings and this one takes 9") && why.ends_with("vm.max_map_count=262144"), "{why}");
    }
}
