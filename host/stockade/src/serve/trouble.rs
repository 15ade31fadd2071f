//! Whether something can be written: told once when it can't, and once when it can again, however many files and tables there are.

use std::time::{Duration, Instant};

/// No write may fail for so long before all is well again: on a full disk some small writes get through.
const CALM: Duration = Duration::from_secs(10);

/// The trouble that writing is in.
#[derive(Debug, Default)]
pub struct Trouble {
    /// When a write failed last, until all is well again.
    failed_at: Option<Instant>,
}

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It fails from now on.
    Fails,
    /// It works again.
    Works,
}

impl Trouble {
    /// A write was tried at `now`; says whether that is to be told.
    pub fn note(&mut self, now: Instant, has_failed: bool) -> Option<Turn> {
        match self.failed_at {
            _ if has_failed => self.failed_at.replace(now).is_none().then_some(Turn::Fails),
            Some(failed_at) if now.saturating_duration_since(failed_at) >= CALM => {
                self.failed_at = None;
                Some(Turn::Works)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_that_takes_some_writes_is_told_once_and_once_more_when_it_takes_all() {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        let mut told = Vec::new();
        // A second of thousands of writes, of which every third fails; then all get through.
        for ms in 0..30_000 {
            let has_failed = (5_000..6_000).contains(&ms) && ms % 3 == 0;
            told.extend(trouble.note(start + Duration::from_millis(ms), has_failed).map(|turn| (ms, turn)));
        }
        assert_eq!(told, [(5_001, Turn::Fails), (15_997, Turn::Works)]);
    }
}
