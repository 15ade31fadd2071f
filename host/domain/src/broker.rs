//! The port to a broker: recorded commands go in, reports come out.

use crate::contract::{AccountMode, Side, words};
use crate::ids::{AccountId, DealId, OrderId, PositionId};
use crate::journal::Recorded;
use crate::ledger::Ledger;
use crate::number::{Money, Points, Steps};
use crate::order::Command;
use crate::reconcile::Snapshot;
use crate::symbol::SymbolId;
use crate::tick::Tick;
use crate::time::Time;
use serde::{Deserialize, Serialize};

words! {
    /// What a deal does to a position (MT5 `DEAL_ENTRY`).
    Entry { In = "in", Out = "out", InOut = "in-out", OutBy = "out-by" }
}
words! {
    /// Why there was a deal (MT5 `DEAL_REASON`).
    Reason { Expert = "expert", StopLoss = "sl", TakeProfit = "tp", StopOut = "so", Rollover = "rollover", EndOfTest = "end-of-test", Foreign = "foreign" }
}

/// An execution. Deals are the ledger: positions, profit and balance follow from them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deal {
    /// The broker's number; a deal with a number already seen is a repetition.
    pub id: DealId,
    /// The order of ours that it executes; `None` when the broker acted by itself (stops, stop-out, swap).
    pub order: Option<OrderId>,
    /// The position it changes.
    pub position: PositionId,
    /// Of what.
    pub symbol: SymbolId,
    /// Bought or sold.
    pub side: Side,
    /// What it does.
    pub entry: Entry,
    /// Why.
    pub reason: Reason,
    /// How much; 0 for a deal that only books a swap.
    pub volume: Steps,
    /// At what price.
    pub price: Points,
    /// Profit it realises, without costs; 0 for `In`.
    pub profit: Money,
    /// Commission, negative when it costs.
    pub commission: Money,
    /// Swap of the position that it books, negative when it costs; 0 for `In`.
    pub swap: Money,
    /// When.
    pub time: Time,
}

impl Deal {
    /// What the balance moves by.
    pub fn net(&self) -> Money {
        self.profit + self.commission + self.swap
    }
}

/// What happened, in a broker's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happened {
    /// An order is at the broker, under this ticket.
    Accepted {
        /// The broker's number.
        ticket: u64,
    },
    /// An order was refused.
    Rejected {
        /// MT5 retcode.
        retcode: u32,
    },
    /// Sent, no answer.
    AnswerMissing,
    /// A deal; `rest` of its order is still working (0: filled).
    Deal {
        /// The deal.
        deal: Deal,
        /// What is left of the order.
        rest: Steps,
    },
    /// A working order was taken back, by us or by the broker.
    Canceled,
    /// A working order came to its end.
    Expired,
    /// Price or stops of an order are now these.
    OrderModified {
        /// Its price.
        price: Option<Points>,
        /// Its stop loss.
        stop_loss: Option<Points>,
        /// Its take profit.
        take_profit: Option<Points>,
    },
    /// Stops of a position are now these.
    PositionModified {
        /// Which.
        position: PositionId,
        /// Its stop loss.
        stop_loss: Option<Points>,
        /// Its take profit.
        take_profit: Option<Points>,
    },
    /// A position was charged, or paid, for holding it over the server's midnight. It counts in equity at once and is booked
    /// by the deals that close it.
    SwapCharged {
        /// Which.
        position: PositionId,
        /// How much, negative when it costs.
        amount: Money,
    },
    /// A modification or cancel was refused; all is as before.
    ModifyRejected {
        /// MT5 retcode.
        retcode: u32,
    },
}

impl Happened {
    /// Whether it tells the outcome of an order that was placed; the answer to a modification or cancel does not.
    pub fn answers_order(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Rejected { .. } | Self::Deal { .. } | Self::Canceled | Self::Expired)
    }
}

/// A broker's report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Where.
    pub account: AccountId,
    /// Our order, where the report concerns one (a position's modification names the order that opened it).
    pub order: Option<OrderId>,
    /// When, by the broker's clock, UTC.
    pub at: Time,
    /// What.
    pub happened: Happened,
}

/// Retcodes the host itself and the paper broker answer with; the full table is the connector's.
pub mod retcode {
    /// The price moved further than the order's deviation allows.
    pub const REQUOTE: u32 = 10004;
    /// Request rejected.
    pub const REJECT: u32 = 10006;
    /// Invalid request.
    pub const INVALID: u32 = 10013;
    /// Invalid volume.
    pub const INVALID_VOLUME: u32 = 10014;
    /// Invalid price.
    pub const INVALID_PRICE: u32 = 10015;
    /// Invalid stops.
    pub const INVALID_STOPS: u32 = 10016;
    /// Trading of the symbol is disabled.
    pub const TRADE_DISABLED: u32 = 10017;
    /// Market is closed.
    pub const MARKET_CLOSED: u32 = 10018;
    /// Not enough money.
    pub const NO_MONEY: u32 = 10019;
    /// No quotes.
    pub const PRICE_OFF: u32 = 10021;
    /// Invalid expiration.
    pub const INVALID_EXPIRATION: u32 = 10022;
    /// Order or position frozen.
    pub const FROZEN: u32 = 10029;
    /// Invalid filling.
    pub const INVALID_FILL: u32 = 10030;
    /// Order or position not found: already closed.
    pub const POSITION_CLOSED: u32 = 10036;

