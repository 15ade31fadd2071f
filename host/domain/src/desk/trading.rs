//! The guest's orders: from `f64` to the grid, through the gate, into the outbox; and its own orders and positions back.

use super::decisions::Asked;
use super::reasons::{Named, listed, prices_of, reason};
use super::{Desk, Phase};
use crate::contract::{AskedOrder, DenyCode, LogLevel, SeenOrder, SeenPosition};
use crate::ids::{HOSTS_ORDERS_FROM, OrderId, PositionId};
use crate::ledger::{Position, WorkingOrder, floating_of};
use crate::limits::SEEN_ROWS_MAX;
use crate::number::{Points, Steps};
use crate::order::{Action, Command, OrderRequest, Tag};
use crate::symbol::{OffGrid, SymbolId, SymbolSpec};
use crate::time::Time;

impl Desk {
    pub(super) fn do_submit(&mut self, asked: AskedOrder) -> Result<u64, DenyCode> {
        self.acted();
        let answer = self.decide(|| Asked::Submit(asked.clone()), |desk| desk.on_grid(&asked).and_then(|request| desk.place(request)));
        if let Err(code) = answer {
            self.note_denied(&asked, code);
        }
        if let Ok(symbol) = self.symbol(asked.symbol) {
            self.reports.asked(symbol, asked.side, answer);
        }
        self.decisions.submit(self.now, &asked, answer);
        self.count_denied(answer);
        answer
    }

    pub(super) fn do_modify_order(
        &mut self,
        id: u64,
        price: Option<f64>,
        stop_loss: Option<f64>,
        take_profit: Option<f64>,
    ) -> Result<(), DenyCode> {
        self.acted();
        let answer = self.decide(
            || Asked::ModifyOrder { id, price, stop_loss, take_profit },
            |desk| {
                let (order, action) = desk.order_on_grid(id, price, stop_loss, take_profit)?;
                desk.command(order, action).map(|()| id)
            },
        );
        let prices = [("price", price), ("stop loss", stop_loss), ("take profit", take_profit)];
        self.note_refused(answer, |desk| desk.symbol_of_order(id), None, &prices, || format!("modify order {id}"));
        let answer = answer.map(drop);
        self.decisions.modify(self.now, b'm', id, [price, stop_loss, take_profit], answer);
        self.count_denied(answer);
        answer
    }

