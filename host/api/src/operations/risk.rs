//! Limits of the risk gate: the operator's, a user's, an account's; and what the gate remembers.

use super::audit;
use crate::problem::Problem;
use crate::state::AppState;
use domain::account::Account;
use domain::ids::{EngineId, UserId};
use domain::risk::RiskLimits;
use engine::HostError;
use store::{AccountRecord, PAGE_ROWS_MAX, Page, UserRecord};

/// The name under which the operator's limits are kept.
const LIMITS: &str = "limits";

/// The operator's limits that were set while the host ran; no limit when none were.
pub(crate) async fn operators_limits(state: &AppState) -> Result<RiskLimits, Problem> {
    let kept = state.store.host_setting(LIMITS).await?;
    kept.map_or(Ok(RiskLimits::none()), |text| serde_json::from_str(&text).map_err(Problem::internal))
}

/// A user's limits; no limit when none were set.
pub(crate) async fn users_limits(state: &AppState, owner: UserId) -> Result<RiskLimits, Problem> {
    Ok(state.store.user_limits(owner).await?.unwrap_or_else(RiskLimits::none))
}

/// The levels above an account's own: the configuration, the operator, the user.
async fn ceilings(state: &AppState, owner: UserId) -> Result<Vec<RiskLimits>, Problem> {
    Ok(vec![state.ceiling.as_ref().clone(), operators_limits(state).await?, users_limits(state, owner).await?])
}

/// What holds for an account: of all levels the strictest.
pub(crate) async fn effective_limits(state: &AppState, record: &AccountRecord) -> Result<RiskLimits, Problem> {
    let ceilings = ceilings(state, record.owner).await?;
    Ok(ceilings.iter().fold(record.limits.clone(), |limits, ceiling| limits.strictest(ceiling)))
}

/// Gives an account that is being opened its limits, and its gate what it remembered.
pub(super) async fn prepare(state: &AppState, account: &mut Account) -> Result<(), Problem> {
    let ceilings = ceilings(state, account.owner).await?;
    let memory = state.store.gate_memory(account.id).await?;
    let deals = state.store.deals_since(account.id, memory.last_deal).await?;
    let gate = account.gate_mut();
    gate.set_ceilings(ceilings);
    gate.restore(memory, &deals);
    Ok(())
}

/// Sets the operator's limits, for every account at once.
pub(crate) async fn set_operators_limits(state: &AppState, limits: &RiskLimits, reason: &str) -> Result<(), Problem> {
    let before = operators_limits(state).await?;
    state.store.set_host_setting(LIMITS, &serde_json::to_string(limits).map_err(Problem::internal)?).await?;
    let mut page = Page::first(PAGE_ROWS_MAX);
    loop {
        let accounts = state.store.every_account(page).await?;
        for account in &accounts {
            renew(state, account).await?;
        }
        match accounts.last_number() {
            Some(last) => page = Page::beyond(last, PAGE_ROWS_MAX),
            None => break,
        }
    }
    note(state, "host".into(), (&before, limits), reason).await;
    Ok(())
}

/// Sets a user's limits, for all their accounts at once.
pub(crate) async fn set_users_limits(state: &AppState, owner: &UserRecord, limits: &RiskLimits, reason: &str) -> Result<(), Problem> {
    let before = users_limits(state, owner.id).await?;
    state.store.set_user_limits(owner.id, limits).await?;
    let mut page = Page::first(PAGE_ROWS_MAX);
    loop {
        let accounts = state.store.accounts(owner.id, page).await?;
        for account in &accounts {
            renew(state, account).await?;
        }
        match accounts.last_number() {
            Some(last) => page = Page::beyond(last, PAGE_ROWS_MAX),
            None => break,
        }
    }
    note(state, format!("user {}", owner.id), (&before, limits), reason).await;
    Ok(())
}

/// Sets an account's own limits.
pub(crate) async fn set_accounts_limits(
    state: &AppState,
    record: &AccountRecord,
    limits: &RiskLimits,
    reason: &str,
) -> Result<(), Problem> {
    state.store.set_account_limits(record.owner, record.id, limits).await?;
    renew(state, &AccountRecord { limits: limits.clone(), ..record.clone() }).await?;
    note(state, format!("account {}", record.id), (&record.limits, limits), reason).await;
    Ok(())
}

/// Brings an open account's limits up to date.
async fn renew(state: &AppState, record: &AccountRecord) -> Result<(), Problem> {
    let (id, own, ceilings) = (record.id, record.limits.clone(), ceilings(state, record.owner).await?);
    match state.ask(move |host| host.set_limits(id, own, ceilings)).await? {
        // It gets them when it is opened.
        Ok(()) | Err(HostError::NoSuchAccount(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A person has looked: the account, or one engine, may open again.
pub(crate) async fn reset_gate(state: &AppState, record: &AccountRecord, engine: Option<u32>, reason: &str) -> Result<(), Problem> {
    let id = record.id;
    state.ask(move |host| host.reset_gate(id, engine.map(EngineId))).await??;
    audit(state, "gate.reset", format!("account {id}"), serde_json::json!({ "engine": engine, "reason": reason })).await;
    Ok(())
}

async fn note(state: &AppState, object: String, (before, after): (&RiskLimits, &RiskLimits), reason: &str) {
    let action = if after.raises(before) { "limits.raise" } else { "limits.lower" };
    audit(state, action, object, serde_json::json!({ "before": before, "after": after, "reason": reason })).await;
}
