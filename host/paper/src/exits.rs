//! What closes positions without an order: their stops, the stop-out, the end of a test.

use crate::checks::closing_price;
use crate::dealing::Dealing;
use crate::triggers::Task;
use crate::venue::LimitFills;
use domain::broker::{Deal, Entry, Reason};
use domain::ids::{DealId, PositionId};
use domain::ledger::floating_of;
use domain::number::{Points, Steps};
use domain::time::Time;

impl Dealing<'_> {
    /// Does what a trigger was for. What has gone meanwhile is left alone.
    pub(crate) fn act(&mut self, task: Task, at: Time) {
        match task {
            Task::Expire(order) => self.expired(order, at),
            Task::Margin => self.stop_out(at),
            Task::StopLoss(position) => {
                let market = self.market_price(position);
                self.close(position, market, Reason::StopLoss, at);
            }
            Task::TakeProfit(position) => {
                let price = match self.market.options.limit_fills {
                    LimitFills::Conservative => self.own_take_profit(position).or_else(|| self.market_price(position)),
                    LimitFills::Mt5 => self.market_price(position),
                };
                self.close(position, price, Reason::TakeProfit, at);
            }
            Task::Pending(order) => self.pending_reached(order, at),
        }
    }

    /// The take profit of a position, if the market can have passed it since the position was opened. A gap may fill a stop
    /// order beyond the take profit that it brings; filled there, that would book a loss that no quote ever showed.
    fn own_take_profit(&self, position: PositionId) -> Option<Points> {
        let position = self.account.ledger.positions.get(&position)?;
        let sign = position.side.sign() as f64;
        position.take_profit.filter(|price| sign * (price.0 as f64 - position.open_points()) > 0.0)
    }

    fn market_price(&self, position: PositionId) -> Option<Points> {
        let position = self.account.ledger.positions.get(&position)?;
        Some(closing_price(position.side, self.market.quote(position.symbol)?))
    }

    /// Closes a position whole. Without a price, or a rate to book its profit at, it stays for the next tick; says whether
    /// it was closed.
    fn close(&mut self, id: PositionId, price: Option<Points>, reason: Reason, at: Time) -> bool {
        let (Some(position), Some(price)) = (self.account.ledger.positions.get(&id), price) else {
            return false;
        };
        let Some(profit) = self.realised(position, position.volume, price) else {
            return false;
        };
        let Some(commission) = self.commission(position.symbol, Entry::Out, position.volume, position.volume, price) else {
            return false;
        };
        let deal = Deal {
            id: DealId(0),
            order: None,
            position: id,
            symbol: position.symbol,
            side: position.side.opposite(),
            entry: Entry::Out,
            reason,
            volume: position.volume,
            price,
            profit,
            commission,
            swap: position.swap,
            time: at,
        };
        self.deal(deal, Steps(0));
        true
    }

    /// Closes the most unprofitable position whose symbol is traded while the margin level is at or below the limit.
    pub(crate) fn stop_out(&mut self, at: Time) {
        while self.is_stopped_out() {
            let quote = |symbol| self.market.quote(symbol);
            let floating = |position| {
                floating_of(position, &self.market.table, &self.account.terms.currency, quote).map(|floating| floating + position.swap)
            };
            let traded = self.account.ledger.positions.values().filter(|position| self.market.is_open(position.symbol, at));
            let worst = traded.min_by_key(|position| (floating(position), position.id));
            let Some(worst) = worst.map(|position| position.id) else { return };
            let price = self.market_price(worst);
            if !self.close(worst, price, Reason::StopOut, at) {
                return;
            }
        }
    }

    /// Closes every position at the market and withdraws every order.
    pub(crate) fn close_all(&mut self, reason: Reason, at: Time) {
        let orders: Vec<_> = self.account.ledger.orders.values().map(|order| (order.id, order.request.symbol)).collect();
        for (order, symbol) in orders {
            let at = self.market.time(symbol, at);
            self.report(Some(order), at, domain::broker::Happened::Canceled);
        }
        let positions: Vec<_> = self.account.ledger.positions.values().map(|position| (position.id, position.symbol)).collect();
        for (position, symbol) in positions {
            let price = self.market_price(position);
            let at = self.market.time(symbol, at);
            self.close(position, price, reason, at);
        }
    }
}
