//! Where the market stands, kept over restarts. No tick is handed over twice, and none goes back in time, whatever ended the host.
//!
//! A market of the host's own, simulated or replayed, could hand the same ticks over again after a crash; engines would trade them
//! again. So a start goes on after the latest tick that anything knows of:
//!
//! - `feed.json` in the data folder and the same in the database, both always a little ahead of the market ([`super::reserve`]): each
//!   alone is enough, at any speed; a host with another folder has the database's, one whose database is an older copy the folder's;
//! - the last tick that any engine's stored state names, the latest orders and deals, and the ticks in the record.
//!
//! All of that is read after this host has taken the database over: the host before writes nothing more then.
//!
//! What follows for guests. One that is restored from an older state has not seen the ticks after that state: they are in the
//! market's history when it starts, and `market.last-gap` tells it of them, as after any downtime. It is not handed them again, for
//! the guest before may have traded on them, and those orders stand. One that keeps no state begins with the history as it was
//! designed to. Either way the first tick it is handed lies after all that any guest of any engine was ever handed.
//!
//! Another feed may begin anywhere, as long as nobody has seen later ticks than its first: an engine whose state, and a gate whose
//! day, lie in the future of its market would be deaf and blind. That is refused at the start.

use crate::config::{Feed, FeedKind};
use crate::exit::{Exit, Failure, Outcome};
use crate::moment::Moment;
use domain::time::Time;
use files::Readers;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use store::MarketSeen;

/// Engines that a refusal names.
const NAMED_MAX: usize = 3;

/// Which feed it was, and how far it had come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    kind: FeedKind,
    symbols: Vec<String>,
    seed: u64,
    from: String,
    /// First moment of the market, microseconds since 1970 UTC. The same seed and origin make the same prices.
    pub origin: Time,
    /// No later tick was handed over.
    pub last: Time,
}

/// What a start finds out about the market so far.
#[derive(Debug, Default)]
pub struct Known {
    /// What the file says; an error in words where it can't be read.
    pub file: Option<Result<Place, String>>,
    /// What the database says.
    pub noted: Option<Place>,
    /// What engines, orders and deals have seen.
    pub seen: MarketSeen,
    /// The latest tick in the record of the last run.
    pub recorded: Option<Time>,
}

/// What was before, as far as the feed that is configured is concerned.
#[derive(Debug, PartialEq, Eq)]
pub enum Before {
    /// The host's first market.
    Nothing,
    /// This very feed, which has come this far.
    Same(Place),
    /// Nobody knows which feed, but ticks up to this time were handed over.
    Unknown(Time),
    /// Another feed.
    Other,
}

impl Place {
    /// A feed with its origin and its last tick.
    pub fn new(feed: &Feed, origin: Time, last: Time) -> Self {
        Self { kind: feed.kind, symbols: feed.symbols.clone(), seed: feed.seed, from: feed.from.clone(), origin, last }
    }

    /// Whether this feed goes on from here. Its symbols don't matter: each has prices of its own, whatever others there are.
    fn is_of(&self, feed: &Feed) -> bool {
        let from = |text: &str| text.parse::<Moment>().map(|moment| moment.0).ok();
        let same_prices = self.kind == FeedKind::Replayed || self.seed == feed.seed;
        self.kind == feed.kind && same_prices && from(&self.from) == from(&feed.from)
    }

    /// What the file in this folder says; `None` without the file.
    pub fn read(data_dir: &Path) -> Option<Result<Self, String>> {
        match fs::read(path(data_dir)) {
            Ok(text) => Some(serde_json::from_slice(&text).map_err(|error| format!("is damaged ({error})"))),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => Some(Err(format!("can't be read ({error})"))),
        }
    }

    /// What file and database say.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts")
    }

    /// Keeps it: on disk when this returns, and never half of it.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write(&self, data_dir: &Path) -> Outcome {
        let path = path(data_dir);
        files::write(&path, Readers::AsUsual, self.text().as_bytes())
            .map_err(|error| Failure::io("keep the feed's place in", &path, &error))
    }
}

impl Known {
    /// What was before, for this feed.
    pub fn before(&self, feed: &Feed) -> Before {
        let file = self.file.as_ref().and_then(|read| read.as_ref().ok());
        let places = [file, self.noted.as_ref()].into_iter().flatten();
        let latest = self.seen.latest.max(self.recorded);
        if let Some(place) = places.clone().filter(|place| place.is_of(feed)).max_by_key(|place| place.last) {
            return Before::Same(Place::new(feed, place.origin, latest.map_or(place.last, |latest| latest.max(place.last))));
        }
        match (places.count(), latest) {
            (0, None) => Before::Nothing,
            (0, Some(latest)) => Before::Unknown(latest),
            _ => Before::Other,
        }
    }

    /// What is wrong with the file, where the market goes on without it. A folder that has none is no trouble as long as the database
    /// names the place.
    pub fn lost(&self, before: &Before) -> Option<String> {
        let why = match &self.file {
            Some(Err(why)) => why.as_str(),
            None if self.noted.is_none() => "is missing",
            Some(Ok(_)) | None => return None,
        };
        let after = match before {
            Before::Same(_) => "the place that the database names",
            Before::Unknown(_) => "the latest tick that engines, orders, deals and the record name",
            Before::Nothing | Before::Other => return None,
        };
        Some(format!("feed.json {why}: the market goes on after {after}"))
    }

