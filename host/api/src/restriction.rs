//! What somebody may not do at the market: whose state says so, who set it, since when and why.
//!
//! States are the host's, the account's and the engine's, and the strictest counts. Who set one is in the audit, unless the host did
//! so by itself; what it said then is known until it ends.

use crate::show::At;
use crate::state::AppState;
use crate::words;
use domain::contract::TradingState;
use domain::ids::{AccountId, EngineId};
use domain::time::Time;
use engine::Scope;
use serde::Serialize;
use std::time::Duration;
use store::{AuditRecord, NewAudit, Page};
use utoipa::ToSchema;

/// How long the audit is asked who set a state.
const AUDIT_MAX: Duration = Duration::from_millis(500);

/// A state that forbids something.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Restriction {
    /// Whose state it is: `host`, `account` or `engine`.
    of: &'static str,
    /// Its id, unless it is the host's.
    id: Option<u32>,
    #[schema(value_type = words::TradingState)]
    state: TradingState,
    /// Who set it: `operator` or `host`; null when that is not known any more.
    by: Option<String>,
    /// Since when, by the host's clock; null when that is not known any more.
    since: Option<At>,
    /// Why; null when that is not known any more.
    reason: Option<String>,
}

/// What a host said when it set a state.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub state: TradingState,
    pub reason: String,
    pub at: Time,
}

impl Restriction {
    /// What a state of the host, an account or an engine forbids; `None` when it forbids nothing.
    pub(crate) async fn of(state: &AppState, scope: Scope, now: TradingState) -> Option<Self> {
        if now == TradingState::Active {
            return None;
        }
        let (object, action) = names(scope);
        let (of, id) = match scope {
            Scope::Host => ("host", None),
            Scope::Account(AccountId(id)) => ("account", Some(id)),
            Scope::Engine(EngineId(id)) => ("engine", Some(id)),
        };
        // A list must come although the audit does not: who is halted matters more than by whom.
        let rows = tokio::time::timeout(AUDIT_MAX, state.store.audit_of(&object, action, Page::first(1))).await;
        let noted = rows.ok().and_then(Result::ok).and_then(|rows| rows.into_iter().next());
        let noted = noted.filter(|row| row.entry.detail["state"] == now.word());
        let said = state.live.said(scope).filter(|said| said.state == now);
        let (by, since, reason) = cause(noted, said);
        Some(Self { of, id, state: now, by, since: since.map(At), reason })
    }

    /// The host does so by itself until something is known.
    pub(crate) fn of_account_by_host(id: AccountId, reason: String) -> Self {
        let by = Some("host".to_owned());
        Self { of: "account", id: Some(id.0), state: TradingState::Reducing, by, since: None, reason: Some(reason) }
    }
}

/// The strictest of all.
pub(crate) fn strictest(all: &[Restriction]) -> TradingState {
    all.iter().map(|one| one.state).max().unwrap_or(TradingState::Active)
}

/// What the audit calls it when somebody's state is set.
fn names(scope: Scope) -> (String, &'static str) {
    match scope {
        Scope::Host => ("host".into(), "host.trading"),
        Scope::Account(id) => (format!("account {id}"), "account.trading"),
        Scope::Engine(id) => (format!("engine {id}"), "engine.trading"),
    }
}

/// Who, when and why: of what a person did and what the host said, the later counts. What a person does, the host says first.
fn cause(noted: Option<AuditRecord>, said: Option<Said>) -> (Option<String>, Option<Time>, Option<String>) {
    match (noted.map(|row| row.entry), said) {
        (Some(NewAudit { at, actor, detail, .. }), said) if said.as_ref().is_none_or(|said| said.at <= at) => {
            (Some(actor), Some(said.map_or(at, |said| said.at)), detail["reason"].as_str().map(str::to_owned))
        }
        (_, Some(said)) => (Some("host".into()), Some(said.at), Some(said.reason)),
        (_, None) => (None, None, None),
    }
}
