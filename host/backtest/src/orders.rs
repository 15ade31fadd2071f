//! What became of a run's orders, for its report.

use domain::broker::{Happened, Report};
use domain::contract::{OrderKind, Side};
use domain::ids::OrderId;
use domain::ledger::Change;
use domain::number::{Points, Steps};
use domain::order::{Action, Command, OrderState, Tag};
use domain::symbol::SymbolId;
use domain::time::Time;
use std::collections::HashMap;

/// Orders of a run that are kept; what comes after is counted. Ten times what a person would ever page through.
pub const ORDERS_KEPT_MAX: usize = 1_000_000;

/// An order from its recording to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// Its name; a position that it opened has the same.
    pub id: OrderId,
    /// Of what.
    pub symbol: SymbolId,
    /// Which way.
    pub side: Side,
    /// When it should execute.
    pub kind: OrderKind,
    /// How much was asked for.
    pub volume: Steps,
    /// How much was filled.
    pub filled: Steps,
    /// Limit or stop price; `None` at the market.
    pub price: Option<Points>,
    /// Stop loss.
    pub stop_loss: Option<Points>,
    /// Take profit.
    pub take_profit: Option<Points>,
    /// When it was asked for.
    pub placed: Time,
    /// When it came to its end; `None` while it works.
    pub done: Option<Time>,
    /// Where it stands.
    pub state: OrderState,
    /// MT5 retcode when it was rejected, otherwise 0.
    pub retcode: u32,
    /// The author's note.
    pub tag: Tag,
}

/// All orders of a run, in the order in which they were recorded.
#[derive(Clone, Debug, Default)]
pub struct OrderLog {
    rows: Vec<OrderRow>,
    places: HashMap<OrderId, usize>,
    dropped: u64,
}

impl OrderLog {
    /// The orders, first recorded first.
    pub fn rows(&self) -> &[OrderRow] {
        &self.rows
    }

    /// Orders beyond [`ORDERS_KEPT_MAX`].
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The order with this name.
    pub fn get(&self, id: OrderId) -> Option<&OrderRow> {
        self.places.get(&id).map(|&at| &self.rows[at])
    }

    /// A command was recorded.
    pub(crate) fn recorded(&mut self, command: &Command) {
        let Action::Place(request) = &command.action else { return };
        if self.rows.len() == ORDERS_KEPT_MAX {
            self.dropped += 1;
            return;
        }
        self.places.insert(command.order, self.rows.len());
        self.rows.push(OrderRow {
            id: command.order,
            symbol: request.symbol,
            side: request.side,
            kind: request.kind,
            volume: request.volume,
            filled: Steps(0),
            price: request.price,
            stop_loss: request.stop_loss,
            take_profit: request.take_profit,
            placed: command.at,
            done: None,
            state: OrderState::Recorded,
            retcode: 0,
            tag: request.tag.clone(),
        });
    }

    /// The broker reported, which changed this.
    pub(crate) fn reported(&mut self, report: &Report, changes: &[Change]) {
        for change in changes {
            let Change::Order { order, retcode, .. } = change else { continue };
            let Some(row) = self.row(order.id) else { continue };
            (row.state, row.filled, row.retcode) = (order.state, order.filled, *retcode);
            row.done = (!order.state.is_working()).then_some(report.at);
        }
        if let (Happened::OrderModified { price, stop_loss, take_profit }, Some(id)) = (&report.happened, report.order)
            && let Some(row) = self.row(id)
        {
            row.price = price.or(row.price);
            (row.stop_loss, row.take_profit) = (*stop_loss, *take_profit);
        }
    }

    fn row(&mut self, id: OrderId) -> Option<&mut OrderRow> {
        self.places.get(&id).map(|&at| &mut self.rows[at])
    }
}
