//! Equity, margin, and when an account is stopped out: exactly, and as a range of prices within which it can't be.

use crate::account::PaperAccount;
use crate::curve::Curve;
use crate::dealing::{Dealing, Market};
use crate::triggers::{Bank, Quote, Task, Trigger};
use domain::ledger::{Ledger, Position, margin_of};
use domain::number::{Money, Points};
use domain::symbol::{SymbolId, SymbolSpec};
use domain::time::Time;
use smallvec::SmallVec;
use std::cell::RefCell;

/// How an account stands at the current quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Deposit plus what has been booked.
    pub balance: Money,
    /// Balance plus floating profit.
    pub equity: Money,
    /// What open positions tie up.
    pub margin: Money,
    /// Whether that is enough.
    pub state: MarginState,
}

impl Standing {
    /// Equity in percent of margin; `None` when no margin is tied up.
    pub fn level_percent(&self) -> Option<f64> {
        (self.margin.0 > 0).then(|| self.equity.0 as f64 * 100.0 / self.margin.0 as f64)
    }
}

/// How much is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarginState {
    /// Above the margin call.
    Fine,
    /// The level is at or below the margin call: the owner should add money or close something.
    MarginCall,
}

/// Where something happens to an account with open positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// When equity is at or below this percentage of margin.
    Percent(u32),
    /// When equity is at or below this amount.
    Money(Money),
}

/// Most accounts hang on one, or on a few.
type Symbols = SmallVec<[SymbolId; 4]>;

/// How an account hangs on quotes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exposure {
    /// Symbols whose quotes move its equity or margin.
    symbols: Symbols,
    watch: Watch,
    /// The triggers that tell when the safe range is left.
    range: Option<(SymbolId, [Trigger; 4])>,
    pub curve: Option<Curve>,
}

/// Why an account's margin is looked at with every tick of its symbols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Watch {
    /// It is not.
    #[default]
    No,
    /// It hangs on several symbols.
    SeveralSymbols,
    /// A quote or rate is missing, or the price is a point away from a stop-out: another tick may change that.
    ForNow,
}

/// Whether `equity` is at or below the level. Never without margin: there is nothing to close.
fn at_or_below(equity: Money, margin: Money, level: Level) -> bool {
    let below = match level {
        Level::Percent(percent) => i128::from(equity.0) * 100 <= i128::from(margin.0) * i128::from(percent),
        Level::Money(amount) => equity <= amount,
    };
    margin.0 > 0 && below
}

fn only_once(symbols: &mut Symbols) {
    symbols.sort_unstable();
    symbols.dedup();
}

impl Market {
    pub(crate) fn equity(&self, account: &PaperAccount) -> Money {
        self.equity_at(account, |symbol| self.quote(symbol))
    }

    /// The equity if the quotes were these.
    pub(crate) fn equity_at(&self, account: &PaperAccount, quote: impl Fn(SymbolId) -> Option<Quote> + Copy) -> Money {
        account.ledger.balance + account.ledger.floating(&self.table, &account.terms.currency, quote)
    }

    pub(crate) fn margin(&self, account: &PaperAccount) -> Money {
        let quote = |symbol| self.quote(symbol);
        account.ledger.margin(&self.table, &account.terms.currency, account.terms.leverage, quote)
    }

    pub(crate) fn standing(&self, account: &PaperAccount) -> Standing {
        let (equity, margin) = (self.equity(account), self.margin(account));
        let called = at_or_below(equity, margin, self.options.margin_call);
        let state = if called { MarginState::MarginCall } else { MarginState::Fine };
        Standing { balance: account.ledger.balance, equity, margin, state }
    }

    /// The symbols whose quotes move equity or margin, each once; `None` while a quote or rate is missing.
    fn hangs_on(&self, account: &PaperAccount) -> Option<Symbols> {
        let currency = &account.terms.currency;
        let mut symbols: Symbols = account.ledger.positions.values().map(|position| position.symbol).collect();
        only_once(&mut symbols);
        let through = RefCell::new(Symbols::new());
        for &symbol in &symbols {
            self.quote(symbol)?;
            let spec = self.table.spec(symbol);
            for from in [spec.quote.as_str(), spec.margin_currency()] {
                self.table.rate(from, currency, |symbol| {
                    let quote = self.quote(symbol)?;
                    through.borrow_mut().push(symbol);
                    Some(quote)
                })?;
            }
        }
        symbols.append(&mut through.into_inner());
        only_once(&mut symbols);
        Some(symbols)
    }

    /// Half-width of a range around the quote of `symbol`, which alone moves this account, within which it is not stopped
    /// out; `None` when no position is left.
    ///
    /// Equity and margin are, position by position, monotone in bid and in ask, so their worst over the range lie at its
    /// corners. The width is found by halving, starting at half the price, which costs one look when the stop-out is far
    /// away.
    fn safe_distance(&self, account: &PaperAccount, symbol: SymbolId, (bid, ask): Quote) -> Option<Points> {
        let start = bid.max(ask);
        (1..)
            .map(|halvings| Points(start.0.checked_shr(halvings).unwrap_or(0)))
            .take_while(|distance| distance.0 > 0)
            .chain([Points(0)])
            .find(|&distance| self.is_safe_within(account, symbol, (bid, ask), distance))
    }

