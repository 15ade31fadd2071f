//! What a host and its engines are made of.

use crate::events::EventSink;
use domain::actor::SavedState;
use domain::bars::MarketHistory;
use domain::broker::LiveBroker;
use domain::contract::{Description, Param, RunMode, TradingState};
use domain::desk::Desk;
use domain::guest::GuestFactory;
use domain::ids::{AccountId, Digest, EngineId, UserId};
use domain::journal::Journal;
use domain::keeper::Keeper;
use domain::limits::{GuestLimits, Quotas};
use domain::number::Money;
use domain::symbol::{SymbolId, SymbolTable};
use domain::time::{Clock, MINUTE_US, SECOND_US, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a [`Host`](crate::Host) is made of: the ports behind which all effects lie.
pub struct HostSetup {
    /// All symbols; never changes while the host runs.
    pub table: SymbolTable,
    /// The market's recent past, filled from the tick store as far as that reaches. Which timeframes it has decides which
    /// bars engines can have; sequence numbers of ticks go on from its last ones.
    pub history: MarketHistory,
    /// Makes guests.
    pub factory: Arc<dyn GuestFactory<Desk>>,
    /// Where everything is recorded before it is sent.
    pub journal: Box<dyn Journal>,
    /// Where that is kept which must not be forgotten while the journal does not work.
    pub keeper: Arc<dyn Keeper>,
    /// Where recorded orders go.
    pub broker: Box<dyn LiveBroker>,
    /// The host's clocks: the wall's for the times of events, the steady one for restarts after faults and all that waits. Guests never
    /// see them.
    pub clock: Arc<dyn Clock>,
    /// Who is told what happens.
    pub sink: Box<dyn EventSink>,
    /// What everyone may do at the market until somebody says otherwise: the state the kill switch was left in, as the database has it.
    /// When the keeper's is stricter, that one holds.
    pub trading: TradingState,
    /// Numbers.
    pub bounds: Bounds,
}

/// The host's own bounds. Reaching one is counted in [`HostTotals`](crate::HostTotals) under the name given here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Worker threads that own engines; at least 1. One per core: guests compute, they never wait.
    pub shards: usize,
    /// Threads that start guests, at least 1. Starting runs the guest's set-up code, which may take 100 ms: not on a shard.
    pub starters: usize,
    /// The most ticks that wait for one shard. At that number the feed waits (`feed_stalls`): a guest's calls have deadlines
    /// and a third fault takes it out, so a shard always gets on, and a replay is slowed down to what the host can do.
    pub shard_ticks_max: usize,
    /// The most ticks that wait for the order pipeline. At that number the feed waits (`feed_stalls`).
    pub pipeline_ticks_max: usize,
    /// The most commands between gate and journal, over all engines. At that number orders are denied with `HOST_BUSY`.
    pub commands_max: usize,
    /// Reports that could not be journaled and wait for the next try. At this many the broker hears no prices and
    /// gets no commands until the journal works again (`ticks_withheld`).
    pub unwritten_reports_max: usize,
    /// How long the order pipeline waits for an answer of the journal, ms: that is what a kill switch is held up by one that hangs.
    /// Then closes and cancels leave without it, everything else is rejected, and so on until it answers.
    pub journal_answer_ms: u64,
    /// How long an order waits for the broker's answer, us of the steady clock; then it is unknown, and the broker is asked.
    pub answer_overdue_us: i64,
    /// How often every account is compared with its broker's statement, us of the steady clock; 0: only when it is opened and on request.
    pub compare_every_us: i64,
    /// Events for looking at that wait for the sink. Beyond this many, further ones are dropped (`views_dropped`). State
    /// changes, faults, alarms and saved states are never dropped: each of them needs a person, or a fault, of which an
    /// engine has three; of saved states only the latest of an engine waits.
    pub views_max: usize,
    /// Entries of engines' records that wait for the sink, and ticks for them that do. Beyond this many, further ones are left
    /// out, which the records say, counted (`record_gaps`, `record_ticks_lost`).
    pub record_entries_max: usize,
    /// Ticks handed over at once before a shard looks at the next engine: the batch size at which a column call costs nothing.
    pub run_ticks_max: usize,
    /// Ticks that wait for an engine which is served after all others, since it takes more than its share. At this many the
    /// oldest go by, which it is told. Older prices than that are worth nothing.
    pub slow_ticks_max: usize,
    /// From this many waiting ticks on engines get columns instead of single ticks.
    pub columns_from: usize,
    /// How often a running engine's state is saved, in market time.
    pub save_every_us: i64,
    /// Bytes of saved states that wait for the sink. Beyond this many, engines save later (`saves_put_off`); what is
    /// saved at a stop or a swap is never put off.
    pub saved_bytes_max: usize,
    /// Events of one engine that wait while a new version takes it over, or while it hears what it missed in a pause. When
    /// they reach this number, ticks are skipped, which it is told. Four seconds of a thousand ticks each.
    pub held_max: usize,
    /// A version that has taken over is on trial until it was handed this many ticks: a strategy that fails at once fails at
    /// the first few.
    pub trial_ticks: u64,
    /// And until this much time has passed, by the steady clock: a bar of the shortest timeframe.
    pub trial_us: i64,
    /// What all engines of one user may use.
    pub quotas: Quotas,
    /// How long a caller waits for a shard to carry out a command, ms. A guest's call in progress ends before that.
    pub answer_ms: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            shards: std::thread::available_parallelism().map_or(1, usize::from),
            starters: 2,
            shard_ticks_max: 65_536,
            pipeline_ticks_max: 262_144,
            commands_max: 4_096,
            unwritten_reports_max: 65_536,
            journal_answer_ms: 500,
            answer_overdue_us: 10 * SECOND_US,
            compare_every_us: 5 * MINUTE_US,
            views_max: 16_384,
            record_entries_max: 262_144,
            run_ticks_max: 256,
            slow_ticks_max: 256,
            columns_from: 16,
            save_every_us: MINUTE_US,
            saved_bytes_max: 256 << 20,
            held_max: 4_096,
            trial_ticks: 100,
            trial_us: MINUTE_US,
            quotas: Quotas::default(),
            answer_ms: 10_000,
        }
    }
}

