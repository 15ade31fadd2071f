//! One trading account as the host sees it: terms, ledger, gate. Shared by the engines that trade on it.

use crate::broker::AccountTerms;
use crate::contract::{AccountMode, AccountView, DenyCode, OrderKind, TradingState};
use crate::ids::{AccountId, EngineId, UserId};
use crate::ledger::Ledger;
use crate::number::{Points, Steps};
use crate::order::{Action, Command};
use crate::risk::{Approved, GateView, RiskGate, RiskLimits, Target};
use crate::symbol::{SymbolId, SymbolTable};
use crate::time::Time;

/// A trading account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Which.
    pub id: AccountId,
    /// Whose.
    pub owner: UserId,
    /// Mode, currency, leverage, deposit.
    pub terms: AccountTerms,
    /// What it has.
    pub ledger: Ledger,
    /// What it may do; the host's and the engine's states count as well.
    pub trading: TradingState,
    gate: RiskGate,
}

/// What one engine knows that its account does not: its quotes and its time.
#[derive(Clone, Copy, Debug)]
pub struct Standing<Q> {
    /// Who asks.
    pub engine: EngineId,
    /// The strictest of the host's and the engine's trading state.
    pub trading: TradingState,
    /// Market time.
    pub now: Time,
    /// Bid and ask of a symbol.
    pub quote: Q,
}

impl Account {
    /// An account with what it has.
    pub fn new(id: AccountId, owner: UserId, terms: AccountTerms, ledger: Ledger, limits: RiskLimits) -> Self {
        Self { id, owner, terms, ledger, trading: TradingState::Active, gate: RiskGate::new(limits) }
    }

    /// Its gate, to look at.
    pub fn gate(&self) -> &RiskGate {
        &self.gate
    }

    /// Checks a command of `by.engine` and, when it passes, notes a new order at once, so that the next check sees it.
    ///
    /// # Errors
    /// The gate's code.
    pub fn approve<Q>(&mut self, command: Command, table: &SymbolTable, by: &Standing<Q>) -> Result<Approved<Command>, DenyCode>
    where
        Q: Fn(SymbolId) -> Option<(Points, Points)>,
    {
        let symbol = match &command.action {
            Action::Place(request) => request.symbol,
            Action::ModifyPosition { position, .. } => self.ledger.positions.get(position).ok_or(DenyCode::PositionNotFound)?.symbol,
            Action::ModifyOrder { .. } | Action::Cancel => {
                self.ledger.orders.get(&command.order).ok_or(DenyCode::OrderNotFound)?.request.symbol
            }
        };
        if matches!(&command.action, Action::Place(request) if request.position.is_none()) && self.is_held_by_another(by.engine, symbol) {
            return Err(DenyCode::SymbolNotAllowed);
        }
        let view = GateView {
            spec: table.spec(symbol),
            quote: (by.quote)(symbol),
            now: by.now,
            trading: by.trading.max(self.trading),
            target: self.target(&command, by.engine),
            working_orders: self.ledger.orders.len(),
            positions: self.ledger.positions.len(),
            net: self.net(by.engine, symbol),
            reducing: self.reducing(&command, by.engine, symbol),
        };
        let approved = self.gate.check(command, &view)?;
        self.ledger.recorded(approved.get());
        Ok(approved)
    }

    /// Where there is one position per symbol, a second engine's order would increase, close or turn the first one's: the
    /// symbol is whose order or position came first.
    fn is_held_by_another(&self, engine: EngineId, symbol: SymbolId) -> bool {
        let positions = self.ledger.positions.values().map(|position| (position.symbol, position.id.0));
        let orders = self.ledger.orders.values().map(|order| (order.request.symbol, order.id));
        self.terms.mode != AccountMode::Hedging && positions.chain(orders).any(|(of, id)| of == symbol && id.engine() != engine)
    }

    /// What the command names, when it is the engine's own.
    fn target(&self, command: &Command, engine: EngineId) -> Target {
        let position = |id| match self.ledger.positions.get(id) {
            Some(found) if id.0.engine() == engine => Target::Position { symbol: found.symbol, side: found.side, volume: found.volume },
            _ => Target::Missing,
        };
        match &command.action {
            Action::Place(request) => request.position.as_ref().map_or(Target::None, position),
            Action::ModifyPosition { position: id, .. } => position(id),
            Action::ModifyOrder { .. } | Action::Cancel if command.order.engine() == engine => Target::Order,
            Action::ModifyOrder { .. } | Action::Cancel => Target::Missing,
        }
    }

    fn net(&self, engine: EngineId, symbol: SymbolId) -> Steps {
        let own = self.ledger.positions.values().filter(|position| position.id.0.engine() == engine && position.symbol == symbol);
        own.map(|position| Steps(position.side.sign() * position.volume.0)).sum()
    }

