//! Where a feed of its own time stands, kept over restarts: a simulated market or a replay goes on where it stopped.

use crate::config::{Feed, FeedKind};
use crate::exit::{Failure, Outcome};
use domain::time::Time;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Which feed it was, and how far it had come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    kind: FeedKind,
    symbols: Vec<String>,
    seed: u64,
    from: String,
    /// First moment of the market, microseconds since 1970 UTC. The same seed and origin make the same prices.
    pub origin: Time,
    /// The last tick that was handed over.
    pub last: Time,
}

impl Place {
    /// The beginning of a feed.
    pub fn new(feed: &Feed, origin: Time, last: Time) -> Self {
        Self { kind: feed.kind, symbols: feed.symbols.clone(), seed: feed.seed, from: feed.from.clone(), origin, last }
    }

    /// Where this very feed stood; `None` when there was none, or another one.
    pub fn read(data_dir: &Path, feed: &Feed) -> Option<Self> {
        // A broken file means a fresh start, which loses no order: the journal has those.
        let place: Self = serde_json::from_slice(&std::fs::read(path(data_dir)).ok()?).ok()?;
        (Self::new(feed, place.origin, place.last) == place).then_some(place)
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write(&self, data_dir: &Path) -> Outcome {
        let path = path(data_dir);
        let beside = path.with_extension("new");
        let text = serde_json::to_vec(self).expect("numbers and texts");
        let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &path));
        written.map_err(|error| Failure::io("keep the feed's place in", &path, &error))
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("feed.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_that_of_the_same_feed_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let feed = Feed::default();
        assert_eq!(Place::read(folder.path(), &feed), None);
        let place = Place::new(&feed, Time(1), Time(2));
        place.write(folder.path()).expect("it is written");
        assert_eq!(Place::read(folder.path(), &feed), Some(place));
        assert_eq!(Place::read(folder.path(), &Feed { seed: 2, ..feed }), None);
    }
}
