//! What a store can do, in one list. Each database implements every line in a module of its own.

use crate::hold::Hold;
use crate::*;
use crate::{postgres, sqlite};
use domain::broker::{AccountTerms, Deal};
use domain::contract::{Param, TradingState};
use domain::ids::{AccountId, DealId, Digest, EngineId, OrderId, StrategyId, UserId};
use domain::journal::Journal;
use domain::keeper::Given;
use domain::ledger::Ledger;
use domain::life::EngineState;
use domain::limits::{CLOSE_MS_MAX, LEASE_MARGIN_MS};
use domain::risk::{GateMemory, RiskLimits};
use domain::symbol::SymbolTable;
use domain::time::Time;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often a newcomer looks whether the host before it has ended.
const PREDECESSOR_EVERY: Duration = Duration::from_millis(200);
/// How often a call is tried when the database could not do it for a passing reason, and for how long at most: two transactions that met
/// have ended by then, and whoever waits for the answer has not given up.
const CALL_TRIES: u32 = 6;
const CALL_TRIES_WITHIN: Duration = Duration::from_secs(1);

/// How often a call has been tried, and since when.
struct Tries {
    count: u32,
    since: Instant,
}

impl Tries {
    fn begin() -> Self {
        Self { count: 0, since: Instant::now() }
    }

    /// The pause before the next try; `None` when it would not help, or there were enough. Who waited for long already is told: a busy
    /// database gets no better by more callers.
    fn after(&mut self, error: &StoreError) -> Option<Duration> {
        self.count += 1;
        let again = error.is_passing() && self.count < CALL_TRIES && self.since.elapsed() < CALL_TRIES_WITHIN;
        // Doubled each time, so that two that meet again and again drift apart: 5 to 80 ms.
        again.then(|| Duration::from_millis(5 << (self.count - 1)))
    }
}

/// How closing a store went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Everything is closed.
    Whole,
    /// A connection hangs and was left alone. What was written is safe.
    Hung,
}

/// The database. Cheap to clone; all clones share its connections.
///
/// A call that is given up half-way leaves nothing behind. Every call fails with [`StoreError::DiskFull`],
/// [`Disk`](StoreError::Disk), [`Corrupt`](StoreError::Corrupt), [`Busy`](StoreError::Busy) or
/// [`Internal`](StoreError::Internal) when the database does; further errors stand with each.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
}

#[derive(Clone, Debug)]
enum Backend {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

impl Store {
    /// Opens the SQLite database at `path`; see [`open_at`](Self::open_at).
    ///
    /// # Errors
    /// As there.
    pub async fn open(path: &Path) -> Result<Self> {
        Ok(Self { backend: Backend::Sqlite(sqlite::Database::open(path).await?) })
    }

    /// Opens a database. A file and its folder are created when they are missing, and an empty database gets its tables. It
    /// is this process' alone until it is closed, a file until its last clone and journal is dropped.
    ///
    /// # Errors
    /// [`InUse`](StoreError::InUse), [`Older`](StoreError::Older), [`Newer`](StoreError::Newer),
    /// [`Unreachable`](StoreError::Unreachable), or [`Unusable`](StoreError::Unusable) when it is no database of Stockade,
    /// can't be written, or has a pooler before it that mixes up sessions.
    pub async fn open_at(location: &Location) -> Result<Self> {
        match location {
            Location::Sqlite(path) => Self::open(path).await,
            Location::Postgres(server) => Ok(Self { backend: Backend::Postgres(postgres::Database::open(server).await?) }),
        }
    }

    /// Brings the schema of a database up to date, after a copy of it has been kept. No host may be running on it.
    ///
    /// # Errors
    /// As with [`open_at`](Self::open_at), and [`Invalid`](StoreError::Invalid) when no copy can be made; then nothing has
    /// changed.
    pub async fn migrate(location: &Location, backup: &Backup) -> Result<Migrated> {
        match location {
            Location::Sqlite(path) => sqlite::migrate(path, backup).await,
            Location::Postgres(server) => postgres::migrate(server, backup).await,
        }
    }

