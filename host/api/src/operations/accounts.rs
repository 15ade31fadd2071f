//! Opening accounts.

use super::{Pulled, any_account, audit};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use domain::account::Account;
use domain::broker::AccountTerms;
use domain::contract::TradingState;
use domain::ids::AccountId;
use domain::number::Money;
use domain::risk::RiskLimits;
use engine::{HostError, Recovered, Scope, WoundDown};
use store::{AccountRecord, UserRecord};

/// Largest leverage, as offered anywhere.
const LEVERAGE_MAX: u32 = 10_000;
/// Largest deposit of a paper account, in units of its currency: beyond that, sums of profits come near to what a computer
/// counts exactly.
const DEPOSIT_UNITS_MAX: i64 = 1_000_000_000;

/// A paper account to open.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Unique among its owner's.
    pub name: String,
    /// Mode, currency, leverage, deposit.
    pub terms: AccountTerms,
    /// What the gate holds it to.
    pub limits: RiskLimits,
}

/// Opens a paper account, in the database and at the host.
///
/// # Errors
/// The name is taken, or a term is out of its range.
pub async fn open_account(state: &AppState, owner: &UserRecord, account: &NewAccount) -> Result<AccountRecord, Problem> {
    check(&account.terms).map_err(|why| Problem::new(Code::InvalidValue, why))?;
    let deposit = account.terms.deposit.rounded(account.terms.currency_digits);
    let terms = AccountTerms { deposit, ..account.terms.clone() };
    let record = state.store.open_account(owner.id, &account.name, &terms, &account.limits, state.clock.now()).await?;
    open_at_host(state, &record).await?;
    let detail = serde_json::json!({ "owner": owner.name, "name": record.name, "deposit": record.terms.deposit.to_string() });
    audit(state, "account.open", format!("account {}", record.id), detail).await;
    Ok(record)
}

fn check(terms: &AccountTerms) -> Result<(), String> {
    match terms {
        AccountTerms { currency, .. } if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) => {
            Err(format!("currency: {currency:?} is no currency; give its three letters, as USD"))
        }
        AccountTerms { leverage, .. } if !(1..=LEVERAGE_MAX).contains(leverage) => {
            Err(format!("leverage: {leverage} is out of range; it may be 1 to {LEVERAGE_MAX}"))
        }
        AccountTerms { deposit, .. } if deposit.0 <= 0 || deposit.0 > DEPOSIT_UNITS_MAX * Money::ONE.0 => {
            Err(format!("deposit: it must be positive and at most {DEPOSIT_UNITS_MAX}"))
        }
        AccountTerms { deposit, currency, currency_digits, .. } if deposit.rounded(*currency_digits) == Money::ZERO => {
            Err(format!("deposit: less than the smallest amount of {currency}; give more"))
        }
        _ => Ok(()),
    }
}

/// Opens an account of the database at the host, with what the journal says it has. One that is open stays so.
pub(super) async fn open_at_host(state: &AppState, record: &AccountRecord) -> Result<Recovered, Problem> {
    let id = record.id;
    // First, so that what this host begins with is on disk before it gives a number.
    let seen = state.ask(move |host| host.orders_seen(id)).await??;
    let ledger = state.store.ledger_to_trade(record.id, state.host.table(), &seen).await?;
    let mut account = Account::new(record.id, record.owner, record.terms.clone(), ledger, record.limits.clone());
    // What the database was not told while it did not work.
    let kept = state.host.kept_trading(Scope::Account(id));
    if kept > record.trading {
        state.store.set_account_trading(record.owner, id, kept).await?;
    }
    account.trading = record.trading.max(kept);
    super::risk::prepare(state, &mut account).await?;
    match state.ask(|host| host.open_account(account)).await? {
        Err(HostError::AccountExists(_)) => Ok(Recovered::default()),
        opened => Ok(opened?),
    }
}

/// Opens an account that could not be opened when the host started, so that its engines can go on without a restart.
pub(super) async fn open_if_closed(state: &AppState, id: AccountId) -> Result<(), Problem> {
    if state.host.account(id).is_none() {
        open_at_host(state, &any_account(state, id.0).await?).await?;
    }
    Ok(())
}

/// Keeps what an account may do at the market, which holds at the gate already.
pub(crate) async fn keep_account_trading(
    state: &AppState,
    record: &AccountRecord,
    pulled: Pulled,
    trading: TradingState,
    reason: &str,
) -> Result<WoundDown, Problem> {
    let id = record.id;
    let done = pulled.keep(state, |trading| state.store.set_account_trading(record.owner, id, trading)).await?;
    audit(state, "account.trading", format!("account {id}"), serde_json::json!({ "state": trading, "reason": reason })).await;
    Ok(done)
}
