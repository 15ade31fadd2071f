//! The venue: all paper accounts of a host, or the one account of a backtest.

use crate::account::PaperAccount;
use crate::costs::Commissions;
use crate::dealing::{Dealing, Market};
use crate::delay::{Delay, Wire};
use crate::margin::{Level, Standing};
use crate::nights::Midnight;
use crate::track::{EquityTrack, follow};
use crate::triggers::{Book, Quote, Reached, Task};
use domain::broker::{AccountTerms, Broker, Happened, Reason, Report, retcode};
use domain::ids::AccountId;
use domain::journal::Recorded;
use domain::ledger::Ledger;
use domain::number::{Money, Points};
use domain::order::{Action, Command};
use domain::ranges::RangesAhead;
use domain::server_clock::ServerClock;
use domain::symbol::{SymbolId, SymbolTable};
use domain::tick::{Tick, TickColumns};
use domain::time::Time;
use std::collections::BTreeMap;

/// At what price limit orders and take profits fill once the market has reached theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitFills {
    /// At their own price: a gap in their favour gives nothing away.
    #[default]
    Conservative,
    /// At the first tick's price, as the MT5 tester does, which flatters strategies that live on small profits.
    Mt5,
}

/// What becomes of a market order whose price has moved while it was on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Execution {
    /// One that states a deviation is refused when the price has moved further than that.
    #[default]
    Instant,
    /// It fills at whatever the price is.
    Market,
}

/// Rules of the venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueOptions {
    /// How limits and take profits fill.
    pub limit_fills: LimitFills,
    /// What deals cost.
    pub commissions: Commissions,
    /// At or below this positions are closed.
    pub stop_out: Level,
    /// At or below this an account is [called](crate::MarginState::MarginCall).
    pub margin_call: Level,
    /// By which days end and sessions open.
    pub clock: ServerClock,
    /// How long commands take.
    pub delay: Delay,
    /// Start of random delays.
    pub delay_seed: u64,
    /// What becomes of prices that move meanwhile.
    pub execution: Execution,
    /// Whether [`EquityTrack`]s are kept. A backtest wants them; a live host with thousands of accounts pays for each open
    /// position with every tick, and turns them off.
    pub track_equity: bool,
}

impl Default for VenueOptions {
    /// Conservative, free of charge, without delay, stop-out at 20 %, margin call at 50 %, by UTC, with equity tracks.
    fn default() -> Self {
        Self {
            limit_fills: LimitFills::Conservative,
            commissions: Commissions::default(),
            stop_out: Level::Percent(20),
            margin_call: Level::Percent(50),
            clock: ServerClock::UTC,
            delay: Delay::None,
            delay_seed: 1,
            execution: Execution::Instant,
            track_equity: true,
        }
    }
}

/// The simulated broker. Ticks and commands in, reports out; nothing else moves it.
#[derive(Clone, Debug)]
pub struct Venue {
    market: Market,
    accounts: BTreeMap<AccountId, PaperAccount>,
    reports: Vec<Report>,
    /// Kept to be filled again with every tick that reaches something.
    reached: Vec<Reached>,
    wire: Wire,
    midnight: Midnight,
}

impl Venue {
    /// A venue for the symbols of `table`, without accounts and quotes.
    pub fn new(table: SymbolTable, options: VenueOptions) -> Self {
        let (wire, midnight) = (Wire::new(options.delay.clone(), options.delay_seed), Midnight::of(&table));
        let market = Market::new(table, options);
        Self { market, accounts: BTreeMap::new(), reports: Vec::new(), reached: Vec::new(), wire, midnight }
    }

    /// Opens an account, or replaces it. With `restored`, its accepted orders and its positions go on from there and the
    /// deposit of `terms` counts for nothing; orders that had not been accepted yet are expected to be submitted again.
    pub fn open(&mut self, id: AccountId, terms: AccountTerms, restored: Option<Ledger>) {
        self.close(id);
        let mut account = PaperAccount::new(id, terms, restored);
        let known = |symbol: SymbolId| usize::from(symbol.0) < self.market.books.len();
        debug_assert!(account.ledger.positions.values().all(|position| known(position.symbol)), "a symbol of another table");
        account.ledger.orders.retain(|_, order| known(order.request.symbol));
        account.ledger.positions.retain(|_, position| known(position.symbol));
        let mut dealing = Dealing { market: &mut self.market, account: &mut account, out: &mut self.reports };
        dealing.arm_all();
        dealing.refit();
        self.accounts.insert(id, account);
    }

    /// Takes an account off the venue with all that waits for it, and gives its ledger back.
    pub fn close(&mut self, id: AccountId) -> Option<Ledger> {
        let mut account = self.accounts.remove(&id)?;
        let mut dealing = Dealing { market: &mut self.market, account: &mut account, out: &mut self.reports };
        dealing.forget_exposure();
        dealing.disarm_all();
        Some(account.ledger)
    }

