//! What crosses the border between an engine and its guest, written down as it happens: enough to do it all again, with
//! nothing but the component, and see the same decisions.
//!
//! A record is a list of [`Entry`]s. Ticks are in it by reference, as ranges of the market's own numbering; everything else is in it
//! by value: calls with their arguments, questions with their answers. A question belongs to the call before it in the
//! list, and where that is a range of ticks, to the last of them.

use crate::contract::*;
use crate::guest::{Call, Fault};
use crate::ids::{Digest, EngineId};
use crate::limits::{GuestLimits, TAPE_BYTES_PER_MINUTE};
use crate::symbol::{SymbolId, SymbolSpec};
use crate::tick::{Bar, Tick, Timeframe};
use crate::time::{MINUTE_US, Time};
use crate::wake::Wake;
use serde::{Deserialize, Serialize};

/// One thing that crossed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Entry {
    /// A fresh guest. What follows, up to the next, is its life.
    Begin(Box<Beginning>),
    /// A call with anything but ticks.
    Called {
        /// Market time of the call.
        at: Time,
        /// Which.
        call: Heard,
    },
    /// Calls with ticks of one symbol that follow on each other without a gap.
    Ticks {
        /// The guest's index of the symbol.
        symbol: u32,
        /// The market's number of the first.
        first: u64,
        /// How many, at least 1.
        count: u32,
        /// Ticks that the guest was told it missed before the first.
        skipped: u32,
    },
    /// What the guest asked, with the answer.
    Asked(Asked),
    /// The call before failed: the guest's life ends here. A range of ticks that follows is the rest of the call's batch, at one of
    /// which the guest may have failed instead.
    Failed(Fault),
    /// Entries were left out, because there were more than a record may have: what follows can't be done again until the next
    /// beginning.
    Gap,
    /// Something became of an order of the guest's, which has no callback to hear of that: nothing crossed, but how long the
    /// order took cannot be learned any other way.
    Untold {
        /// The order.
        id: u64,
    },
    /// Ticks of one symbol that follow on each other without a gap and went by: the guest did not wait for them.
    Passed {
        /// The guest's index of the symbol.
        symbol: u32,
        /// The market's number of the first.
        first: u64,
        /// How many, at least 1.
        count: u32,
    },
}

/// What a guest starts from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beginning {
    /// Whose guest.
    pub engine: EngineId,
    /// Of which component.
    pub version: Digest,
    /// All symbols of its host.
    pub table: Vec<SymbolSpec>,
    /// Its own, as places in the table, in the order of its description.
    pub symbols: Vec<SymbolId>,
    /// Start of its random numbers.
    pub seed: u64,
    /// What it may use.
    pub limits: GuestLimits,
}

/// A call as it was made; see [`Call`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Heard {
    Init(Vec<Param>),
    Load { schema: u32, state: Vec<u8> },
    Start { mode: RunMode, account: AccountView, restored: bool },
    Bar { symbol: u32, bar: Bar },
    Timer(u32),
    Order { id: u64, event: SeenEvent },
    Position { position: SeenPosition, change: PositionChange },
    TradingState(TradingState),
    Stop(StopReason),
    Save,
    Tester(TesterStats),
}

/// A question as it was asked, with its answer; see [`GuestHost`](crate::guest::GuestHost). Log lines and plots are not questions:
/// no answer, no decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Asked {
    Submit { order: AskedOrder, answer: Result<u64, DenyCode> },
    ModifyOrder { id: u64, price: Option<f64>, stop_loss: Option<f64>, take_profit: Option<f64>, answer: Result<(), DenyCode> },
    ModifyPosition { id: u64, stop_loss: Option<f64>, take_profit: Option<f64>, answer: Result<(), DenyCode> },
    Cancel { id: u64, answer: Result<(), DenyCode> },
    Close { id: u64, volume: Option<f64>, answer: Result<u64, DenyCode> },
    Orders(Vec<SeenOrder>),
    Positions(Vec<SeenPosition>),
    Account(AccountView),
    Spec { symbol: u32, answer: (SymbolSpec, f64) },
    Bars { symbol: u32, timeframe: Timeframe, count: u32, answer: Vec<Bar> },
    Ticks { symbol: u32, count: u32, answer: Vec<Tick> },
    Random(u64),
    Budget { orders: u32, log_bytes: u64 },
    Signal { symbol: u32, side: Option<Side>, confidence: f64, reason: String },
    SetTimer { id: u32, at: i64, every: Option<u64> },
    ClearTimer(u32),
    LastGap { symbol: u32, answer: Option<Gap> },
    SetWake { symbol: u32, wake: Wake },
}

impl Asked {
    /// Whether this is something the guest decided rather than something it looked at.
    pub fn is_decision(&self) -> bool {
        matches!(
            self,
            Self::Submit { .. }
                | Self::ModifyOrder { .. }
                | Self::ModifyPosition { .. }
                | Self::Cancel { .. }
                | Self::Close { .. }
                | Self::Signal { .. }
                | Self::SetTimer { .. }
                | Self::ClearTimer(_)
        )
    }