    /// Closes all connections and waits until that is done, though not for ever: a connection that hangs is left to the end of the
    /// process. Later calls fail; so do those of its journals.
    pub async fn close(&self) -> Closed {
        let closing = async {
            match &self.backend {
                Backend::Sqlite(database) => database.close().await,
                Backend::Postgres(database) => database.close().await,
            }
        };
        match tokio::time::timeout(Duration::from_millis(CLOSE_MS_MAX), closing).await {
            Ok(()) => Closed::Whole,
            Err(_) => Closed::Hung,
        }
    }

    fn hold(&self) -> &Hold {
        match &self.backend {
            Backend::Sqlite(database) => &database.hold,
            Backend::Postgres(database) => &database.hold,
        }
    }

    /// Looks at a database's own order and at every row, whoever has it open; gives up after `patience`.
    ///
    /// # Errors
    /// As with [`open_at`](Self::open_at), except that it may be in use.
    pub async fn examine(location: &Location, patience: Duration) -> Result<Examined> {
        match location {
            Location::Sqlite(path) => sqlite::examined(path, patience).await,
            Location::Postgres(server) => postgres::examined(server, patience).await,
        }
    }

    /// Waits until another host has the database, and says which: this one must end then, and write nothing more.
    pub async fn lost(&self) -> String {
        self.hold().lost().await
    }

    /// Whether the lock that keeps other hosts away is held, as far as the last [`look`](Self::look) knows.
    pub fn is_locked(&self) -> bool {
        self.hold().is_locked()
    }

    /// What is wrong with the database.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.hold().troubles()
    }

    /// Waits until whoever had the database before can send nothing more: not at all when it was given up, or its host is certainly
    /// dead. For a host, before it takes over; `tell` hears once that it has to wait.
    ///
    /// # Errors
    /// The database failed.
    pub async fn outlive_predecessor(&self, tell: impl FnOnce(&str)) -> Result<()> {
        let (since, mut tell) = (Instant::now(), Some(tell));
        while let Some(before) = self.predecessor().await?.filter(|before| !before.is_dead) {
            let patience = Duration::from_millis(before.lease_ms + LEASE_MARGIN_MS);
            if since.elapsed() >= patience {
                break;
            }
            if let Some(tell) = tell.take() {
                tell(&format!(
                    "{} did not give the database up and may be alive; this host waits until it can send nothing more, {} s at most, or until it has ended",
                    before.owner,
                    patience.as_secs()
                ));
            }
            tokio::time::sleep(PREDECESSOR_EVERY).await;
        }
        Ok(())
    }

    /// A journal that writes to this database. `symbols` are noted with their grid. `owner_epoch` is what
    /// [`take_over`](Self::take_over) gave, 0 before anybody did; it is written beside every order, in the same statement that
    /// asks whether it still holds. The journal blocks its thread while it writes and must not run on an async one.
    ///
    /// # Errors
    /// [`Symbol`](StoreError::Symbol) when a symbol's grid is not what it was: stored points would mean other prices.
    pub async fn journal(&self, symbols: &SymbolTable, owner_epoch: i64) -> Result<Box<dyn Journal>> {
        match &self.backend {
            Backend::Sqlite(database) => Ok(Box::new(database.journal(symbols, owner_epoch).await?)),
            Backend::Postgres(database) => Ok(Box::new(database.journal(symbols, owner_epoch).await?)),
        }
    }
}

/// Writes each line as a method of [`Store`] that hands the call to the database's own module, and tries a call again that failed for
/// a reason that passes at once: nothing of it is in the database then.
macro_rules! port {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        impl Store {
            $(
                $(#[$doc])*
                pub async fn $name(&self, $($argument: $kind),*) -> Result<$answer> {
                    let mut tries = Tries::begin();
                    loop {
                        let done = match &self.backend {
                            Backend::Sqlite(database) => database.$name($($argument),*).await,
                            Backend::Postgres(database) => database.$name($($argument),*).await,
                        };
                        match done.as_ref().err().and_then(|error| tries.after(error)) {
                            Some(pause) => tokio::time::sleep(pause).await,
                            None => return done,
                        }
                    }
                }
            )*
        }
    };
}

