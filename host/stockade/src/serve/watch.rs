//! Whether the database is still this host's own, looked at again and again.
//!
//! A host that another one has taken over from ends at once, without a word to the database: what it would write is the other
//! one's affair by then. One whose files were taken away halts, since nobody would find what it writes. One that lacks the lock
//! opens nothing until it has the lock again: another host may be about to take over.

use crate::exit::Exit;
use crate::telemetry;
use domain::contract::TradingState;
use domain::limits::LOOK_EVERY_MS;
use engine::{Host, Scope};
use std::sync::Weak;
use std::time::Duration;
use store::{Examined, Store, StoreError};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// How long giving the database up may take at such an end: whoever waits for it would wait out the lease instead.
const GIVE_UP_MAX: Duration = Duration::from_secs(1);

/// How long the check after such an end of the host before may take: of a database of some gigabytes on a slow disk.
const CHECK_MAX: Duration = Duration::from_secs(60);

/// Looks until the database is lost, or the task is aborted.
pub fn start(runtime: &Handle, store: Store, host: Weak<Host>) -> JoinHandle<()> {
    runtime.spawn(async move {
        let ended = store.lost();
        tokio::pin!(ended);
        let mut before = None;
        loop {
            let looked = async {
                let now = store.look().await.err().map(|error| (matches!(error, StoreError::Gone(_)), error.in_full()));
                if now != before {
                    tell(&host, before.is_some(), now.as_ref());
                }
                before = now;
                if let Some(host) = host.upgrade() {
                    host.hold_back(!store.is_locked());
                }
                tokio::time::sleep(Duration::from_millis(LOOK_EVERY_MS)).await;
            };
            tokio::select! {
                why = &mut ended => end(&store, &why).await,
                () = looked => {}
            }
        }
    })
}

/// Has the database look at itself, beside everything else: the host before this one did not stop in order.
pub fn check(runtime: &Handle, store: Store, host: Weak<Host>) {
    runtime.spawn(async move {
        match store.quick_check(CHECK_MAX).await {
            Ok(found) if found.is_cut_short => {
                tracing::warn!("the database was checked for {} s and not to its end; `stockade doctor` checks it", CHECK_MAX.as_secs())
            }
            Ok(Examined { damage: None, .. }) => tracing::info!("the host before did not stop in order; the database is whole"),
            Ok(Examined { damage: Some(why), .. }) => host.upgrade().iter().for_each(|host| host.alarm("database-damaged", why.clone())),
            Err(error) => tracing::warn!("the database could not be checked: {}", error.in_full()),
        }
    });
}

/// Says what has changed, and halts a host whose files are gone.
fn tell(host: &Weak<Host>, was_troubled: bool, now: Option<&(bool, String)>) {
    let Some(host) = host.upgrade() else { return };
    match now {
        Some((true, why)) => {
            host.alarm("database-gone", format!("{why}; trading is halted"));
            // It holds at the gate all the same when the threads are too busy to answer.
            _ = host.set_trading(Scope::Host, TradingState::Halted, "the database's files are gone");
        }
        Some((false, why)) if !was_troubled => tracing::warn!("the database can't be looked at: {why}"),
        Some((false, _)) => {}
        None => tracing::info!("the database is this host's own, as before"),
    }
}

/// Ends the process.
async fn end(store: &Store, why: &str) -> ! {
    tracing::error!("this host ends and writes nothing more: {why}");
    // Where it is not taken over yet, the other one waits for this.
    _ = tokio::time::timeout(GIVE_UP_MAX, store.give_up()).await;
    telemetry::say(format_args!("stockade: {why}"));
    telemetry::flush();
    std::process::exit(Exit::InUse as i32)
}
