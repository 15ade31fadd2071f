//! Strategies and their versions.

use domain::contract::Description;
use domain::ids::{Digest, StrategyId, UserId};
use domain::time::Time;

/// A strategy: a name under which its owner uploads versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrategyRecord {
    /// Which.
    pub id: StrategyId,
    /// Whose.
    pub owner: UserId,
    /// Unique among its owner's.
    pub name: String,
    /// When its first version was uploaded.
    pub created_at: Time,
}

/// A component to keep.
#[derive(Clone, Copy, Debug)]
pub struct NewVersion<'a> {
    /// Of which strategy.
    pub strategy: StrategyId,
    /// Its bytes; their digest is its name.
    pub component: &'a [u8],
    /// What it says of itself.
    pub description: &'a Description,
    /// What the checks at upload found.
    pub report: &'a serde_json::Value,
}

/// A component to keep as a version of a strategy that may be new.
#[derive(Clone, Copy, Debug)]
pub struct Upload<'a> {
    /// Its bytes; their digest is its name.
    pub component: &'a [u8],
    /// What it says of itself.
    pub description: &'a Description,
    /// What the checks at upload found.
    pub report: &'a serde_json::Value,
}

/// An uploaded version, without its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionRecord {
    /// Of which strategy.
    pub strategy: StrategyId,
    /// Its name.
    pub digest: Digest,
    /// Counts the strategy's versions from 1, by their first uploads.
    pub number: u32,
    /// Size of the component.
    pub size_bytes: u64,
    /// What it says of itself.
    pub description: Description,
    /// What the checks at upload found.
    pub report: serde_json::Value,
    /// When it was uploaded first.
    pub uploaded_at: Time,
}
