//! A broker that outlives the host, at the end of a line that loses, repeats, delays and reorders. It keeps its own ledger, by
//! what it does, and counts what it is sent.

use super::disk::{Disk, name};
use super::run::{Dice, Fate};
use domain::broker::{AccountTerms, Broker, Deal, Entry, Happened, LiveBroker, Reason, Report, Whereabouts, retcode};
use domain::contract::{OrderKind, Side};
use domain::ids::{AccountId, DealId, OrderId, PositionId};
use domain::journal::Recorded;
use domain::ledger::Ledger;
use domain::number::{Money, Points, Steps};
use domain::order::{Action, Command, OrderRequest};
use domain::reconcile::Snapshot;
use domain::symbol::SymbolId;
use domain::tick::Tick;
use domain::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the broker knows, and what is on the line.
pub struct Exchange {
    /// By what it did: what every host must end up with.
    pub truth: BTreeMap<AccountId, Ledger>,
    /// How often each order was sent.
    pub received: BTreeMap<OrderId, u32>,
    /// Broken promises of the host.
    pub wrong: Vec<String>,
    pub connected: bool,
    /// The line is whole: nothing more is lost, delayed or repeated.
    pub calm: bool,
    pub unanswered: u64,
    pub deals: u64,
    pub nights: u64,
    /// Commands that came before they were recorded, as they may while the journal is broken.
    pub owed: u64,
    /// Accounts of which the host that runs now was not told yet what they have.
    untold: BTreeSet<AccountId>,
    /// Commands that are on their way here.
    coming: Vec<Command>,
    /// Reports that are on their way to the host.
    leaving: Vec<Report>,
    /// Every report, in order.
    history: Vec<Report>,
    price: i64,
    now: Time,
    tickets: u64,
    dice: Dice,
}

impl Exchange {
    pub fn new(dice: Dice) -> Self {
        Self {
            truth: BTreeMap::new(),
            received: BTreeMap::new(),
            wrong: Vec::new(),
            connected: true,
            calm: false,
            unanswered: 0,
            deals: 0,
            nights: 0,
            owed: 0,
            untold: BTreeSet::new(),
            coming: Vec::new(),
            leaving: Vec::new(),
            history: Vec::new(),
            price: 110_000,
            now: Time(0),
            tickets: 0,
            dice,
        }
    }

    fn say(&mut self, account: AccountId, order: Option<OrderId>, happened: Happened) {
        // Each report has a time of its own, as at a broker that counts finely.
        self.now = self.now.plus_us(1);
        let report = Report { account, order, at: self.now, happened };
        self.truth.get_mut(&account).expect("it is open").apply(&report);
        self.history.push(report.clone());
        // A lost one is found again when the line is made anew.
        if self.calm || !self.dice.one_in(12) {
            self.leaving.push(report.clone());
        }
        if !self.calm && self.dice.one_in(8) {
            self.leaving.push(report);
        }
    }

    fn receive(&mut self, command: Command, disk: &Disk) {
        let is_out = command.is_way_out();
        let is_recorded = disk.recorded.contains(&name(&command));
        self.owed += u64::from(!is_recorded);
        if !(is_recorded || disk.failed && is_out) {
            self.wrong.push(format!("{} was sent before it was recorded", command.order));
        }
        if command.may_open() && self.untold.contains(&command.account) {
            self.wrong.push(format!("{} opens on an account that was not reconciled yet", command.order));
        }
        if matches!(command.action, Action::Place(_)) {
            let times = self.received.entry(command.order).or_default();
            *times += 1;
            if *times > 1 {
                self.wrong.push(format!("{} was sent {times} times", command.order));
            }
        }
        if !self.connected || (!self.calm && self.dice.one_in(15)) {
            // Sent, lost on the way: it never arrives, and nobody says so.
            self.unanswered += 1;
        } else if !self.calm && self.dice.one_in(4) {
            self.coming.push(command);
        } else {
            self.execute(command);
        }
    }

