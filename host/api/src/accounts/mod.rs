//! Trading accounts.

pub(crate) mod book;
pub(crate) mod change;
pub(crate) mod list;
pub(crate) mod open;
pub(crate) mod show;

use crate::limits::Limits;
use crate::problem::Problem;
use crate::restriction::{Restriction, strictest};
use crate::show::At;
use crate::state::AppState;
use crate::words;
use domain::account::Account;
use domain::bars::MarketView as _;
use domain::contract::{AccountMode, AccountView as Figures, TradingState};
use domain::ids::AccountId;
use domain::order::OrderState;
use engine::Scope;
use serde::Serialize;
use std::sync::PoisonError;
use store::AccountRecord;
use utoipa::ToSchema;

/// An account. Money is in its currency.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountView {
    id: u32,
    /// Name of its owner.
    user: String,
    /// Unique among its owner's.
    name: String,
    #[schema(value_type = words::AccountMode)]
    mode: AccountMode,
    currency: String,
    /// 1:leverage.
    leverage: u32,
    /// Balance at the start.
    deposit: f64,
    /// Deposit and the net of all deals.
    balance: f64,
    /// Balance and floating profit at the current quotes.
    equity: f64,
    /// Margin that the open positions take.
    margin: f64,
    /// Equity that is not bound by margin.
    margin_free: f64,
    /// Number of open positions.
    positions: usize,
    /// Number of working orders.
    working_orders: usize,
    /// Whether this host has it open; if not, no engine trades on it.
    open: bool,
    #[schema(value_type = words::TradingState)]
    trading: TradingState,
    /// Why it may do less than was set; null when it may do what was set.
    trading_reason: Option<String>,
    /// What may be done on it now: the strictest of its own state and the host's.
    #[schema(value_type = words::TradingState)]
    trading_now: TradingState,
    /// Who says so, since when and why; empty when everything may be done.
    restrictions: Vec<Restriction>,
    /// Orders that were sent and of which nobody knows what became: none is sent again.
    unresolved_orders: Vec<String>,
    limits: Limits,
    created_at: At,
}

/// An account with what it has now.
pub(crate) async fn view(state: &AppState, record: &AccountRecord, user: &str) -> Result<AccountView, Problem> {
    let id = record.id;
    let running = state
        .ask(move |host| host.account(id).map(|account| standing(host, &account.lock().unwrap_or_else(PoisonError::into_inner))))
        .await?;
    let open = running.is_some();
    let Standing { figures, positions, working_orders, unresolved, uncompared, trading } = match running {
        Some(standing) => standing,
        None => {
            let ledger = state.store.ledger(id, state.host.table()).await?;
            let account = Account::new(id, record.owner, record.terms.clone(), ledger, record.limits.clone());
            state.ask(move |host| standing(host, &account)).await?
        }
    };
    let trading = record.trading.max(trading);
    let trading_reason = waits(&unresolved).or_else(|| uncompared.then(|| UNCOMPARED.into()));
    let of_host = Restriction::of(state, Scope::Host, state.host.trading()).await;
    let own = restriction(state, id, trading, trading_reason.clone()).await;
    let restrictions: Vec<Restriction> = of_host.into_iter().chain(own).collect();
    Ok(AccountView {
        id: id.0,
        user: user.into(),
        name: record.name.clone(),
        mode: figures.mode,
        currency: figures.currency,
        leverage: figures.leverage,
        deposit: record.terms.deposit.to_units(),
        balance: figures.balance,
        equity: figures.equity,
        margin: figures.margin,
        margin_free: figures.margin_free,
        positions,
        working_orders,
        open,
        trading,
        trading_reason,
        trading_now: strictest(&restrictions),
        restrictions,
        unresolved_orders: unresolved,
        limits: Limits::from(record.limits.clone()),
        created_at: At(record.created_at),
    })
}

/// What the state of an account that is open forbids.
pub(crate) async fn restriction_on(state: &AppState, id: AccountId) -> Result<Option<Restriction>, Problem> {
    let found = state
        .ask(move |host| host.account(id).map(|account| standing(host, &account.lock().unwrap_or_else(PoisonError::into_inner))))
        .await?;
    let Some(Standing { unresolved, uncompared, trading, .. }) = found else { return Ok(None) };
    Ok(restriction(state, id, trading, waits(&unresolved).or_else(|| uncompared.then(|| UNCOMPARED.into()))).await)
}

/// What an account's state forbids; `waits`: why it opens nothing although nobody said so.
async fn restriction(state: &AppState, id: AccountId, trading: TradingState, waits: Option<String>) -> Option<Restriction> {
    match waits {
        Some(why) if trading <= TradingState::Reducing => Some(Restriction::of_account_by_host(id, why)),
        _ => Restriction::of(state, Scope::Account(id), trading).await,
    }
}

/// What an account has, and what keeps it from trading.
struct Standing {
    figures: Figures,
    positions: usize,
    working_orders: usize,
    unresolved: Vec<String>,
    uncompared: bool,
    trading: TradingState,
}

/// Why an account opens nothing right after it was opened.
const UNCOMPARED: &str = "its broker has not said yet what it has there; it is asked every second, and until it does, nothing is opened";

fn standing(host: &engine::Host, account: &Account) -> Standing {
    let market = host.market();
    let orders = &account.ledger.orders;
    let unresolved: Vec<String> =
        orders.values().filter(|order| order.state == OrderState::Unknown).map(|order| order.id.to_string()).collect();
    // It opens nothing until their outcome is known, whatever was set since.
    let waits = if unresolved.is_empty() && !account.uncompared { TradingState::Active } else { TradingState::Reducing };
    Standing {
        figures: account.view(host.table(), |symbol| market.quote(symbol)),
        positions: account.ledger.positions.len(),
        working_orders: orders.len(),
        unresolved,
        uncompared: account.uncompared,
        trading: account.trading.max(waits),
    }
}

/// Why an account opens nothing although nobody said so.
fn waits(unresolved: &[String]) -> Option<String> {
    let first = unresolved.first()?;
    let more = if unresolved.len() > 1 { format!(" and {} more", unresolved.len() - 1) } else { String::new() };
    Some(format!("outcome of order {first}{more} unknown; waiting for the broker; until it answers, nothing is opened"))
}
