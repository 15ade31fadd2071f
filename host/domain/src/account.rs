//! One trading account as the host sees it: terms, ledger, gate. Shared by the engines that trade on it.

use crate::broker::{AccountTerms, Happened, Report};
use crate::contract::{AccountMode, AccountView, DenyCode, OrderKind, TradingState};
use crate::ids::{AccountId, EngineId, OrderId, UserId};
use crate::ledger::{Change, Ledger, WorkingOrder};
use crate::number::{Points, Steps};
use crate::order::{Action, Command, OrderRequest, OrderState};
use crate::reconcile::Foreign;
use crate::risk::{Approved, Exposure, GateView, HostCaps, Looked, OnSymbol, RiskGate, RiskLimits, Target};
use crate::symbol::{SymbolId, SymbolTable};
use crate::tick::Quote;
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
    /// The outcome of an order is unknown since the account was opened: nothing is opened until the broker tells it.
    pub reconciling: bool,
    /// The account was not compared with the broker's statement yet: nothing is opened until then.
    pub uncompared: bool,
    /// What somebody else has there, as of the last comparison with the broker.
    pub foreign: Vec<Foreign>,
    gate: RiskGate,
}

/// What one engine knows that its account does not: its quotes and its time.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a, Q> {
    /// Who asks.
    pub engine: EngineId,
    /// The strictest of the host's and the engine's trading state.
    pub trading: TradingState,
    /// Market time.
    pub now: Time,
    /// The quote of a symbol.
    pub quote: Q,
    /// What the whole host may open.
    pub caps: Option<&'a HostCaps>,
    /// The host itself asks, in the engine's name.
    pub by_host: bool,
}

/// What a kill switch takes back beside stopping openings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindDown {
    /// One engine's only.
    pub engine: Option<EngineId>,
    /// Withdraw working orders.
    pub cancel_orders: bool,
    /// Close positions.
    pub flatten: bool,
}

/// See [`GateView`].
#[derive(Clone, Copy, Debug, Default)]
struct UnderWay {
    against: Steps,
    reducing: Steps,
    reducing_target: Steps,
}

impl Account {
    /// An account with what it has.
    pub fn new(id: AccountId, owner: UserId, terms: AccountTerms, ledger: Ledger, limits: RiskLimits) -> Self {
        let (trading, gate) = (TradingState::Active, RiskGate::new(limits));
        Self { id, owner, terms, ledger, trading, reconciling: false, uncompared: false, foreign: Vec::new(), gate }
    }

    /// A copy for somebody who tries something out: what it has and what its gate knows, without the memory of reports that a
    /// copy never gets.
    pub fn as_it_stands(&self) -> Self {
        Self {
            id: self.id,
            owner: self.owner,
            terms: self.terms.clone(),
            ledger: self.ledger.as_it_stands(),
            trading: self.trading,
            reconciling: self.reconciling,
            uncompared: self.uncompared,
            foreign: self.foreign.clone(),
            gate: self.gate.clone(),
        }
    }

    /// Its gate, to look at.
    pub fn gate(&self) -> &RiskGate {
        &self.gate
    }

    /// Its gate, to set limits and what it remembers.
    pub fn gate_mut(&mut self) -> &mut RiskGate {
        &mut self.gate
    }

    /// Applies a broker's report: to the ledger, and to what the gate remembers of losses.
    pub fn apply<Q>(&mut self, report: &Report, table: &SymbolTable, quote: Q) -> Vec<Change>
    where
        Q: Fn(SymbolId) -> Option<(Points, Points)> + Copy,
    {
        let deal = match &report.happened {
            Happened::Deal { deal, .. } => Some(deal),
            _ => None,
        };
        if deal.is_some() && self.gate.follows_equity() {
            // Before it counts: the day begins with what there was.
            let equity = self.ledger.balance + self.ledger.floating(table, &self.terms.currency, quote);
            self.gate.note_equity(report.at, equity);
        }
        let changes = self.ledger.apply(report);
        self.reconciling &= self.ledger.orders.values().any(|order| order.state == OrderState::Unknown);
        if let Some(deal) = deal {
            self.gate.executed(deal);
        }
        changes
    }

    /// A person has looked at the account: its day and its peak begin anew, and `engine`, or every engine that waits, may open
    /// again.
    pub fn reset<Q>(&mut self, engine: Option<EngineId>, table: &SymbolTable, quote: Q)
    where
        Q: Fn(SymbolId) -> Option<(Points, Points)> + Copy,
    {
        let equity = self.ledger.balance + self.ledger.floating(table, &self.terms.currency, quote);
        let memory = self.gate.memory_mut();
        match engine {
            Some(engine) => memory.forgive(engine),
            None => {
                memory.begin_anew(equity);
                memory.forgive_all();
            }
        }
    }

