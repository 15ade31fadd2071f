//! `stockade engine change NAME --forget-state` where no host runs: a host that refuses its market can't be asked.

use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::serve::{SystemClock, store_failure};
use domain::time::Clock as _;
use serde_json::{Value, json};
use store::{EngineRecord, Location, NewAudit, PAGE_ROWS_MAX, Page, Store};

/// Has an engine, named by its id or its name, begin anew at its next start, on whatever market.
///
/// # Errors
/// There is no such engine, or no database; or a host uses that.
pub fn forget_state(global: &Global, engine: &str) -> Outcome<Value> {
    let place = global.config()?.database()?;
    if let Location::Sqlite(file) = &place
        && !file.exists()
    {
        return Err(Failure::new(Exit::NotFound, format_args!("there is no database {place}; give the host's --data-dir")));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::of(Exit::Machine))?;
    runtime.block_on(async {
        let store = Store::open_at(&place).await.map_err(store_failure)?;
        let forgotten = forget(&store, engine).await;
        store.close().await;
        forgotten
    })
}

async fn forget(store: &Store, engine: &str) -> Outcome<Value> {
    let record = find(store, engine).await?;
    store.forget_saved(record.id).await.map_err(store_failure)?;
    let entry = NewAudit {
        at: SystemClock.now(),
        actor: "operator".into(),
        action: "engine.change".into(),
        object: format!("engine {}", record.id),
        detail: json!({ "forget_state": true }),
    };
    store.append_audit(&entry).await.map_err(store_failure)?;
    Ok(json!({ "id": record.id, "name": record.name, "forget_state": true }))
}

async fn find(store: &Store, engine: &str) -> Outcome<EngineRecord> {
    let (id, mut page, mut found) = (engine.parse::<u32>().ok(), Page::first(PAGE_ROWS_MAX), Vec::new());
    loop {
        let engines = store.every_engine(page).await.map_err(store_failure)?;
        let Some(last) = engines.last().map(|last| i64::from(last.id.0)) else { break };
        found.extend(engines.into_iter().filter(|record| id.map_or(record.name == engine, |id| record.id.0 == id)));
        page = Page::beyond(last, PAGE_ROWS_MAX);
    }
    match (found.pop(), found.len()) {
        (Some(record), 0) => Ok(record),
        (None, _) => Err(Failure::new(Exit::NotFound, format_args!("there is no engine {engine:?} in the database"))),
        (Some(_), others) => {
            Err(Failure::new(Exit::Usage, format_args!("{} users have an engine {engine:?}; name it by its id", others + 1)))
        }
    }
}
