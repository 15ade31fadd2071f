//! What this process uses of memory and addresses, and the end that it must not come to: near it no guest is let in, and none
//! grows beyond it.

use crate::state::{Refused, Scarce};
use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The share of all memory, as one part in this many, that stays with the rest: processes that compile, a database beside it, the kernel.
const RESERVE_PART: u64 = 8;
/// Memory and addresses that must be left for one more guest to be let in: what the largest usual one takes, and what the rest
/// of the process takes meanwhile.
const LEFT_BYTES: u64 = 64 << 20;
/// How long a reading is good for. Taking one takes as long as the rest of a guest's start, of which a host makes a hundred
/// meanwhile; what those grow by is counted on top.
const READING_HOLDS: Duration = Duration::from_millis(5);

/// Memory that a process on this machine should keep within, bytes: what there is, or what its control group may have, less an
/// eighth. `None` where the system does not say.
pub fn memory_of_this_machine() -> Option<u64> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let maxima = group_files(&groups).into_iter().filter_map(|file| read(&file));
    memory_within(&read(Path::new("/proc/meminfo")).unwrap_or_default(), maxima)
}

/// Where the bounds of this process's control group, and of those around it, are.
fn group_files(groups: &str) -> Vec<PathBuf> {
    let Some(group) = groups.lines().find_map(|line| line.strip_prefix("0::/")) else { return Vec::new() };
    Path::new(group).ancestors().map(|group| Path::new("/sys/fs/cgroup").join(group).join("memory.max")).collect()
}

fn memory_within(meminfo: &str, group_maxima: impl Iterator<Item = String>) -> Option<u64> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let total = total.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).map(|kib| kib << 10);
    // A group without a bound says `max`, which is no number.
    let maxima = group_maxima.filter_map(|text| text.trim().parse::<u64>().ok());
    let all = maxima.chain(total).min()?;
    Some(all - all / RESERVE_PART)
}

/// What this process uses, read now and then, against what it may. The default has no bound.
#[derive(Debug, Default)]
pub(crate) struct InUse {
    memory_max: Option<u64>,
    last: Mutex<Option<(Instant, Reading)>>,
}

impl InUse {
    /// The memory in all, bytes.
    pub fn new(memory_max: Option<u64>) -> Self {
        Self { memory_max, last: Mutex::default() }
    }

    /// What is so near to its end that one more guest might end the process, with the way out.
    pub fn strain(&self) -> Option<String> {
        let address_max = getrlimit(Resource::As).current;
        // Where nothing has an end, what is used need not be read.
        address_max.or(self.memory_max)?;
        // Addresses are taken when a guest starts, up to 64 MiB at once, which a reading from before would not show.
        let holds = if address_max.is_some() { Duration::ZERO } else { READING_HOLDS };
        self.look(holds, |reading| reading.strain(address_max, self.memory_max))?
    }

    /// Counts `more` bytes that a guest's memory is to grow by.
    ///
    /// # Errors
    /// The process would come to the end of its memory; nothing was counted.
    pub fn grow(&self, more: u64) -> Result<(), Refused> {
        let Some(max) = self.memory_max else { return Ok(()) };
        // Where the system does not say what is used, the guest's own limit is all there is.
        self.look(READING_HOLDS, |reading| reading.grow(more, max)).unwrap_or(Ok(()))
    }

    /// Counts bytes that the host itself is about to use, beside what must be left for a guest to be let in. Reads anew, since what was
    /// given back a moment ago counts.
    ///
    /// # Errors
    /// The process would come near the end of its memory, in one line with the way out; nothing was counted.
    pub fn take(&self, bytes: u64) -> Result<(), String> {
        let Some(max) = self.memory_max else { return Ok(()) };
        let left = max.saturating_sub(LEFT_BYTES);
        let taken = self.look(Duration::ZERO, |reading| reading.grow(bytes, left));
        taken.unwrap_or(Ok(())).map_err(|Refused { wanted, .. }| {
            let used = (wanted - bytes) >> 20;
            format!(
                "this host has no memory for {bytes} bytes of machine code: {used} of {} MiB are in use: stop some engines, or raise \
                 sandbox.memory_mib_max",
                max >> 20
            )
        })
    }

    /// Returns a reading no older than `holds`; `None` where the system gives no reading.
    fn look<R>(&self, holds: Duration, see: impl FnOnce(&mut Reading) -> R) -> Option<R> {
        // A reading is whole at every moment, so that a panic elsewhere does not matter.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|(at, _)| at.elapsed() >= holds) {
            *last = Some((Instant::now(), Reading::now()?));
        }
        last.as_mut().map(|(_, reading)| see(reading))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reading {
    address_bytes: u64,
    /// Resident memory of its own, and what guests were let grow by since: they are about to use it. What is mapped from files is
    /// left out: the kernel takes it back when it must, and counts what an interpreter's guests share once for each of them.
    memory_bytes: u64,
}

impl Reading {
    /// `None` where the system does not say.
    fn now() -> Option<Self> {
        Self::of(&std::fs::read_to_string("/proc/self/statm").ok()?, page_size() as u64)
    }

