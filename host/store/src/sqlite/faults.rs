//! What happens when a write is given up, or the disk is full in the middle of one.

use super::Database;
use crate::StoreError;
use domain::broker::AccountTerms;
use domain::contract::{Filling, OrderKind, RunMode, Side};
use domain::ids::{AccountId, EngineId, OrderId};
use domain::journal::{Entry, Journal, JournalError};
use domain::number::Steps;
use domain::order::{Action, Command, OrderRequest, Tag};
use domain::risk::RiskLimits;
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::time::Time;
use tempfile::TempDir;

async fn empty() -> (Database, TempDir) {
    let folder = TempDir::new().expect("the machine has a folder for temporary files");
    let database = Database::open(&folder.path().join("stockade.db")).await.expect("an empty folder takes a database");
    (database, folder)
}

/// Lets the file grow by this many pages and no further: to SQLite, and to us, a full disk.
async fn leave_room(database: &Database, pages: i64) {
    let mut tx = database.write().await.unwrap();
    let used: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = database.write().await.unwrap();
    let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", used + pages));
    sqlx::raw_sql(limit).execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_write_that_is_dropped_leaves_nothing_and_blocks_nobody() {
    let (database, _folder) = empty().await;
    let mut tx = database.write().await.unwrap();
    sqlx::query("INSERT INTO users (id, name, created_at) VALUES (7, 'half', 0)").execute(tx.conn()).await.unwrap();
    drop(tx);
    let anna = database.create_user("anna", Time(1)).await.unwrap();
    assert_eq!(database.find_user("half").await.unwrap(), None);
    assert_eq!(database.every_user(crate::Page::default()).await.unwrap(), [anna]);
}

#[tokio::test]
async fn a_write_that_is_given_up_at_any_point_is_whole_or_nothing() {
    let (database, _folder) = empty().await;
    for polls in 0..40 {
        let name = format!("user-{polls}");
        let mut call = Box::pin(database.create_user(&name, Time(1)));
        let mut left = polls;
        // Polled a few times and dropped, as a request is whose client went away.
        let finished = std::future::poll_fn(|context| match left {
            0 => std::task::Poll::Ready(None),
            _ => {
                left -= 1;
                match call.as_mut().poll(context) {
                    std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
                    std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
                    std::task::Poll::Pending => std::task::Poll::Pending,
                }
            }
        })
        .await;
        drop(call);
        if let Some(done) = finished {
            done.unwrap();
            assert!(database.find_user(&name).await.unwrap().is_some());
        }
        database.create_user(&format!("after-{polls}"), Time(2)).await.expect("the next write goes on");
    }
    let ids: Vec<u32> = database.every_user(crate::Page::first(500)).await.unwrap().iter().map(|user| user.id.0).collect();
    let expected: Vec<u32> = (1..=ids.len() as u32).collect();
    assert_eq!(ids, expected, "ids and rows come and go together");
}

#[tokio::test]
async fn a_full_disk_is_named_and_writing_goes_on_when_there_is_room_again() {
    let (database, _folder) = empty().await;
    let anna = database.create_user("anna", Time(1)).await.unwrap().id;
    let strategy = database.create_strategy(anna, "ema", Time(1)).await.unwrap().id;
    let (description, report) = (describe(), serde_json::Value::Null);
    let component = vec![7; 100_000];
    let upload = crate::NewVersion { strategy, component: &component, description: &description, report: &report };

    leave_room(&database, 3).await;
    for _ in 0..2 {
        let error = database.upload_version(anna, upload, Time(2)).await.unwrap_err();
        assert!(matches!(error, StoreError::DiskFull), "{error:?}");
        assert_eq!(error.to_string(), "the disk of the database is full; free some space, what was stored before is safe");
        assert_eq!(database.versions(anna, strategy).await.unwrap(), [], "nothing half done");
    }
    leave_room(&database, 1_000).await;
    let kept = database.upload_version(anna, upload, Time(3)).await.unwrap();
    assert_eq!(database.component(kept.digest).await.unwrap(), component);
}

#[tokio::test]
async fn a_journal_on_a_full_disk_says_so_and_loses_nothing() {
    let (database, _folder) = empty().await;
    let (account, engine) = an_engine(&database).await;
    let symbols = SymbolTable::new(vec![common::forex("EUR", "USD")]).unwrap();
    let mut journal = database.journal(&symbols, 0).await.unwrap();
    leave_room(&database, 4).await;

    let mut on_disk = 0;
    let error = loop {
        // Whole batches, so that the disk fills in the middle of one.
        let batch: Vec<Command> = (1..=20).map(|n| place(account, OrderId::new(engine, on_disk + n))).collect();
        let entries: Vec<Entry<'_>> = batch.iter().map(Entry::Command).collect();
        match journal.append(&entries) {
            Ok(()) => on_disk += 20,
            Err(error) => break error,
        }
        assert!(on_disk < 10_000, "the disk must fill up");
    };
    assert!(matches!(error, JournalError::Disk(_)), "{error:?}");
    assert_eq!(error.to_string(), "the journal can't be written: the disk is full; free or replace the disk and start the host again");
    assert_eq!(database.ledger(account, &symbols).await.unwrap().orders.len() as u32, on_disk, "whole batches or nothing");

    leave_room(&database, 1_000).await;
    journal.append(&[Entry::Command(&place(account, OrderId::new(engine, on_disk + 1)))]).unwrap();
    assert_eq!(database.ledger(account, &symbols).await.unwrap().orders.len() as u32, on_disk + 1);
}

#[tokio::test]
async fn a_journal_does_not_hang_on_the_thread_of_a_runtime() {
    let (database, _folder) = empty().await;
    let (account, engine) = an_engine(&database).await;
    let symbols = SymbolTable::new(vec![common::forex("EUR", "USD")]).unwrap();
    let mut journal = database.journal(&symbols, 0).await.unwrap();
    // More than the waits that tokio lets a task do before it must yield.
    for number in 1..=300 {
        journal.append(&[Entry::Command(&place(account, OrderId::new(engine, number)))]).unwrap();
    }
    assert_eq!(database.ledger(account, &symbols).await.unwrap().orders.len(), 300);
}

#[tokio::test]
async fn lists_walk_an_index_and_sort_nothing() {
    let (database, _folder) = empty().await;
    for (query, index) in [
        ("SELECT * FROM orders WHERE owner = 1 AND seq < 9 ORDER BY seq DESC LIMIT 3", "orders_of_owner"),
        ("SELECT * FROM orders WHERE owner = 1 AND seq < 9 AND engine = 4 ORDER BY seq DESC LIMIT 3", "orders_of_engine"),
        ("SELECT * FROM orders WHERE account = 1 AND finished_at IS NULL", "orders_working"),
        ("SELECT * FROM deals WHERE owner = 1 AND seq < 9 ORDER BY seq DESC LIMIT 3", "deals_of_owner"),
        ("SELECT * FROM deals WHERE owner = 1 AND seq < 9 AND engine = 4 ORDER BY seq DESC LIMIT 3", "deals_of_engine"),
        ("SELECT * FROM positions WHERE account = 1 AND closed_at IS NULL", "positions_open"),
        ("SELECT id FROM deals WHERE account = 1 ORDER BY id DESC LIMIT 9", "sqlite_autoindex_deals_1"),
    ] {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}"));
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain).fetch_all(&database.readers).await.unwrap();
        let plan: Vec<String> = plan.into_iter().map(|(.., step)| step).collect();
        assert!(plan.len() == 1 && plan[0].contains(index), "{query}: {plan:?}");
    }
}

