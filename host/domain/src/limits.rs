//! Every bound of the host in one table, each with its reason. Reaching one is counted and named, never silent.

use serde::{Deserialize, Serialize};

/// What one guest may use. Operators set it per class of strategy; these are the defaults for compiled languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuestLimits {
    /// Linear memory, all memories together, bytes. A Rust strategy with a thousand bars of history needs under 1 MiB;
    /// 16 MiB leaves room for tables and still lets 1,000 engines stay below 16 GiB in the worst case.
    pub memory_bytes_max: u64,
    /// Linear memory that a strategy may ask for in its description instead, bytes: a day of ticks, or a model with a million
    /// weights. An engine takes of it what it uses.
    pub memory_bytes_asked_max: u64,
    /// Elements of all tables together. Compiled guests have some hundred functions in theirs.
    pub table_elements_max: u32,
    /// Fuel of one call: about 1 ms of honest work, far more than a tick needs (50 to 5,000). `save` and `on-stop` have
    /// [`CALLS_PER_SAVE`] times as much.
    pub fuel_per_call: u64,
    /// Fuel of a row in a batch, on top of one call's.
    pub fuel_per_row: u64,
    /// Fuel of `init`, `on-start`, `load`, `describe` and `on-tester`, which build tables and copy state where no other engine waits.
    pub fuel_per_setup_call: u64,
    /// Wall clock of one call, ms. Fuel ends honest loops first; this ends what fuel does not count.
    pub deadline_ms: u64,
    /// Bytes one host call may copy out of the guest: the longest string of the contract many times over.
    pub host_call_bytes_max: usize,
    /// Orders, modifications and cancels in one call.
    pub orders_per_call_max: u32,
    /// Log, signal and plot text per minute of market time, bytes.
    pub log_bytes_per_minute: u64,
    /// What `save` may return, bytes.
    pub state_bytes_max: usize,
}

impl Default for GuestLimits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 16 << 20,
            memory_bytes_asked_max: 64 << 20,
            table_elements_max: 20_000,
            fuel_per_call: 2_000_000,
            fuel_per_row: 100_000,
            fuel_per_setup_call: 200_000_000,
            deadline_ms: 100,
            host_call_bytes_max: 64 << 10,
            orders_per_call_max: 16,
            log_bytes_per_minute: 64 << 10,
            state_bytes_max: 1 << 20,
        }
    }
}

impl GuestLimits {
    /// The limits of an engine whose strategy asks for this much linear memory, bytes; 0 asks for the default.
    ///
    /// # Errors
    /// It asks for more than may be asked for, in one line for its owner.
    pub fn with_memory(self, asked_bytes: u64) -> Result<Self, String> {
        match asked_bytes {
            0 => Ok(self),
            asked if asked <= self.memory_bytes_asked_max.max(self.memory_bytes_max) => Ok(Self { memory_bytes_max: asked, ..self }),
            asked => Err(format!(
                "the strategy asks for {asked} bytes of memory and may have {}: let it ask for less, or raise limits.memory_bytes_asked_max",
                self.memory_bytes_asked_max.max(self.memory_bytes_max)
            )),
        }
    }

    /// Fuel of `save` and `on-stop`.
    pub fn fuel_per_save(&self) -> u64 {
        self.fuel_per_call.saturating_mul(CALLS_PER_SAVE)
    }

    /// The limits of an engine that brings an interpreter, which fills some 3 MiB before its first line, and takes 20,000 to
    /// 80,000 fuel for a tick that costs a compiled strategy 50; instantiating and `init` run its start-up.
    #[must_use]
    pub fn scripted(self) -> Self {
        Self {
            memory_bytes_max: self.memory_bytes_max.max(64 << 20),
            fuel_per_call: self.fuel_per_call.max(20_000_000),
            fuel_per_row: self.fuel_per_row.max(1_000_000),
            fuel_per_setup_call: self.fuel_per_setup_call.max(2_000_000_000),
            ..self
        }
    }
}

/// What all engines and uploads of one user may use; 0 is no quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// Engines that are set up, running or not. More than one person looks after, and a fifth of what a host has room for.
    pub engines_max: u32,
    /// Versions that run at once: an eighth of those that a host has room for, whoever's they are.
    pub versions_max: u32,
    /// Fuel of all engines together in a second: about what two cores can burn. When it is used up the user's engines are not
    /// handed ticks for the rest of the second, only the bars that close.
    pub fuel_per_second_max: u64,
    /// Linear memory of all guests together, bytes, whenever one of them grows: what 256 engines of the usual limit have at most, and
    /// some 10,000 dense ones use. A guest that would go beyond it fails as `over-quota`.
    pub memory_bytes_max: u64,
    /// Components of all versions together, bytes: ten with an interpreter each, or ten thousand without.
    pub upload_bytes_max: u64,
    /// Machine code of all versions together, bytes: twice what their components may have, which is what interpreters become. Each
    /// version that runs keeps its own in the host's memory.
    pub compiled_bytes_max: u64,
    /// Log lines, signals and plots of all engines together in a UTC day, bytes: what one engine may say at most at its usual
    /// rate for half a day.
    pub log_bytes_per_day_max: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            engines_max: 10_000,
            versions_max: 64,
            fuel_per_second_max: 6_000_000_000,
            memory_bytes_max: 4 << 30,
            upload_bytes_max: 512 << 20,
            compiled_bytes_max: 1 << 30,
            log_bytes_per_day_max: 256 << 20,
        }
    }
}

