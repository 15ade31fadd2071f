//! What should go on and could not when the host started, until it does or nobody wants it any more: health names it.

use crate::operations::any_engine;
use crate::problem::Code;
use crate::state::AppState;
use domain::ids::{AccountId, EngineId};
use domain::life::EngineState;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use store::Wanted;

/// How many are looked at and named: whoever mends these sees the next.
const NAMED_MAX: usize = 8;

/// Accounts and engines with the reason why each could not go on.
#[derive(Debug, Default)]
pub(crate) struct Stranded(Mutex<Lists>);

#[derive(Clone, Debug, Default)]
struct Lists {
    accounts: BTreeMap<AccountId, String>,
    engines: BTreeMap<EngineId, String>,
}

impl Stranded {
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn account(&self, id: AccountId, why: &str) {
        self.lists().accounts.insert(id, why.to_owned());
    }

    pub(crate) fn engine(&self, id: EngineId, why: &str) {
        self.lists().engines.insert(id, why.to_owned());
    }

    /// In one line, what should go on and does not; `None` when there is nothing.
    pub(crate) async fn line(&self, state: &AppState) -> Option<String> {
        let Lists { accounts, engines } = self.lists().clone();
        let mut lines = Vec::new();
        for (id, why) in accounts.iter().filter(|(id, _)| state.host.account(**id).is_none()) {
            lines.push(format!("account {id} is not open ({why})"));
        }
        let mut looked_at = 0;
        for (id, why) in &engines {
            let waits = state.host.engine(*id).is_none_or(|engine| engine.state == EngineState::Defined);
            if waits && (looked_at >= NAMED_MAX || is_wanted(state, *id).await) {
                lines.push(format!("engine {id} could not go on ({why})"));
            }
            looked_at += usize::from(waits);
        }
        let more = lines.len().saturating_sub(NAMED_MAX);
        lines.truncate(NAMED_MAX);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        (!lines.is_empty()).then(|| format!("{}{more}; the log has each with its reason", lines.join(", ")))
    }
}

/// Whether somebody still wants an engine; of one that can't be read that is not known, and it counts.
async fn is_wanted(state: &AppState, id: EngineId) -> bool {
    match any_engine(state, id.0).await {
        Ok(engine) => engine.wanted != Wanted::Stopped,
        Err(problem) => problem.code != Code::NotFound,
    }
}
