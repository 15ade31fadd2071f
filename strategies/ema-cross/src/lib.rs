//! Follows the crossing of two averages of the price: long while the fast one is above, short while it is below.

use stockade_sdk::indicators::Ema;
use stockade_sdk::prelude::*;

/// What the owner can set.
#[derive(Params, Clone, Debug)]
pub struct Settings {
    /// Share by which each tick moves the fast average.
    #[param(default = 0.02, min = 0.0001, max = 1.0)]
    pub fast_alpha: f64,
    /// Share by which each tick moves the slow average.
    #[param(default = 0.0005, min = 0.00001, max = 1.0)]
    pub slow_alpha: f64,
    /// Volume of the position, in lots.
    #[param(default = 0.1, min = 0.01, max = 100.0, step = 0.01)]
    pub volume: f64,
}

/// The strategy.
#[derive(Debug)]
pub struct EmaCross {
    settings: Settings,
    fast: Ema,
    slow: Ema,
    side: Option<Side>,
}

impl Strategy for EmaCross {
    type Params = Settings;

    fn manifest() -> Manifest {
        // It looks at its position when it wants to know: nobody has to call it with news of that.
        Manifest::new("ema-cross", env!("CARGO_PKG_VERSION")).about("Holds the side of the faster of two averages.").only_ticks()
    }

    fn new(settings: Settings) -> Result<Self, String> {
        if settings.fast_alpha <= settings.slow_alpha {
            return Err("fast_alpha must be above slow_alpha".to_owned());
        }
        let (fast, slow) = (Ema::with_alpha(settings.fast_alpha), Ema::with_alpha(settings.slow_alpha));
        Ok(EmaCross { settings, fast, slow, side: None })
    }

    /// Every tick moves the averages; few cross them.
    #[inline]
    fn watch(&mut self, _symbol: Symbol, tick: &Tick) -> bool {
        let (fast, slow) = (self.fast.update(tick.mid()), self.slow.update(tick.mid()));
        let (Some(fast), Some(slow)) = (fast, slow) else { return false };
        let side = if fast > slow { Side::Buy } else { Side::Sell };
        self.side.replace(side).is_some_and(|before| before != side)
    }

    fn on_tick(&mut self, ctx: &mut Context, _tick: &Tick) {
        let Some(side) = self.side else { return };
        for position in ctx.positions() {
            _ = ctx.close(position.id);
        }
        // A refusal is in the engine's log; the next crossing tries again.
        _ = ctx.submit(OrderRequest::market(0, side, self.settings.volume));
    }
}

stockade_sdk::export!(EmaCross);