port! {
    /// The host that had the database before, unless it gave it up.
    fn predecessor() -> Option<Predecessor>;
    /// Looks whether the host that took over with this store still has the database to itself, and renews its lease: the lock is held
    /// (taken again where it was lost), nobody has taken over, and the files are where they were.
    ///
    /// # Errors
    /// [`Fenced`](StoreError::Fenced) or [`InUse`](StoreError::InUse) when somebody else has it now, of which
    /// [`lost`](Self::lost) tells as well; [`Gone`](StoreError::Gone) when its files vanished or were replaced; others pass.
    fn look() -> ();
    /// Has SQLite look at every page of its file, within `patience`: for a host's start after one that did not give the database up.
    /// What it finds stands in [`troubles`](Self::troubles) from then on.
    fn quick_check(patience: Duration) -> Examined;
    /// Gives the database up: the last thing that a host writes. Whoever takes over next need not wait.
    fn give_up() -> ();
    /// Takes everything over: raises the epoch of the owner, and gives it. A journal that was opened with another one writes
    /// nothing from then on. `owner` is for the message to whoever is taken over.
    fn take_over(owner: &str, at: Time) -> i64;

    /// What the database calls itself, which is `fresh` when it has no name yet, and the epoch of its last owner. A copy has the same
    /// name.
    fn identity(fresh: &str) -> Identity;
    /// The highest numbers that are written down: for a host that begins.
    fn highest_given() -> Given;
    /// Has epochs, orders and engines numbered beyond these, which a database restored from a copy does not know.
    fn go_beyond(epoch: i64, given: Given) -> ();
    /// Skips this many numbers in every count of orders, which a host may have sent without writing them down
    /// ([`domain::numbering`]).
    fn skip_numbers(many: u32) -> ();

    /// Adds a user.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) name, [`AlreadyExists`](StoreError::AlreadyExists).
    fn create_user(name: &str, at: Time) -> UserRecord;
    /// A user.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound).
    fn user(id: UserId) -> UserRecord;
    /// The user with this name.
    fn find_user(name: &str) -> Option<UserRecord>;

    /// How much is kept for a user; nothing for one that is not there.
    fn held_by(id: UserId) -> Holdings;
    /// All users by id: for operators.
    fn every_user(page: Page) -> Listed<UserRecord>;

    /// Opens an account.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) name, [`AlreadyExists`](StoreError::AlreadyExists), [`NotFound`](StoreError::NotFound) owner.
    fn open_account(owner: UserId, name: &str, terms: &AccountTerms, limits: &RiskLimits, at: Time) -> AccountRecord;
    /// One of the owner's accounts.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound).
    fn account(owner: UserId, id: AccountId) -> AccountRecord;
    /// The owner's account with this name.
    fn find_account(owner: UserId, name: &str) -> Option<AccountRecord>;
    /// The owner's accounts by id.
    fn accounts(owner: UserId, page: Page) -> Listed<AccountRecord>;
    /// All accounts by id: for the host's start and for operators.
    fn every_account(page: Page) -> Listed<AccountRecord>;
    /// Sets what an account may do.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound).
    fn set_account_trading(owner: UserId, id: AccountId, trading: TradingState) -> ();
    /// Sets an account's limits.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound).
    fn set_account_limits(owner: UserId, id: AccountId, limits: &RiskLimits) -> ();

    /// What the operator has set under this name while the host ran.
    fn host_setting(name: &str) -> Option<String>;
    /// Sets it.
    fn set_host_setting(name: &str, value: &str) -> ();
    /// A user's limits over all their accounts; `None` when nothing was set.
    fn user_limits(owner: UserId) -> Option<RiskLimits>;
    /// Sets that.
    ///
    /// # Errors
    /// [`Internal`](StoreError::Internal) when there is no such user.
    fn set_user_limits(owner: UserId, limits: &RiskLimits) -> ();
    /// What the risk gate remembers of an account; nothing at first.
    fn gate_memory(account: AccountId) -> GateMemory;
    /// Keeps what gates remember.
    fn save_gate_memories(memories: &[(AccountId, GateMemory)]) -> ();
    /// The last thousand deals of an account after this one, in order of their numbers.
    fn deals_since(account: AccountId, deal: DealId) -> Vec<Deal>;

    /// Adds a strategy.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) name, [`AlreadyExists`](StoreError::AlreadyExists), [`NotFound`](StoreError::NotFound) owner.
    fn create_strategy(owner: UserId, name: &str, at: Time) -> StrategyRecord;
    /// One of the owner's strategies.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound).
    fn strategy(owner: UserId, id: StrategyId) -> StrategyRecord;
    /// The owner's strategy with this name.
    fn find_strategy(owner: UserId, name: &str) -> Option<StrategyRecord>;
    /// The owner's strategies by id.
    fn strategies(owner: UserId, page: Page) -> Listed<StrategyRecord>;
    /// Keeps a version of one of the owner's strategies. The same component again becomes the latest and
    /// gives what was kept.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound) strategy.
    fn upload_version(owner: UserId, version: NewVersion<'_>, at: Time) -> VersionRecord;
    /// The same for the owner's strategy with this name, which is made when it is new: both are kept, or neither.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) name, [`NotFound`](StoreError::NotFound) owner.
    fn upload(owner: UserId, strategy: &str, upload: Upload<'_>, at: Time) -> (StrategyRecord, VersionRecord);
    /// A version of one of the owner's strategies.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound).
    fn version(owner: UserId, strategy: StrategyId, digest: Digest) -> VersionRecord;
    /// The versions of one of the owner's strategies, the one uploaded last at the end; at most [`PAGE_ROWS_MAX`].
    fn versions(owner: UserId, strategy: StrategyId) -> Listed<VersionRecord>;
    /// The bytes of a component, whoever uploaded it: for the host, which runs it.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound); [`Corrupt`](StoreError::Corrupt) when the bytes are not those of the digest.
    fn component(digest: Digest) -> Vec<u8>;

    /// Adds an engine: defined, wanted stopped, active.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid) name, [`AlreadyExists`](StoreError::AlreadyExists), [`NotFound`](StoreError::NotFound)
    /// account or version.
    fn add_engine(owner: UserId, engine: &NewEngine, at: Time) -> EngineRecord;
    /// One of the owner's engines.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound).
    fn engine(owner: UserId, id: EngineId) -> EngineRecord;
    /// The owner's engine with this name.
    fn find_engine(owner: UserId, name: &str) -> Option<EngineRecord>;
    /// The owner's engines by id.
    fn engines(owner: UserId, page: Page) -> Listed<EngineRecord>;
    /// All engines by id: for the host's start and for operators.
    fn every_engine(page: Page) -> Listed<EngineRecord>;
    /// Sets what the owner wants of an engine.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound).
    fn set_engine_wanted(owner: UserId, id: EngineId, wanted: Wanted) -> ();
    /// Sets what an engine may do.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound).
    fn set_engine_trading(owner: UserId, id: EngineId, trading: TradingState) -> ();
    /// Sets an engine's parameters, for its next start.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound).
    fn set_engine_params(owner: UserId, id: EngineId, params: &[Param]) -> ();
    /// Notes where an engine stands and why: for the host, which runs it.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound).
    fn set_engine_state(id: EngineId, state: EngineState, reason: &str, at: Time) -> ();
    /// Notes steps of engines, all or nothing, in order, with what follows from each; of each engine the last
    /// [`ENGINE_STEPS_KEPT`]: for the host, which runs them.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound) engine.
    fn add_engine_steps(steps: &[(EngineStep, Follows)]) -> ();
    /// The steps of one of the owner's engines, latest first.
    fn engine_steps(owner: UserId, engine: EngineId, page: Page) -> Listed<StepRecord>;
    /// Gives an engine that is stopped another version of its strategy, parameters and symbols, for its next start.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound) engine or version.
    fn set_engine_setup(owner: UserId, id: EngineId, version: Digest, params: &[Param], symbols: &[String]) -> ();
    /// How far engines have seen the market: for the host's start, which must not go back behind that.
    fn market_seen() -> MarketSeen;
    /// Forgets what an engine saved, and how far it has seen the market. The numbers of its orders go on all the same.
    fn forget_saved(id: EngineId) -> ();
    /// Removes an engine with what it saved, said and went through. Its orders, deals and positions are the account's and
    /// stay; its name is free again, its id never is.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound).
    fn remove_engine(owner: UserId, id: EngineId, at: Time) -> ();
    /// Keeps what engines saved, all or nothing, each in place of what it saved before: for the host.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound) engine.
    fn save_engines(saves: &[EngineSave]) -> ();
    /// What an engine saved last: for the host.
    fn saved_engine(id: EngineId) -> Option<EngineSave>;
    /// After which number the orders of an engine's guest are numbered by the host that has taken its account on:
    /// see [`ledger_to_trade`](Self::ledger_to_trade).
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound).
    fn orders_begun(id: EngineId) -> u32;

    /// Keeps signals, all or nothing, in order; of each engine the last [`SIGNALS_KEPT`]: for the host.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound) engine.
    fn add_signals(signals: &[NewSignal]) -> ();
    /// The signals of one of the owner's engines, latest first.
    fn signals(owner: UserId, engine: EngineId, page: Page) -> Listed<SignalRecord>;
    /// Keeps log lines, all or nothing, in order; of each engine the last [`LOG_LINES_KEPT`]: for the host.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound) engine.
    fn add_logs(lines: &[NewLog]) -> ();
    /// The log lines of one of the owner's engines after the page's row, oldest first.
    fn logs(owner: UserId, engine: EngineId, page: Page) -> Listed<LogRecord>;
    /// The last log lines of one of the owner's engines before the page's row, latest first.
    fn last_logs(owner: UserId, engine: EngineId, page: Page) -> Listed<LogRecord>;

    /// The owner's orders, or those of one engine, latest first.
    fn orders(owner: UserId, engine: Option<EngineId>, page: Page) -> Listed<OrderRecord>;
    /// One of the owner's orders.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound).
    fn order(owner: UserId, id: OrderId) -> OrderRecord;
    /// The orders of one of the owner's accounts, latest first.
    fn account_orders(owner: UserId, account: AccountId, page: Page) -> Listed<OrderRecord>;
    /// What an engine has traded since it was added: for the host.
    fn traded(engine: EngineId) -> Traded;
    /// The owner's deals, or those of one engine, latest first.
    fn deals(owner: UserId, engine: Option<EngineId>, page: Page) -> Listed<DealRecord>;
    /// The deals of one of the owner's accounts, latest first.
    fn account_deals(owner: UserId, account: AccountId, page: Page) -> Listed<DealRecord>;
    /// The owner's positions, or those of one engine, latest first.
    fn positions(owner: UserId, engine: Option<EngineId>, filter: PositionFilter, page: Page) -> Listed<PositionRecord>;
    /// The positions of one of the owner's accounts, latest first.
    fn account_positions(owner: UserId, account: AccountId, filter: PositionFilter, page: Page) -> Listed<PositionRecord>;
    /// The grids of all symbols that rows refer to, by name; at most [`PAGE_ROWS_MAX`] beyond this name.
    fn symbol_grids(beyond: &str) -> Vec<SymbolGrid>;
    /// Books reports that were set aside, oldest first, each by itself: for a host's start, before accounts are taken on. `at` is now.
    fn book_set_aside(symbols: &SymbolTable, at: Time) -> Vec<TriedAgain>;
    /// What an account has, as its journal recorded it: for the host's start.
    ///
    /// # Errors
    /// [`NotFound`](StoreError::NotFound) account; [`Symbol`](StoreError::Symbol) when something it holds is not in `symbols`.
    fn ledger(account: AccountId, symbols: &SymbolTable) -> Ledger;
    /// The same for a host that takes the account on. Changes of orders and positions that were asked for and never answered end as
    /// lost. The orders it gives by itself, and those of the account's engines, are
    /// numbered beyond all that are written down, and beyond those that its broker has `seen`, which a database restored from a
    /// copy may not know; so are engines that are added later.
    ///
    /// # Errors
    /// As [`ledger`](Self::ledger).
    fn ledger_to_trade(account: AccountId, symbols: &SymbolTable, seen: &[OrderId]) -> Ledger;

    /// Adds to the audit.
    fn append_audit(entry: &NewAudit) -> AuditRecord;
    /// The audit, latest first: for operators.
    fn audit(page: Page) -> Listed<AuditRecord>;
    /// What the audit has of one thing, such as "engine 7", latest first; only one kind of action unless that is empty: for operators.
    fn audit_of(object: &str, action: &str, page: Page) -> Listed<AuditRecord>;
    /// Checks every row of the audit: for operators.
    fn verify_audit() -> AuditVerdict;

    /// Asks the database for an answer.
    fn ping() -> ();
    /// How much there is: for operators.
    fn counts() -> Counts;
}