    fn reducing(&self, command: &Command, engine: EngineId, symbol: SymbolId) -> Steps {
        let Action::Place(asked) = &command.action else {
            return Steps(0);
        };
        let own = self
            .ledger
            .orders
            .values()
            .filter(|order| order.id.engine() == engine && order.request.symbol == symbol && order.request.side == asked.side);
        let underway = own.filter(|order| order.request.kind == OrderKind::Market);
        let reduces = underway.filter(|order| match asked.position {
            Some(_) => order.request.position == asked.position,
            None => order.request.reduce_only || order.request.position.is_some(),
        });
        reduces.map(|order| order.request.volume - order.filled).sum()
    }

    /// Commands the engine may still give in this minute.
    pub fn commands_left(&self, engine: EngineId, now: Time) -> u32 {
        self.gate.commands_left(engine, now)
    }

    /// The account as a guest sees it, all engines' positions included.
    pub fn view(&self, table: &SymbolTable, quote: impl Fn(SymbolId) -> Option<(Points, Points)> + Copy) -> AccountView {
        let equity = self.ledger.balance + self.ledger.floating(table, &self.terms.currency, quote);
        let margin = self.ledger.margin(table, &self.terms.currency, self.terms.leverage, quote);
        AccountView {
            mode: self.terms.mode,
            currency: self.terms.currency.clone(),
            leverage: self.terms.leverage,
            balance: self.ledger.balance.to_units(),
            equity: equity.to_units(),
            margin: margin.to_units(),
            margin_free: (equity - margin).to_units(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{Deal, Entry, Happened, Reason, Report};
    use crate::contract::{Filling, Side};
    use crate::ids::{DealId, OrderId, PositionId};
    use crate::number::Money;
    use crate::order::{OrderRequest, Tag};
    use crate::symbol::common;

    const SYMBOL: SymbolId = SymbolId(0);

    fn order(side: Side) -> OrderRequest {
        OrderRequest {
            symbol: SYMBOL,
            side,
            kind: OrderKind::Market,
            volume: Steps(5),
            price: None,
            stop_limit_price: None,
            stop_loss: None,
            take_profit: None,
            filling: Filling::Any,
            deviation: None,
            expires: None,
            position: None,
            reduce_only: false,
            tag: Tag::default(),
        }
    }

    fn ask(account: &mut Account, engine: u32, number: u32, request: OrderRequest) -> Result<(), DenyCode> {
        let table = SymbolTable::new(vec![common::forex("EUR", "USD")]).unwrap();
        let command =
            Command { account: account.id, order: OrderId::new(EngineId(engine), number), at: Time(0), action: Action::Place(request) };
        let quote = |_| Some((Points(130_000), Points(130_010)));
        let by = Standing { engine: EngineId(engine), trading: TradingState::Active, now: Time(0), quote };
        account.approve(command, &table, &by).map(drop)
    }

    /// An account on which engine 1 has bought.
    fn bought(mode: AccountMode) -> Account {
        let terms = AccountTerms { mode, ..AccountTerms::default() };
        let mut account = Account::new(AccountId(1), UserId(1), terms, Ledger::new(Money(1)), RiskLimits::default());
        let id = OrderId::new(EngineId(1), 1);
        ask(&mut account, 1, 1, order(Side::Buy)).unwrap();
        let deal = Deal {
            id: DealId(1),
            order: Some(id),
            position: PositionId(id),
            symbol: SYMBOL,
            side: Side::Buy,
            entry: Entry::In,
            reason: Reason::Expert,
            volume: Steps(5),
            price: Points(130_010),
            profit: Money::ZERO,
            commission: Money::ZERO,
            swap: Money::ZERO,
            time: Time(0),
        };
        let happened = Happened::Deal { deal, rest: Steps(0) };
        account.ledger.apply(&Report { account: account.id, order: Some(id), at: Time(0), happened });
        account
    }

    #[test]
    fn a_symbol_of_a_netting_account_is_one_engines_at_a_time() {
        let mut netting = bought(AccountMode::Netting);
        assert_eq!(ask(&mut netting, 2, 1, order(Side::Sell)), Err(DenyCode::SymbolNotAllowed));
        assert_eq!(ask(&mut netting, 1, 2, order(Side::Sell)), Ok(()));
        assert_eq!(ask(&mut bought(AccountMode::Hedging), 2, 1, order(Side::Sell)), Ok(()));
    }

    #[test]
    fn a_pending_close_keeps_nobody_from_closing_at_the_market() {
        let mut account = bought(AccountMode::Hedging);
        let close = OrderRequest { position: Some(PositionId(OrderId::new(EngineId(1), 1))), ..order(Side::Sell) };
        let limit = OrderRequest { kind: OrderKind::Limit, price: Some(Points(131_000)), ..close.clone() };
        assert_eq!(ask(&mut account, 1, 2, limit), Ok(()));
        assert_eq!(ask(&mut account, 1, 3, close.clone()), Ok(()));
        assert_eq!(ask(&mut account, 1, 4, close), Err(DenyCode::WouldIncrease), "one on its way is enough");
    }
}
