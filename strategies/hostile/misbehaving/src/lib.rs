//! Behaves for a while, then misbehaves in the way its owner picks. See the README beside this crate.

use std::hint::black_box;

use stockade_sdk::prelude::*;

/// Ways to misbehave.
#[derive(Choice, Clone, Copy, Debug)]
pub enum Mode {
    /// Never returns.
    EndlessLoop,
    /// Takes memory until it is refused.
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
    /// Calls itself without end, and the host at each step.
    StackThroughHost,
    /// Hands the host a text that is larger than its memory.
    GiantList,
    /// Wants a gigabyte for its state. Ticks do nothing.
    SaveGigabyte,
    /// Panics at every thousandth tick only.
    RareTrap,
    /// Looks for a clock: times its own work with all it can ask for, and logs what it saw.
    ClockWatch,
    /// Takes nearly all the fuel that saving may take, each time. Ticks do nothing.
    SlowSave,
    /// Asks the standard library for the time.
    ReadClock,
    /// Lets the standard library wait.
    Sleep,
    /// Lets the standard library start a thread.
    SpawnThread,
    /// Expects a file to be there.
    ReadFile,
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
        Manifest::new("misbehaving", env!("CARGO_PKG_VERSION"))
            .about("Misbehaves after a while. For tests of the sandbox.")
            // As much as is usual, but all of it from the start: a memory bomb is to reach its limit and not be slowed by moves.
            .memory_bytes(16 << 20)
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
            Mode::StackThroughHost => _ = black_box(stack_through_host(ctx, 0)),
            Mode::GiantList => giant_list(ctx),
            Mode::SaveGigabyte | Mode::SlowSave => {}
            Mode::RareTrap => assert!(!self.ticks.is_multiple_of(1_000), "misbehaving at tick {}", self.ticks),
            Mode::ClockWatch => clock_watch(ctx),
            Mode::ReadClock => _ = black_box(std::time::Instant::now()),
            Mode::Sleep => std::thread::sleep(std::time::Duration::from_secs(1)),
            Mode::SpawnThread => _ = std::thread::spawn(|| black_box(1)),
            Mode::ReadFile => _ = black_box(std::fs::read("prices.csv").expect("it was there yesterday")),
        }
    }

    fn save(&self) -> Vec<u8> {
        match self.settings.mode {
            Mode::SaveGigabyte if self.ticks > self.settings.calm_ticks => black_box(vec![1; 1 << 30]),
            Mode::SlowSave if self.ticks > self.settings.calm_ticks => slow_save(),
            _ => Vec::new(),
        }
    }
}

fn endless_loop() {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Some three quarters of the fuel there is for it.
fn slow_save() -> Vec<u8> {
    const FUEL: u64 = 15_000_000;
    const FUEL_PER_TURN: u64 = 9;
    let turns = (0..FUEL / FUEL_PER_TURN).fold(0_u64, |turns, _| black_box(turns.wrapping_add(1)));
    turns.to_le_bytes().to_vec()
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

fn stack_through_host(ctx: &mut Context, depth: u64) -> u64 {
    ctx.plot("depth", depth as f64);
    if depth == u64::MAX {
        return 0;
    }
    // What is done afterwards keeps the compiler from making this a loop. Nothing here is in linear memory, whose own small stack
    // would be used up first.
    stack_through_host(ctx, depth + 1).rotate_left(5) ^ depth
}

#[allow(unsafe_code, reason = "a text that is not there is what it hands over")]
fn giant_list(ctx: &mut Context) {
    // SAFETY: there is none; nobody reads it but the host, which must notice.
    let text = unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(std::ptr::NonNull::dangling().as_ptr(), 1 << 30)) };
    ctx.info(black_box(text));
}

/// Differences between two looks at the clock, with work between them that a real clock would see.
fn clock_watch(ctx: &mut Context) {
    let before = ctx.now();
    let mut turns = 0_u64;
    for turn in 0..100_000_u64 {
        turns = black_box(turns.wrapping_add(turn));
    }
    let passed = ctx.now() - before;
    ctx.info(&format!("{passed} us passed"));
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
