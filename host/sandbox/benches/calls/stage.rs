//! Strategies and the ticks they get.

use domain::contract::RunMode;
use domain::guest::{Call, Guest, GuestFactory as _, Outcome, Reply};
use domain::ids::Digest;
use domain::limits::GuestLimits;
use domain::tick::TickColumns;
use stockade_sandbox::{Addresses, Sandbox, SandboxConfig};
use testkit::scripted::Asked;
use testkit::{ScriptedHost, components};

pub type Boxed = Box<dyn Guest<ScriptedHost>>;

/// Rows of a batch: as many as a backtest hands over at most.
const BATCH: usize = 1_024;
/// Rows of a market.
const ROWS: usize = 32 * BATCH;

/// The sample, compiled.
pub struct Stage {
    sandbox: Sandbox<ScriptedHost>,
    pub ema_cross: Digest,
}

impl Stage {
    pub fn new(addresses: Addresses) -> Self {
        let sandbox = Sandbox::new(SandboxConfig { addresses, ..SandboxConfig::default() }).expect("a sandbox");
        let ema_cross = sandbox.load(components::ema_cross()).expect("the sample loads").digest;
        Self { ema_cross, sandbox }
    }

    /// An engine that has been started.
    pub fn enter(&self, version: &Digest, limits: GuestLimits) -> Boxed {
        let mut guest = self.sandbox.instantiate(version, ScriptedHost::default(), limits).expect("there is room");
        begin(&mut guest);
        guest
    }
}

/// Starts it with default parameters.
pub fn begin(guest: &mut Boxed) {
    let done = Outcome::Decided(Reply::Done);
    assert_eq!(guest.call(Call::Init(&[])), done);
    let account = testkit::scripted::account();
    assert_eq!(guest.call(Call::Start { mode: RunMode::Backtest, account: &account, restored: false }), done);
}

/// Ticks of one symbol.
pub struct Market {
    times: Vec<i64>,
    bids: Vec<f64>,
    asks: Vec<f64>,
}

impl Market {
    pub fn eurusd() -> Self {
        Self::walking(110_000, 100_000.0, 20, 8)
    }

    /// A price in points that wanders by up to `step` at each tick, always the same way.
    fn walking(from: i64, points: f64, step: i64, spread: i64) -> Self {
        let mut random = 88_172_645_463_325_252_u64;
        let mut price = from;
        let mut market = Self { times: Vec::with_capacity(ROWS), bids: Vec::with_capacity(ROWS), asks: Vec::with_capacity(ROWS) };
        for row in 0..ROWS as i64 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            price += (random % (2 * step as u64 + 1)) as i64 - step;
            market.times.push(row * 25_000);
            market.bids.push(price as f64 / points);
            market.asks.push((price + spread) as f64 / points);
        }
        market
    }

    pub fn rows(&self) -> usize {
        self.times.len()
    }

    /// Hands everything over, batch by batch, and gives what was asked for.
    pub fn run(&self, guest: &mut Boxed) -> Vec<Asked> {
        let columns = TickColumns { times: &self.times, bids: &self.bids, asks: &self.asks, lasts: &[], volumes: &[] };
        let mut row = 0;
        while row < self.rows() {
            guest.host().now = self.times[row];
            let ticks = columns.slice(row..self.rows().min(row + BATCH));
            match guest.call(Call::Ticks { symbol: 0, ticks }) {
                Outcome::Decided(Reply::Consumed(rows)) => row += rows as usize,
                other => panic!("a batch ended as {other:?}"),
            }
        }
        std::mem::take(&mut guest.host().asked)
    }
}