/// Fuel of `save` and `on-stop`, in calls: their engine's shard makes them itself, and thousands of others wait meanwhile. About 10 ms,
/// in which a megabyte of state is written byte by byte.
pub const CALLS_PER_SAVE: u64 = 10;
/// Timers of one engine: strategies use one or two; the list is searched on every tick.
pub const TIMERS_MAX: usize = 16;
/// Timers that fire at one event: each of an engine's may do so four times over, as after a gap in the market. A guest that
/// sets another whenever one fires would hold its host up for ever; what is left fires at the next event.
pub const TIMERS_PER_EVENT_MAX: usize = 4 * TIMERS_MAX;
/// Shortest repeat of a timer, us: a timer that fires more often than once a second is a tick.
pub const TIMER_EVERY_MIN_US: u64 = 1_000_000;
/// Rows `market.bars` and `market.ticks` answer at most, and how much history the host keeps for them.
pub const HISTORY_ROWS_MAX: usize = 1_024;
/// Orders and positions a guest is shown at most.
pub const SEEN_ROWS_MAX: usize = 256;
/// A log line, bytes.
pub const LOG_LINE_BYTES_MAX: usize = 1_024;
/// What a strategy may say of its own failure, where it failed included, and what its bytes may bring into a refusal, bytes: it is kept
/// with the engine's state, in its log and its history, and read in a line or two.
pub const FAULT_BYTES_MAX: usize = 1_024;
/// The reason of a signal, bytes.
pub const SIGNAL_REASON_BYTES_MAX: usize = 256;
/// Plotted series of one engine.
pub const PLOT_SERIES_MAX: usize = 16;
/// An order's tag, bytes: what MT5 lets a comment have.
pub const TAG_BYTES_MAX: usize = 32;
/// Log lines, signals and plot points kept of one call until they are taken.
pub const REPORTS_PER_CALL_MAX: usize = 256;
/// Events over which an engine's floods are counted: ticks, bars, timers, order events. Counted in events and not by a clock, so that
/// a backtest, a replay and a host see the same flood.
pub const FLOOD_EVENTS: u64 = 100;
/// Requests that may be denied to an engine within [`FLOOD_EVENTS`]: a strategy that tries a denied order again at every tick has a
/// tenth of it. More are a fault: nothing that it does can come to anything, and each costs its neighbours some microseconds.
pub const FLOOD_DENIED_MAX: u32 = 1_000;
/// Log lines, signals and plot points of an engine that may be dropped within [`FLOOD_EVENTS`]: fifty at each, long after its owner
/// can have read any. More are a fault.
pub const FLOOD_DROPPED_MAX: u32 = 5_000;
/// Of one event, requests and reports together that may come to nothing. An event with more is a burst.
pub const FLOOD_BURST: u32 = 50;
/// Bursts within [`FLOOD_EVENTS`]: somebody may dump a table now and then, and whoever does so at every tick is known for it after a few.
/// In the slow lane, where a flood is served, a few are seconds and a hundred are minutes.
pub const FLOOD_BURSTS_MAX: u32 = 10;
/// Orders and modifications that an engine may ask for in a minute of market time, denied ones included: twice what the operator's
/// own limit lets through. Further ones are denied `RATE_EXCEEDED` before anything is looked at; closes and cancels, ten times later.
pub const REQUESTS_PER_MINUTE_MAX: u32 = 1_200;
/// Fuel of a tick that keeps nobody waiting: about 100 us. An engine that takes more is served after all others of its shard.
pub const SLOW_FUEL_PER_TICK: u64 = 200_000;
/// Fuel of an engine in a second that does: a hundredth of what a core burns; more where few engines are.
pub const SLOW_FUEL_PER_SECOND: u64 = 20_000_000;
/// Seconds for which an engine must keep within these before it is served like any other again; doubled each time it did not, up to
/// the other.
pub const SLOW_CALM_S: i64 = 10;
/// See [`SLOW_CALM_S`].
pub const SLOW_CALM_S_MAX: i64 = 640;
/// What an engine's record takes in of one minute of market time, bytes: a strategy that looks at its positions at every
/// tick of a busy market needs 1 MB. Beyond it the record has a gap.
pub const TAPE_BYTES_PER_MINUTE: usize = 4 << 20;
/// A name of a user, account, strategy or engine, bytes: what fits a column of a table on a screen.
pub const NAME_BYTES_MAX: usize = 64;
/// Parameters of one strategy: large experts have 260 inputs; nobody fills in a form of more than twice as many.
pub const PARAMS_MAX: usize = 512;
/// Symbols of one strategy: each has a queue and a history of its own.
pub const NEEDS_MAX: usize = 32;
/// A strategy's name and a parameter's, bytes: the width of a table's column.
pub const STRATEGY_NAME_BYTES_MAX: usize = 64;
/// A strategy's version, bytes: three numbers and a word.
pub const STRATEGY_VERSION_BYTES_MAX: usize = 32;
/// What a strategy says about itself, bytes: a page. A thousand versions are listed at once.
pub const ABOUT_BYTES_MAX: usize = 4_096;
/// What a parameter is for, bytes: one sentence, as the contract has it.
pub const HELP_BYTES_MAX: usize = 256;
/// Choices of one parameter: a menu.
pub const CHOICES_MAX: usize = 64;
/// A choice, bytes: a word or a few.
pub const CHOICE_BYTES_MAX: usize = 64;
/// The value of a parameter that is text, bytes, by default or as an owner sets it: a list of names, not a data set.
pub const TEXT_VALUE_BYTES_MAX: usize = 1_024;
/// A symbol's name, bytes: brokers have up to 32.
pub const SYMBOL_BYTES_MAX: usize = 32;
/// Bars of each timeframe, and ticks, that a strategy wants before it starts: what the host keeps of either.
pub const HISTORY_BEFORE_START_MAX: u32 = HISTORY_ROWS_MAX as u32;
/// For how long a host that has lost touch with its database may go on sending closes and cancels without it, ms: a server that is
/// started again is back within it, and a person has pulled the kill switch. A host that takes over from one that is not certainly
/// dead waits as long, plus [`LEASE_MARGIN_MS`], so it must not be longer than a person waits for a spare host.
pub const LEASE_MS: u64 = 60_000;
/// What a newcomer waits beyond the lease, ms: clocks of two machines drift apart by less, and a close that was decided on is sent within.
pub const LEASE_MARGIN_MS: u64 = 1_000;
/// How often a host looks whether the database is still its own, ms: a file that vanished is seen within a second.
pub const LOOK_EVERY_MS: u64 = 500;
/// How long a look may take, ms: a server that is there answers within a few.
pub const LOOK_MS_MAX: u64 = 2_000;
/// How often a journal's write is tried at once when the database could not do it for a passing reason (a deadlock, say): the
/// competitor is done within some milliseconds, and the host waits meanwhile.
pub const JOURNAL_TRIES: u32 = 5;
/// For how many seconds it is then tried again, once a second, before trading is halted: longer than any such reason lasts.
pub const JOURNAL_PASSING_S_MAX: u32 = 30;
/// How long closing the database may take, ms: some connections say goodbye and a log is written back. What hangs goes with the process.
pub const CLOSE_MS_MAX: u64 = 5_000;
/// An uploaded component, bytes: a Rust strategy has 50 KB, a JavaScript or Python one up to 20 MB with its interpreter.
pub const COMPONENT_BYTES_MAX: usize = 24 << 20;

