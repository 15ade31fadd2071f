//! Orders on the grid, the commands that reach a broker, and the life of an order.
//!
//! ```text
//! initialized -> denied
//!             -> recorded -> submitted -> accepted -> partially-filled* -> filled
//!                                      |           -> canceled | expired
//!                                      -> rejected
//!                                      -> unknown -> (whatever asking the broker finds)
//! ```

use crate::contract::{Filling, OrderKind, Side, words};
use crate::ids::{AccountId, OrderId, PositionId};
use crate::limits::TAG_BYTES_MAX;
use crate::number::{Points, Steps};
use crate::symbol::SymbolId;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Free text of at most [`TAG_BYTES_MAX`] bytes without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tag(String);

impl Tag {
    /// `None` when it is too long or has control characters.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (text.len() <= TAG_BYTES_MAX && !text.chars().any(char::is_control)).then_some(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An order that lies on its symbol's grid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRequest {
    /// Of what.
    pub symbol: SymbolId,
    /// Which way.
    pub side: Side,
    /// When.
    pub kind: OrderKind,
    /// How much.
    pub volume: Steps,
    /// Limit or stop price; `None` for market orders only.
    pub price: Option<Points>,
    /// Limit price of a stop-limit order; `None` for all others.
    pub stop_limit_price: Option<Points>,
    /// Stop loss of the position this opens.
    pub stop_loss: Option<Points>,
    /// Take profit of the position this opens.
    pub take_profit: Option<Points>,
    /// How much at once.
    pub filling: Filling,
    /// Largest distance from the price seen.
    pub deviation: Option<Points>,
    /// End of a pending order.
    pub expires: Option<Time>,
    /// The position this closes or reduces.
    pub position: Option<PositionId>,
    /// Never opens or increases.
    pub reduce_only: bool,
    /// The author's note.
    pub tag: Tag,
}

/// What is asked of a broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Place a new order.
    Place(OrderRequest),
    /// Replace price and stops of a working order; `price: None` keeps it.
    ModifyOrder {
        /// New limit or stop price.
        price: Option<Points>,
        /// New stop loss or none.
        stop_loss: Option<Points>,
        /// New take profit or none.
        take_profit: Option<Points>,
    },
    /// Replace the stops of an open position.
    ModifyPosition {
        /// Which.
        position: PositionId,
        /// New stop loss or none.
        stop_loss: Option<Points>,
        /// New take profit or none.
        take_profit: Option<Points>,
    },
    /// Take a working order back.
    Cancel,
}

/// An [`Action`] with who, when and its name. A place command carries the order's own id; a modification or cancel of an
/// order that order's id; a modification of a position the position's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Where.
    pub account: AccountId,
    /// Which order it is or concerns.
    pub order: OrderId,
    /// When the guest asked, in market time.
    pub at: Time,
    /// What.
    pub action: Action,
}

words! {
    /// Where an order stands.
    OrderState {
        Initialized = "initialized", Denied = "denied", Recorded = "recorded", Submitted = "submitted", Accepted = "accepted",
        Rejected = "rejected", Unknown = "unknown", PartiallyFilled = "partially-filled", Filled = "filled",
        Canceled = "canceled", Expired = "expired",
    }
}

words! {
    /// What can happen to an order.
    OrderEvent {
        Denied = "denied", Recorded = "recorded", Submitted = "submitted", Accepted = "accepted", Rejected = "rejected",
        AnswerMissing = "answer-missing", PartiallyFilled = "partially-filled", Filled = "filled", Canceled = "canceled", Expired = "expired",
    }
}

/// An event that can't happen in a state. The order stays as it was; whoever sees this reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {from} can't be {event}")]
pub struct InvalidTransition {
    /// The state.
    pub from: OrderState,
    /// The event.
    pub event: OrderEvent,
}

