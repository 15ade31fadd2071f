//! Engines and what their strategies saved.

use domain::contract::{Param, RunMode, TradingState};
use domain::ids::{AccountId, Digest, EngineId, StrategyId, UserId};
use domain::life::EngineState;
use domain::time::Time;
use serde::{Deserialize, Serialize};

/// What the owner wants of an engine; the host brings it about, across restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// That it runs.
    Running,
    /// That it is paused.
    Paused,
    /// That it does not.
    Stopped,
}

impl Wanted {
    /// The stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }

    /// The value with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Running, Self::Paused, Self::Stopped].into_iter().find(|wanted| wanted.word() == word)
    }
}

/// An engine to add. It starts as `defined`, wanted `stopped`.
#[derive(Clone, Debug)]
pub struct NewEngine {
    /// Where it trades; its owner's.
    pub account: AccountId,
    /// Whose versions it runs; its owner's.
    pub strategy: StrategyId,
    /// Which version of it.
    pub version: Digest,
    /// Unique among its owner's.
    pub name: String,
    /// Parameters that are not left at their defaults.
    pub params: Vec<Param>,
    /// The symbol for each of the strategy's needs.
    pub symbols: Vec<String>,
    /// Where ticks come from and orders go.
    pub mode: RunMode,
    /// Seed of its random numbers.
    pub seed: u64,
}

/// An engine.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineRecord {
    /// Which.
    pub id: EngineId,
    /// Whose.
    pub owner: UserId,
    /// Where it trades.
    pub account: AccountId,
    /// Whose versions it runs.
    pub strategy: StrategyId,
    /// Which version of it.
    pub version: Digest,
    /// Unique among its owner's.
    pub name: String,
    /// Parameters that are not left at their defaults.
    pub params: Vec<Param>,
    /// The symbol for each of the strategy's needs.
    pub symbols: Vec<String>,
    /// Where ticks come from and orders go.
    pub mode: RunMode,
    /// Seed of its random numbers.
    pub seed: u64,
    /// What its owner wants.
    pub wanted: Wanted,
    /// Whether it may trade.
    pub trading: TradingState,
    /// Where it stood last.
    pub state: EngineState,
    /// Why, in words for its owner; may be empty.
    pub state_reason: String,
    /// Since when.
    pub state_at: Time,
    /// When it was added.
    pub created_at: Time,
}

/// The last tick of a symbol that an engine has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastTick {
    /// The symbol's name.
    pub symbol: String,
    /// The tick's number.
    pub sequence: u64,
    /// The tick's time.
    pub time: Time,
}

/// What is kept of an engine across restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineSave {
    /// Whose.
    pub engine: EngineId,
    /// The version that saved it.
    pub version: Digest,
    /// The state's schema, as the version describes it.
    pub schema: u32,
    /// The state.
    pub bytes: Vec<u8>,
    /// How many orders it had asked for; the next has this number plus one.
    pub orders_asked: u32,
    /// What it had seen.
    pub last_ticks: Vec<LastTick>,
    /// When it was saved.
    pub saved_at: Time,
}

/// What engines, orders and deals have seen of the market.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketSeen {
    /// The latest time that any of them names, engines that were removed included.
    pub latest: Option<Time>,
    /// Engines that have seen something, in order of id, without what they were told to forget.
    pub engines: Vec<EngineSeen>,
}

/// How far an engine has seen the market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineSeen {
    /// Which.
    pub id: EngineId,
    /// Its name.
    pub name: String,
    /// The latest of the ticks that its state names, its orders and its deals.
    pub until: Time,
}

/// Steps kept of an engine: years of a quiet one, and of one that is quarantined again and again its last days.
pub const ENGINE_STEPS_KEPT: i64 = 1_000;

/// What kind of step an engine took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// From one state to another.
    State,
    /// Another version has taken over and is on trial.
    TakenOver,
    /// That version has passed its trial.
    Confirmed,
    /// A version did not take over.
    Refused,
    /// A version failed on trial, and the one before goes on.
    RolledBack,
}

impl StepKind {
    /// All of them.
    pub const ALL: &[Self] = &[Self::State, Self::TakenOver, Self::Confirmed, Self::Refused, Self::RolledBack];

    /// The stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::TakenOver => "taken-over",
            Self::Confirmed => "confirmed",
            Self::Refused => "refused",
            Self::RolledBack => "rolled-back",
        }
    }

    /// The value with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }
}

/// A step in an engine's life, to keep.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineStep {
    /// Whose.
    pub engine: EngineId,
    /// When, by the host's clock.
    pub at: Time,
    /// Which kind.
    pub kind: StepKind,
    /// The state or version before.
    pub from: String,
    /// The state or version after, or that was to be.
    pub to: String,
    /// Why, in words for the owner.
    pub reason: String,
}

/// What follows from a step for the engine's own row.
#[derive(Clone, Debug, PartialEq)]
pub enum Follows {
    /// It stands elsewhere.
    State(EngineState),
    /// It runs this version with these parameters.
    Version(Digest, Vec<Param>),
    /// Nothing.
    Nothing,
}

/// A step that was kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRecord {
    /// Counts the engine's steps from 1.
    pub number: i64,
    /// The step.
    pub step: EngineStep,
}