    /// What one of these means, for people.
    pub fn words(code: u32) -> &'static str {
        match code {
            REQUOTE => "the price moved beyond the order's deviation",
            REJECT => "the broker refused it and gave no reason: see what it shows of the account before asking again",
            INVALID => "the request is invalid",
            INVALID_VOLUME => "the volume is invalid",
            INVALID_PRICE => "the price is invalid",
            INVALID_STOPS => "the stops are invalid or too close",
            TRADE_DISABLED => "the symbol is not traded",
            MARKET_CLOSED => "the market is closed",
            NO_MONEY => "not enough money for the margin",
            PRICE_OFF => "there is no quote",
            INVALID_EXPIRATION => "the expiration is invalid",
            FROZEN => "it is too close to the market to be changed",
            INVALID_FILL => "the filling is not offered",
            POSITION_CLOSED => "the order or position is gone already",
            _ => "a reason that has no words here",
        }
    }
}

/// What account a broker opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountTerms {
    /// Netting or hedging.
    pub mode: AccountMode,
    /// Deposit currency.
    pub currency: String,
    /// Its digits.
    pub currency_digits: u8,
    /// 1:leverage.
    pub leverage: u32,
    /// Balance at the start.
    pub deposit: Money,
}

impl Default for AccountTerms {
    /// 10,000 USD, hedging, 1:100.
    fn default() -> Self {
        Self {
            mode: AccountMode::Hedging,
            currency: "USD".into(),
            currency_digits: 2,
            leverage: 100,
            deposit: Money(10_000 * Money::ONE.0),
        }
    }
}

/// Executes orders.
pub trait Broker: Send {
    /// Hands a recorded command over. What becomes of it comes as reports; a repeated one is answered, never executed again.
    fn submit(&mut self, command: Recorded<Command>);
    /// Appends what was reported since the last call, in order.
    fn reports(&mut self, into: &mut Vec<Report>);
}

/// Calls whoever waits for reports; see [`LiveBroker::wake_by`].
pub type Waker = std::sync::Arc<dyn Fn() + Send + Sync>;

/// What a broker knows of an order that was recorded and of which no report is known, as after a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// The broker has never had it and never will: nothing of it is on its way. It is given up, never sent again: the price it
    /// was meant for is gone.
    Missing,
    /// These reports tell its outcome.
    Reported(Vec<Report>),
    /// The broker can't say now. The order stays unknown, and its account opens nothing until a person or a report resolves
    /// it.
    Unanswered,
}

/// A broker beside a running host, rather than in a backtest: it opens accounts, hears prices, and is asked after a crash.
pub trait LiveBroker: Broker {
    /// Takes an account on with what the journal says it has. [`ask`](Self::ask) has been asked about everything doubtful.
    ///
    /// # Errors
    /// One sentence that names the account and what is in the way.
    fn open(&mut self, account: AccountId, terms: &AccountTerms, known: &Ledger) -> Result<(), String>;
    /// Orders of ours that an account has ever had there, as far back as the broker tells: of each engine, and apart from that of
    /// what the host gave for it, at least the one with the highest number. Asked before the account is open: a database that was
    /// restored from a copy does not know what was sent since, and none of these numbers may be given again. `None` while that
    /// can't be said; then the account can't be opened.
    fn orders_seen(&mut self, account: AccountId) -> Option<Vec<OrderId>>;
    /// The outcome of an order. May be asked before the account is open.
    fn ask(&mut self, account: AccountId, order: OrderId) -> Whereabouts;
    /// What an account has there now: asked when it is opened, before anything trades on it, and whenever a person wants to know.
    /// `None` while that can't be said: nobody answers, or commands or reports are on their way.
    fn snapshot(&mut self, account: AccountId) -> Option<Snapshot>;
    /// A price has changed. A broker that executes by itself looks for what this triggers; a real one sees its own prices.
    fn on_tick(&mut self, tick: &Tick);
    /// Told once, at the start, whom to call when there are reports at another time than within [`submit`](Broker::submit)
    /// and [`on_tick`](Self::on_tick). Brokers that never have any ignore it.
    fn wake_by(&mut self, _waker: Waker) {}
}
