//! What people allow at the market, kept: what was answered with success holds after a restart as well, whatever becomes of the
//! database.
//!
//! A state holds at the host as soon as it is asked for. Whoever then writes it down waits for a turn, and writes what holds by that time:
//! of two states set at once, the one that holds last is also the one that is written last.

use super::in_turn::Subject;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use domain::account::WindDown;
use domain::contract::TradingState;
use domain::ids::AccountId;
use engine::{HostError, Keepsake, Scope, WoundDown};
use std::future::Future;
use std::sync::PoisonError;
use std::time::Duration;
use store::StoreError;

/// The name under which the database has the kill switch's state.
pub const TRADING: &str = "trading";

/// How long the database and the keeper are waited for. Whoever pulls a kill switch waits no longer; what was asked for holds by then.
const KEPT_MAX: Duration = Duration::from_secs(2);

/// A trading state that holds at the gate, and is not kept yet.
pub(crate) struct Pulled {
    /// What was withdrawn and closed.
    pub done: WoundDown,
    scope: Scope,
    trading: TradingState,
    /// What held before, and what of it the keeper has.
    before: TradingState,
    kept_before: TradingState,
    /// `None` when the host does not have it now.
    keepsake: Option<Keepsake>,
}

/// Sets a trading state at the host, and takes back what is there: a kill switch does not wait for a database.
pub(crate) async fn pull(state: &AppState, scope: Scope, trading: TradingState, reason: &str, what: WindDown) -> Result<Pulled, Problem> {
    let why = reason.to_owned();
    let pulled = state.ask(move |host| {
        let kept_before = host.kept_trading(scope);
        let before = standing(host, scope).unwrap_or(TradingState::Halted);
        let keepsake = match host.set_trading(scope, trading, &why) {
            // What is not there now is told when it is opened or added.
            Err(HostError::NoSuchAccount(_) | HostError::NoSuchEngine(_)) => None,
            set => Some(set?),
        };
        let done = if what.cancel_orders || what.flatten { host.wind_down(scope, what)? } else { WoundDown::default() };
        Ok::<_, HostError>(Pulled { done, scope, trading, before, kept_before, keepsake })
    });
    Ok(pulled.await??)
}

/// What somebody may do as far as the host knows. `None` where it knows nothing: the database may say anything.
fn standing(host: &engine::Host, scope: Scope) -> Option<TradingState> {
    match scope {
        Scope::Host => Some(host.trading()),
        Scope::Account(id) => host.account(id).map(|account| account.lock().unwrap_or_else(PoisonError::into_inner).trading),
        Scope::Engine(id) => host.engine(id).map(|engine| engine.trading),
    }
}

impl Pulled {
    /// Waits until a restart will find the state, which the database takes by `write`. What is at least as strict as before is kept when
    /// the database or the data folder has it, since a start takes the stricter; what lifts something, when both have it. Where another
    /// request has set another state meanwhile, that one is written.
    ///
    /// # Errors
    /// [`Code::NotKept`]: it holds now, and a restart would find another.
    pub(crate) async fn keep<Writing: Future<Output = Result<(), StoreError>>>(
        self,
        state: &AppState,
        write: impl FnOnce(TradingState) -> Writing,
    ) -> Result<WoundDown, Problem> {
        let Self { done, scope, trading, before, kept_before, keepsake } = self;
        let _turn = state.turns.of(Subject::Trading(scope)).lock_owned().await;
        if scope == Scope::Host && trading < before {
            // The host's event thread writes this state as well: a halt that it has not written yet must not follow the lift.
            state.ask(|host| host.told(KEPT_MAX)).await?;
        }
        let write = write(standing(&state.host, scope).unwrap_or(trading));
        let keepsake = keepsake.unwrap_or_else(|| state.host.keep_trading(scope, trading));
        let written = async {
            match tokio::time::timeout(KEPT_MAX, write).await {
                Ok(written) => written.map_err(|error| error.to_string()),
                Err(_) => Err(format!("it has not answered for {} s", KEPT_MAX.as_secs())),
            }
        };
        let (written, kept) = tokio::join!(written, state.ask(move |_| keepsake.wait(KEPT_MAX)));
        let kept = kept?.map_err(|why| why.to_string());
        let is_lift = trading < before;
        let whom = Whom(scope);
        let problem = match (&written, &kept) {
            (Ok(()), Ok(())) => return Ok(done),
            (Err(why), Err(why_else)) => {
                let after = if is_lift { format!("{whom} is {before} again") } else { "that is forgotten".to_owned() };
                format!("neither the database ({why}) nor the data folder ({why_else}) could keep it: after a restart {after}")
            }
            (Ok(()), Err(why)) if !is_lift || kept_before == TradingState::Active => {
                tracing::error!(%why, "the data folder could not keep that {whom} is {trading}; the database has it");
                return Ok(done);
            }
            (Err(why), Ok(())) if !is_lift => {
                tracing::error!(%why, "the database could not take that {whom} is {trading}; the data folder has it");
                return Ok(done);
            }
            (Ok(()), Err(why)) => {
                format!("the data folder ({why}) still has the state before: after a restart {whom} is {kept_before} again")
            }
            (Err(why), Ok(())) => format!("the database ({why}) may still have the state before: after a restart that holds again"),
        };
        let sent = match done {
            WoundDown { cancels: 0, closes: 0 } => String::new(),
            WoundDown { cancels, closes } => format!(" ({cancels} cancels and {closes} closing orders were sent)"),
        };
        Err(Problem::new(Code::NotKept, format!("{whom} is {trading} now{sent}, but {problem}; mend that, and ask again")))
    }
}

/// For whom a state holds, in words.
struct Whom(Scope);

impl std::fmt::Display for Whom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Scope::Host => f.write_str("the host"),
            Scope::Account(AccountId(id)) => write!(f, "account {id}"),
            Scope::Engine(id) => write!(f, "engine {id}"),
        }
    }
}
