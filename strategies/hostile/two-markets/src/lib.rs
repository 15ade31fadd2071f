//! Buys once, on the first of its two symbols, and logs an error where its owner asks for one. It hurts nobody: tests see with it what
//! is said of results on several symbols.

use stockade_sdk::prelude::*;

/// What the owner can set.
#[derive(Params, Debug)]
pub struct Settings {
    /// Lots.
    #[param(default = 0.1, min = 0.01, max = 10.0, step = 0.01)]
    pub volume: f64,
    /// Errors to log, one at a tick.
    #[param(default = 0, min = 0, max = 100)]
    pub errors: u32,
}

/// The strategy.
#[derive(Debug)]
pub struct TwoMarkets {
    settings: Settings,
    ticks: u32,
}

impl Strategy for TwoMarkets {
    type Params = Settings;

    fn manifest() -> Manifest {
        Manifest::new("two-markets", env!("CARGO_PKG_VERSION"))
            .about("Watches two symbols. For tests of reports.")
            .need(Need::owners_choice())
            .need(Need::owners_choice())
    }

    fn new(settings: Settings) -> Result<Self, String> {
        Ok(TwoMarkets { settings, ticks: 0 })
    }

    fn on_tick(&mut self, ctx: &mut Context, _tick: &Tick) {
        self.ticks += 1;
        if self.ticks == 1 {
            _ = ctx.buy(self.settings.volume);
        }
        if self.ticks <= self.settings.errors {
            ctx.log(Level::Error, &format!("no quote of the second symbol at tick {}", self.ticks));
        }
    }
}

stockade_sdk::export!(TwoMarkets);
