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
use crate::ledger::Position;
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

impl OrderRequest {
    /// Closes `volume` of a position at the market.
    pub fn closing(position: &Position, volume: Steps) -> Self {
        Self {
            symbol: position.symbol,
            side: position.side.opposite(),
            kind: OrderKind::Market,
            volume,
            price: None,
            stop_limit_price: None,
            stop_loss: None,
            take_profit: None,
            filling: Filling::Any,
            deviation: None,
            expires: None,
            position: Some(position.id),
            reduce_only: true,
            tag: Tag::default(),
        }
    }
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

impl Command {
    /// Whether it can only get out of something: it cancels, closes or reduces.
    pub fn is_way_out(&self) -> bool {
        match &self.action {
            Action::Place(request) => request.position.is_some() || request.reduce_only,
            Action::Cancel => true,
            Action::ModifyOrder { .. } | Action::ModifyPosition { .. } => false,
        }
    }

    /// Whether it may open or increase something, now or when its price comes.
    pub fn may_open(&self) -> bool {
        match &self.action {
            Action::Place(_) => !self.is_way_out(),
            Action::ModifyOrder { .. } => true,
            Action::ModifyPosition { .. } | Action::Cancel => false,
        }
    }
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
    /// The state after `event`. Reports repeat and overtake each other, so once an order is recorded every report has an answer
    /// in every state, and the same reports end in the same state in whatever order they arrive: what is known only grows,
    /// from recorded over unknown, accepted, partially filled, rejected, canceled and expired to filled.
    ///
    /// # Errors
    /// The event can't happen in this state.
    pub fn after(self, event: OrderEvent) -> Result<Self, InvalidTransition> {
        use {OrderEvent as E, OrderState as S};
        match (self, event) {
            (S::Initialized, E::Denied) => Ok(S::Denied),
            (S::Initialized, E::Recorded) => Ok(S::Recorded),
            // What was denied has never left, and nothing leaves before it is recorded.
            (S::Initialized | S::Denied, _) => Err(InvalidTransition { from: self, event }),
            // The journal repeats itself after a crash.
            (_, E::Recorded) => Ok(self),
            (_, E::Denied) => Err(InvalidTransition { from: self, event }),

            (S::Recorded, E::Submitted) => Ok(S::Submitted),
            (S::Recorded | S::Submitted, E::AnswerMissing) => Ok(S::Unknown),
            // Overtaken by what is known already.
            (_, E::Submitted | E::AnswerMissing) => Ok(self),

            (S::Recorded | S::Submitted | S::Unknown, E::Accepted) => Ok(S::Accepted),
            (_, E::Accepted) => Ok(self),

            (S::Recorded | S::Submitted | S::Unknown | S::Accepted | S::PartiallyFilled, E::PartiallyFilled) => Ok(S::PartiallyFilled),
            // Part of it was filled and the rest refused, whichever is heard of first.
            (S::Rejected, E::PartiallyFilled) | (S::PartiallyFilled, E::Rejected) => Ok(S::Canceled),
            // Part of it was filled before the rest ended: it stays ended.
            (S::Canceled | S::Expired | S::Filled, E::PartiallyFilled) => Ok(self),

            // Also a pending order that could not be filled when its price came, for want of margin, say.
            (S::Recorded | S::Submitted | S::Unknown | S::Accepted | S::Rejected, E::Rejected) => Ok(S::Rejected),
            (S::Canceled | S::Expired | S::Filled, E::Rejected) => Ok(self),

            (S::Expired | S::Filled, E::Canceled) => Ok(self),
            (_, E::Canceled) => Ok(S::Canceled),
            (S::Filled, E::Expired) => Ok(S::Filled),
            (_, E::Expired) => Ok(S::Expired),

            // The broker filled it before our cancel, or its expiry, arrived; or after it had been given up for lost. The deal
            // is what counts.
            (_, E::Filled) => Ok(S::Filled),
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
    use proptest::prelude::*;
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
    fn what_was_denied_is_never_filled_and_nothing_is_sent_before_it_is_recorded() {
        assert!(run(&[E::Denied, E::Filled]).is_err());
        assert!(run(&[E::Submitted]).is_err());
        assert!(run(&[E::Recorded, E::Denied]).is_err());
    }

    #[test]
    fn a_late_fill_of_an_order_that_was_given_up_counts() {
        assert_eq!(run(&[E::Recorded, E::Submitted, E::AnswerMissing, E::Rejected, E::Filled]), Ok(S::Filled));
    }

    #[test]
    fn a_rest_that_was_refused_leaves_the_order_canceled_whatever_is_heard_of_first() {
        assert_eq!(run(&[E::Recorded, E::PartiallyFilled, E::Rejected]), Ok(S::Canceled));
        assert_eq!(run(&[E::Recorded, E::Rejected, E::PartiallyFilled]), Ok(S::Canceled));
    }

    /// What a broker, or the silence of one, says of a recorded order.
    const REPORTS: [OrderEvent; 8] =
        [E::Submitted, E::Accepted, E::Rejected, E::AnswerMissing, E::PartiallyFilled, E::Filled, E::Canceled, E::Expired];

    proptest::proptest! {
        #[test]
        fn the_same_reports_in_any_order_and_however_often_end_in_the_same_state(
            (reports, shuffled) in proptest::collection::vec(0..REPORTS.len(), 0..8).prop_flat_map(|reports| {
                let twice: Vec<usize> = reports.iter().chain(&reports).copied().collect();
                (Just(reports), Just(twice).prop_shuffle())
            })
        ) {
            let end = |reports: &[usize]| reports.iter().try_fold(S::Recorded, |state, &at| state.after(REPORTS[at]));
            let ended = end(&reports);
            prop_assert!(ended.is_ok());
            prop_assert_eq!(ended, end(&shuffled));
        }
    }
}