    fn execute(&mut self, command: Command) {
        let (account, id) = (command.account, command.order);
        match command.action.clone() {
            Action::Place(request) => {
                self.truth.get_mut(&account).expect("it is open").recorded(&command);
                if self.dice.one_in(10) {
                    return self.say(account, Some(id), Happened::Rejected { retcode: retcode::REJECT });
                }
                if let Some(position) = request.position
                    && self.truth[&account].positions.get(&position).is_none_or(|open| open.volume < request.volume)
                {
                    return self.say(account, Some(id), Happened::Rejected { retcode: retcode::POSITION_CLOSED });
                }
                self.tickets += 1;
                let ticket = self.tickets;
                self.say(account, Some(id), Happened::Accepted { ticket });
                if request.kind == OrderKind::Market {
                    self.fill(account, id, &request, true);
                }
            }
            Action::Cancel => {
                let works = self.truth[&account].orders.contains_key(&id);
                let happened = if works { Happened::Canceled } else { Happened::ModifyRejected { retcode: retcode::POSITION_CLOSED } };
                self.say(account, Some(id), happened);
            }
            Action::ModifyOrder { price, stop_loss, take_profit } => {
                let works = self.truth[&account].orders.contains_key(&id);
                let refused = Happened::ModifyRejected { retcode: retcode::POSITION_CLOSED };
                self.say(account, Some(id), if works { Happened::OrderModified { price, stop_loss, take_profit } } else { refused });
            }
            Action::ModifyPosition { position, stop_loss, take_profit } => {
                let open = self.truth[&account].positions.contains_key(&position);
                let refused = Happened::ModifyRejected { retcode: retcode::POSITION_CLOSED };
                let done = Happened::PositionModified { position, stop_loss, take_profit };
                self.say(account, Some(id), if open { done } else { refused });
            }
        }
    }

