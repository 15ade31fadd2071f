//! One order of requests per engine.
//!
//! What is wanted of an engine is stored, and the engine does it: two writes. Requests on one engine take turns around both, so that
//! what is stored and what the engine does agree whatever came together. A request whose sender has gone is carried out to its end all the
//! same: half of it would be worse than all of it.
//!
//! When the host dies between the two writes, the stricter one wins: what stops or pauses an engine is stored before it is done, what
//! starts it or lets it go on is done first. Nobody was told that it starts; somebody may have been about to rely on it standing still.

use crate::problem::Problem;
use crate::state::AppState;
use domain::ids::EngineId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::Mutex as Turn;

/// Turns that are remembered before those that nobody waits for are forgotten: as many as there may be requests at once.
const TURNS_MAX: usize = 256;

/// Whose turn it is, by engine.
#[derive(Default)]
pub(crate) struct Turns(Mutex<BTreeMap<EngineId, Weak<Turn<()>>>>);

impl Turns {
    fn of(&self, engine: EngineId) -> Arc<Turn<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= TURNS_MAX {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = turns.get(&engine).and_then(Weak::upgrade).unwrap_or_default();
        turns.insert(engine, Arc::downgrade(&turn));
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
    let turn = state.turns.of(engine).lock_owned().await;
    let done = tokio::spawn(async move {
        let done = work.await;
        drop(turn);
        done
    });
    done.await.map_err(Problem::internal)?
}
