//! Does everything a strategy can do, at random, and watches whether its host keeps the contract.
//!
//! It trades without a plan: `deeds` draws what to do from the seeded random source. What it is there for is `watch`: whatever the
//! host does against the contract becomes a line in the engine's log that begins with [`VIOLATION`]. `cargo xtask crash` kills a
//! host that runs many of these, and looks for that word.

mod deeds;
mod watch;

use stockade_sdk::prelude::*;

pub use watch::Watch;

/// Begins the log line of everything that a host must never do.
pub const VIOLATION: &str = "VIOLATION";

/// What the owner can set.
#[derive(Params, Clone, Debug)]
pub struct Settings {
    /// How many ticks there are, on average, to one deed.
    #[param(default = 20, min = 1, max = 1_000_000)]
    pub ticks_per_deed: u32,
    /// Positions to hold at most.
    #[param(default = 4, min = 1, max = 100)]
    pub positions_max: u32,
    /// Orders to have waiting at most.
    #[param(default = 6, min = 1, max = 100)]
    pub orders_max: u32,
}

/// The strategy.
#[derive(Debug)]
pub struct Chaos {
    settings: Settings,
    watch: Watch,
    /// Of its market; fetched once.
    spec: Option<SymbolSpec>,
}

impl Strategy for Chaos {
    type Params = Settings;

    fn manifest() -> Manifest {
        Manifest::new("chaos", env!("CARGO_PKG_VERSION"))
            .about("Trades at random and logs whatever its host does against the contract. For tests of the host.")
    }

    fn new(settings: Settings) -> Result<Self, String> {
        Ok(Chaos { settings, watch: Watch::default(), spec: None })
    }

    fn on_start(&mut self, ctx: &mut Context, _start: &Start) -> Result<(), String> {
        self.spec = Some(ctx.spec(0));
        Ok(())
    }

    fn on_tick(&mut self, ctx: &mut Context, tick: &Tick) {
        let went_back = self.watch.tick(tick);
        tell(ctx, went_back);
        if ctx.random().is_multiple_of(u64::from(self.settings.ticks_per_deed)) {
            self.act(ctx, tick);
        }
    }

    fn on_timer(&mut self, ctx: &mut Context, id: u32) {
        let early = self.watch.timer(id, ctx.now());
        tell(ctx, early);
    }

    fn on_order(&mut self, ctx: &mut Context, id: OrderId, event: &OrderEvent) {
        let wrong = self.watch.event(id, event);
        tell(ctx, wrong);
    }

    fn save(&self) -> Vec<u8> {
        self.watch.save()
    }

    fn load(&mut self, _schema: u32, state: &[u8]) -> Result<(), String> {
        self.watch = Watch::load(state)?;
        Ok(())
    }
}

impl Chaos {
    fn act(&mut self, ctx: &mut Context, tick: &Tick) {
        let spec = self.spec.get_or_insert_with(|| ctx.spec(0));
        if let Some((id, volume)) = deeds::act(ctx, tick, spec, &self.settings, &mut self.watch) {
            let wrong = self.watch.given(id, volume);
            tell(ctx, wrong);
        }
    }
}

/// Logs what the host did wrong, if anything.
fn tell(ctx: &mut Context, wrong: Option<String>) {
    if let Some(wrong) = wrong {
        ctx.log(Level::Error, &format!("{VIOLATION}: {wrong}"));
    }
}

stockade_sdk::export!(Chaos);