/// The last tick of a symbol that an engine was handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its time. No tick up to it is handed over again.
    pub time: Time,
    /// Its number; `None` after a restart of the host, which may number anew.
    pub sequence: Option<u64>,
}

/// What a guest saved, and what it had been handed by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The guest's state.
    pub state: SavedState,
    /// When, by the host's clock.
    pub at: Time,
    /// The last tick that was handed over, of each symbol that had one.
    pub seen: BTreeMap<SymbolId, Seen>,
}

/// What an engine is made of.
#[derive(Clone, Debug)]
pub struct EngineSetup {
    /// Its name.
    pub engine: EngineId,
    /// Whose it is.
    pub owner: UserId,
    /// Where it trades; must be open.
    pub account: AccountId,
    /// What it runs; the factory has it loaded.
    pub version: Digest,
    /// What that version says of itself.
    pub description: Description,
    /// Every parameter, checked ([`domain::params::resolve`]).
    pub params: Vec<Param>,
    /// Those of them that were given, the others being at their defaults: told again with [`Event::Swap`](crate::Event::Swap).
    pub given: Vec<Param>,
    /// Its symbols, one for each of the description's needs.
    pub symbols: Vec<SymbolId>,
    /// Paper or live.
    pub mode: RunMode,
    /// What it may do at the market.
    pub trading: TradingState,
    /// Start of its random numbers.
    pub seed: u64,
    /// What its guest may use.
    pub limits: GuestLimits,
    /// The state it last saved.
    pub restored: Option<Saved>,
    /// Whether a change lets it start afresh, without what it has saved.
    pub fresh: bool,
    /// Whether its owner had paused it: it then is paused as soon as it is there.
    pub paused: bool,
    /// After which number its orders go on: beyond all that were ever sent, which is written down ([`domain::numbering`]).
    pub orders_before: u32,
    /// What it has traded before this start: its counts and its profit go on from here.
    pub traded_before: Traded,
}

/// What an engine has traded since it was added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traded {
    /// Orders.
    pub orders: u64,
    /// Deals.
    pub deals: u64,
    /// What the deals have earned, costs included.
    pub realised: Money,
}
