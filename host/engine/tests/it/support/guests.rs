//! Guests whose mind is a closure.

use domain::contract::{Description, SeenEvent};
use domain::desk::Desk;
use domain::guest::{Call, Fault, FaultKind, Guest, GuestFactory, GuestHost, Outcome, Place, Reply, Used};
use domain::ids::{Digest, EngineId};
use domain::limits::GuestLimits;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Weak};

/// What each of them has.
const MEMORY_BYTES: u64 = 65_536;

/// What a script may remember.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mind {
    /// Saved and loaded.
    pub number: u64,
    /// Fuel that it has burnt, beside ten for each call.
    pub fuel: u64,
}

/// What a guest does at a call before the usual; an outcome replaces the usual.
pub type Act = dyn Fn(&mut Desk, &Call<'_>, &mut Mind) -> Option<Outcome> + Send + Sync;

/// What a guest does.
#[derive(Clone)]
pub struct Script(Arc<Act>);

impl<F: Fn(&mut Desk, &Call<'_>, &mut Mind) -> Option<Outcome> + Send + Sync + 'static> From<F> for Script {
    fn from(act: F) -> Self {
        Self(Arc::new(act))
    }
}

/// What all guests heard, by engine, in order, in words.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<BTreeMap<EngineId, Vec<String>>>>);

impl Heard {
    fn note(&self, engine: EngineId, words: String) {
        self.0.lock().unwrap().entry(engine).or_default().push(words);
    }

    pub fn all(&self, engine: u32) -> Vec<String> {
        self.0.lock().unwrap().get(&EngineId(engine)).cloned().unwrap_or_default()
    }

    /// Those that start with `word`.
    pub fn of(&self, engine: u32, word: &str) -> Vec<String> {
        self.all(engine).into_iter().filter(|words| words.starts_with(word)).collect()
    }
}

/// Has every script that was loaded.
pub struct Factory {
    heard: Heard,
    scripts: Mutex<BTreeMap<Digest, Script>>,
    kept: Mutex<BTreeMap<Digest, Weak<()>>>,
    /// How many places there are.
    pub places_max: AtomicUsize,
    places: Arc<AtomicUsize>,
    /// How every instantiation fails, if it does.
    pub fails: Mutex<Option<FaultKind>>,
}

/// One of the places.
struct Taken(Arc<AtomicUsize>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Factory {
    pub fn new(heard: Heard) -> Self {
        Self {
            heard,
            scripts: Mutex::default(),
            kept: Mutex::default(),
            places_max: AtomicUsize::new(usize::MAX),
            places: Arc::default(),
            fails: Mutex::default(),
        }
    }

    pub fn load(&self, script: Script) -> Digest {
        let mut scripts = self.scripts.lock().unwrap();
        let digest = Digest::of(&scripts.len().to_le_bytes());
        scripts.insert(digest, script);
        digest
    }

    /// Places that are taken.
    pub fn places(&self) -> usize {
        self.places.load(SeqCst)
    }

    /// Whether a host wants a version kept ready.
    pub fn is_kept(&self, version: &Digest) -> bool {
        self.kept.lock().unwrap().get(version).is_some_and(|kept| kept.strong_count() > 0)
    }
}

impl GuestFactory<Desk> for Factory {
    fn describe(&self, _: &Digest) -> Result<Description, Fault> {
        Ok(super::description())
    }

    fn keep_ready(&self, version: &Digest) -> Option<Arc<dyn Send + Sync>> {
        let mut kept = self.kept.lock().unwrap();
        let keep = kept.get(version).and_then(Weak::upgrade).unwrap_or_default();
        kept.insert(*version, Arc::downgrade(&keep));
        Some(keep)
    }

    fn place(&self, _: &Digest, held: Option<&Place>) -> Result<Place, Fault> {
        if let Some(held) = held.filter(|held| held.get::<Taken>().is_some()) {
            return Ok(held.clone());
        }
        let max = self.places_max.load(SeqCst);
        let taken = self.places.fetch_update(SeqCst, SeqCst, |taken| (taken < max).then_some(taken + 1));
        let full = |_| Fault { kind: FaultKind::NoRoom, message: format!("this host has room for {max} guests and all are taken") };
        taken.map_err(full).map(|_| Place::new(Arc::new(Taken(Arc::clone(&self.places)))))
    }

    fn instantiate(&self, version: &Digest, host: Desk, limits: GuestLimits) -> Result<Box<dyn Guest<Desk>>, Fault> {
        self.instantiate_in(&self.place(version, None)?, version, host, limits)
    }

    fn instantiate_in(&self, place: &Place, version: &Digest, mut host: Desk, _: GuestLimits) -> Result<Box<dyn Guest<Desk>>, Fault> {
        if let Some(kind) = *self.fails.lock().unwrap() {
            return Err(Fault { kind, message: "as the test wants it".into() });
        }
        let script = self.scripts.lock().unwrap().get(version).cloned();
        let script = script.ok_or_else(|| Fault { kind: FaultKind::Refused, message: "this version is not loaded".into() })?;
        host.grow_memory(MEMORY_BYTES).map_err(|over| Fault { kind: FaultKind::OverQuota, message: over.to_string() })?;
        let (heard, place) = (self.heard.clone(), place.clone());
        Ok(Box::new(Scripted { desk: host, script, mind: Mind::default(), heard, calls: 0, place }))
    }
}

struct Scripted {
    desk: Desk,
    script: Script,
    mind: Mind,
    heard: Heard,
    calls: u64,
    place: Place,
}

impl Guest<Desk> for Scripted {
    fn host(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        self.calls += 1;
        let engine = self.desk.engine();
        if let Some(words) = words(&call) {
            self.heard.note(engine, words);
        }
        if let (Call::Start { .. } | Call::Bar { .. }, Some(gap)) = (&call, self.desk.last_gap(0).unwrap()) {
            let ticks = gap.ticks.map_or("?".into(), |ticks| ticks.to_string());
            self.heard.note(engine, format!("gap {} to {}: {ticks} ticks", gap.after, gap.until));
        }
        // Columns are walked row by row, as the SDK does: what is done at a row is done as of that row.
        if let Call::Ticks { symbol, ticks } = &call {
            for row in 0..ticks.len() {
                self.desk.at(row as u32).unwrap();
                let tick = ticks.tick(row, Default::default(), 0);
                self.heard.note(engine, format!("row {symbol} {} {}", tick.time.0, (tick.bid * 1e5).round()));
                let had = (self.desk.orders(), self.desk.wake(*symbol));
                let one = Call::Tick { symbol: *symbol, tick: &tick, skipped: 0 };
                if let Some(outcome) = (self.script.0)(&mut self.desk, &one, &mut self.mind) {
                    return outcome;
                }
                if (self.desk.orders(), self.desk.wake(*symbol)) != had {
                    return Outcome::Decided(Reply::Consumed(row as u32 + 1));
                }
            }
            return Outcome::Decided(Reply::Consumed(ticks.len() as u32));
        }
        if let Some(outcome) = (self.script.0)(&mut self.desk, &call, &mut self.mind) {
            return outcome;
        }
        match call {
            Call::Save => Outcome::Decided(Reply::State(self.mind.number.to_le_bytes().to_vec())),
            Call::Load { state, .. } => match state.try_into() {
                Ok(bytes) => {
                    self.mind.number = u64::from_le_bytes(bytes);
                    Outcome::Decided(Reply::Done)
                }
                Err(_) => Outcome::Refused("this state has not 8 bytes".into()),
            },
            _ => Outcome::Decided(Reply::Done),
        }
    }

    fn place(&self) -> Place {
        self.place.clone()
    }

    fn used(&self) -> Used {
        Used { fuel_last_call: 10, fuel_total: 10 * self.calls + self.mind.fuel, memory_bytes: MEMORY_BYTES }
    }
}

fn words(call: &Call<'_>) -> Option<String> {
    Some(match call {
        Call::Init(_) => "init".into(),
        Call::Start { restored, .. } => format!("start restored={restored}"),
        Call::Tick { symbol, tick, skipped } => {
            format!("tick {symbol} {} {} skipped={skipped}", tick.time.0, (tick.bid * 1e5).round())
        }
        Call::Ticks { ticks, .. } => format!("ticks {}", ticks.len()),
        Call::Bar { bar, .. } => format!("bar {:?} {}", bar.timeframe, bar.open_time.0),
        Call::Timer(id) => format!("timer {id}"),
        Call::Order { id, event } => match event {
            SeenEvent::Filled(fill) => format!("order {id} filled at {:.5}", fill.price),
            other => format!("order {id} {other:?}").to_lowercase(),
        },
        Call::Position { position, change } => format!("position {} {change}", position.id),
        Call::TradingState(state) => format!("trading {state}"),
        Call::Stop(reason) => format!("stop {reason}"),
        Call::Save => return None,
        Call::Load { schema, .. } => format!("load {schema}"),
        Call::Tester(_) => return None,
    })
}