    fn is_safe_within(&self, account: &PaperAccount, symbol: SymbolId, (bid, ask): Quote, distance: Points) -> bool {
        let ends = |price: Points| [Points((price - distance).0.max(1)), price + distance];
        let corners = ends(bid).map(|bid| ends(ask).map(|ask| (bid, ask)));
        let corners = || corners.iter().flatten().copied();
        let with = |corner| move |other| if other == symbol { Some(corner) } else { self.quote(other) };
        let Ledger { positions, balance, .. } = &account.ledger;
        let (table, currency) = (&self.table, account.terms.currency.as_str());

        let floating = |position: &Position| {
            let worst = corners().filter_map(|corner| domain::ledger::floating_of(position, table, currency, with(corner))).min();
            worst.unwrap_or(Money::ZERO)
        };
        let equity = *balance + account.ledger.swap_due() + positions.values().map(floating).sum();
        let margin = corners()
            .map(|corner| margin_of(positions.values().map(Position::held), table, currency, account.terms.leverage, with(corner)))
            .max();
        !at_or_below(equity, margin.unwrap_or(Money::ZERO), self.options.stop_out)
    }
}

impl Dealing<'_> {
    pub(crate) fn equity(&self) -> Money {
        self.market.equity(self.account)
    }

    pub(crate) fn margin(&self) -> Money {
        self.market.margin(self.account)
    }

    /// Whether the margin level is at or below the stop-out; never while a quote or rate is missing.
    pub(crate) fn is_stopped_out(&self) -> bool {
        at_or_below(self.equity(), self.margin(), self.market.options.stop_out) && self.market.hangs_on(self.account).is_some()
    }

    /// Brings the safe range and everything else that hangs on quotes in line with the positions there are now, after a
    /// stop-out where the changes themselves left too little: no tick of what is still held may come for a long time.
    pub(crate) fn settle(&mut self, margin_was_looked_at: bool, at: Time) {
        if self.account.stale {
            self.stop_out(at);
        }
        if self.account.stale || (margin_was_looked_at && self.account.exposure.watch != Watch::SeveralSymbols) {
            self.refit();
        }
    }

    /// The same, changed or not.
    pub(crate) fn refit(&mut self) {
        self.forget_exposure();
        self.account.stale = false;
        if self.account.ledger.positions.is_empty() {
            return;
        }
        let known = self.market.hangs_on(self.account);
        let watch = match &known {
            None => Watch::ForNow,
            Some(symbols) if symbols.len() > 1 => Watch::SeveralSymbols,
            Some(_) => Watch::No,
        };
        let positions = self.account.ledger.positions.values();
        let symbols = known.unwrap_or_else(|| positions.map(|position| position.symbol).collect());
        self.account.exposure = Exposure { symbols, watch, range: None, curve: None };
        if watch == Watch::No {
            self.fit_range();
        }
        let id = self.account.id;
        for symbol in &self.account.exposure.symbols {
            let book = &mut self.market.books[usize::from(symbol.0)];
            book.holders.insert(id);
            if self.account.exposure.watch != Watch::No {
                book.watchers.insert(id);
            }
        }
    }

    /// For an account that hangs on one symbol.
    fn fit_range(&mut self) {
        let symbol = self.account.exposure.symbols[0];
        let quote @ (bid, ask) = self.market.quote(symbol).expect("what it hangs on is known only with a quote");
        let spec = self.market.table.spec(symbol);
        self.account.exposure.curve = self.curve(spec, spec.price(bid.max(ask)));
        let Some(distance) = self.market.safe_distance(self.account, symbol, quote) else {
            self.account.exposure.watch = Watch::ForNow;
            return;
        };
        let beyond = distance.0 + 1;
        let trigger = |bank, key| Trigger { bank, key, task: Task::Margin };
        let range = [
            trigger(Bank::BidFalls, bid.0 - beyond),
            trigger(Bank::BidRises, bid.0 + beyond),
            trigger(Bank::AskFalls, ask.0 - beyond),
            trigger(Bank::AskRises, ask.0 + beyond),
        ];
        range.into_iter().for_each(|trigger| self.market.arm(self.account, symbol, trigger));
        self.account.exposure.range = Some((symbol, range));
    }

    fn curve(&self, spec: &SymbolSpec, price: f64) -> Option<Curve> {
        let ledger = &self.account.ledger;
        Curve::new(ledger.positions.values(), spec, &self.account.terms.currency, ledger.balance + ledger.swap_due(), price)
    }

    pub(crate) fn forget_exposure(&mut self) {
        let exposure = std::mem::take(&mut self.account.exposure);
        if let Some((symbol, range)) = exposure.range {
            range.into_iter().for_each(|trigger| self.market.disarm(self.account, symbol, trigger));
        }
        for symbol in exposure.symbols {
            let book = &mut self.market.books[usize::from(symbol.0)];
            book.holders.remove(&self.account.id);
            book.watchers.remove(&self.account.id);
        }
    }
}
