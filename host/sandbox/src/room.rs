//! How many guests this process has room for. A process that asks for one mapping too many is *ended* by the allocator that did
//! not get it, so nobody is let in who might be that one.

use rustix::param::page_size;
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

/// Memory and addresses that must be left for one more guest to be let in: what the largest usual one takes, and what the rest
/// of the process takes meanwhile.
const LEFT_BYTES: u64 = 64 << 20;

/// What this process uses now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InUse {
    address_bytes: u64,
    resident_bytes: u64,
}

impl InUse {
    /// `None` where the system does not say.
    fn now() -> Option<Self> {
        let text = std::fs::read_to_string("/proc/self/statm").ok()?;
        let mut pages = text.split_whitespace().map(|pages| pages.parse::<u64>().ok().map(|pages| pages * page_size() as u64));
        Some(Self { address_bytes: pages.next()??, resident_bytes: pages.next()?? })
    }

    /// What is so near to its end that one more guest might end the process, with the way out.
    pub(crate) fn strain(resident_max: Option<u64>) -> Option<String> {
        let address_max = getrlimit(Resource::As).current;
        // Where nothing has an end, what is used need not be read, which takes as long as the rest of a guest's start.
        address_max.or(resident_max)?;
        Self::now()?.strain_of(address_max, resident_max)
    }

    fn strain_of(self, address_max: Option<u64>, resident_max: Option<u64>) -> Option<String> {
        let mib = |bytes: u64| bytes >> 20;
        let short = |used: u64, max: Option<u64>| max.filter(|max| used.saturating_add(LEFT_BYTES) > *max);
        if let Some(max) = short(self.address_bytes, address_max) {
            let used = mib(self.address_bytes);
            return Some(format!("address space: {used} of {} MiB are in use: stop some engines, or ulimit -v unlimited", mib(max)));
        }
        let max = short(self.resident_bytes, resident_max)?;
        let used = mib(self.resident_bytes);
        Some(format!("memory: {used} of {} MiB are in use: stop some engines, or raise sandbox.memory_mib_max", mib(max)))
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: room for {} engines", self.found, self.guests)
    }
}

#[cfg(test)]
mod tests {
    use super::{InUse, Room};

    #[test]
    fn what_comes_near_its_end_is_named_before_it_is_there() {
        let used = InUse { address_bytes: 900 << 20, resident_bytes: 100 << 20 };
        assert_eq!(used.strain_of(None, None), None);
        assert_eq!(used.strain_of(Some(1 << 30), Some(164 << 20)), None);
        let strain = |address: u64, resident: u64| used.strain_of(Some(address << 20), Some(resident << 20)).unwrap_or_default();
        assert!(strain(963, 1_000).starts_with("address space: 900 of 963 MiB are in use"), "{}", strain(963, 1_000));
        assert!(strain(2_000, 163).contains("100 of 163 MiB") && strain(2_000, 163).contains("sandbox.memory_mib_max"));
        assert!(InUse::now().is_some_and(|now| now.resident_bytes > 0 && now.address_bytes >= now.resident_bytes));
    }

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