    /// Takes a tick: does what was due before it, then what it triggers. Ticks of unknown symbols or without a price are
    /// ignored.
    pub fn on_tick(&mut self, tick: &Tick) {
        while let Some(due) = self.due_before(tick.time) {
            self.advance(due);
        }
        let at = usize::from(tick.symbol.0);
        let Some(book) = self.market.books.get_mut(at) else { return };
        let Some(quote) = Book::quote_of(self.market.table.spec(tick.symbol), tick.bid, tick.ask) else { return };
        let is_first = book.quote.replace(quote).is_none();
        book.time = book.time.max(tick.time);
        self.midnight.hear(tick.time, self.market.options.clock);
        if is_first {
            self.first_quote();
        }

        let book = &self.market.books[at];
        let quiet = book.is_quiet_at(tick);
        if quiet && book.watchers.is_empty() {
            return self.follow(tick.symbol, &[tick.bid], &[tick.ask], RangesAhead::default());
        }
        let now = book.time;
        let mut reached = std::mem::take(&mut self.reached);
        reached.clear();
        if !quiet {
            book.reached(tick.time, &mut reached);
        }
        reached.extend(book.watchers.iter().map(|&account| Reached::margin(account)));
        if !self.market.is_open(tick.symbol, now) {
            reached.retain(|one| matches!(one.task, Task::Expire(_)));
        }
        reached.sort_unstable();
        for of_account in reached.chunk_by(|one, next| one.account == next.account) {
            self.act(of_account, now);
        }
        self.reached = reached;
        self.follow(tick.symbol, &[tick.bid], &[tick.ask], RangesAhead::default());
    }

    /// The server's clock.
    pub fn clock(&self) -> ServerClock {
        self.market.options.clock
    }

    /// The next moment at which something happens without a tick having to come: a command arrives, the server's day ends.
    /// `None` when a tick at `time` comes first: ticks come before commands of the same moment, and after its midnight.
    pub fn due_before(&self, time: Time) -> Option<Time> {
        let midnight = self.midnight.next().filter(|at| *at <= time);
        let arrival = self.wire.next().filter(|at| *at < time);
        midnight.into_iter().chain(arrival).min()
    }

    /// Does what is due up to `now`, at the quotes there are.
    pub fn advance(&mut self, now: Time) {
        while let Some(midnight) = self.midnight.next().filter(|at| *at <= now) {
            self.midnight = Midnight::At(self.market.options.clock.midnight_after(midnight));
            let holders: Vec<AccountId> =
                self.accounts.iter().filter(|(_, account)| !account.ledger.positions.is_empty()).map(|(id, _)| *id).collect();
            for id in holders {
                let account = self.accounts.get_mut(&id).expect("it was just there");
                if (Dealing { market: &mut self.market, account, out: &mut self.reports }).charge_night(midnight) {
                    self.observe(id);
                }
            }
        }
        while let Some(arrived) = self.wire.arrive(now) {
            self.execute(&arrived.command, arrived.seen);
        }
    }

    /// Conversions that had no rate may have one now.
    fn first_quote(&mut self) {
        for account in self.accounts.values_mut().filter(|account| !account.ledger.positions.is_empty()) {
            Dealing { market: &mut self.market, account, out: &mut self.reports }.refit();
        }
    }

    /// Does what a tick has reached of one account.
    fn act(&mut self, reached: &[Reached], at: Time) {
        let Some(account) = reached.first().and_then(|first| self.accounts.get_mut(&first.account)) else { return };
        let mut dealing = Dealing { market: &mut self.market, account, out: &mut self.reports };
        let mut margin = false;
        for one in reached {
            // Several sides of the safe range may be left at once, with one look to take.
            if one.task == Task::Margin && std::mem::replace(&mut margin, true) {
                continue;
            }
            dealing.act(one.task, at);
        }
        dealing.settle(margin, at);
        self.observe(reached[0].account);
    }

    fn observe(&mut self, id: AccountId) {
        if self.market.options.track_equity
            && let Some(account) = self.accounts.get_mut(&id)
        {
            let equity = self.market.equity(account);
            account.track.observe(equity);
        }
    }

    /// Tracks the equity of whoever holds the symbol.
    fn follow(&mut self, symbol: SymbolId, bids: &[f64], asks: &[f64], ranges: RangesAhead<'_>) {
        if !self.market.options.track_equity {
            return;
        }
        let market = &self.market;
        let spec = market.table.spec(symbol);
        for id in &market.books[usize::from(symbol.0)].holders {
            let Some(account) = self.accounts.get_mut(id) else { continue };
            let mut track = account.track;
            follow(&mut track, account.exposure.curve.as_ref(), bids, asks, ranges, |bid, ask| {
                let row = Book::quote_of(spec, bid, ask)?;
                Some(market.equity_at(account, |other| if other == symbol { Some(row) } else { market.quote(other) }))
            });
            account.track = track;
        }
    }