    /// About how many bytes it takes, to keep a record within its bounds.
    fn bytes(&self) -> usize {
        32 + match self {
            Self::Submit { .. } => 96,
            Self::Orders(rows) => rows.len() * 96,
            Self::Positions(rows) => rows.len() * 128,
            Self::Account(_) | Self::Spec { .. } => 96,
            Self::Bars { answer, .. } => answer.len() * 64,
            Self::Ticks { answer, .. } => answer.len() * 48,
            Self::Signal { reason, .. } => reason.len(),
            _ => 0,
        }
    }
}

impl Heard {
    /// The call to write down; `None` for ticks, which are written down as ranges.
    pub fn of(call: &Call<'_>) -> Option<Self> {
        Some(match call {
            Call::Init(params) => Self::Init(params.to_vec()),
            Call::Load { schema, state } => Self::Load { schema: *schema, state: state.to_vec() },
            Call::Start { mode, account, restored } => Self::Start { mode: *mode, account: (*account).clone(), restored: *restored },
            Call::Tick { .. } | Call::Ticks { .. } => return None,
            Call::Bar { symbol, bar } => Self::Bar { symbol: *symbol, bar: **bar },
            Call::Timer(id) => Self::Timer(*id),
            Call::Order { id, event } => Self::Order { id: *id, event: *event },
            Call::Position { position, change } => Self::Position { position: (*position).clone(), change: *change },
            Call::TradingState(state) => Self::TradingState(*state),
            Call::Stop(reason) => Self::Stop(*reason),
            Call::Save => Self::Save,
            Call::Tester(stats) => Self::Tester(**stats),
        })
    }

    /// The call to make again.
    pub fn as_call(&self) -> Call<'_> {
        match self {
            Self::Init(params) => Call::Init(params),
            Self::Load { schema, state } => Call::Load { schema: *schema, state },
            Self::Start { mode, account, restored } => Call::Start { mode: *mode, account, restored: *restored },
            Self::Bar { symbol, bar } => Call::Bar { symbol: *symbol, bar },
            Self::Timer(id) => Call::Timer(*id),
            Self::Order { id, event } => Call::Order { id: *id, event: *event },
            Self::Position { position, change } => Call::Position { position, change: *change },
            Self::TradingState(state) => Call::TradingState(*state),
            Self::Stop(reason) => Call::Stop(*reason),
            Self::Save => Call::Save,
            Self::Tester(stats) => Call::Tester(stats),
        }
    }

    fn bytes(&self) -> usize {
        64 + match self {
            Self::Load { state, .. } => state.len(),
            Self::Init(params) => params.len() * 32,
            _ => 64,
        }
    }
}

/// Gathers entries of one guest until they are taken. A range of ticks stays open as long as nothing comes between, so
/// that a quiet engine costs a comparison a tick and no memory.
#[derive(Debug)]
pub struct Tape {
    entries: Vec<Entry>,
    open: Option<Open>,
    /// Of this minute of market time.
    bytes: usize,
    minute: i64,
    /// After a gap nothing is written until the next beginning.
    cut: bool,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    symbol: u32,
    first: u64,
    count: u32,
    skipped: u32,
    /// They were not handed over.
    passed: bool,
}

impl Tape {
    /// The tape of a fresh guest.
    pub fn new(beginning: Beginning) -> Self {
        Self { entries: vec![Entry::Begin(Box::new(beginning))], open: None, bytes: 0, minute: 0, cut: false }
    }

    /// Ticks were handed over, up to the `count`th from `first` on.
    pub fn ticks(&mut self, symbol: u32, first: u64, count: u32, skipped: u32) {
        self.range(Open { symbol, first, count, skipped, passed: false });
    }

    /// Ticks went by, up to the `count`th from `first` on.
    pub fn passed(&mut self, symbol: u32, first: u64, count: u32) {
        self.range(Open { symbol, first, count, skipped: 0, passed: true });
    }

    fn range(&mut self, more: Open) {
        let Open { symbol, first, count, skipped, passed } = more;
        match &mut self.open {
            Some(open)
                if open.symbol == symbol
                    && open.passed == passed
                    && skipped == 0
                    && open.first + u64::from(open.count) == first
                    && open.count < u32::MAX - count =>
            {
                open.count += count;
            }
            _ => {
                self.close();
                self.open = Some(more);
            }
        }
    }

    /// A call with anything but ticks is made.
    pub fn called(&mut self, at: Time, call: Heard) {
        self.close();
        self.renew(at);
        let bytes = call.bytes();
        self.push(Entry::Called { at, call }, bytes);
    }

    /// The guest asked and has its answer.
    pub fn asked(&mut self, now: Time, asked: Asked) {
        self.close();
        self.renew(now);
        let bytes = asked.bytes();
        self.push(Entry::Asked(asked), bytes);
    }

    /// Something became of an order, and the guest does not hear of it.
    pub fn untold(&mut self, at: Time, id: u64) {
        self.close();
        self.renew(at);
        self.push(Entry::Untold { id }, 16);
    }

