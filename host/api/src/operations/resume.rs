//! The host's start: everything that is stored goes on from where it was.

use super::accounts::open_at_host;
use super::setup::{add_to_host, load};
use crate::problem::Problem;
use crate::state::AppState;
use domain::ids::Digest;
use domain::life::EngineState;
use engine::EngineCommand;
use std::collections::BTreeSet;
use std::time::Instant;
use store::{EngineRecord, PAGE_ROWS_MAX, Page, Wanted};
use tokio::task::JoinSet;

/// Engines that are added at once: each reads some rows, which is waiting.
const ENGINES_AT_ONCE: usize = 16;
/// Components held in memory at once while they are made ready, 24 MiB each at most.
const VERSIONS_AT_ONCE: usize = 4;
/// How many engines lie between two lines of progress.
const TOLD_EVERY: usize = 1_000;

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
    let progress = Progress::begin(state).await?;
    page = Page::first(PAGE_ROWS_MAX);
    loop {
        let engines = state.store.every_engine(page).await?;
        ready_versions(state, &engines).await;
        go_on_all(state, &engines, &mut resumed, &progress).await?;
        match engines.last() {
            Some(last) => page = Page::beyond(i64::from(last.id.0), PAGE_ROWS_MAX),
            None => break,
        }
    }
    progress.done(&resumed);
    Ok(resumed)
}

/// Has every version compiled that these engines run, before they want it all at once. What is wrong with one is said by the
/// engines that run it.
async fn ready_versions(state: &AppState, engines: &[EngineRecord]) {
    let versions: BTreeSet<Digest> = engines.iter().filter(|engine| is_started(engine)).map(|engine| engine.version).collect();
    let mut loading = JoinSet::new();
    for version in versions {
        let state = state.clone();
        loading.spawn(async move { drop(load(&state, version).await) });
        if loading.len() >= VERSIONS_AT_ONCE {
            loading.join_next().await;
        }
    }
    loading.join_all().await;
}

/// Adds and starts engines, many at once.
async fn go_on_all(state: &AppState, engines: &[EngineRecord], resumed: &mut Resumed, progress: &Progress) -> Result<(), Problem> {
    let mut under_way = JoinSet::new();
    let mut left = engines.iter();
    loop {
        while under_way.len() < ENGINES_AT_ONCE
            && let Some(engine) = left.next().cloned()
        {
            let state = state.clone();
            under_way.spawn(async move {
                let went_on = go_on(&state, &engine).await;
                (engine, went_on)
            });
        }
        let Some(done) = under_way.join_next().await else { return Ok(()) };
        let (engine, went_on) = done.map_err(Problem::internal)?;
        match went_on {
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
        progress.tell(resumed);
    }
}

/// Says in the log how far it is.
struct Progress {
    engines: i64,
    since: Instant,
}

impl Progress {
    async fn begin(state: &AppState) -> Result<Self, Problem> {
        Ok(Self { engines: state.store.counts().await?.engines, since: Instant::now() })
    }

    fn tell(&self, resumed: &Resumed) {
        self.line(resumed).into_iter().for_each(|line| tracing::info!("{line}"));
    }

    fn line(&self, resumed: &Resumed) -> Option<String> {
        let done = resumed.engines + resumed.failed.len();
        let line = || format!("{done} of {} engines are back, {} of them start", self.engines, resumed.started);
        done.is_multiple_of(TOLD_EVERY).then(line)
    }

    fn done(&self, resumed: &Resumed) {
        tracing::info!("{}", resumed.last_line(self.since.elapsed().as_secs_f64()));
    }
}

/// Whether an engine starts with the host.
fn is_started(engine: &EngineRecord) -> bool {
    engine.wanted != Wanted::Stopped && engine.state != EngineState::Quarantined
}

/// Whether the engine was started.
async fn go_on(state: &AppState, record: &EngineRecord) -> Result<bool, Problem> {
    add_to_host(state, record).await?;
    if !is_started(record) {
        return Ok(false);
    }
    let id = record.id;
    state.ask(move |host| host.command(id, EngineCommand::Start, "the host started")).await??;
    Ok(true)
}

impl Resumed {
    fn last_line(&self, took_s: f64) -> String {
        let (engines, started, failed) = (self.engines, self.started, self.failed.len());
        format!("{engines} engines are back after {took_s:.1} s, {started} of them start, {failed} could not go on")
    }

    fn fail(&mut self, line: String) {
        tracing::error!("{line}");
        self.failed.push(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thousandth_engine_is_told_and_so_is_the_end() {
        let progress = Progress { engines: 2_500, since: Instant::now() };
        let line = |engines, failed: usize| {
            let failed = (0..failed).map(|number| number.to_string()).collect();
            progress.line(&Resumed { accounts: 1, engines, started: 700, failed })
        };
        assert_eq!((line(999, 0), line(1_001, 0), line(1_000, 1)), (None, None, None));
        assert_eq!(
            line(1_998, 2).as_deref(),
            Some("2000 of 2500 engines are back, 700 of them start"),
            "one that failed is seen to as well"
        );
        let resumed = Resumed { accounts: 1, engines: 2_499, started: 700, failed: vec!["engine 3".into()] };
        assert_eq!(resumed.last_line(1.26), "2499 engines are back after 1.3 s, 700 of them start, 1 could not go on");
    }
}
