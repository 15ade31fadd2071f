//! The host's start: everything that is stored goes on from where it was.

use super::accounts::open_at_host;
use super::any_engine;
use super::engines::command_engine;
use super::setup::{Kept, add_to_host, load};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use domain::ids::{AccountId, Digest, EngineId, UserId};
use domain::life::EngineState;
use engine::{EngineCommand, Host};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use store::{EngineRecord, PAGE_ROWS_MAX, Page, TriedAgain, Wanted};
use tokio::task::JoinSet;

/// Engines that are added at once: each reads some rows, which is waiting.
const ENGINES_AT_ONCE: usize = 16;
/// Components held in memory at once while they are made ready, 24 MiB each at most.
const VERSIONS_AT_ONCE: usize = 4;
/// How many engines lie between two lines of progress.
const TOLD_EVERY: usize = 1_000;
/// Rest between two tries to take in what the host could not, doubled up to the other: a part of the host that is mended, or room
/// that comes free, is found out soon, and one that is not costs nothing.
const TRY_AGAIN: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(60)];

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
    /// Engines among them that the host is to blame for: [`go_on_later`] takes them in when it can.
    pub later: Vec<EngineId>,
}

/// Opens every account, adds every engine, and starts those that are wanted running; quarantined ones wait for a person. What
/// can't go on is left alone with its reason, and everything else goes on. Users take turns in being started, each one's engines by
/// their ids: where there is room for fewer than before, the same ones run after every start and the others wait.
///
/// # Errors
/// The database can't be read.
pub async fn resume(state: &AppState) -> Result<Resumed, Problem> {
    let mut resumed = Resumed::default();
    // Accounts that may be opened later: their engines wait for that.
    let mut unopened = BTreeSet::new();
    book_set_aside(state).await?;
    let mut page = Page::first(PAGE_ROWS_MAX);
    loop {
        let accounts = state.store.every_account(page).await?;
        for row in accounts.damaged() {
            resumed.fail(format!("{}: its row can't be read: {}", row.what, row.why));
            state.stranded.account(AccountId(row.number as u32), &row.why);
        }
        for account in &accounts {
            match open_at_host(state, account).await {
                Ok(_) => resumed.accounts += 1,
                Err(problem) => {
                    if problem.is_hosts() {
                        unopened.insert(account.id);
                    }
                    state.stranded.account(account.id, &problem.to_string());
                    resumed.fail(format!("account {} ({}): {problem}", account.id, account.name));
                }
            }
        }
        match accounts.last_number() {
            Some(last) => page = Page::beyond(last, PAGE_ROWS_MAX),
            None => break,
        }
    }
    let progress = Progress::begin(state).await?;
    page = Page::first(PAGE_ROWS_MAX);
    let mut added = Added::default();
    loop {
        let engines = state.store.every_engine(page).await?;
        for row in engines.damaged() {
            resumed.fail(format!("{}: its row can't be read: {}", row.what, row.why));
            state.stranded.engine(EngineId(row.number as u32), &row.why);
        }
        ready_versions(state, &engines).await;
        add_all(state, &engines, &unopened, &mut added, &mut resumed, &progress).await?;
        match engines.last_number() {
            Some(last) => page = Page::beyond(last, PAGE_ROWS_MAX),
            None => break,
        }
    }
    let failed = state.ask(move |host| added.start(host)).await?;
    resumed.started -= failed.len();
    failed.into_iter().for_each(|line| resumed.fail(line));
    progress.done(&resumed);
    Ok(resumed)
}

/// Takes in engines that could not go on when the host started, as soon as it can. Ends when none is left.
pub async fn go_on_later(state: AppState, mut engines: Vec<EngineId>) {
    let mut rest = TRY_AGAIN[0];
    while !engines.is_empty() {
        tokio::time::sleep(rest).await;
        let before = engines.len();
        let mut left = Vec::new();
        for engine in engines {
            if try_again(&state, engine).await.is_err() {
                left.push(engine);
            }
        }
        engines = left;
        rest = if engines.len() < before { TRY_AGAIN[0] } else { (rest * 2).min(TRY_AGAIN[1]) };
    }
}

/// Nothing to do for one that was removed or stopped, or that a person has started meanwhile.
async fn try_again(state: &AppState, engine: EngineId) -> Result<(), Problem> {
    let record = match any_engine(state, engine.0).await {
        Err(problem) if problem.code == Code::NotFound => return Ok(()),
        found => found?,
    };
    if !is_started(&record) || state.host.engine(engine).is_some_and(|engine| engine.state != EngineState::Defined) {
        return Ok(());
    }
    let why = "the host can take it now";
    match command_engine(state, &record, EngineCommand::Start, why).await {
        Err(problem) if problem.is_hosts() => Err(problem),
        Err(problem) => {
            tracing::error!("engine {engine} ({}) can't go on: {problem}", record.name);
            let why = format!("not started: {problem}");
            Ok(state.store.set_engine_state(engine, EngineState::Faulted, &why, state.clock.now()).await?)
        }
        Ok(()) => Ok(()),
    }
}

/// Engines that are at the host and are to be started.
#[derive(Default)]
struct Added {
    by_owner: BTreeMap<UserId, BTreeMap<EngineId, String>>,
    /// So that what is loaded later does not push out what an engine will need in a moment.
    kept: Vec<Kept>,
}