    pub(super) fn do_modify_position(&mut self, id: u64, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode> {
        self.acted();
        let answer = self.decide(
            || Asked::ModifyPosition { id, stop_loss, take_profit },
            |desk| {
                let (order, action) = desk.position_on_grid(id, stop_loss, take_profit)?;
                desk.command(order, action).map(|()| id)
            },
        );
        let prices = [("stop loss", stop_loss), ("take profit", take_profit)];
        self.note_refused(answer, |desk| desk.symbol_of_position(id), None, &prices, || format!("modify position {id}"));
        let answer = answer.map(drop);
        self.decisions.modify(self.now, b'p', id, [None, stop_loss, take_profit], answer);
        self.count_denied(answer);
        answer
    }

    pub(super) fn do_cancel(&mut self, id: u64) -> Result<(), DenyCode> {
        self.acted();
        let answer = self.decide(
            || Asked::Cancel { id },
            |desk| {
                let order = desk.own(id).ok_or(DenyCode::OrderNotFound)?;
                desk.command(order, Action::Cancel).map(|()| id)
            },
        );
        self.note_refused(answer, |_| None, None, &[], || format!("cancel order {id}"));
        let answer = answer.map(drop);
        self.decisions.cancel(self.now, id, answer);
        self.count_denied(answer);
        answer
    }

    pub(super) fn do_close(&mut self, id: u64, volume: Option<f64>) -> Result<u64, DenyCode> {
        self.acted();
        let closing = self.closing(id, volume);
        let about = closing.as_ref().ok().map(|request| (request.symbol, request.side));
        let answer = self.decide(|| Asked::Close { id, volume }, |desk| closing.and_then(|request| desk.place_in_parts(request)));
        self.note_refused(
            answer,
            |desk| desk.symbol_of_position(id),
            volume,
            &[],
            || {
                let lots = volume.map_or(String::new(), |lots| format!(", {lots} lots"));
                format!("close position {id}{lots}")
            },
        );
        if let Some((symbol, side)) = about {
            self.reports.asked(symbol, side, answer);
        }
        self.decisions.close(self.now, id, volume, answer);
        self.count_denied(answer);
        answer
    }

    /// Places a close, in as many orders as the symbol's largest order makes of it; gives the first's number. A part that is
    /// denied leaves what it would have closed open, of which the owner is told.
    fn place_in_parts(&mut self, request: OrderRequest) -> Result<u64, DenyCode> {
        let max = self.table.spec(request.symbol).volume_max;
        let mut left = request.volume - request.volume.min(max);
        let first = self.place(OrderRequest { volume: request.volume.min(max), ..request.clone() })?;
        while left > Steps(0) {
            let volume = left.min(max);
            if let Err(code) = self.place(OrderRequest { volume, ..request.clone() }) {
                let lots = self.table.spec(request.symbol).lots(left);
                self.reports.log(LogLevel::Warn, &format!("denied {code}: {lots} lots of a position too large for one order stay open"));
                break;
            }
            left -= volume;
        }
        Ok(first)
    }

    /// Tells the owner of a change that was denied: it leaves no other trace.
    fn note_refused<T>(
        &mut self,
        answer: Result<T, DenyCode>,
        symbol: impl FnOnce(&Self) -> Option<SymbolId>,
        volume: Option<f64>,
        prices: &[Named],
        what: impl FnOnce() -> String,
    ) {
        if let Err(code) = answer
            && self.reports.has_room_for("denied : ".len())
        {
            let why = reason(code, symbol(self).map(|symbol| self.table.spec(symbol)), volume, prices);
            self.reports.log(LogLevel::Warn, &format!("denied {code}: {}{}{why}", what(), listed(prices)));
        }
    }

    fn symbol_of_order(&self, id: u64) -> Option<SymbolId> {
        Some(self.lock().ledger.orders.get(&self.own(id)?)?.request.symbol)
    }

    fn symbol_of_position(&self, id: u64) -> Option<SymbolId> {
        let position = self.own(id).map(PositionId)?;
        Some(self.lock().ledger.positions.get(&position)?.symbol)
    }

    /// Tells the owner: an order that was denied leaves no other trace.
    fn note_denied(&mut self, asked: &AskedOrder, code: DenyCode) {
        // A flood of them is not even formatted: no such line is shorter.
        if self.reports.has_room_for("denied : ".len()) {
            let spec = self.symbol(asked.symbol).ok().map(|id| self.table.spec(id));
            let name = spec.map_or("?", |spec| &spec.name);
            let prices = prices_of(asked);
            let why = reason(code, spec, Some(asked.volume), &prices);
            let asked_for = format!("{} {} {} lots of {name}{}", asked.kind, asked.side, asked.volume, listed(&prices));
            let text = format!("denied {code}: {asked_for}{why}");
            self.reports.log(LogLevel::Warn, &text);
        }
    }

    /// Gives the order its number and has it checked; a denied one uses no number up.
    fn place(&mut self, request: OrderRequest) -> Result<u64, DenyCode> {
        let number = self.next_number().filter(|&number| number < HOSTS_ORDERS_FROM).ok_or(DenyCode::BudgetExceeded)?;
        self.command(OrderId::new(self.engine, number), Action::Place(request))?;
        self.numbered(number);
        Ok(u64::from(number))
    }

    fn command(&mut self, order: OrderId, action: Action) -> Result<(), DenyCode> {
        if !matches!(self.phase, Phase::Event | Phase::Ending) {
            return Err(DenyCode::NotAllowedNow);
        }
        if self.asked_in_call >= self.orders_per_call_max {
            return Err(DenyCode::BudgetExceeded);
        }
        self.asked_in_call += 1;
        self.take_request(&action)?;
        if !self.queue.take() {
            return Err(DenyCode::HostBusy);
        }
        let checked = {
            let mut account = self.lock();
            let command = Command { account: account.id, order, at: self.now, action };
            account.approve(command, &self.table, &self.standing())
        };
        let approved = checked.inspect_err(|_| self.queue.release(1))?;
        self.outbox.push(approved);
        Ok(())
    }

    fn on_grid(&self, asked: &AskedOrder) -> Result<OrderRequest, DenyCode> {
        let symbol = self.symbol(asked.symbol).map_err(|_| DenyCode::SymbolNotAllowed)?;
        let spec = self.table.spec(symbol);
        let point = |price: Option<f64>| price_on_grid(spec, price);
        let position = asked.position.map(|id| self.own(id).map(PositionId).ok_or(DenyCode::PositionNotFound)).transpose()?;
        Ok(OrderRequest {
            symbol,
            side: asked.side,
            kind: asked.kind,
            volume: volume_on_grid(spec, asked.volume)?,
            price: point(asked.price)?,
            stop_limit_price: point(asked.stop_limit_price)?,
            stop_loss: point(asked.stop_loss)?,
            take_profit: point(asked.take_profit)?,
            filling: asked.filling,
            deviation: asked.deviation.map(|points| Points(i64::from(points))),
            expires: asked.expires.map(Time),
            position,
            reduce_only: asked.reduce_only,
            tag: Tag::new(asked.tag.as_str()).ok_or(DenyCode::Invalid)?,
        })
    }

    fn order_on_grid(
        &self,
        id: u64,
        price: Option<f64>,
        stop_loss: Option<f64>,
        take_profit: Option<f64>,
    ) -> Result<(OrderId, Action), DenyCode> {
        let order = self.own(id).ok_or(DenyCode::OrderNotFound)?;
        let symbol = self.lock().ledger.orders.get(&order).ok_or(DenyCode::OrderNotFound)?.request.symbol;
        let point = |price| price_on_grid(self.table.spec(symbol), price);
        Ok((order, Action::ModifyOrder { price: point(price)?, stop_loss: point(stop_loss)?, take_profit: point(take_profit)? }))
    }

    fn position_on_grid(&self, id: u64, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(OrderId, Action), DenyCode> {
        let position = self.own(id).map(PositionId).ok_or(DenyCode::PositionNotFound)?;
        let symbol = self.lock().ledger.positions.get(&position).ok_or(DenyCode::PositionNotFound)?.symbol;
        let point = |price| price_on_grid(self.table.spec(symbol), price);
        Ok((position.0, Action::ModifyPosition { position, stop_loss: point(stop_loss)?, take_profit: point(take_profit)? }))
    }

    fn closing(&self, id: u64, volume: Option<f64>) -> Result<OrderRequest, DenyCode> {
        let id = self.own(id).map(PositionId).ok_or(DenyCode::PositionNotFound)?;
        let account = self.lock();
        let position = account.ledger.positions.get(&id).ok_or(DenyCode::PositionNotFound)?;
        let spec = self.table.spec(position.symbol);
        let volume = volume.map_or(Ok(position.volume), |lots| volume_on_grid(spec, lots))?;
        Ok(OrderRequest::closing(position, volume))
    }

    pub(super) fn seen_orders(&self) -> Vec<SeenOrder> {
        let account = self.lock();
        let own = account.ledger.orders.values().filter(|order| order.id.engine() == self.engine);
        own.filter_map(|order| self.seen_order(order)).take(SEEN_ROWS_MAX).collect()
    }

    pub(super) fn seen_positions(&self) -> Vec<SeenPosition> {
        let account = self.lock();
        let own = account.ledger.positions.values().filter(|position| position.id.0.engine() == self.engine);
        own.filter_map(|position| self.seen_position(position, &account.terms.currency)).take(SEEN_ROWS_MAX).collect()
    }

    fn seen_order(&self, order: &WorkingOrder) -> Option<SeenOrder> {
        let request = &order.request;
        let spec = self.table.spec(request.symbol);
        let price = |points: Option<Points>| points.map(|points| spec.price(points));
        Some(SeenOrder {
            id: u64::from(order.id.number()),
            symbol: self.index_of(request.symbol)?,
            side: request.side,
            kind: request.kind,
            volume: spec.lots(request.volume),
            filled: spec.lots(order.filled),
            price: price(request.price),
            stop_loss: price(request.stop_loss),
            take_profit: price(request.take_profit),
            placed: order.placed.0,
            tag: request.tag.as_str().to_owned(),
        })
    }

    /// A position as its guest sees it; `None` when the guest does not trade its symbol.
    pub(crate) fn seen_position(&self, position: &Position, currency: &str) -> Option<SeenPosition> {
        let spec = self.table.spec(position.symbol);
        let price = |points: Option<Points>| points.map(|points| spec.price(points));
        let quote = |symbol: SymbolId| self.quote(symbol);
        let floating = if position.volume == Steps(0) { None } else { floating_of(position, &self.table, currency, quote) };
        Some(SeenPosition {
            id: u64::from(position.id.0.number()),
            symbol: self.index_of(position.symbol)?,
            side: position.side,
            volume: spec.lots(position.volume),
            open_price: position.open_points() / spec.points_per_unit(),
            stop_loss: price(position.stop_loss),
            take_profit: price(position.take_profit),
            opened: position.opened.0,
            profit: floating.unwrap_or_default().to_units(),
            swap: position.swap.to_units(),
            commission: position.commission.to_units(),
            tag: position.tag.as_str().to_owned(),
        })
    }
}

fn price_on_grid(spec: &SymbolSpec, price: Option<f64>) -> Result<Option<Points>, DenyCode> {
    let code = |off| if off == OffGrid::NotANumber { DenyCode::Invalid } else { DenyCode::PriceOffTick };
    price.map(|price| spec.points(price).map_err(code)).transpose()
}

fn volume_on_grid(spec: &SymbolSpec, lots: f64) -> Result<Steps, DenyCode> {
    spec.steps(lots).map_err(|off| match off {
        OffGrid::Between => DenyCode::VolumeOffStep,
        OffGrid::NotANumber if lots.is_finite() && lots * 1e8 < spec.volume_step_e8 as f64 => DenyCode::VolumeBelowMinimum,
        OffGrid::NotANumber => DenyCode::Invalid,
    })
}
