//! What is known of a shadow run: how the decisions of a version compare with those of the version that works.

use domain::contract::LogLevel;
use domain::desk::{Decision, Followed, Remark};
use domain::guest::Used;
use domain::ids::Digest;
use domain::time::Time;
use std::collections::VecDeque;

/// Differences kept of a shadow run, the first ones: each later one may follow from them. Further ones are counted.
pub const DIFFERENCES_MAX: usize = 100;

/// Log lines kept of a shadow run, the last ones. Older ones are counted.
pub const LINES_MAX: usize = 100;

/// Where a shadow run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShadowState {
    /// The version is made.
    Preparing,
    /// It waits for the version that works to save by itself.
    WaitingForState,
    /// It loads that state; what happens meanwhile waits for it.
    TakingState,
    /// Both are handed the same.
    Following,
    /// It is over.
    Ended,
}

impl ShadowState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Preparing, Self::WaitingForState, Self::TakingState, Self::Following, Self::Ended];

    /// The stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::WaitingForState => "waiting-for-state",
            Self::TakingState => "taking-state",
            Self::Following => "following",
            Self::Ended => "ended",
        }
    }
}

/// One decision that only one of the two versions took.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Whether the shadow took it; else the version that works did.
    pub by_shadow: bool,
    /// What was asked for, when by the market's time, and the answer. The shadow's reach nobody.
    pub decision: Decision,
}

/// Something that a shadow has logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowLine {
    /// Market time.
    pub at: Time,
    /// How loud.
    pub level: LogLevel,
    /// What.
    pub text: String,
}

/// A shadow run, under way or over.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowReport {
    /// The version that works.
    pub works: Digest,
    /// The version that runs beside it.
    pub version: Digest,
    /// Where it stands.
    pub state: ShadowState,
    /// Why, in words for the owner.
    pub reason: String,
    /// When it was asked for, by the host's clock.
    pub asked_at: Time,
    /// When it ended, by the host's clock.
    pub ended_at: Option<Time>,
    /// The times of the first and the last tick that both were handed.
    pub side_by_side: Option<(Time, Time)>,
    /// Ticks that both were handed.
    pub ticks: u64,
    /// Decisions of the version that works since then.
    pub decisions: u64,
    /// Decisions of the shadow.
    pub shadow_decisions: u64,
    /// Decisions that both took at the same event.
    pub same: u64,
    /// The first differences, in order of time.
    pub differences: Vec<Difference>,
    /// Its last log lines.
    pub lines: VecDeque<ShadowLine>,
    /// Older ones, and those over its bounds.
    pub lines_dropped: u64,
    /// Fuel of all of its calls.
    pub fuel_total: u64,
    /// Its linear memory, bytes.
    pub memory_bytes: u64,
}

/// How one event went.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// Decisions of the version that works.
    pub(crate) decisions: u64,
    pub(crate) followed: Followed,
    /// What it said.
    pub(crate) remarks: (Vec<Remark>, u64),
    pub(crate) used: Used,
    /// What of its fuel was used at this event.
    pub(crate) fuel: u64,
    ticks: u64,
    last: Option<Time>,
}

impl Step {
    /// A tick was handed over.
    pub(crate) fn tick(&mut self, time: Time) {
        self.ticks += 1;
        self.last = Some(time);
    }
}

impl ShadowReport {
    pub(crate) fn new(works: Digest, version: Digest, reason: String, asked_at: Time) -> Self {
        Self {
            works,
            version,
            state: ShadowState::Preparing,
            reason,
            asked_at,
            ended_at: None,
            side_by_side: None,
            ticks: 0,
            decisions: 0,
            shadow_decisions: 0,
            same: 0,
            differences: Vec::new(),
            lines: VecDeque::new(),
            lines_dropped: 0,
            fuel_total: 0,
            memory_bytes: 0,
        }
    }

    pub(crate) fn add(&mut self, step: Step) {
        let Step { decisions, followed, used, remarks, ticks, last, .. } = step;
        self.said(remarks);
        self.ticks += ticks;
        if let Some(last) = last {
            self.side_by_side = Some((self.side_by_side.map_or(last, |(first, _)| first), last));
        }
        self.decisions += decisions;
        self.shadow_decisions += followed.asked;
        self.same += followed.same;
        (self.fuel_total, self.memory_bytes) = (used.fuel_total, used.memory_bytes);
        if followed.missing.is_empty() && followed.extra.is_empty() {
            return;
        }
        let difference = |by_shadow| move |decision| Difference { by_shadow, decision };
        let missing = followed.missing.into_iter().map(difference(false));
        let mut both: Vec<_> = missing.chain(followed.extra.into_iter().map(difference(true))).collect();
        both.sort_by_key(|difference| difference.decision.at);
        let room = DIFFERENCES_MAX - self.differences.len();
        self.differences.extend(both.into_iter().take(room));
    }

    /// Keeps what it has logged. Signals are compared, and what it plots is nobody's to see.
    pub(crate) fn said(&mut self, (remarks, dropped): (Vec<Remark>, u64)) {
        self.lines_dropped += dropped;
        for remark in remarks {
            let Remark::Log { at, level, text } = remark else { continue };
            if self.lines.len() == LINES_MAX {
                self.lines.pop_front();
                self.lines_dropped += 1;
            }
            self.lines.push_back(ShadowLine { at, level, text });
        }
    }

    /// Decisions that only the version that works took.
    pub fn only_works(&self) -> u64 {
        self.decisions - self.same
    }

    /// Decisions that only the shadow took.
    pub fn only_shadow(&self) -> u64 {
        self.shadow_decisions - self.same
    }
}
