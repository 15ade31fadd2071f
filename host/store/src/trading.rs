//! Orders, deals and positions as they are listed. The running host works with the ledger instead.

use domain::broker::Deal;
use domain::contract::{Filling, OrderKind, Side};
use domain::ids::{AccountId, EngineId, OrderId, PositionId};
use domain::number::Steps;
use domain::number::{Money, Points};
use domain::order::{OrderState, Tag};
use domain::time::Time;

/// The grid on which points and steps of a symbol lie; needed to show what has no symbol in the host's table any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolGrid {
    /// The symbol.
    pub name: String,
    /// Decimals of a price.
    pub digits: u8,
    /// One volume step, in 10^-8 lots.
    pub volume_step_e8: i64,
}

/// An order and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRecord {
    /// Place in the list of all orders.
    pub seq: i64,
    /// Its name.
    pub id: OrderId,
    /// Where.
    pub account: AccountId,
    /// Of what.
    pub symbol: String,
    /// Which way.
    pub side: Side,
    /// When.
    pub kind: OrderKind,
    /// How much.
    pub volume: Steps,
    /// Limit or stop price.
    pub price: Option<Points>,
    /// Limit price of a stop-limit order.
    pub stop_limit_price: Option<Points>,
    /// Stop loss of the position it opens.
    pub stop_loss: Option<Points>,
    /// Take profit of the position it opens.
    pub take_profit: Option<Points>,
    /// How much at once.
    pub filling: Filling,
    /// Largest distance from the price seen.
    pub deviation: Option<Points>,
    /// End of a pending order.
    pub expires: Option<Time>,
    /// The position it closes or reduces.
    pub position: Option<PositionId>,
    /// Never opens or increases.
    pub reduce_only: bool,
    /// The author's note.
    pub tag: Tag,
    /// Where it stands.
    pub state: OrderState,
    /// How much has been filled.
    pub filled: Steps,
    /// The broker's number for it.
    pub ticket: Option<u64>,
    /// Why the broker rejected it; 0 when it did not.
    pub retcode: u32,
    /// When it was asked for.
    pub placed_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// When it could no longer be filled.
    pub finished_at: Option<Time>,
    /// Who owned the engine when it was recorded; 0 on a single host.
    pub owner_epoch: i64,
}

/// A report that had been set aside, tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriedAgain {
    /// The account that it concerns.
    pub account: AccountId,
    /// Why it can't be booked still; `None` when it is booked now.
    pub failed: Option<String>,
}

/// A deal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DealRecord {
    /// Place in the list of all deals.
    pub seq: i64,
    /// Where.
    pub account: AccountId,
    /// Whose order it was, or whose position it changed.
    pub engine: EngineId,
    /// Of what, by name; the deal's own symbol id means nothing outside the run that booked it and is 0.
    pub symbol: String,
    /// The deal.
    pub deal: Deal,
}

/// Which positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionFilter {
    /// Those that are open.
    Open,
    /// Those that are closed.
    Closed,
    /// All.
    All,
}

/// A position, open or closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositionRecord {
    /// Place in the list of all positions.
    pub seq: i64,
    /// Its name: the order that opened it.
    pub id: PositionId,
    /// Where.
    pub account: AccountId,
    /// Of what.
    pub symbol: String,
    /// Which way, or which way it was last.
    pub side: Side,
    /// How much is open; 0 when it is closed.
    pub volume: Steps,
    /// Sum of price times volume over what is open, in point-steps.
    pub cost: i64,
    /// Stop loss.
    pub stop_loss: Option<Points>,
    /// Take profit.
    pub take_profit: Option<Points>,
    /// Profit realised so far, without costs.
    pub realised: Money,
    /// Commission so far.
    pub commission: Money,
    /// Swap so far.
    pub swap: Money,
    /// The last night it was charged for.
    pub charged_until: Option<Time>,
    /// The note of the order that opened it.
    pub tag: Tag,
    /// All that was ever opened.
    pub volume_in: Steps,
    /// Sum of price times volume over all that was opened, in point-steps.
    pub cost_in: i64,
    /// All that was ever closed.
    pub volume_out: Steps,
    /// Sum of price times volume over all that was closed, in point-steps.
    pub cost_out: i64,
    /// When it was opened.
    pub opened_at: Time,
    /// When it was closed.
    pub closed_at: Option<Time>,
}

/// What an engine has traded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traded {
    /// Orders, those among them that the host gave for it.
    pub orders: u64,
    /// Deals.
    pub deals: u64,
    /// What the deals have earned, costs included.
    pub realised: Money,
}
