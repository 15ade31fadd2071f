//! How many guests this process has room for. A process that asks for one mapping too many is *ended* by the allocator that did
//! not get it, so nobody is let in who might be that one.

use rustix::process::{Resource, getrlimit};
use std::fmt;

/// Memory mappings the rest of the process uses: code, heaps, stacks, columns of ticks.
const MAPS_OF_THE_HOST: u64 = 8_000;
/// Mappings of one guest: two, measured, for the part of its memory that it uses and the reservation behind; one more for what
/// the allocator maps for it now and then.
const MAPS_OF_A_GUEST: u64 = 3;
/// What Linux allows a process unless told otherwise.
const MAPS_DEFAULT: u64 = 65_530;
/// Addresses the rest of the process uses: compiled code, stacks, mapped files, what allocators reserve.
const ADDRESS_BYTES_OF_THE_HOST: u64 = 8 << 30;
/// Addresses of one guest: a dense slot with its guard, and what the allocator keeps for it.
const ADDRESS_BYTES_OF_A_GUEST: u64 = 1 << 20;

/// Room for guests, and what bounds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Guests that may be alive at once.
    pub guests: usize,
    /// What is scarcest, by the name of its setting.
    pub bound_by: &'static str,
    /// How much of it there is.
    pub found: u64,
}

impl Room {
    /// What this machine and the limits of this process allow.
    pub fn of_this_machine() -> Self {
        let maps = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|text| text.trim().parse().ok());
        Self::within(maps.unwrap_or(MAPS_DEFAULT), getrlimit(Resource::As).current)
    }

    fn within(maps: u64, address_bytes: Option<u64>) -> Self {
        let by_maps = maps.saturating_sub(MAPS_OF_THE_HOST) / MAPS_OF_A_GUEST;
        let by_addresses =
            address_bytes.map_or(u64::MAX, |bytes| bytes.saturating_sub(ADDRESS_BYTES_OF_THE_HOST) / ADDRESS_BYTES_OF_A_GUEST);
        let guests = usize::try_from(by_maps.min(by_addresses)).unwrap_or(usize::MAX);
        match address_bytes {
            Some(found) if by_addresses < by_maps => Self { guests, bound_by: "address space", found },
            _ => Self { guests, bound_by: "vm.max_map_count", found: maps },
        }
    }

    /// The line that makes room for so many.
    pub fn mend(&self, guests: usize) -> String {
        let guests = guests as u64;
        if self.bound_by == "vm.max_map_count" {
            let maps = (guests * MAPS_OF_A_GUEST + MAPS_OF_THE_HOST).next_power_of_two().max(1 << 18);
            format!("sysctl -w vm.max_map_count={maps}")
        } else {
            format!("ulimit -v unlimited, or at least {}", (guests * ADDRESS_BYTES_OF_A_GUEST + ADDRESS_BYTES_OF_THE_HOST) >> 10)
        }
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: room for {} engines", self.found, self.guests)
    }
}

#[cfg(test)]
mod tests {
    use super::Room;

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
}