#[cfg(test)]
mod tests {
    use super::GuestLimits;

    #[test]
    fn a_strategy_gets_the_memory_it_asks_for_up_to_what_may_be_asked_for() {
        let limits = GuestLimits { memory_bytes_max: 16, memory_bytes_asked_max: 64, ..GuestLimits::default() };
        let memory = |asked| limits.with_memory(asked).map(|limits| limits.memory_bytes_max);
        assert_eq!((memory(0), memory(8), memory(64)), (Ok(16), Ok(8), Ok(64)));
        assert!(memory(65).is_err_and(|why| why.contains("asks for 65 bytes") && why.contains("limits.memory_bytes_asked_max")));
    }

    #[test]
    fn an_interpreter_gets_more_and_never_less() {
        let generous = GuestLimits { fuel_per_call: 1 << 40, ..GuestLimits::default() };
        let scripted = generous.scripted();
        assert_eq!((scripted.fuel_per_call, scripted.memory_bytes_max), (1 << 40, 64 << 20));
    }

    #[test]
    fn saving_takes_ten_calls_fuel_of_whoever_is_called() {
        let usual = GuestLimits::default();
        assert_eq!((usual.fuel_per_save(), usual.scripted().fuel_per_save()), (20_000_000, 200_000_000));
        assert_eq!(GuestLimits { fuel_per_call: u64::MAX, ..usual }.fuel_per_save(), u64::MAX);
    }
}
