//! Trading accounts.

use domain::broker::AccountTerms;
use domain::contract::TradingState;
use domain::ids::{AccountId, UserId};
use domain::risk::RiskLimits;
use domain::time::Time;

/// A trading account: what was agreed when it was opened, and what it may do now. What it has is its ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// Which.
    pub id: AccountId,
    /// Whose; never changes.
    pub owner: UserId,
    /// Unique among its owner's.
    pub name: String,
    /// Mode, currency, leverage, deposit.
    pub terms: AccountTerms,
    /// What the gate holds it to.
    pub limits: RiskLimits,
    /// Whether it may trade.
    pub trading: TradingState,
    /// When it was opened.
    pub created_at: Time,
}