    /// Fills an order, in one deal or several, or partly with the rest withdrawn or refused.
    fn fill(&mut self, account: AccountId, id: OrderId, request: &OrderRequest, whole: bool) {
        let mut left = request.volume - self.truth[&account].orders.get(&id).map_or(Steps(0), |order| order.filled);
        while left > Steps(0) {
            let volume = if left.0 > 1 && self.dice.one_in(3) { Steps(1 + self.dice.below(left.0 as u64 - 1) as i64) } else { left };
            left -= volume;
            let position = request.position.unwrap_or(PositionId(id));
            let entry = if request.position.is_some() { Entry::Out } else { Entry::In };
            self.deal(account, Some(id), position, request.symbol, request.side, entry, volume, left);
            if left > Steps(0) && request.position.is_none() && self.dice.one_in(4) {
                let end = if self.dice.one_in(2) { Happened::Canceled } else { Happened::Rejected { retcode: retcode::REJECT } };
                return self.say(account, Some(id), end);
            }
            if !whole {
                return;
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a deal has this many fields")]
    fn deal(
        &mut self,
        account: AccountId,
        order: Option<OrderId>,
        position: PositionId,
        symbol: SymbolId,
        side: Side,
        entry: Entry,
        volume: Steps,
        rest: Steps,
    ) {
        self.deals += 1;
        let profit = if entry == Entry::In { Money::ZERO } else { Money((self.price % 200 - 100) * 10_000) };
        let deal = Deal {
            id: DealId(self.deals),
            order,
            position,
            symbol,
            side,
            entry,
            reason: if order.is_some() { Reason::Expert } else { Reason::StopLoss },
            volume,
            price: Points(self.price),
            profit,
            commission: Money(-70_000),
            swap: Money::ZERO,
            time: self.now.plus_us(1),
        };
        self.say(account, order, Happened::Deal { deal, rest });
    }

    /// What happens at a broker by itself: commands arrive, prices reach orders, stops close positions.
    pub fn act(&mut self) {
        if !self.coming.is_empty() {
            let at = self.dice.below(self.coming.len() as u64) as usize;
            let command = self.coming.remove(at);
            self.execute(command);
        }
        let accounts: Vec<AccountId> = self.truth.keys().copied().collect();
        let account = accounts[self.dice.below(accounts.len() as u64) as usize];
        if self.dice.one_in(4) {
            let waiting: Vec<_> = self.truth[&account].orders.values().map(|order| (order.id, order.request.clone())).collect();
            if !waiting.is_empty() {
                let (id, request) = waiting[self.dice.below(waiting.len() as u64) as usize].clone();
                if self.dice.one_in(8) {
                    self.say(account, Some(id), Happened::Expired);
                } else {
                    self.fill(account, id, &request, false);
                }
            }
        }
        if self.dice.one_in(16) {
            // A night: each position is charged.
            let open: Vec<PositionId> = self.truth[&account].positions.keys().copied().collect();
            for position in open {
                let amount = Money(-10_000 * (1 + self.dice.below(9) as i64));
                self.nights += 1;
                self.say(account, None, Happened::SwapCharged { position, amount });
            }
        }
        if self.dice.one_in(12) {
            let open: Vec<_> = self.truth[&account].positions.values().cloned().collect();
            if !open.is_empty() {
                let position = &open[self.dice.below(open.len() as u64) as usize];
                let (side, volume) = (position.side.opposite(), position.volume);
                self.deal(account, None, position.id, position.symbol, side, Entry::Out, volume, Steps(0));
            }
        }
    }

    /// Everything that was on its way here has arrived.
    pub fn arrive(&mut self) {
        while let Some(command) = self.coming.pop() {
            self.execute(command);
        }
    }

    /// The line is made anew: whatever the host may have missed is told once more.
    pub fn reconnect(&mut self) {
        self.connected = true;
        self.leaving.extend(self.history.iter().cloned());
    }
}

/// The port.
pub struct Line {
    pub exchange: Arc<Mutex<Exchange>>,
    pub disk: Arc<Mutex<Disk>>,
    pub fate: Arc<Fate>,
}

impl Line {
    fn exchange(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Broker for Line {
    fn submit(&mut self, command: Recorded<Command>) {
        self.fate.point("before a send");
        let disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        self.exchange().receive(command.into_inner(), &disk);
        drop(disk);
        self.fate.point("after a send");
    }

    fn reports(&mut self, into: &mut Vec<Report>) {
        let mut exchange = self.exchange();
        if !exchange.connected {
            return;
        }
        let mut left = Vec::new();
        for report in std::mem::take(&mut exchange.leaving) {
            if !exchange.calm && exchange.dice.one_in(4) {
                left.push(report);
            } else {
                into.push(report);
            }
        }
        exchange.leaving = left;
        if !exchange.calm && into.len() > 1 && exchange.dice.one_in(3) {
            let at = exchange.dice.below(into.len() as u64) as usize;
            into.rotate_left(at);
        }
        drop(exchange);
        if !into.is_empty() {
            self.fate.point("with reports in hand");
        }
    }
}

impl LiveBroker for Line {
    fn orders_seen(&mut self, _: AccountId) -> Option<Vec<OrderId>> {
        // The disk here is never an older copy of itself.
        Some(Vec::new())
    }

    fn open(&mut self, account: AccountId, _: &AccountTerms, _: &Ledger) -> Result<(), String> {
        let mut exchange = self.exchange();
        exchange.untold.insert(account);
        exchange.reconnect();
        Ok(())
    }

    fn ask(&mut self, account: AccountId, order: OrderId) -> Whereabouts {
        let exchange = self.exchange();
        if !exchange.connected || exchange.coming.iter().any(|command| command.order == order) {
            return Whereabouts::Unanswered;
        }
        let of_order = |report: &&Report| {
            let deals = matches!(&report.happened, Happened::Deal { deal, .. } if deal.order == Some(order));
            report.account == account && (report.order == Some(order) || deals)
        };
        let found: Vec<Report> = exchange.history.iter().filter(of_order).cloned().collect();
        // Of an order that never came there may still be the refusal of its cancel.
        if found.iter().any(|report| report.happened.answers_order()) { Whereabouts::Reported(found) } else { Whereabouts::Missing }
    }

    fn snapshot(&mut self, account: AccountId) -> Option<Snapshot> {
        let mut exchange = self.exchange();
        let whole = exchange.connected && exchange.coming.is_empty() && exchange.leaving.is_empty();
        whole.then(|| {
            exchange.untold.remove(&account);
            Snapshot::of(&exchange.truth[&account])
        })
    }

    fn on_tick(&mut self, tick: &Tick) {
        let mut exchange = self.exchange();
        exchange.price = (tick.bid * 1e5).round() as i64;
        exchange.now = exchange.now.max(tick.time);
    }
}
