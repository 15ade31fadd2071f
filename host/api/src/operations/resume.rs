//! The host's start: everything that is stored goes on from where it was.

use super::accounts::open_at_host;
use super::setup::add_to_host;
use crate::problem::Problem;
use crate::state::AppState;
use domain::life::EngineState;
use engine::EngineCommand;
use store::{EngineRecord, PAGE_ROWS_MAX, Page, Wanted};

/// What went on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Accounts opened.
    pub accounts: usize,
    /// Engines added.
    pub engines: usize,
    /// Of these: started.
    pub started: usize,
    /// What could not go on, one line each.
    pub failed: Vec<String>,
}

/// Opens every account, adds every engine, and starts those that are wanted running; quarantined ones wait for a person. What
/// can't go on is left alone with its reason, and everything else goes on.
///
/// # Errors
/// The database can't be read.
pub async fn resume(state: &AppState) -> Result<Resumed, Problem> {
    let mut resumed = Resumed::default();
    let mut page = Page::first(PAGE_ROWS_MAX);
    loop {
        let accounts = state.store.every_account(page).await?;
        for account in &accounts {
            match open_at_host(state, account).await {
                Ok(_) => resumed.accounts += 1,
                Err(problem) => resumed.fail(format!("account {} ({}): {problem}", account.id, account.name)),
            }
        }
        match accounts.last() {
            Some(last) => page = Page::beyond(i64::from(last.id.0), PAGE_ROWS_MAX),
            None => break,
        }
    }
    page = Page::first(PAGE_ROWS_MAX);
    loop {
        let engines = state.store.every_engine(page).await?;
        for engine in &engines {
            match go_on(state, engine).await {
                Ok(started) => {
                    resumed.engines += 1;
                    resumed.started += usize::from(started);
                }
                Err(problem) => {
                    let why = format!("not started with the host: {problem}");
                    state.store.set_engine_state(engine.id, EngineState::Faulted, &why, state.clock.now()).await?;
                    resumed.fail(format!("engine {} ({}): {problem}", engine.id, engine.name));
                }
            }
        }
        match engines.last() {
            Some(last) => page = Page::beyond(i64::from(last.id.0), PAGE_ROWS_MAX),
            None => return Ok(resumed),
        }
    }
}

/// Whether the engine was started.
async fn go_on(state: &AppState, record: &EngineRecord) -> Result<bool, Problem> {
    add_to_host(state, record).await?;
    if record.wanted == Wanted::Stopped || record.state == EngineState::Quarantined {
        return Ok(false);
    }
    let id = record.id;
    state.ask(move |host| host.command(id, EngineCommand::Start, "the host started")).await??;
    Ok(true)
}

impl Resumed {
    fn fail(&mut self, line: String) {
        tracing::error!("{line}");
        self.failed.push(line);
    }
}