impl OrderState {
    /// The state after `event`. Reports repeat and overtake each other, so most rows ask only that nothing is undone: a
    /// deal is a fact, whatever was said before it.
    ///
    /// # Errors
    /// The event can't happen in this state.
    pub fn after(self, event: OrderEvent) -> Result<Self, InvalidTransition> {
        use {OrderEvent as E, OrderState as S};
        match (self, event) {
            (S::Initialized, E::Denied) => Ok(S::Denied),
            (S::Initialized, E::Recorded) => Ok(S::Recorded),
            (S::Recorded, E::Submitted) => Ok(S::Submitted),

            (S::Recorded | S::Submitted | S::Unknown, E::Accepted) => Ok(S::Accepted),
            (S::Recorded | S::Submitted | S::Unknown, E::Rejected) => Ok(S::Rejected),
            (S::Recorded | S::Submitted, E::AnswerMissing) => Ok(S::Unknown),

            (S::Recorded | S::Submitted | S::Unknown | S::Accepted | S::PartiallyFilled, E::PartiallyFilled) => Ok(S::PartiallyFilled),
            (S::Recorded | S::Submitted | S::Unknown | S::Accepted | S::PartiallyFilled, E::Filled) => Ok(S::Filled),
            (S::Recorded | S::Submitted | S::Unknown | S::Accepted | S::PartiallyFilled, E::Canceled) => Ok(S::Canceled),
            (S::Recorded | S::Submitted | S::Unknown | S::Accepted | S::PartiallyFilled, E::Expired) => Ok(S::Expired),

            // The broker filled it before our cancel, or its expiry, arrived; the deal is what counts.
            (S::Canceled | S::Expired, E::Filled) => Ok(S::Filled),
            // Part of it was filled before the rest ended: it stays ended.
            (S::Canceled | S::Expired | S::Filled, E::PartiallyFilled) => Ok(self),
            // A report that was overtaken by a later one, or repeated.
            (S::Accepted | S::PartiallyFilled | S::Filled | S::Canceled | S::Expired, E::Accepted | E::Submitted) => Ok(self),
            (S::Unknown | S::Rejected, E::Submitted) => Ok(self),
            (S::Accepted | S::PartiallyFilled | S::Filled | S::Canceled | S::Expired | S::Rejected | S::Unknown, E::AnswerMissing) => {
                Ok(self)
            }
            (S::Filled, E::Filled | E::Canceled | E::Expired) => Ok(S::Filled),
            (S::Canceled, E::Canceled | E::Expired) => Ok(S::Canceled),
            (S::Expired, E::Canceled | E::Expired) => Ok(S::Expired),
            (S::Rejected, E::Rejected) => Ok(S::Rejected),
            // A pending order that could not be filled when its price came, for want of margin, say; and its late acceptance.
            (S::Accepted, E::Rejected) => Ok(S::Rejected),
            (S::Rejected, E::Accepted) => Ok(self),
            // The rest of a partly filled order was refused.
            (S::PartiallyFilled, E::Rejected) => Ok(S::Canceled),

            (from, event) => Err(InvalidTransition { from, event }),
        }
    }

    /// Whether the order may still be filled, as far as we know.
    pub fn is_working(self) -> bool {
        matches!(self, Self::Recorded | Self::Submitted | Self::Accepted | Self::Unknown | Self::PartiallyFilled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use {OrderEvent as E, OrderState as S};

    fn run(events: &[OrderEvent]) -> Result<OrderState, InvalidTransition> {
        events.iter().try_fold(S::Initialized, |state, &event| state.after(event))
    }

    #[test]
    fn an_order_goes_through_its_life() {
        for (events, expected) in [
            (&[E::Denied][..], S::Denied),
            (&[E::Recorded, E::Submitted, E::Accepted, E::PartiallyFilled, E::Filled], S::Filled),
            (&[E::Recorded, E::Submitted, E::Rejected], S::Rejected),
            (&[E::Recorded, E::Submitted, E::AnswerMissing, E::Filled], S::Filled),
            (&[E::Recorded, E::Submitted, E::Accepted, E::Expired], S::Expired),
        ] {
            assert_eq!(run(events), Ok(expected), "{events:?}");
        }
    }

    #[test]
    fn fill_that_overtakes_a_cancel_wins() {
        assert_eq!(run(&[E::Recorded, E::Submitted, E::Canceled, E::Filled]), Ok(S::Filled));
        assert_eq!(run(&[E::Recorded, E::Submitted, E::Filled, E::Canceled]), Ok(S::Filled));
    }

    #[test]
    fn what_was_denied_or_rejected_is_never_filled() {
        assert!(run(&[E::Denied, E::Filled]).is_err());
        assert!(run(&[E::Recorded, E::Submitted, E::Rejected, E::Filled]).is_err());
        assert!(run(&[E::Submitted]).is_err(), "nothing is sent before it is recorded");
    }

    #[test]
    fn every_order_of_the_same_reports_ends_in_the_same_state() {
        for reports in
            [[E::Accepted, E::PartiallyFilled, E::Filled], [E::Accepted, E::Canceled, E::Accepted], [E::Accepted, E::Filled, E::Canceled]]
        {
            let mut ends = std::collections::BTreeSet::new();
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                ends.insert(run(&[E::Recorded, E::Submitted, reports[order[0]], reports[order[1]], reports[order[2]]]).unwrap());
            }
            assert_eq!(ends.len(), 1, "{reports:?} -> {ends:?}");
        }
    }
}