    fn of(statm: &str, page_bytes: u64) -> Option<Self> {
        let mut bytes = statm.split_whitespace().map(|pages| pages.parse::<u64>().ok().map(|pages| pages.saturating_mul(page_bytes)));
        let (address_bytes, resident_bytes, shared_bytes) = (bytes.next()??, bytes.next()??, bytes.next()??);
        Some(Self { address_bytes, memory_bytes: resident_bytes.saturating_sub(shared_bytes) })
    }

    fn strain(self, address_max: Option<u64>, memory_max: Option<u64>) -> Option<String> {
        let mib = |bytes: u64| bytes >> 20;
        let short = |used: u64, max: Option<u64>| max.filter(|max| used.saturating_add(LEFT_BYTES) > *max);
        if let Some(max) = short(self.address_bytes, address_max) {
            let used = mib(self.address_bytes);
            return Some(format!("address space: {used} of {} MiB are in use: stop some engines, or ulimit -v unlimited", mib(max)));
        }
        let max = short(self.memory_bytes, memory_max)?;
        let used = mib(self.memory_bytes);
        Some(format!("memory: {used} of {} MiB are in use: stop some engines, or raise sandbox.memory_mib_max", mib(max)))
    }

    fn grow(&mut self, more: u64, max: u64) -> Result<(), Refused> {
        let wanted = self.memory_bytes.saturating_add(more);
        if wanted > max {
            return Err(Refused { what: Scarce::HostMemory, more, wanted, max });
        }
        self.memory_bytes = wanted;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_near_its_end_is_named_before_it_is_there() {
        let used = Reading { address_bytes: 900 << 20, memory_bytes: 100 << 20 };
        assert_eq!(used.strain(None, None), None);
        assert_eq!(used.strain(Some(1 << 30), Some(164 << 20)), None);
        let strain = |address: u64, memory: u64| used.strain(Some(address << 20), Some(memory << 20)).unwrap_or_default();
        assert!(strain(963, 1_000).starts_with("address space: 900 of 963 MiB are in use"), "{}", strain(963, 1_000));
        assert!(strain(2_000, 163).contains("100 of 163 MiB") && strain(2_000, 163).contains("sandbox.memory_mib_max"));
        assert!(Reading::now().is_some_and(|now| now.memory_bytes > 0 && now.address_bytes >= now.memory_bytes));
    }

    #[test]
    fn growths_since_a_reading_count_until_the_next_and_refused_ones_do_not() {
        let mut used = Reading { address_bytes: 0, memory_bytes: 100 };
        assert!(used.grow(60, 200).is_ok());
        let Err(Refused { what: Scarce::HostMemory, more, wanted, max }) = used.grow(41, 200) else { panic!("160 and 41 are too many") };
        assert_eq!((more, wanted, max), (41, 201, 200));
        assert!(used.grow(40, 200).is_ok() && used.grow(1, 200).is_err() && used.grow(0, 200).is_ok());
    }

    #[test]
    fn a_growth_is_held_against_what_the_process_has_and_without_a_bound_against_nothing() {
        assert!(InUse::default().grow(u64::MAX).is_ok());
        assert!(InUse::new(Some(1)).grow(1).is_err());
        let roomy = InUse::new(Some(1 << 50));
        assert!(roomy.strain().is_none() && roomy.grow(1 << 20).is_ok() && roomy.grow(1 << 50).is_err());
    }

    #[test]
    fn what_is_mapped_from_files_is_not_counted() {
        assert_eq!(Reading::of("765 418 390 5 0 123 0\n", 4_096), Some(Reading { address_bytes: 765 << 12, memory_bytes: 28 << 12 }));
        assert_eq!(Reading::of("765 418", 4_096), None);
    }

    #[test]
    fn what_there_is_of_memory_is_the_machines_or_the_narrowest_groups_less_an_eighth() {
        let check = |meminfo: &str, maxima: &[&str], expected: Option<u64>| {
            assert_eq!(memory_within(meminfo, maxima.iter().map(|text| (*text).to_owned())), expected, "{meminfo} {maxima:?}");
        };
        let machine = "MemTotal:       8388608 kB\nMemFree:        4000000 kB\n";
        check(machine, &[], Some(7 << 30));
        check(machine, &["max\n", "max\n"], Some(7 << 30));
        check(machine, &["max\n", "1073741824\n", "2147483648\n"], Some(896 << 20));
        check("", &["1073741824\n"], Some(896 << 20));
        check("", &["max\n"], None);
    }

    #[test]
    fn a_groups_bound_is_looked_for_in_it_and_in_those_around_it() {
        let files = group_files("4:memory:/old\n0::/system.slice/stockade.service\n");
        let expected = ["system.slice/stockade.service/", "system.slice/", ""].map(|group| format!("/sys/fs/cgroup/{group}memory.max"));
        assert_eq!(files, expected.map(PathBuf::from));
        assert_eq!(group_files("0::/\n"), [PathBuf::from("/sys/fs/cgroup/memory.max")]);
        assert!(group_files("4:memory:/old\n").is_empty());
    }
}
