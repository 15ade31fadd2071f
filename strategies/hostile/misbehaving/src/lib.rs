//! Behaves for a while, then misbehaves in the way its owner picks. See the README beside this crate.

use std::hint::black_box;

use stockade_sdk::prelude::*;

/// Ways to misbehave.
#[derive(Choice, Clone, Copy, Debug)]
pub enum Mode {
    /// Never returns.
    EndlessLoop,
    /// Takes memory until there is none.
    MemoryBomb,
    /// Panics.
    Trap,
    /// Calls itself without end.
    DeepRecursion,
    /// Writes more than anybody reads.
    LogFlood,
    /// Orders more than anybody fills.
    OrderFlood,
    /// Orders at prices that are no numbers.
    NanPrices,
}

/// What the owner can set.
#[derive(Params, Debug)]
pub struct Settings {
    /// What to do.
    #[param(default = Mode::EndlessLoop)]
    mode: Mode,
    /// Ticks to behave for.
    #[param(default = 100, min = 0, max = 1_000_000)]
    calm_ticks: u32,
    /// Lines or orders for each tick of a flood.
    #[param(default = 100, min = 1, max = 1_000_000)]
    amount: u32,
}

/// The strategy.
#[derive(Debug)]
pub struct Misbehaving {
    settings: Settings,
    ticks: u32,
}

impl Strategy for Misbehaving {
    type Params = Settings;

    fn manifest() -> Manifest {
        Manifest::new("misbehaving", env!("CARGO_PKG_VERSION")).about("Misbehaves after a while. For tests of the sandbox.")
    }

    fn new(settings: Settings) -> Result<Self, String> {
        Ok(Misbehaving { settings, ticks: 0 })
    }

    fn on_tick(&mut self, ctx: &mut Context, tick: &Tick) {
        self.ticks = self.ticks.saturating_add(1);
        if self.ticks <= self.settings.calm_ticks {
            return;
        }
        match self.settings.mode {
            Mode::EndlessLoop => endless_loop(),
            Mode::MemoryBomb => memory_bomb(),
            Mode::Trap => panic!("misbehaving at tick {}", self.ticks),
            Mode::DeepRecursion => _ = black_box(deep_recursion(u64::from(self.ticks))),
            Mode::LogFlood => (0..self.settings.amount).for_each(|_| ctx.info(&"flood ".repeat(170))),
            Mode::OrderFlood => (0..self.settings.amount).for_each(|_| _ = ctx.buy(0.01)),
            Mode::NanPrices => nan_prices(ctx, tick),
        }
    }
}

fn endless_loop() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn memory_bomb() {
    let mut taken = Vec::new();
    loop {
        taken.push(black_box(vec![1_u8; 1 << 20]));
    }
}

#[allow(unconditional_recursion, reason = "that is what it is for")]
fn deep_recursion(depth: u64) -> u64 {
    // The sum afterwards keeps the compiler from making this a loop.
    black_box(deep_recursion(black_box(depth + 1))) + depth
}

fn nan_prices(ctx: &mut Context, tick: &Tick) {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE, f64::MAX] {
        _ = ctx.buy(value);
        _ = ctx.submit(OrderRequest::limit(0, Side::Buy, 0.01, value));
        _ = ctx.submit(OrderRequest::stop_limit(0, Side::Sell, 0.01, tick.bid, value));
        _ = ctx.submit(OrderRequest::market(0, Side::Sell, 0.01).stop_loss(value).take_profit(value));
        _ = ctx.modify_position(0, Some(value), Some(value));
        _ = ctx.modify_order(0, Some(value), None, None);
        _ = ctx.close_partly(0, value);
        ctx.signal(Some(Side::Buy), value, "not a number");
        ctx.plot("not a number", value);
    }
}

stockade_sdk::export!(Misbehaving);
