//! One order of requests per engine, and per trading state.
//!
//! What is wanted of an engine is stored, and the engine does it: two writes. Requests on one engine take turns around both, so that
//! what is stored and what the engine does agree whatever came together. A request whose sender has gone is carried out to its end all the
//! same: half of it would be worse than all of it.
//!
//! When the host dies between the two writes, the stricter one wins: what stops or pauses an engine is stored before it is done, what
//! starts it or lets it go on is done first. Nobody was told that it starts; somebody may have been about to rely on it standing still.
//!
//! Trading states have turns of their own: a swap may take its engine's turn for seconds, and no halt waits for a swap.

use crate::problem::Problem;
use crate::state::AppState;
use domain::ids::EngineId;
use engine::Scope;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::Mutex as Turn;

/// Turns that are remembered before those that nobody waits for are forgotten: as many as there may be requests at once.
const TURNS_MAX: usize = 256;

/// What requests take turns around.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// What an engine is and does.
    Engine(EngineId),
    /// What somebody may do at the market.
    Trading(Scope),
}

/// Whose turn it is, by subject.
#[derive(Default)]
pub(crate) struct Turns(Mutex<BTreeMap<Subject, Weak<Turn<()>>>>);

impl Turns {
    pub(super) fn of(&self, subject: Subject) -> Arc<Turn<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= TURNS_MAX {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = turns.get(&subject).and_then(Weak::upgrade).unwrap_or_default();
        turns.insert(subject, Arc::downgrade(&turn));
        turn
    }
}

/// Does something to an engine when it is its turn, and to the end.
///
/// # Errors
/// As `work`.
pub(super) async fn in_turn<T: Send + 'static>(
    state: &AppState,
    engine: EngineId,
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let turn = state.turns.of(Subject::Engine(engine)).lock_owned().await;
    to_its_end(async move {
        let done = work.await;
        drop(turn);
        done
    })
    .await
}

/// Does something to its end, even when the sender of the request goes away meanwhile.
///
/// # Errors
/// As `work`.
pub(crate) async fn to_its_end<T: Send + 'static>(work: impl Future<Output = Result<T, Problem>> + Send + 'static) -> Result<T, Problem> {
    tokio::spawn(work).await.map_err(Problem::internal)?
}
