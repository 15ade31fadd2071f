//! Batches must not change decisions: whatever a strategy does, tick by tick and batched runs decide the same.

use stockade_sdk::indicators::Ema;
use stockade_sdk::prelude::*;
use stockade_sdk::testing::{Harness, Recorded};

/// Does a bit of everything, at places that a batch could get wrong.
struct Busy {
    fast: Ema,
    slow: Ema,
    seen: u64,
    log: bool,
    /// Whether it says which ticks it wants.
    watches: bool,
    /// What the averages came to.
    averages: Option<(f64, f64)>,
    sleeps: bool,
    /// The ticks it waits for after an order.
    rest: Option<Wake>,
    /// The same now and then, as its watching goes: heard of with the next callback only.
    nap: Option<Wake>,
}

#[derive(Params, Clone, Debug)]
struct Settings {
    /// Whether each crossing is logged, so that rows without an order ask the host for something as well.
    #[param(default = true)]
    log: bool,
    /// Whether quiet rows are watched only, in a loop of their own, or handled like all others.
    #[param(default = true)]
    watches: bool,
    /// Whether it waits for some ticks only after an order.
    #[param(default = false)]
    sleeps: bool,
}

impl Strategy for Busy {
    type Params = Settings;

    fn manifest() -> Manifest {
        Manifest::new("busy", "1.0.0").need(Need::owners_choice().bars(&[Timeframe::M5, Timeframe::M1], 0))
    }

    fn new(settings: Settings) -> Result<Self, String> {
        let Settings { log, watches, sleeps } = settings;
        Ok(Busy { fast: Ema::new(5), slow: Ema::new(40), seen: 0, log, watches, averages: None, sleeps, rest: None, nap: None })
    }

    fn wake(&self, _symbol: Symbol) -> Wake {
        self.rest.or(self.nap).unwrap_or(Wake::EVERY_TICK)
    }

    fn watch(&mut self, _symbol: Symbol, tick: &Tick) -> bool {
        self.seen += 1;
        self.nap = (self.sleeps && self.seen % 97 < 20).then(|| Wake::at(tick.time + 20 * SECOND));
        // Where a market has deals, what is decided hangs on them, too.
        self.averages = self.fast.update(tick.mid() + tick.volume * 1e-5).zip(self.slow.update(tick.mid() + tick.last * 1e-5));
        // Without the words of every seventh, long stretches are quiet.
        let loud = self.averages.is_some_and(|(fast, slow)| (fast - slow).abs() > 0.0003) || self.log && self.seen.is_multiple_of(7);
        loud || !self.watches || self.seen.is_multiple_of(101)
    }

    fn on_tick(&mut self, ctx: &mut Context, tick: &Tick) {
        if let Some(rest) = self.rest.take() {
            assert!(rest.holds(tick), "it does not wait for {tick:?}: {rest:?}");
        }
        let Some((fast, slow)) = self.averages else { return };
        if self.log && self.seen.is_multiple_of(7) {
            let past = ctx.ticks(0, 3);
            assert_eq!(past.last(), Some(tick), "the past ends with the tick being handled");
            ctx.info(&format!("{} {} {}", ctx.now(), past[0].bid, ctx.account().equity));
        }
        let held = ctx.positions();
        match held.as_slice() {
            [] if (fast - slow).abs() > 0.0003 && ctx.orders().is_empty() => {
                let side = if fast > slow { Side::Buy } else { Side::Sell };
                let spec = ctx.spec(0);
                let order = match self.seen % 3 {
                    0 => OrderRequest::bracket(0, side, 0.1, &spec, tick.price(side), 0.0005, 2.0),
                    1 => OrderRequest::limit(0, side, 0.1, spec.round_to_tick(tick.bid - side.sign() * 0.0003)),
                    _ => OrderRequest::stop(0, side, 0.1, spec.round_to_tick(tick.bid + side.sign() * 0.0003)),
                };
                ctx.submit(order).expect("on the grid");
                ctx.set_timer(1, tick.time + 90 * SECOND);
                let rest = Wake::at(tick.time + 40 * SECOND).or_bid_at_least(tick.bid + 0.0006).or_ask_at_most(tick.ask - 0.0006);
                self.rest = self.sleeps.then_some(rest);
            }
            [position] if position.gain_percent(tick) > 0.08 => _ = ctx.close(position.id),
            _ => {}
        }
    }

    fn on_bar(&mut self, ctx: &mut Context, bar: &Bar) {
        ctx.plot("close", bar.close);
        if bar.timeframe == Timeframe::M5 {
            for order in ctx.orders() {
                _ = ctx.cancel(order.id);
            }
        }
    }

    fn on_timer(&mut self, ctx: &mut Context, id: u32) {
        ctx.info(&format!("timer {id} at {}", ctx.now()));
        for position in ctx.positions() {
            _ = ctx.close(position.id);
        }
    }