    /// The last call failed.
    pub fn failed(&mut self, fault: &Fault) {
        // Its tick has a range to itself, so that the fault is of that one and none before it.
        if let Some(Open { symbol, first, count: count @ 2.., skipped, passed: false }) = self.open {
            let before = count - 1;
            self.open = Some(Open { symbol, first, count: before, skipped, passed: false });
            self.close();
            self.open = Some(Open { symbol, first: first + u64::from(before), count: 1, skipped: 0, passed: false });
        }
        self.close();
        self.push(Entry::Failed(fault.clone()), fault.message.len());
    }

    /// What a record may have is counted by the minute.
    fn renew(&mut self, at: Time) {
        let minute = at.0.div_euclid(MINUTE_US);
        // A broker's clock may lag: that is no new minute.
        if minute > self.minute {
            (self.minute, self.bytes) = (minute, 0);
        }
    }

    /// The range that is open goes no further.
    pub(crate) fn close(&mut self) {
        if let Some(Open { symbol, first, count, skipped, passed }) = self.open.take() {
            let range = if passed { Entry::Passed { symbol, first, count } } else { Entry::Ticks { symbol, first, count, skipped } };
            self.push(range, 16);
        }
    }

    fn push(&mut self, entry: Entry, bytes: usize) {
        if self.cut {
            return;
        }
        self.bytes += bytes;
        if self.bytes > TAPE_BYTES_PER_MINUTE {
            self.cut = true;
            self.entries.push(Entry::Gap);
        } else {
            self.entries.push(entry);
        }
    }

    /// Whether there is something to take.
    pub fn has_entries(&self) -> bool {
        !self.entries.is_empty()
    }

    /// What has been written since the last time, without a range that is still open.
    pub fn take(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }

    /// All that has been written since the last time.
    pub fn finish(&mut self) -> Vec<Entry> {
        self.close();
        self.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tape() -> Tape {
        let mut tape = Tape::new(Beginning {
            engine: EngineId(1),
            version: Digest([0; 32]),
            table: Vec::new(),
            symbols: Vec::new(),
            seed: 1,
            limits: GuestLimits::default(),
        });
        tape.take();
        tape
    }

    #[test]
    fn ticks_without_a_gap_are_one_range_and_questions_cut_it_where_they_were_asked() {
        let mut tape = tape();
        tape.ticks(0, 5, 1, 0);
        tape.ticks(0, 6, 10, 0);
        assert!(!tape.has_entries(), "a quiet engine writes nothing");
        tape.asked(Time(0), Asked::Random(7));
        tape.ticks(0, 16, 1, 0);
        tape.ticks(0, 20, 1, 3);
        tape.ticks(1, 1, 1, 0);
        tape.passed(1, 2, 3);
        tape.passed(1, 5, 1);
        tape.ticks(1, 6, 1, 0);
        let range = |symbol, first, count, skipped| Entry::Ticks { symbol, first, count, skipped };
        let expected = [range(0, 5, 11, 0), Entry::Asked(Asked::Random(7)), range(0, 16, 1, 0), range(0, 20, 1, 3), range(1, 1, 1, 0)];
        let expected = [&expected[..], &[Entry::Passed { symbol: 1, first: 2, count: 4 }, range(1, 6, 1, 0)]].concat();
        assert_eq!(tape.finish(), expected);
    }

    #[test]
    fn the_tick_at_which_a_call_failed_has_a_range_to_itself() {
        let fault = Fault { kind: crate::guest::FaultKind::Trapped, message: "it".into() };
        let range = |first, count, skipped| Entry::Ticks { symbol: 0, first, count, skipped };
        let mut several = tape();
        several.ticks(0, 5, 1, 2);
        several.ticks(0, 6, 1, 0);
        several.ticks(0, 7, 1, 0);
        several.failed(&fault);
        assert_eq!(several.take(), [range(5, 2, 2), range(7, 1, 0), Entry::Failed(fault.clone())]);
        let mut one = tape();
        one.ticks(0, 5, 1, 2);
        one.failed(&fault);
        assert_eq!(one.take(), [range(5, 1, 2), Entry::Failed(fault)]);
    }

    #[test]
    fn more_than_a_record_may_have_is_a_gap_and_then_nothing() {
        let mut tape = tape();
        let rows = TAPE_BYTES_PER_MINUTE / 64;
        let bar = Asked::Bars { symbol: 0, timeframe: Timeframe::M1, count: 1, answer: Vec::new() };
        (0..rows).for_each(|_| tape.asked(Time(0), bar.clone()));
        tape.asked(Time(MINUTE_US), bar.clone());
        assert_ne!(tape.take().last(), Some(&Entry::Gap));
        (0..4 * rows).for_each(|_| tape.asked(Time(2 * MINUTE_US), bar.clone()));
        tape.asked(Time(3 * MINUTE_US), bar);
        let entries = tape.finish();
        assert_eq!(entries.last(), Some(&Entry::Gap));
        assert_eq!(entries.iter().filter(|entry| **entry == Entry::Gap).count(), 1);
    }
}