impl Added {
    /// Starts them, and gives those that could not be, one line each.
    fn start(self, host: &Host) -> Vec<String> {
        let mut failed = Vec::new();
        let mut turns: Vec<_> = self.by_owner.into_values().map(BTreeMap::into_iter).collect();
        while !turns.is_empty() {
            turns.retain_mut(|engines| {
                let Some((engine, name)) = engines.next() else { return false };
                if let Err(error) = host.command(engine, EngineCommand::Start, "the host started") {
                    failed.push(format!("engine {engine} ({name}): {}", Problem::from(error)));
                }
                true
            });
        }
        failed
    }
}

/// Books what was set aside when it came, before anything is built on what the database has.
async fn book_set_aside(state: &AppState) -> Result<(), Problem> {
    for TriedAgain { account, failed } in state.store.book_set_aside(state.host.table(), state.clock.now()).await? {
        let text = match failed {
            None => format!(
                "account {account}: a report of the broker that had been set aside is booked now; look at the account and set its trading"
            ),
            Some(why) => format!(
                "account {account}: a report of the broker that was set aside can't be booked still ({why}); it is tried again at the next start"
            ),
        };
        state.host.alarm("set-aside-again", text);
    }
    Ok(())
}

/// Has every version compiled that these engines run, before they want it all at once. What is wrong with one is said by the
/// engines that run it.
async fn ready_versions(state: &AppState, engines: &[EngineRecord]) {
    let versions: BTreeSet<Digest> = engines.iter().filter(|engine| is_started(engine)).map(|engine| engine.version).collect();
    let mut loading = JoinSet::new();
    for version in versions {
        let state = state.clone();
        loading.spawn(async move { drop(load(&state, None, version).await) });
        if loading.len() >= VERSIONS_AT_ONCE {
            loading.join_next().await;
        }
    }
    loading.join_all().await;
}

/// Adds engines, many at once.
async fn add_all(
    state: &AppState,
    engines: &[EngineRecord],
    unopened: &BTreeSet<AccountId>,
    added: &mut Added,
    resumed: &mut Resumed,
    progress: &Progress,
) -> Result<(), Problem> {
    let mut under_way = JoinSet::new();
    let mut left = engines.iter();
    loop {
        while under_way.len() < ENGINES_AT_ONCE
            && let Some(engine) = left.next().cloned()
        {
            let state = state.clone();
            under_way.spawn(async move {
                let ready = ready(&state, &engine).await;
                (engine, ready)
            });
        }
        let Some(done) = under_way.join_next().await else { return Ok(()) };
        let (engine, ready) = done.map_err(Problem::internal)?;
        match ready {
            Ok(kept) => {
                resumed.engines += 1;
                if is_started(&engine) {
                    resumed.started += 1;
                    added.kept.push(kept);
                    added.by_owner.entry(engine.owner).or_default().insert(engine.id, engine.name);
                } else if engine.state.has_guest() {
                    // Its stop was answered, and the host before ended before that was noted.
                    let why = "stopped when the host before ended";
                    note_state(state, engine.id, EngineState::Stopped, why).await;
                }
            }
            Err(problem) => {
                let waits = problem.is_hosts() || unopened.contains(&engine.account);
                let (stands, then) = if waits {
                    (EngineState::Waiting, "; it starts by itself as soon as the host can take it")
                } else {
                    (EngineState::Faulted, "")
                };
                let why = format!("not started with the host: {problem}{then}");
                if is_started(&engine) && !waits {
                    state.stranded.engine(engine.id, &problem.to_string());
                }
                // What is wrong with this one keeps none of the others.
                note_state(state, engine.id, stands, &why).await;
                if waits && is_started(&engine) {
                    resumed.later.push(engine.id);
                }
                resumed.fail(format!("engine {} ({}): {problem}", engine.id, engine.name));
            }
        }
        progress.tell(resumed);
    }
}

async fn note_state(state: &AppState, engine: EngineId, stands: EngineState, why: &str) {
    if let Err(error) = state.store.set_engine_state(engine, stands, why, state.clock.now()).await {
        tracing::error!("engine {engine}: its state could not be noted: {}", error.in_full());
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

/// Has an engine at the host, and its version ready when it starts with it.
async fn ready(state: &AppState, record: &EngineRecord) -> Result<Kept, Problem> {
    add_to_host(state, record).await?;
    if is_started(record) { load(state, Some(record.owner), record.version).await } else { Ok(None) }
}

impl Resumed {
    fn last_line(&self, took_s: f64) -> String {
        let (engines, started, failed) = (self.engines, self.started, self.failed.len());
        if engines + failed == 0 {
            return "no engines are set up yet".to_owned();
        }
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
            progress.line(&Resumed { accounts: 1, engines, started: 700, failed, later: Vec::new() })
        };
        assert_eq!((line(999, 0), line(1_001, 0), line(1_000, 1)), (None, None, None));
        assert_eq!(
            line(1_998, 2).as_deref(),
            Some("2000 of 2500 engines are back, 700 of them start"),
            "one that failed is seen to as well"
        );
        assert_eq!(Resumed::default().last_line(0.0), "no engines are set up yet");
        let resumed = Resumed { engines: 2_499, started: 700, failed: vec!["engine 3".into()], ..Resumed::default() };
        assert_eq!(resumed.last_line(1.26), "2499 engines are back after 1.3 s, 700 of them start, 1 could not go on");
    }
}
