//! Why the host did not do what it was asked.

use domain::ids::{AccountId, EngineId};
use domain::life::NotNow;

/// Why a request to the host was not carried out. Nothing has changed, except where `Busy` says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// No engine of this number has been added.
    #[error("there is no engine {0}")]
    NoSuchEngine(EngineId),
    /// No account of this number has been opened.
    #[error("account {0} is not open")]
    NoSuchAccount(AccountId),
    /// An engine of this number is there; remove it first to change it.
    #[error("engine {0} is there already; remove it first to change it")]
    EngineExists(EngineId),
    /// The account is open.
    #[error("account {0} is open already")]
    AccountExists(AccountId),
    /// The request makes no sense, in words that name what is wrong.
    #[error("{0}")]
    Invalid(String),
    /// Another version did not take over; the one before goes on.
    #[error("{0}")]
    NotSwapped(String),
    /// No version can run beside the one that works, in words that say why.
    #[error("{0}")]
    NoShadow(String),
    /// Not in the state the engine is in.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// What the broker and the journal say could not be brought together; the account stays closed.
    #[error("account {account} can't be opened: {reason}")]
    Recovery {
        /// Which.
        account: AccountId,
        /// What is in the way.
        reason: String,
    },
    /// The journal could not take now what the broker said of an account's orders: the same may do later.
    #[error("account {account} can't be opened now: {why}")]
    NotRecorded {
        /// Which.
        account: AccountId,
        /// In the journal's words.
        why: String,
    },
    /// The broker can't say now what an account has.
    #[error("the broker of account {0} can't say now what it has; it is asked again, so try again in a few seconds")]
    BrokerSilent(AccountId),
    /// No answer in time. The request was handed over and may still be carried out.
    #[error("the host is too busy to answer; the request may still be carried out")]
    Busy,
    /// The host is stopping or has stopped.
    #[error("the host has stopped")]
    Stopped,
    /// The journal has not taken yet what is owed to it: the same may work in a moment.
    #[error("what the host before owed to the journal is not written there yet: {0}")]
    JournalLate(String),
    /// What is owed to the journal can't be written to it.
    #[error("what the host before owed to the journal can't be written there: {0}")]
    Journal(String),
    /// A thread could not be started.
    #[error("a thread can't be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Why a tick did not enter the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TickRefused {
    /// There is no such symbol.
    #[error("the tick's symbol is not in the table")]
    UnknownSymbol,
    /// Bid or ask is no finite, positive number.
    #[error("the tick has no price")]
    NoPrice,
    /// It is older than the last one of its symbol.
    #[error("the tick is older than the one before it")]
    Late,
    /// The host is stopping or has stopped.
    #[error("the host has stopped")]
    Stopped,
}
