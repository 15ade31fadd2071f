//! An account compared with its broker's statement: when it is opened, when a person asks, and in rounds over all accounts,
//! so that nothing stays apart unnoticed. An account that differs opens nothing until a person has looked.

use crate::error::HostError;
use crate::pipeline::Pipeline;
use crate::shared::lock;
use domain::ids::AccountId;
use domain::reconcile::{Reconciliation, WhatDiffers, compare};
use domain::time::{SECOND_US, Steady};
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::PoisonError;
use std::time::Duration;

/// How often a broker that could not say what an account has is asked again.
const COMPARE_AGAIN_US: i64 = SECOND_US;
/// Between two accounts of a round at least: with very many a round takes longer, and orders never wait for it.
const NEXT_ACCOUNT_US: i64 = SECOND_US / 100;

/// Why an account is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// It is new here, or a person asks.
    Asked,
    /// It is its turn.
    Round,
}

/// Comparisons that are to come, and what the last ones found.
pub(crate) struct Comparisons {
    /// Accounts not yet compared with their broker's statement, because it sent none; and when it is asked again.
    pub(crate) waiting: BTreeMap<AccountId, Steady>,
    /// What differed of an account when it was told last: the same is not told again and again.
    told: BTreeMap<AccountId, WhatDiffers>,
    /// Whose turn was last, and when it is the next one's.
    last: Option<AccountId>,
    next_at: Steady,
}

impl Comparisons {
    /// Nothing is compared yet; the first round begins at `next_at`.
    pub(crate) fn from(next_at: Steady) -> Self {
        Self { waiting: BTreeMap::new(), told: BTreeMap::new(), last: None, next_at }
    }
}

impl Pipeline {
    /// Holds what an account has against what its broker says. What differs is told, and the
    /// account opens nothing more until a person has looked; what somebody else has there counts at the gate from now on. As
    /// long as an order is unknown, what differs may come of it: the account waits, and is compared again.
    pub(crate) fn reconcile(&mut self, id: AccountId, occasion: Occasion) -> Result<Reconciliation, HostError> {
        let account = self.shared.account(id).ok_or(HostError::NoSuchAccount(id))?;
        self.take_reports();
        let snapshot = self.broker.snapshot(id).ok_or(HostError::BrokerSilent(id))?;
        let found = {
            let mut account = lock(&account);
            let found = compare(&account.ledger, snapshot);
            account.foreign.clone_from(&found.foreign);
            account.uncompared = !found.unknown.is_empty() && (account.uncompared || found.differences() > 0);
            if account.uncompared {
                self.comparisons.waiting.insert(id, self.shared.clock.steady().plus_us(COMPARE_AGAIN_US));
            } else {
                self.comparisons.waiting.remove(&id);
            }
            found
        };
        let count = found.differences();
        if count == 0 {
            self.comparisons.told.remove(&id);
        } else if found.unknown.is_empty() {
            let differs = found.what_differs();
            // A person who has looked at it and lets the account trade on is not overruled at the next round.
            let is_told = self.comparisons.told.get(&id) == Some(&differs);
            if !(is_told && occasion == Occasion::Round) {
                let text = format!(
                    "account {id}: {count} orders, positions or balances differ from what its broker says; it opens nothing until a person \
                     has looked: `stockade reconcile --account {id}` shows them"
                );
                self.shared.alarm("broker-differs", text);
                self.open_nothing(id, "it differs from what its broker says");
                self.comparisons.told.insert(id, differs);
            }
        }
        Ok(found)
    }

    /// Reconciles the accounts whose broker could not say before what they have, and the one whose turn it is.
    pub(crate) fn compare_overdue(&mut self) {
        let now = self.shared.clock.steady();
        let due: Vec<AccountId> = self.comparisons.waiting.iter().filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
        for id in due {
            if self.reconcile(id, Occasion::Asked).is_err() {
                self.comparisons.waiting.insert(id, now.plus_us(COMPARE_AGAIN_US));
            }
        }
        if let Some(id) = self.whose_turn(now) {
            // A broker that can't say now is asked in the next round.
            drop(self.reconcile(id, Occasion::Round));
        }
    }

    /// The account whose turn it is in a round.
    fn whose_turn(&mut self, now: Steady) -> Option<AccountId> {
        let every_us = self.shared.bounds.compare_every_us;
        if every_us <= 0 || now < self.comparisons.next_at {
            return None;
        }
        let accounts = self.shared.accounts.read().unwrap_or_else(PoisonError::into_inner);
        let after = self.comparisons.last.map_or(Unbounded, Excluded);
        let next = accounts.range((after, Unbounded)).next().or_else(|| accounts.iter().next()).map(|(id, _)| *id);
        let between_us = (every_us / (accounts.len().max(1) as i64)).max(NEXT_ACCOUNT_US);
        self.comparisons.next_at = now.plus_us(between_us);
        self.comparisons.last = next;
        // One that waits for its first comparison has it elsewhere.
        next.filter(|id| !self.comparisons.waiting.contains_key(id))
    }

    /// How long there is nothing to compare; `None` while there is nothing at all.
    pub(crate) fn until_next_turn(&self) -> Option<Duration> {
        let is_due =
            self.shared.bounds.compare_every_us > 0 && !self.shared.accounts.read().unwrap_or_else(PoisonError::into_inner).is_empty();
        let left_us = self.comparisons.next_at.since_us(self.shared.clock.steady()).clamp(NEXT_ACCOUNT_US, SECOND_US);
        is_due.then(|| Duration::from_micros(left_us.unsigned_abs()))
    }
}
