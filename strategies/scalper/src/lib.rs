//! A scalper for gold (XAUUSD): enters with the five-minute structure when the last minutes move the same way, risks
//! half a percent, takes part of the profit early and is out after a quarter of an hour.
//!
//! | file | rule |
//! | --- | --- |
//! | `settings` | every number below, as a parameter |
//! | `structure` | five-minute bars: side of the average, swing points, range |
//! | `momentum` | one-minute bars: speed and RSI |
//! | `sessions` | when London or New York trade |
//! | `entry` | the score of an idea, its reason in words, the order |
//! | `exits` | breakeven, partial exits, the time limit |
//! | `breaker` | when to stop after losses |

mod breaker;
mod entry;
mod exits;
mod momentum;
mod sessions;
mod settings;
mod structure;

use stockade_sdk::prelude::*;
use stockade_sdk::state::{Reader, Writer};

use breaker::Breaker;
use entry::Idea;
use exits::{Exit, Trade};
use momentum::Momentum;
use sessions::Sessions;
pub use settings::Settings;
use structure::Structure;

/// Bars of each timeframe wanted before the start: the averages have forgotten by then where they began.
const HISTORY_BARS: u32 = 200;
/// How long a refused exit waits until it is asked for again.
const RETRY_AFTER: Time = 5 * SECOND;

/// The strategy.
#[derive(Debug)]
pub struct Scalper {
    settings: Settings,
    sessions: Sessions,
    structure: Structure,
    momentum: Momentum,
    breaker: Breaker,
    /// Its market; of what changes in it, entries ask anew.
    spec: Option<SymbolSpec>,
    trade: Option<Trade>,
    /// An order of ours whose end we have not heard of; until then nothing new is asked for.
    waiting: Option<OrderId>,
    /// No exit is asked for before this time: the last one was refused.
    retry_at: Option<Time>,
    /// What the bars suggest, until a tick has been looked at for it.
    idea: Option<Idea>,
}

impl Strategy for Scalper {
    type Params = Settings;

    fn manifest() -> Manifest {
        Manifest::new("scalper", env!("CARGO_PKG_VERSION"))
            .about("Scalps gold with the five-minute structure, in London's and New York's hours.")
            .need(Need::owners_choice().bars(&[Timeframe::M1, Timeframe::M5], HISTORY_BARS))
            .callbacks(Callbacks { tick: true, bar: true, timer: false, order: true, position: true })
    }

    fn new(settings: Settings) -> Result<Self, String> {
        settings.check()?;
        Ok(Scalper {
            sessions: Sessions::new(&settings),
            structure: Structure::new(&settings),
            momentum: Momentum::new(&settings),
            breaker: Breaker::new(&settings),
            spec: None,
            trade: None,
            waiting: None,
            retry_at: None,
            idea: None,
            settings,
        })
    }

    fn on_start(&mut self, ctx: &mut Context, _start: &Start) -> Result<(), String> {
        for bar in ctx.bars(0, Timeframe::M5, HISTORY_BARS) {
            self.structure.update(&bar);
        }
        for bar in ctx.bars(0, Timeframe::M1, HISTORY_BARS) {
            self.momentum.update(&bar);
        }
        self.spec = Some(ctx.spec(0));
        // The host knows what is open; what was saved only adds how far its exits had come.
        let held = ctx.positions().into_iter().next();
        self.trade = held.map(|position| match self.trade.take() {
            Some(trade) if trade.id == position.id => trade,
            _ => Trade::new(&position),
        });
        self.waiting = ctx.orders().first().map(|order| order.id);
        Ok(())
    }

    fn on_bar(&mut self, ctx: &mut Context, bar: &Bar) {
        match bar.timeframe {
            Timeframe::M5 => self.structure.update(bar),
            _ => {
                self.momentum.update(bar);
                let closed = bar.open_time + MINUTE;
                if self.breaker.is_new_day(closed) {
                    self.breaker.start_day(closed, ctx.account().equity);
                }
            }
        }
        // Hours are asked for last: most minutes have no idea, and a calendar is work.
        self.idea = entry::find(&self.settings, &self.structure, &self.momentum).filter(|_| self.trades_at(ctx.now()));
    }

    /// Most ticks change nothing: entries are looked for once a minute, and exits are prices and a time.
    fn wake(&self, _symbol: Symbol) -> Wake {
        match (&self.trade, self.waiting, self.retry_at) {
            (_, Some(_), _) => Wake::NEVER,
            (Some(_), None, Some(retry_at)) => Wake::at(retry_at),
            (Some(trade), None, None) => trade.wake(&self.settings),
            (None, None, _) if self.idea.is_some() => Wake::EVERY_TICK,
            (None, None, _) => Wake::NEVER,
        }
    }