    fn on_position(&mut self, ctx: &mut Context, position: &Position, change: PositionChange) {
        ctx.info(&format!("{change:?} {} at {}", position.volume, ctx.now()));
    }
}

/// A random walk of ticks some seconds apart, in a market with last deals or without.
fn walk(seed: u64, count: usize, deals: bool) -> Vec<Tick> {
    let (mut state, mut time, mut points) = (seed, 0, 110_000_i64);
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut tick = || {
        time += next(3_000_000) as i64;
        points += next(41) as i64 - 20;
        let (bid, ask) = (points as f64 / 1e5, (points + 5 + next(10) as i64) as f64 / 1e5);
        let (last, volume) = if deals { (bid, next(3) as f64) } else { (0.0, 0.0) };
        Tick { time, bid, ask, last, volume }
    };
    (0..count).map(|_| tick()).collect()
}

fn decisions(settings: &Settings, feed: impl Fn(&mut Harness<Busy>)) -> (Vec<Recorded>, u64) {
    let mut test = Harness::<Busy>::new(settings.clone());
    feed(&mut test);
    (test.decisions(), test.account().equity.to_bits())
}

#[test]
fn batched_decisions_are_those_of_single_ticks() {
    for seed in 0..20 {
        for (log, watches, deals, sleeps) in [
            (true, true, false, false),
            (false, true, false, false),
            (true, false, false, false),
            (false, true, true, false),
            (true, false, true, false),
            (true, true, false, true),
            (true, false, false, true),
        ] {
            let ticks = walk(seed, 6_000, deals);
            let settings = Settings { log, watches, sleeps };
            let single = decisions(&settings, |test| test.feed(0, &ticks));
            let orders = single.0.iter().filter(|recorded| format!("{recorded:?}").contains("Submit")).count();
            assert!(orders > 2, "the walk of seed {seed} is too quiet for a test: {orders} orders");
            for rows in [1, 2, 7, 256, 6_000] {
                let batched = decisions(&settings, |test| test.feed_batched(0, &ticks, rows));
                assert!(single == batched, "seed {seed}, {settings:?}, deals {deals}, batches of {rows}: they decide differently");
            }
        }
    }
}

#[test]
fn a_strategy_without_ticks_still_consumes_them() {
    struct Barred(usize);
    impl Strategy for Barred {
        type Params = ();
        fn manifest() -> Manifest {
            Manifest::new("barred", "1.0.0").need(Need::owners_choice().bars(&[Timeframe::M1], 0)).without_ticks()
        }
        fn new(_: ()) -> Result<Self, String> {
            Ok(Barred(0))
        }
        fn on_tick(&mut self, _: &mut Context, _: &Tick) {
            panic!("it asked for no ticks");
        }
        fn on_bar(&mut self, _: &mut Context, _: &Bar) {
            self.0 += 1;
        }
    }
    let mut test = Harness::<Barred>::new(());
    test.feed_batched(0, &walk(1, 1_000, false), 256);
    let bars = test.strategy().expect("made").0;
    assert!((20..30).contains(&bars), "{bars}");
}

#[test]
fn a_strategy_sees_the_ticks_that_it_waits_for_and_all_its_bars() {
    /// Waits for the bid to rise by half a pip above the last one it saw.
    struct Climber {
        level: f64,
        seen: Vec<f64>,
        bars: usize,
    }
    impl Strategy for Climber {
        type Params = ();
        fn manifest() -> Manifest {
            Manifest::new("climber", "1.0.0").need(Need::owners_choice().bars(&[Timeframe::M1], 0))
        }
        fn new(_: ()) -> Result<Self, String> {
            Ok(Climber { level: 0.0, seen: Vec::new(), bars: 0 })
        }
        fn wake(&self, _: Symbol) -> Wake {
            Wake::NEVER.or_bid_at_least(self.level)
        }
        fn on_tick(&mut self, _: &mut Context, tick: &Tick) {
            self.level = tick.bid + 0.00005;
            self.seen.push(tick.bid);
        }
        fn on_bar(&mut self, ctx: &mut Context, _: &Bar) {
            // What went by has been seen by the market all the same.
            assert!(ctx.ticks(0, 2).len() == 2 || self.bars == 0);
            self.bars += 1;
        }
    }
    let ticks = walk(3, 5_000, false);
    let (mut level, mut expected) = (0.0, Vec::new());
    for bid in ticks.iter().map(|tick| tick.bid) {
        if bid >= level {
            level = bid + 0.00005;
            expected.push(bid);
        }
    }
    assert!((5..1_000).contains(&expected.len()), "{}", expected.len());
    for rows in [0, 1, 300] {
        let mut test = Harness::<Climber>::new(());
        if rows == 0 {
            test.feed(0, &ticks)
        } else {
            test.feed_batched(0, &ticks, rows)
        }
        let climber = test.strategy().expect("it has started");
        assert_eq!(climber.seen, expected);
        assert!(climber.bars > 50, "{} bars", climber.bars);
    }
}