    /// Refuses a market whose first tick lies at `next` when engines have seen later ones.
    ///
    /// # Errors
    /// Names them, and the way out.
    pub fn may_begin_at(&self, next: Time) -> Outcome {
        let later: Vec<_> = self.seen.engines.iter().filter(|engine| engine.until >= next).collect();
        let Some(latest) = later.iter().map(|engine| engine.until).max() else { return Ok(()) };
        let mut names: Vec<_> = later.iter().take(NAMED_MAX).map(|engine| format!("{} (id {})", engine.name, engine.id)).collect();
        if later.len() > NAMED_MAX {
            names.push(format!("{} more", later.len() - NAMED_MAX));
        }
        let (many, names) = (later.len(), names.join(", "));
        let engines = if many == 1 { "1 engine has".to_owned() } else { format!("{many} engines have") };
        let why = format_args!(
            "feed: the market would go back from {latest} to {next}, but {engines} seen later ticks and would be handed none: {names}; use \
             another --data-dir, set [feed] as it was, or let each begin anew: stockade engine change NAME --forget-state"
        );
        Err(Failure::new(Exit::Usage, why))
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("feed.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::EngineId;
    use store::EngineSeen;

    fn seen(until: i64) -> MarketSeen {
        let engine = EngineSeen { id: EngineId(7), name: "cross".into(), until: Time(until) };
        MarketSeen { latest: Some(Time(until)), engines: vec![engine] }
    }

    #[test]
    fn a_place_is_kept_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Place::read(folder.path()), None);
        let place = Place::new(&Feed::default(), Time(1), Time(2));
        place.write(folder.path()).expect("it is written");
        assert_eq!(Place::read(folder.path()), Some(Ok(place)));
        for damaged in ["", "{\"kind\":", "\0\0\0\0"] {
            fs::write(path(folder.path()), damaged).expect("it is damaged");
            assert!(Place::read(folder.path()).is_some_and(|read| read.is_err_and(|why| why.contains("damaged"))), "{damaged:?}");
        }
    }

    #[test]
    fn a_place_is_that_of_the_same_feed_whatever_its_symbols_are() {
        let feed = Feed { from: "2014-05-06".into(), ..Feed::default() };
        let place = Place::new(&feed, Time(1), Time(2));
        let same = |other: Feed| place.is_of(&other);
        assert!(same(feed.clone()) && same(Feed { symbols: vec!["XAUUSD".into()], speed: 60.0, ..feed.clone() }));
        assert!(same(Feed { from: "2014-05-06 00:00".into(), ..feed.clone() }));
        assert!(!same(Feed { seed: 2, ..feed.clone() }));
        assert!(!same(Feed { from: "2014-05-07".into(), ..feed.clone() }) && !same(Feed { from: String::new(), ..feed.clone() }));
        assert!(!same(Feed { kind: FeedKind::Replayed, ..feed }));
    }

    #[test]
    fn the_latest_that_anything_knows_counts() {
        let feed = Feed::default();
        let place = |last: i64| Place::new(&feed, Time(1), Time(last));
        let goes_on = |known: &Known| match known.before(&feed) {
            Before::Same(place) => place.last.0,
            Before::Unknown(last) => last.0,
            other => panic!("{other:?}"),
        };
        let whole = || Known { file: Some(Ok(place(50))), noted: Some(place(10)), seen: seen(40), recorded: Some(Time(45)) };
        assert_eq!((goes_on(&whole()), whole().lost(&whole().before(&feed))), (50, None));
        for (known, last) in [
            (Known { seen: seen(60), ..whole() }, 60),
            (Known { recorded: Some(Time(70)), ..whole() }, 70),
            (Known { noted: Some(place(80)), ..whole() }, 80),
            (Known { file: None, ..whole() }, 45),
            (Known { file: Some(Err("is damaged".into())), recorded: None, ..whole() }, 40),
            (Known { file: None, noted: None, ..whole() }, 45),
        ] {
            assert_eq!(goes_on(&known), last, "{known:?}");
            assert!(known.may_begin_at(Time(last + 1)).is_ok());
        }
        let lost = |known: Known| known.lost(&known.before(&feed));
        assert_eq!(lost(Known { file: None, ..whole() }), None, "the database names the place");
        for (file, noted, says) in [
            (None, None, "feed.json is missing: the market goes on after the latest tick"),
            (Some(Err("is damaged".into())), Some(place(10)), "feed.json is damaged: the market goes on after the place"),
        ] {
            let line = lost(Known { file, noted, ..whole() });
            assert!(line.as_ref().is_some_and(|line| line.starts_with(says)), "{line:?}");
        }
        assert_eq!(Known::default().before(&feed), Before::Nothing);
        assert_eq!(Known::default().lost(&Before::Nothing), None, "a first start has lost nothing");
    }

    #[test]
    fn another_feed_that_would_go_back_is_refused_with_the_way_out() {
        let feed = Feed { from: "2014-05-06".into(), ..Feed::default() };
        let known = Known { file: Some(Ok(Place::new(&Feed::default(), Time(1), Time(100)))), seen: seen(100), ..Known::default() };
        assert_eq!(known.before(&feed), Before::Other);
        assert!(known.may_begin_at(Time(101)).is_ok());
        let refused = known.may_begin_at(Time(100)).expect_err("it would go back");
        assert_eq!(refused.exit, Exit::Usage);
        for part in
            ["from 1970-01-01T00:00:00.000100Z", "1 engine has seen", "cross (id 7)", "--data-dir", "engine change NAME --forget-state"]
        {
            assert!(refused.message.contains(part), "{}", refused.message);
        }
    }
}