fn describe() -> domain::contract::Description {
    domain::contract::Description {
        name: "ema".into(),
        version: "1".into(),
        about: String::new(),
        params: Vec::new(),
        needs: Vec::new(),
        latest_tick_only: false,
        callbacks: domain::contract::Callbacks { tick: true, bar: false, timer: false, order: false, position: false },
        state_schema: 0,
        memory_bytes: 0,
    }
}

async fn an_engine(database: &Database) -> (AccountId, EngineId) {
    let owner = database.create_user("anna", Time(1)).await.unwrap().id;
    let account = database.open_account(owner, "main", &AccountTerms::default(), &RiskLimits::default(), Time(1)).await.unwrap().id;
    let strategy = database.create_strategy(owner, "ema", Time(1)).await.unwrap().id;
    let (description, report) = (describe(), serde_json::Value::Null);
    let upload = crate::NewVersion { strategy, component: b"wasm", description: &description, report: &report };
    let version = database.upload_version(owner, upload, Time(1)).await.unwrap().digest;
    let new = crate::NewEngine {
        account,
        strategy,
        version,
        name: "first".into(),
        params: Vec::new(),
        symbols: Vec::new(),
        mode: RunMode::Paper,
        seed: 0,
    };
    (account, database.add_engine(owner, &new, Time(1)).await.unwrap().id)
}

fn place(account: AccountId, order: OrderId) -> Command {
    let request = OrderRequest {
        symbol: SymbolId(0),
        side: Side::Buy,
        kind: OrderKind::Market,
        volume: Steps(1),
        price: None,
        stop_limit_price: None,
        stop_loss: None,
        take_profit: None,
        filling: Filling::Any,
        deviation: None,
        expires: None,
        position: None,
        reduce_only: false,
        tag: Tag::new("a tag as long as a tag may be 32").expect("it has 32 bytes"),
    };
    Command { account, order, at: Time(1), action: Action::Place(request) }
}