    fn on_tick(&mut self, ctx: &mut Context, tick: &Tick) {
        if self.waiting.is_some() {
            return;
        }
        if self.trade.is_some() {
            self.exit(ctx, tick);
        } else if let Some(idea) = self.idea.take() {
            self.enter(ctx, tick, &idea);
        }
    }

    fn on_order(&mut self, _ctx: &mut Context, id: OrderId, event: &OrderEvent) {
        if let (OrderEvent::Filled(fill) | OrderEvent::PartiallyFilled(fill), Some(trade)) = (event, &mut self.trade) {
            trade.add(fill);
        }
        let over = matches!(event, OrderEvent::Filled(_) | OrderEvent::Rejected(_) | OrderEvent::Canceled | OrderEvent::Expired);
        if over && self.waiting == Some(id) {
            self.waiting = None;
        }
    }

    fn on_position(&mut self, ctx: &mut Context, position: &Position, change: PositionChange) {
        match change {
            PositionChange::Closed => {
                let Some(trade) = self.trade.take_if(|trade| trade.id == position.id) else { return };
                if let Some(halt) = self.breaker.record(ctx.now(), trade.result) {
                    ctx.warn(&halt);
                }
            }
            _ => match &mut self.trade {
                Some(trade) if trade.id == position.id => trade.see(position),
                trade => *trade = Some(Trade::new(position)),
            },
        }
    }

    fn save(&self) -> Vec<u8> {
        let writer = self.breaker.save(Writer::new()).flag(self.trade.is_some());
        match &self.trade {
            Some(trade) => trade.save(writer),
            None => writer,
        }
        .finish()
    }

    fn load(&mut self, schema: u32, state: &[u8]) -> Result<(), String> {
        if schema != 1 {
            return Err(format!("state of version {schema} is unknown; this strategy reads version 1"));
        }
        let mut reader = Reader::new(state);
        self.breaker.load(&mut reader)?;
        self.trade = if reader.flag()? { Some(Trade::load(&mut reader)?) } else { None };
        reader.finish()
    }
}

impl Scalper {
    /// Whether entries are looked for.
    fn trades_at(&self, time: Time) -> bool {
        self.breaker.is_closed(time) && self.sessions.is_open(time)
    }

    /// Makes an order of an idea, if this tick allows it. The next minute has another.
    fn enter(&mut self, ctx: &mut Context, tick: &Tick, idea: &Idea) {
        if !self.trades_at(tick.time) || tick.spread() > tick.mid() * self.settings.spread_percent_max / 100.0 {
            return;
        }
        ctx.signal(Some(idea.side), idea.confidence, &idea.reason(&self.settings));
        let equity = ctx.account().equity;
        let Some(order) = entry::order(&self.settings, &self.structure, &ctx.spec(0), idea, tick, equity) else {
            ctx.info("the smallest volume would risk too much");
            return;
        };
        // A refusal is in the engine's log.
        self.waiting = ctx.submit(order).ok();
    }

    /// Sees to an open trade.
    fn exit(&mut self, ctx: &mut Context, tick: &Tick) {
        let Some(trade) = &mut self.trade else { return };
        if self.retry_at.is_some_and(|retry_at| tick.time < retry_at) {
            return;
        }
        self.retry_at = None;
        if let Some(exit) = trade.next_exit(&self.settings, tick) {
            self.carry_out(ctx, tick, exit);
        }
    }

    /// Asks for what an exit takes.
    fn carry_out(&mut self, ctx: &mut Context, tick: &Tick, exit: Exit) {
        let (Some(trade), Some(spec)) = (&mut self.trade, &self.spec) else { return };
        let id = trade.id;
        let asked = match exit {
            Exit::All => ctx.close(id).map(Some),
            Exit::Part(volume) => match spec.floor_to_step(volume) {
                // Too small to divide: it goes on whole.
                0.0 => Ok(None),
                volume => ctx.close_partly(id, volume).map(Some),
            },
            Exit::Breakeven => {
                let stop = spec.round_to_tick(trade.open_price);
                ctx.modify_position(id, Some(stop), trade.take_profit).map(|()| None)
            }
        };
        match asked {
            Ok(order) => {
                trade.done(exit);
                self.waiting = order;
            }
            Err(_) => self.retry_at = Some(tick.time + RETRY_AFTER),
        }
    }
}

stockade_sdk::export!(Scalper);
