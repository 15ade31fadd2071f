//! What the host is asked to do, whoever asks: endpoints over HTTP, or the host itself when it starts.

mod accounts;
mod change;
mod engines;
mod in_turn;
mod quotas;
mod resume;
mod risk;
mod setup;
mod shadow;
mod trading;
mod versions;

pub use accounts::{NewAccount, open_account};
pub use change::{Changes, change_engine, remove_engine, swap_engine};
pub use engines::{EngineWanted, add_engine, command_engine};
pub use resume::{Resumed, go_on_later, resume};
pub use shadow::{end_shadow, shadow_engine, shadow_of};
pub use trading::TRADING;
pub use versions::upload;

pub(crate) use accounts::keep_account_trading;
pub(crate) use engines::keep_engine_trading;
pub(crate) use in_turn::{Turns, to_its_end};
pub(crate) use quotas::{Holdings, held_by};
pub(crate) use risk::{
    effective_limits, operators_limits, reset_gate, set_accounts_limits, set_operators_limits, set_users_limits, users_limits,
};
pub(crate) use trading::{Pulled, pull};

use crate::operator::Operator;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use domain::ids::{AccountId, EngineId};
use std::time::Duration;
use store::{AccountRecord, Damaged, EngineRecord, Listed, NewAudit, Page, UserRecord};

/// Adds a user.
///
/// # Errors
/// The name is taken or invalid.
pub async fn create_user(state: &AppState, name: &str) -> Result<UserRecord, Problem> {
    let user = state.store.create_user(name, state.clock.now()).await?;
    audit(state, "user.create", format!("user {}", user.id), serde_json::json!({ "name": name })).await;
    Ok(user)
}

/// The user with this name.
///
/// # Errors
/// It does not exist.
pub async fn user_named(state: &AppState, name: &str) -> Result<UserRecord, Problem> {
    let user = state.store.find_user(name).await?;
    user.ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            format!("there is no user {name:?}; `stockade user list` shows them, `stockade user add {name}` makes one"),
        )
    })
}

/// An engine, whoever owns it: for the operator.
pub(crate) async fn any_engine(state: &AppState, id: u32) -> Result<EngineRecord, Problem> {
    let next = state.store.every_engine(Page::beyond(i64::from(id) - 1, 1)).await?;
    readable(&next, id)?;
    let found = next.into_iter().find(|engine| engine.id == EngineId(id));
    found.ok_or_else(|| Problem::new(Code::NotFound, format!("there is no engine {id}; `stockade engine list` shows them")))
}

/// An account, whoever owns it: for the operator.
pub(crate) async fn any_account(state: &AppState, id: u32) -> Result<AccountRecord, Problem> {
    let next = state.store.every_account(Page::beyond(i64::from(id) - 1, 1)).await?;
    readable(&next, id)?;
    let found = next.into_iter().find(|account| account.id == AccountId(id));
    found.ok_or_else(|| Problem::new(Code::NotFound, format!("there is no account {id}; `stockade account list` shows them")))
}

/// Says of the one row that was asked for that it can't be read.
fn readable<T>(rows: &Listed<T>, id: u32) -> Result<(), Problem> {
    match rows.damaged().iter().find(|row| row.number == i64::from(id)) {
        None => Ok(()),
        Some(Damaged { what, why, .. }) => {
            let detail = format!(
                "{what} can't be read ({why}); everything else can. `stockade doctor` lists every row like it; mend the column, or restore it from a backup"
            );
            Err(Problem::new(Code::RowDamaged, detail))
        }
    }
}

/// How long noting something is waited for: who pulled the kill switch must not wonder whether it worked while the database hangs.
const AUDIT_MAX: Duration = Duration::from_secs(2);

/// Notes what was done. It has been done: a failure to note it is for the log, not for who asked.
pub(crate) async fn audit(state: &AppState, action: &str, object: String, detail: serde_json::Value) {
    let entry = NewAudit { at: state.clock.now(), actor: Operator::ACTOR.into(), action: action.into(), object, detail };
    let error = match tokio::time::timeout(AUDIT_MAX, state.store.append_audit(&entry)).await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer of the database within {} s", AUDIT_MAX.as_secs()),
    };
    tracing::error!(action, object = entry.object, detail = %entry.detail, error, "could not be noted in the audit");
}