    /// Checks a command of `by.engine` and, when it passes, notes a new order at once, so that the next check sees it.
    ///
    /// # Errors
    /// The gate's code.
    pub fn approve<Q>(&mut self, command: Command, table: &SymbolTable, by: &Standing<'_, Q>) -> Result<Approved<Command>, DenyCode>
    where
        Q: Fn(SymbolId) -> Option<Quote>,
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
        let asked = match &command.action {
            Action::Place(request) => Some(request),
            _ => None,
        };
        let moves = matches!(&command.action, Action::ModifyOrder { price: Some(_), .. });
        let exposure = match asked {
            _ if (asked.is_some() || moves) && self.gate.looks_at_money(by.caps) => {
                let (terms, ledger, foreign) = (&self.terms, &self.ledger, self.foreign.as_slice());
                let (mode, currency, leverage) = (terms.mode, terms.currency.as_str(), terms.leverage);
                self.gate.look(&Looked { ledger, foreign, table, mode, currency, leverage, quote: &by.quote }, asked)
            }
            _ => Exposure::default(),
        };
        let target = self.target(&command, by.engine);
        let under_way = asked.map_or(UnderWay::default(), |asked| self.under_way(asked, by.engine));
        let view = GateView {
            symbol,
            spec: table.spec(symbol),
            quote: (by.quote)(symbol),
            now: by.now,
            trading: by.trading.max(self.trading),
            netting: self.terms.mode != AccountMode::Hedging,
            target,
            working_orders: self.ledger.orders.len(),
            positions: self.ledger.positions.len(),
            on_symbol: asked
                .map_or(OnSymbol::default(), |asked| OnSymbol::of(&self.ledger, &self.foreign, self.terms.mode, symbol, asked.side)),
            exposure,
            against: under_way.against,
            reducing: under_way.reducing,
            reducing_target: under_way.reducing_target,
            caps: by.caps,
            by_host: by.by_host,
            reconciling: self.reconciling || self.uncompared,
        };
        let approved = self.gate.check(command, &view)?;
        self.ledger.recorded(approved.get());
        Ok(approved)
    }

    /// Where there is one position per symbol, a second engine's order would increase, close or turn the first one's: the
    /// symbol is whose order or position came first, and that may be somebody's beside the host.
    fn is_held_by_another(&self, engine: EngineId, symbol: SymbolId) -> bool {
        let positions = self.ledger.positions.values().map(|position| (position.symbol, position.id.0));
        let orders = self.ledger.orders.values().map(|order| (order.request.symbol, order.id));
        let is_anothers = |(of, id): (SymbolId, OrderId)| of == symbol && id.engine() != engine;
        let is_foreign = || self.foreign.iter().any(|foreign| foreign.symbol == symbol);
        self.terms.mode != AccountMode::Hedging && (positions.chain(orders).any(is_anothers) || is_foreign())
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
            Action::ModifyOrder { .. } | Action::Cancel => match self.ledger.orders.get(&command.order) {
                Some(WorkingOrder { request, .. }) if command.order.engine() == engine => {
                    Target::Order { opens: request.position.is_none() && !request.reduce_only }
                }
                _ => Target::Missing,
            },
        }
    }

    /// What of the engine's an order in its direction would close, and how much of that is being closed already.
    fn under_way(&self, asked: &OrderRequest, engine: EngineId) -> UnderWay {
        let mut found = UnderWay::default();
        let own = self.ledger.positions.values().filter(|position| position.id.0.engine() == engine && position.symbol == asked.symbol);
        found.against = own.filter(|position| position.side != asked.side).map(|position| position.volume).sum();
        let of_engine = self.ledger.orders.values().filter(|order| order.id.engine() == engine);
        let same_way = of_engine.filter(|order| order.request.symbol == asked.symbol && order.request.side == asked.side);
        // An opposite order on a netting account closes first, whatever it is called.
        let netting = self.terms.mode != AccountMode::Hedging;
        for order in same_way.filter(|order| order.request.kind == OrderKind::Market) {
            let request = &order.request;
            let rest = request.volume - order.filled;
            if request.reduce_only || request.position.is_some() || netting {
                found.reducing += rest;
            }
            if asked.position.is_some() && request.position == asked.position {
                found.reducing_target += rest;
            }
        }
        found
    }

    /// Commands that withdraw the working orders of `engine`, or of all, and those that close what they have open, in orders no
    /// larger than the symbol allows. What the gate denies is closed or withdrawn already, or can't be for want of a price.
    pub fn wind_down<Q>(&mut self, what: &WindDown, table: &SymbolTable, quote: Q) -> Vec<Approved<Command>>
    where
        Q: Fn(SymbolId) -> Option<Quote> + Copy,
    {
        let of = |id: OrderId| what.engine.is_none_or(|engine| id.engine() == engine);
        let mut commands = Vec::new();
        if what.cancel_orders {
            let pending = self.ledger.orders.values().filter(|order| of(order.id) && order.request.kind != OrderKind::Market);
            commands.extend(pending.map(|order| (order.id, order.request.symbol, Action::Cancel)));
        }
        if what.flatten {
            for position in self.ledger.positions.values().filter(|position| of(position.id.0)) {
                let max = table.spec(position.symbol).volume_max;
                let mut left = position.volume;
                while left > Steps(0) {
                    let volume = left.min(max);
                    left -= volume;
                    commands.push((position.id.0, position.symbol, Action::Place(OrderRequest::closing(position, volume))));
                }
            }
        }
        let approved = commands.into_iter().filter_map(|(named, symbol, action)| {
            let order = if matches!(action, Action::Place(_)) { self.ledger.next_hosts_order(named.engine())? } else { named };
            let quoted = quote(symbol);
            let at = quoted.map_or(Time(0), |quote| quote.at);
            let command = Command { account: self.id, order, at, action };
            let by = Standing { engine: named.engine(), trading: TradingState::Active, now: at, quote, caps: None, by_host: true };
            self.approve(command, table, &by).ok()
        });
        approved.collect()
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
pub(crate) mod tests;
