//! One trading account as the host sees it: terms, ledger, gate. Shared by the engines that trade on it.

use crate::broker::AccountTerms;
use crate::contract::DenyCode;
use crate::contract::{AccountView, TradingState};
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
        let reduces = own.filter(|order| match asked.position {
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
