//! The hub: where ticks enter. It numbers them, makes the bars once for everyone, and hands both on.

use crate::error::TickRefused;
use crate::inbox::Pushed;
use crate::meter::{add, add_shared};
use crate::moment::Moment;
use crate::pipeline::PipelineItem;
use crate::shard::{Fed, Message};
use crate::shared::Shared;
use domain::tick::{Bar, Tick};
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Ticks for the record that wait before the herald is woken for them alone.
pub(crate) const TAPED_TICKS: usize = 256;

/// The hub's own state; whoever feeds holds its lock.
pub(crate) struct Hub {
    closed: Vec<Bar>,
    second: Instant,
    ticks_in_second: u64,
    /// Since when ticks have waited for the record, as far as the hub knows.
    taped_since: Instant,
    pub(crate) stopped: bool,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self { closed: Vec::new(), second: Instant::now(), ticks_in_second: 0, taped_since: Instant::now(), stopped: false }
    }

    pub(crate) fn feed(&mut self, mut tick: Tick, shared: &Shared) -> Result<(), TickRefused> {
        let (arrived, now) = (Moment::now(), Instant::now());
        if self.stopped {
            return Err(TickRefused::Stopped);
        }
        if let Some(wish) = shared.homes.take_wish() {
            shared.homes.move_to(wish, shared);
        }
        self.take_in(&mut tick, shared).inspect_err(|_| add(&shared.counters.ticks_refused, 1))?;
        self.count(now, shared);
        if shared.records {
            self.tape(tick, now, shared);
        }
        // The pipeline first: what a guest asks for at this tick then comes after it, and meets this price or a later one.
        let pushed = shared.pipeline.lay_down(PipelineItem::Tick(tick), shared.bounds.pipeline_ticks_max);
        stalled(pushed, "the order pipeline", shared);
        let bars = if self.closed.is_empty() { None } else { Some(Arc::from(self.closed.as_slice())) };
        let symbol = usize::from(tick.symbol.0);
        for (number, shard) in shared.shards.iter().enumerate() {
            if shard.subscribed[symbol].load(Acquire) > 0 {
                let fed = Message::Tick(Fed { tick, bars: bars.clone(), arrived });
                let pushed = shard.inbox.push_counted(fed, shared.bounds.shard_ticks_max);
                if pushed != Pushed::AtOnce {
                    stalled(pushed, &format!("shard {number}"), shared);
                }
            }
        }
        // Last: where there are no more cores than shards, it would take one from a shard that a tick waits for.
        shared.pipeline.nudge();
        Ok(())
    }

    /// Keeps the tick for the record before any engine can have it, so that it is written no later than what names it.
    fn tape(&mut self, tick: Tick, now: Instant, shared: &Shared) {
        let waiting = shared.herald.tape(tick);
        if waiting == 1 {
            self.taped_since = now;
        }
        if waiting.is_multiple_of(TAPED_TICKS) || now.saturating_duration_since(self.taped_since) >= Duration::from_secs(1) {
            self.taped_since = now;
            shared.herald.ticks_due();
        }
    }

    /// Checks and numbers the tick and takes it into the market's history.
    fn take_in(&mut self, tick: &mut Tick, shared: &Shared) -> Result<(), TickRefused> {
        if usize::from(tick.symbol.0) >= shared.table.len() {
            return Err(TickRefused::UnknownSymbol);
        }
        // Less than a point is no price either: rates would divide by it.
        let spec = shared.table.spec(tick.symbol);
        if spec.nearest_points(tick.bid).is_none() || spec.nearest_points(tick.ask).is_none() {
            return Err(TickRefused::NoPrice);
        }
        self.closed.clear();
        let mut market = shared.market.write().unwrap_or_else(PoisonError::into_inner);
        let history = market.symbol_mut(tick.symbol);
        let (time, sequence) = history.last().map_or((tick.time, 0), |last| (last.time, last.sequence));
        if tick.time < time {
            return Err(TickRefused::Late);
        }
        tick.sequence = sequence + 1;
        history.push(tick, &mut self.closed);
        Ok(())
    }

    fn count(&mut self, now: Instant, shared: &Shared) {
        add(&shared.counters.ticks, 1);
        if now.saturating_duration_since(self.second) >= Duration::from_secs(1) {
            let full = now.saturating_duration_since(self.second) < Duration::from_secs(2);
            shared.counters.ticks_per_second.store(if full { self.ticks_in_second } else { 0 }, Relaxed);
            (self.second, self.ticks_in_second) = (now, 0);
        }
        self.ticks_in_second += 1;
    }
}

/// The feed had to wait: counted, and told at the first, second, fourth, eighth time.
fn stalled(pushed: Pushed, whom: &str, shared: &Shared) {
    let Pushed::After(waited) = pushed else { return };
    let count = add_shared(&shared.counters.feed_stalls, 1);
    add_shared(&shared.counters.feed_stalled_us, waited.as_micros() as u64);
    if count.is_power_of_two() {
        let text =
            format!("the feed waited {} ms for {whom}, {count} times so far: ticks come faster than they are handled", waited.as_millis());
        shared.alarm("feed-stalled", text);
    }
}
