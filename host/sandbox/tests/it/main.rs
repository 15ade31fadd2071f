//! The sandbox from outside, with real components.

mod cache;
mod calls;
mod compiling;
mod crafted;
mod direct;
mod faults;
mod hostile;
mod loading;
mod native;
mod system;
mod walls;

use domain::contract::{Param, ParamValue};
use domain::guest::{Call, Guest, GuestFactory, Outcome, Reply};
use domain::limits::GuestLimits;
use domain::symbol::SymbolId;
use domain::tick::Tick;
use domain::time::Time;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, OnceLock};
use stockade_sandbox::{Sandbox, SandboxConfig};
use testkit::{ScriptedHost, components};

type Cell = Sandbox<ScriptedHost>;
type Boxed = Box<dyn Guest<ScriptedHost>>;

/// 2014-05-01 00:00:00.040186 UTC.
const TIME: i64 = 1_398_902_400_040_186;

/// One sandbox for all tests: they run side by side in it, as tenants do.
fn shared() -> &'static Cell {
    static SANDBOX: LazyLock<Cell> = LazyLock::new(|| Sandbox::new(SandboxConfig::default()).unwrap());
    &SANDBOX
}

fn probe_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/probe")
}

fn probe() -> &'static [u8] {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    BUILT.get_or_init(|| components::build_at(&probe_dir()))
}

fn probe_with_system() -> &'static [u8] {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    BUILT.get_or_init(|| components::build_wasip2_at(&probe_dir()))
}

fn guest_of(sandbox: &Cell, component: &[u8], params: &[Param], limits: GuestLimits) -> Boxed {
    let loaded = sandbox.load(component).unwrap_or_else(|error| panic!("{error}"));
    let host = ScriptedHost { now: TIME, ..ScriptedHost::default() };
    let mut guest = sandbox.instantiate(&loaded.digest, host, limits).unwrap();
    assert_eq!(guest.call(Call::Init(params)), DONE);
    guest
}

const DONE: Outcome = Outcome::Decided(Reply::Done);

fn behaviour(behaviour: &str) -> [Param; 1] {
    [Param { name: "behaviour".into(), value: ParamValue::Text(behaviour.into()) }]
}

fn probe_that(does: &str, limits: GuestLimits) -> Boxed {
    guest_of(shared(), probe(), &behaviour(does), limits)
}

fn tick(price: f64) -> Tick {
    Tick { symbol: SymbolId(0), sequence: 1, time: Time(TIME), bid: price, ask: price + 0.0001, last: 0.0, volume: 0.0, flags: 6 }
}

fn tick_once(guest: &mut Boxed) -> Outcome {
    guest.call(Call::Tick { symbol: 0, tick: &tick(1.1), skipped: 0 })
}

fn logged(guest: &mut Boxed) -> Vec<String> {
    guest.host().logged.drain(..).map(|(_, text)| text).collect()
}

/// An engine like any other: whoever shares a sandbox with a broken one must go on.
struct Neighbour(Boxed);

impl Neighbour {
    fn moves_in() -> Self {
        Self(guest_of(shared(), components::ema_cross(), &[], GuestLimits::default()))
    }

    fn goes_on(&mut self) {
        for step in 0..100 {
            let price = 1.1 + f64::from(step % 7) * 0.001;
            assert_eq!(self.0.call(Call::Tick { symbol: 0, tick: &tick(price), skipped: 0 }), DONE);
        }
    }
}

fn _sandbox_is_shared_between_threads(sandbox: Cell) -> impl Send + Sync {
    Arc::new(sandbox)
}