    /// How many leading rows can make nothing happen here: no order, no stop, no expiry, no stop-out. The row after them is
    /// the first that may; when all rows are quiet, their number. May end early, never late. `ranges` are those of `ticks`.
    pub fn quiet_rows(&self, symbol: SymbolId, ticks: &TickColumns<'_>, ranges: RangesAhead<'_>) -> usize {
        let Some(book) = self.market.book(symbol) else { return ticks.len() };
        // A first quote makes conversions known.
        let awaited = book.quote.is_none() && self.accounts.values().any(|account| !account.ledger.positions.is_empty());
        if awaited || self.midnight == Midnight::Unknown {
            return 0;
        }
        let before_midnight = self.midnight.next().map_or(ticks.len(), |at| ticks.times.partition_point(|&time| time < at.0));
        let before_arrival = self.wire.next().map_or(ticks.len(), |at| ticks.times.partition_point(|&time| time <= at.0));
        book.quiet_rows(&ticks.slice(0..before_midnight.min(before_arrival)), ranges)
    }

    /// Takes rows as seen that [`quiet_rows`](Self::quiet_rows) has counted, as if each had come by
    /// [`on_tick`](Self::on_tick).
    pub fn skip_quiet(&mut self, symbol: SymbolId, ticks: &TickColumns<'_>, ranges: RangesAhead<'_>) {
        let Some(last) = ticks.len().checked_sub(1) else { return };
        if usize::from(symbol.0) >= self.market.books.len() {
            return;
        }
        self.follow(symbol, ticks.bids, ticks.asks, ranges);
        let spec = self.market.table.spec(symbol);
        let book = &mut self.market.books[usize::from(symbol.0)];
        book.quote = Book::quote_of(spec, ticks.bids[last], ticks.asks[last]).or(book.quote);
        book.time = book.time.max(Time(ticks.times[last]));
    }

    /// Withdraws the account's orders and closes its positions at the current quotes, not before `at`: the end of a test,
    /// say. What has no quote stays.
    pub fn close_all(&mut self, id: AccountId, reason: Reason, at: Time) {
        // What is still on its way never arrives: nobody knows the prices it would meet.
        while let Some(lost) = self.wire.arrive(Time(i64::MAX)) {
            if let Action::Place(_) = lost.command.action {
                let Command { account, order, .. } = lost.command;
                self.reports.push(Report { account, order: Some(order), at, happened: Happened::Canceled });
            }
        }
        if let Some(account) = self.accounts.get_mut(&id) {
            let mut dealing = Dealing { market: &mut self.market, account, out: &mut self.reports };
            dealing.close_all(reason, at);
            dealing.settle(false, at);
            self.observe(id);
        }
    }

    /// What an account has.
    pub fn ledger(&self, id: AccountId) -> Option<&Ledger> {
        self.accounts.get(&id).map(|account| &account.ledger)
    }

    /// Balance, equity, margin of an account at the current quotes.
    pub fn standing(&self, id: AccountId) -> Option<Standing> {
        self.accounts.get(&id).map(|account| self.market.standing(account))
    }

    /// Balance plus floating profit at the current quotes.
    pub fn equity(&self, id: AccountId) -> Option<Money> {
        self.accounts.get(&id).map(|account| self.market.equity(account))
    }

    /// Margin that the open positions take at the current quotes.
    pub fn margin(&self, id: AccountId) -> Option<Money> {
        self.accounts.get(&id).map(|account| self.market.margin(account))
    }

    /// Peak, low and drawdown of an account's equity since it was opened here.
    pub fn track(&self, id: AccountId) -> Option<&EquityTrack> {
        self.accounts.get(&id).map(|account| &account.track)
    }

    /// Bid and ask of a symbol, after its first tick.
    pub fn quote(&self, symbol: SymbolId) -> Option<(Points, Points)> {
        self.market.quote(symbol)
    }

    /// Takes a command on its way.
    pub(crate) fn send(&mut self, command: &Command) {
        let seen = match &command.action {
            Action::Place(request) => self.market.quote(request.symbol),
            _ => None,
        };
        if !self.wire.send(command, seen) {
            self.execute(command, seen);
        }
    }

    /// Carries out a command that was sent when the quote was `seen`; the outcome is among the reports.
    fn execute(&mut self, command: &Command, seen: Option<Quote>) {
        let Some(account) = self.accounts.get_mut(&command.account) else {
            let retcode = retcode::REJECT;
            let happened = match command.action {
                Action::Place(_) => Happened::Rejected { retcode },
                _ => Happened::ModifyRejected { retcode },
            };
            return self.reports.push(Report { account: command.account, order: Some(command.order), at: command.at, happened });
        };
        let mut dealing = Dealing { market: &mut self.market, account, out: &mut self.reports };
        dealing.execute(command, seen);
        if dealing.account.stale {
            dealing.settle(false, command.at);
            self.observe(command.account);
        }
    }
}

impl Broker for Venue {
    fn submit(&mut self, command: Recorded<Command>) {
        self.send(command.get());
    }

    fn reports(&mut self, into: &mut Vec<Report>) {
        into.append(&mut self.reports);
    }
}
