//! Orders: taken, changed, withdrawn, executed; and what an execution does to positions on netting and hedging accounts.

use crate::account::Known;
use crate::checks::{self, Checked, closing_price, opening_price, require};
use crate::costs::Dealt;
use crate::dealing::Dealing;
use crate::triggers::Quote;
use crate::venue::{Execution, LimitFills};
use domain::broker::{Deal, Entry, Happened, Reason, retcode};
use domain::contract::{AccountMode, OrderKind};
use domain::ids::{DealId, OrderId, PositionId};
use domain::ledger::Position;
use domain::number::{Money, Points, Steps};
use domain::order::{Action, Command, OrderRequest};
use domain::symbol::SymbolId;
use domain::time::Time;

/// One deal to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leg {
    pub position: PositionId,
    pub entry: Entry,
    pub volume: Steps,
}

/// The deals of one execution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub legs: Vec<Leg>,
}

/// What becomes of a closing order that is larger than what it closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TooLarge {
    /// A new order is refused.
    Refuse,
    /// A pending one whose position has shrunk since closes what is left.
    Shrink,
}

impl Dealing<'_> {
    /// Carries out a command.
    pub(crate) fn execute(&mut self, command: &Command, seen: Option<Quote>) {
        let id = command.order;
        let refused = match &command.action {
            Action::Place(request) => return self.place(command, request, seen),
            Action::ModifyOrder { price, stop_loss, take_profit } => self.modify_order(command, *price, *stop_loss, *take_profit),
            Action::ModifyPosition { position, stop_loss, take_profit } => {
                self.modify_position(command, *position, *stop_loss, *take_profit)
            }
            Action::Cancel => self.cancel(command),
        };
        if let Err(retcode) = refused {
            self.report(Some(id), command.at, Happened::ModifyRejected { retcode });
        }
    }

    fn place(&mut self, command: &Command, request: &OrderRequest, seen: Option<Quote>) {
        let id = command.order;
        let at = self.market.time(request.symbol, command.at);
        match self.account.meet(id) {
            Known::New => {}
            Known::Working => return self.answer(id, at, Happened::Accepted { ticket: id.0 }),
            Known::Finished(Some(report)) => return self.out.push(report),
            Known::Finished(None) => return self.answer(id, at, Happened::Rejected { retcode: retcode::REJECT }),
        }
        self.account.ledger.recorded(command);
        match self.accept(id, request, seen, at) {
            Err(retcode) => self.report(Some(id), at, Happened::Rejected { retcode }),
            Ok(None) => self.report(Some(id), at, Happened::Accepted { ticket: id.0 }),
            Ok(Some((plan, price))) => {
                self.report(Some(id), at, Happened::Accepted { ticket: id.0 });
                self.carry_out(id, request, &plan, price, at);
            }
        }
    }

    /// Repeats an answer; nothing changes.
    fn answer(&mut self, order: OrderId, at: Time, happened: Happened) {
        self.out.push(domain::broker::Report { account: self.account.id, order: Some(order), at, happened });
    }

    /// Whether an order is taken, and for a market order what it does at once.
    fn accept(&self, id: OrderId, request: &OrderRequest, seen: Option<Quote>, at: Time) -> Checked<Option<(Plan, Points)>> {
        let book = self.market.book(request.symbol).ok_or(retcode::INVALID)?;
        let spec = self.market.table.spec(request.symbol);
        require(self.market.is_open(request.symbol, at), retcode::MARKET_CLOSED)?;
        let quote = checks::form(request, spec, book.quote, at)?;
        if request.kind != OrderKind::Market {
            return match request.position {
                Some(position) => checks::closes(request, self.account.ledger.positions.get(&position)).map(|()| None),
                None => Ok(None),
            };
        }
        let price = opening_price(request.side, quote);
        if let (Execution::Instant, Some(deviation), Some(seen)) = (self.market.options.execution, request.deviation, seen) {
            require((price - opening_price(request.side, seen)).abs() <= deviation, retcode::REQUOTE)?;
        }
        let plan = self.plan(id, request, TooLarge::Refuse)?;
        self.affordable(request, &plan, price)?;
        Ok(Some((plan, price)))
    }

    /// What an order does to the account's positions.
    fn plan(&self, id: OrderId, request: &OrderRequest, too_large: TooLarge) -> Checked<Plan> {
        let positions = &self.account.ledger.positions;
        let (against, only_reduces): (Vec<&Position>, bool) = match (request.position, self.account.terms.mode) {
            (Some(named), _) => {
                let position = positions.get(&named);
                checks::closes(request, position)?;
                (position.into_iter().collect(), true)
            }
            (None, AccountMode::Netting | AccountMode::Exchange) => {
                let held = positions.values().find(|position| position.symbol == request.symbol);
                match held {
                    Some(same) if same.side == request.side && !request.reduce_only => {
                        return Ok(Plan::of(same.id, Entry::In, request.volume));
                    }
                    Some(other) if other.side != request.side && !request.reduce_only => {
                        let entry = if request.volume > other.volume { Entry::InOut } else { Entry::Out };
                        return Ok(Plan::of(other.id, entry, request.volume));
                    }
                    held => (held.into_iter().filter(|held| held.side != request.side).collect(), request.reduce_only),
                }
            }
            (None, AccountMode::Hedging) if request.reduce_only => {
                // Reduces the engine's own positions, oldest first.
                let opposite = |position: &&Position| {
                    position.symbol == request.symbol && position.side != request.side && position.id.0.engine() == id.engine()
                };
                let mut own: Vec<&Position> = positions.values().filter(opposite).collect();
                own.sort_by_key(|position| (position.opened, position.id));
                (own, true)
            }
            (None, AccountMode::Hedging) => (Vec::new(), false),
        };
        if !only_reduces {
            return Ok(Plan::of(PositionId(id), Entry::In, request.volume));
        }
        require(!against.is_empty(), retcode::POSITION_CLOSED)?;
        let there: Steps = against.iter().map(|position| position.volume).sum();
        require(request.volume <= there || too_large == TooLarge::Shrink, retcode::INVALID_VOLUME)?;
        let mut left = request.volume;
        let legs = against.into_iter().map_while(|position| {
            let volume = position.volume.min(left);
            left -= volume;
            (volume > Steps(0)).then_some(Leg { position: position.id, entry: Entry::Out, volume })
        });
        Ok(Plan { legs: legs.collect() })
    }

    /// Books a plan, deal by deal.
    fn carry_out(&mut self, id: OrderId, request: &OrderRequest, plan: &Plan, price: Points, at: Time) {
        let mut rest = request.volume;
        for leg in &plan.legs {
            rest -= leg.volume;
            let (profit, swap) = match self.account.ledger.positions.get(&leg.position) {
                Some(position) if leg.entry != Entry::In => {
                    (self.realised(position, leg.volume, price), position.swap_of(leg.volume).rounded(self.account.terms.currency_digits))
                }
                _ => (Some(Money::ZERO), Money::ZERO),
            };
            let deal = Deal {
                id: DealId(0),
                order: Some(id),
                position: leg.position,
                symbol: request.symbol,
                side: request.side,
                entry: leg.entry,
                reason: Reason::Expert,
                volume: leg.volume,
                price,
                profit: profit.expect("the rate was there when the order was checked"),
                commission: self.commission_of(request.symbol, leg, price).expect("the rate was there when the order was checked"),
                swap,
                time: at,
            };
            self.deal(deal, rest);
        }
        if rest > Steps(0) {
            self.report(Some(id), at, Happened::Canceled);
        }
    }

    /// What closing `volume` of a position, or all where it is less, books as profit. `None` without a rate.
    pub(crate) fn realised(&self, position: &Position, volume: Steps, price: Points) -> Option<Money> {
        let closed = volume.min(position.volume);
        let left = position.volume - closed;
        let cost = position.cost - if left > Steps(0) { position.cost_left(left) } else { 0 };
        let distance = i128::from(position.side.sign()) * (i128::from(price.0) * i128::from(closed.0) - i128::from(cost));
        let spec = self.market.table.spec(position.symbol);
        let rate = self.market.rate(&spec.quote, &self.account.terms.currency)?;
        Some(spec.value_of(distance, rate).rounded(self.account.terms.currency_digits))
    }

    pub(crate) fn commission_of(&self, symbol: SymbolId, leg: &Leg, price: Points) -> Option<Money> {
        let held = self.account.ledger.positions.get(&leg.position).map_or(Steps(0), |position| position.volume);
        self.commission(symbol, leg.entry, leg.volume, held, price)
    }

    /// What a deal costs on a position of `held`; `None` without a rate.
    pub(crate) fn commission(&self, symbol: SymbolId, entry: Entry, volume: Steps, held: Steps, price: Points) -> Option<Money> {
        let spec = self.market.table.spec(symbol);
        let rate = self.market.rate(&spec.quote, &self.account.terms.currency)?;
        let dealt = Dealt::new(entry, volume, held, price, rate);
        Some(self.market.options.commissions.of(symbol).of(spec, &dealt, self.account.terms.currency_digits))
    }

    /// The price of a pending order has come.
    pub(crate) fn pending_reached(&mut self, id: OrderId, at: Time) {
        let Some(order) = self.account.ledger.orders.get(&id) else { return };
        let mut request = order.request.clone();
        let Some(quote) = self.market.quote(request.symbol) else { return };
        let market = opening_price(request.side, quote);
        let mut is_new_limit = false;
        if let (OrderKind::StopLimit, Some(limit)) = (request.kind, request.stop_limit_price) {
            let (stop_loss, take_profit) = (request.stop_loss, request.take_profit);
            self.report(Some(id), at, Happened::OrderModified { price: Some(limit), stop_loss, take_profit });
            (request.kind, request.price) = (OrderKind::Limit, Some(limit));
            is_new_limit = true;
            // A limit order waits for the better side.
            if request.side.sign() * (market.0 - limit.0) > 0 {
                return;
            }
        }
        let price = match (request.kind, request.price, self.market.options.limit_fills) {
            // A limit that enters a market which is already better fills there, like a market order: the
            // market never was at the limit. Only one that waited may have missed the better price.
            (OrderKind::Limit, Some(limit), LimitFills::Conservative) if !is_new_limit => limit,
            _ => market,
        };
        match self.plan(id, &request, TooLarge::Shrink).and_then(|plan| self.affordable(&request, &plan, price).map(|()| plan)) {
            Ok(plan) => self.carry_out(id, &request, &plan, price, at),
            Err(retcode) => self.report(Some(id), at, Happened::Rejected { retcode }),
        }
    }

    /// The end of a pending order has come.
    pub(crate) fn expired(&mut self, id: OrderId, at: Time) {
        if self.account.ledger.orders.contains_key(&id) {
            self.report(Some(id), at, Happened::Expired);
        }
    }

    fn modify_order(
        &mut self,
        command: &Command,
        price: Option<Points>,
        stop_loss: Option<Points>,
        take_profit: Option<Points>,
    ) -> Checked {
        let request = &self.account.ledger.orders.get(&command.order).ok_or(retcode::POSITION_CLOSED)?.request;
        self.is_traded(request.symbol, command.at)?;
        let spec = self.market.table.spec(request.symbol);
        let quote = self.market.quote(request.symbol).ok_or(retcode::PRICE_OFF)?;
        not_frozen(request, quote, spec)?;
        [price, stop_loss, take_profit].into_iter().flatten().try_for_each(|price| checks::on_grid(price, spec))?;
        let price = price.or(request.price).ok_or(retcode::INVALID)?;
        if request.price != Some(price) {
            checks::pending_price(request.kind, request.side, price, quote, spec)?;
            // At its limit price a stop-limit has been reached; only the market brings it there.
            require(request.stop_limit_price != Some(price), retcode::INVALID_PRICE)?;
        }
        checks::stops(request.side, stop_loss, take_profit, request.stop_limit_price.unwrap_or(price), spec)?;
        let at = self.market.time(request.symbol, command.at);
        self.report(Some(command.order), at, Happened::OrderModified { price: Some(price), stop_loss, take_profit });
        Ok(())
    }

    fn modify_position(&mut self, command: &Command, id: PositionId, stop_loss: Option<Points>, take_profit: Option<Points>) -> Checked {
        let position = self.account.ledger.positions.get(&id).ok_or(retcode::POSITION_CLOSED)?;
        self.is_traded(position.symbol, command.at)?;
        let spec = self.market.table.spec(position.symbol);
        let market = closing_price(position.side, self.market.quote(position.symbol).ok_or(retcode::PRICE_OFF)?);
        checks::not_frozen(position.stop_loss, market, spec)?;
        checks::not_frozen(position.take_profit, market, spec)?;
        [stop_loss, take_profit].into_iter().flatten().try_for_each(|price| checks::on_grid(price, spec))?;
        checks::stops(position.side, stop_loss, take_profit, market, spec)?;
        let at = self.market.time(position.symbol, command.at);
        self.report(Some(id.0), at, Happened::PositionModified { position: id, stop_loss, take_profit });
        Ok(())
    }

    fn is_traded(&self, symbol: SymbolId, at: Time) -> Checked {
        require(self.market.is_open(symbol, self.market.time(symbol, at)), retcode::MARKET_CLOSED)
    }

    fn cancel(&mut self, command: &Command) -> Checked {
        let request = &self.account.ledger.orders.get(&command.order).ok_or(retcode::POSITION_CLOSED)?.request;
        self.is_traded(request.symbol, command.at)?;
        if let Some(quote) = self.market.quote(request.symbol) {
            not_frozen(request, quote, self.market.table.spec(request.symbol))?;
        }
        let at = self.market.time(request.symbol, command.at);
        self.report(Some(command.order), at, Happened::Canceled);
        Ok(())
    }
}

fn not_frozen(request: &OrderRequest, quote: crate::triggers::Quote, spec: &domain::symbol::SymbolSpec) -> Checked {
    checks::not_frozen(request.price, opening_price(request.side, quote), spec)
}

impl Plan {
    fn of(position: PositionId, entry: Entry, volume: Steps) -> Self {
        Self { legs: vec![Leg { position, entry, volume }] }
    }
}
