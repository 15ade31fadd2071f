//! One account at work: every change of its ledger is a report, and every report passes here.

use crate::account::PaperAccount;
use crate::triggers::{Book, Quote, Trigger, of_order, of_position};
use crate::venue::VenueOptions;
use domain::broker::{Deal, Happened, Report};
use domain::ids::{DealId, OrderId, PositionId};
use domain::ledger::{Change, WorkingOrder};
use domain::number::Rate;
use domain::order::OrderState;
use domain::symbol::{OrderLife, SymbolId, SymbolTable};
use domain::time::Time;

/// What all accounts see: symbols, quotes, rules.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    pub table: SymbolTable,
    pub options: VenueOptions,
    pub books: Vec<Book>,
}

impl Market {
    pub(crate) fn new(table: SymbolTable, options: VenueOptions) -> Self {
        let books = table.iter().map(|(_, spec)| Book::new(spec)).collect();
        Self { table, options, books }
    }

    pub(crate) fn book(&self, symbol: SymbolId) -> Option<&Book> {
        self.books.get(usize::from(symbol.0))
    }

    pub(crate) fn quote(&self, symbol: SymbolId) -> Option<Quote> {
        self.book(symbol)?.quote
    }

    pub(crate) fn rate(&self, from: &str, to: &str) -> Option<Rate> {
        self.table.rate(from, to, |symbol| self.quote(symbol))
    }

    /// The time of a symbol: that of its last tick, or `at_least`.
    pub(crate) fn time(&self, symbol: SymbolId, at_least: Time) -> Time {
        self.book(symbol).map_or(at_least, |book| book.time.max(at_least))
    }

    /// Whether the symbol is traded at `time`.
    pub(crate) fn is_open(&self, symbol: SymbolId, time: Time) -> bool {
        let sessions = &self.table.spec(symbol).sessions;
        sessions.as_ref().is_none_or(|sessions| sessions.is_open(self.options.clock.shown(time)))
    }

    pub(crate) fn arm(&mut self, account: &PaperAccount, symbol: SymbolId, trigger: Trigger) {
        let spec = self.table.spec(symbol);
        self.books[usize::from(symbol.0)].arm(account.id, trigger, spec);
    }

    /// When an order of a symbol whose orders live for a day has to go.
    fn day_end(&self, order: &WorkingOrder) -> Option<Time> {
        let life = self.table.spec(order.request.symbol).order_life;
        (life == OrderLife::Day).then(|| self.options.clock.midnight_after(order.placed))
    }

    pub(crate) fn disarm(&mut self, account: &PaperAccount, symbol: SymbolId, trigger: Trigger) {
        let spec = self.table.spec(symbol);
        self.books[usize::from(symbol.0)].disarm(account.id, trigger, spec);
    }
}

/// An account, the market it deals in, and where its reports go.
pub(crate) struct Dealing<'a> {
    pub market: &'a mut Market,
    pub account: &'a mut PaperAccount,
    pub out: &'a mut Vec<Report>,
}

impl Dealing<'_> {
    /// Makes `happened` true: in the ledger, in the triggers, and for whoever takes the reports.
    pub(crate) fn report(&mut self, order: Option<OrderId>, at: Time, happened: Happened) {
        let position = match &happened {
            Happened::Deal { deal, .. } => Some(deal.position),
            Happened::PositionModified { position, .. } => Some(*position),
            _ => None,
        };
        let is_deal = matches!(happened, Happened::Deal { .. });
        let report = Report { account: self.account.id, order, at, happened };
        let was_working = order.is_some_and(|id| self.account.ledger.orders.contains_key(&id));

        self.each_trigger(order, position, Market::disarm);
        let changes = self.account.ledger.apply(&report);
        debug_assert!(!changes.iter().any(|change| matches!(change, Change::Contradiction(_))), "{changes:?}");
        self.each_trigger(order, position, Market::arm);

        if was_working && order.is_some_and(|id| !self.account.ledger.orders.contains_key(&id)) {
            self.account.remember(report.clone());
        }
        self.out.push(report);
        if is_deal {
            self.account.stale = true;
            self.cancel_closers_of_what_is_gone(position, at);
        }
    }

    /// Books a deal, with the account's next number.
    pub(crate) fn deal(&mut self, deal: Deal, rest: domain::number::Steps) {
        let deal = Deal { id: DealId(self.account.ledger.last_deal.0 + 1), ..deal };
        self.report(deal.order, deal.time, Happened::Deal { deal, rest });
    }

    /// Arms every order and position of a restored ledger.
    pub(crate) fn arm_all(&mut self) {
        self.for_all(Market::arm);
    }

    /// Takes every trigger of the ledger back.
    pub(crate) fn disarm_all(&mut self) {
        self.for_all(Market::disarm);
    }

    fn for_all(&mut self, act: impl Fn(&mut Market, &PaperAccount, SymbolId, Trigger) + Copy) {
        let orders: Vec<OrderId> = self.account.ledger.orders.keys().copied().collect();
        let positions: Vec<PositionId> = self.account.ledger.positions.keys().copied().collect();
        orders.into_iter().for_each(|id| self.each_trigger(Some(id), None, act));
        positions.into_iter().for_each(|id| self.each_trigger(None, Some(id), act));
    }

    fn each_trigger(
        &mut self,
        order: Option<OrderId>,
        position: Option<PositionId>,
        act: impl Fn(&mut Market, &PaperAccount, SymbolId, Trigger),
    ) {
        let working = |state| matches!(state, OrderState::Accepted | OrderState::PartiallyFilled);
        if let Some(order) = order.and_then(|id| self.account.ledger.orders.get(&id)).filter(|order| working(order.state)) {
            of_order(order, self.market.day_end(order)).for_each(|trigger| act(self.market, self.account, order.request.symbol, trigger));
        }
        if let Some(position) = position.and_then(|id| self.account.ledger.positions.get(&id)) {
            of_position(position).for_each(|trigger| act(self.market, self.account, position.symbol, trigger));
        }
    }

    /// Pending orders that would close a position end with it.
    fn cancel_closers_of_what_is_gone(&mut self, position: Option<PositionId>, at: Time) {
        let Some(gone) = position.filter(|id| !self.account.ledger.positions.contains_key(id)) else { return };
        let orders = self.account.ledger.orders.values();
        let closers: Vec<OrderId> = orders
            .filter(|order| order.request.position == Some(gone) && order.state == OrderState::Accepted)
            .map(|order| order.id)
            .collect();
        closers.into_iter().for_each(|id| self.report(Some(id), at, Happened::Canceled));
    }
}
