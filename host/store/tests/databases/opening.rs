//! Files that can't be opened, and what survives a restart.

use crate::samples::{append, deal, engine, filled, nth, place, request, sqlite, symbols};
use domain::time::Time;
use std::path::Path;
use stockade_store::{Store, StoreError};

async fn error_of(path: &Path) -> (StoreError, String) {
    let error = Store::open(path).await.expect_err("this must be refused");
    let shown = error.to_string();
    assert!(!shown.contains('\n'), "one line: {shown}");
    assert!(shown.contains(&path.display().to_string()), "names the file: {shown}");
    (error, shown)
}

/// Runs a statement on the file behind the store's back.
pub async fn tamper(path: &Path, statement: &str) {
    use sqlx::Connection;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

#[tokio::test]
async fn a_database_is_created_with_its_folder_and_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/new/stockade.db");
    let store = Store::open(&path).await.unwrap();
    store.create_user("anna", Time(1)).await.unwrap();
    for file in ["stockade.db", "stockade.db-wal", "stockade.db.lock"] {
        let mode = path.with_file_name(file).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let (store, folder) = sqlite().await;
    let engine = engine(&store, "anna").await;
    let id = nth(engine.id, 1);
    append(&store, vec![place(engine.account, id, 1, request()), filled(engine.account, deal(1, id, 2))]).await.unwrap();
    let ledger = store.ledger(engine.account, &symbols()).await.unwrap();
    store.close().await;
    assert!(matches!(store.ping().await, Err(StoreError::Internal(_))));
    assert!(matches!(store.create_user("late", Time(1)).await, Err(StoreError::Internal(_))));
    drop(store);
    let store = Store::open(&folder.path().join("stockade.db")).await.unwrap();
    assert_eq!(store.engine(engine.owner, engine.id).await.unwrap(), engine);
    assert_eq!(store.ledger(engine.account, &symbols()).await.unwrap(), ledger);
}

#[tokio::test]
async fn a_second_host_on_the_same_database_is_refused() {
    let (store, folder) = sqlite().await;
    let path = folder.path().join("stockade.db");
    let (error, shown) = error_of(&path).await;
    assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
    assert!(shown.contains(&format!("in use by process {}", std::process::id())), "{shown}");
    store.create_user("anna", Time(1)).await.expect("the first goes on");
    let journal = store.journal(&symbols(), 0).await.unwrap();
    store.close().await;
    drop(store);
    error_of(&path).await;
    drop(journal);
    Store::open(&path).await.expect("it is free when the last journal is gone");
}

#[tokio::test]
async fn a_database_of_a_newer_stockade_is_refused_and_left_alone() {
    let (store, folder) = sqlite().await;
    let path = folder.path().join("stockade.db");
    store.close().await;
    drop(store);
    tamper(
        &path,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 1)",
    )
    .await;
    let before = std::fs::read(&path).unwrap();
    let (error, shown) = error_of(&path).await;
    assert!(matches!(error, StoreError::Newer { found: 9999, .. }), "{error:?}");
    assert!(shown.contains("has schema 9999, this stockade knows schemas up to "), "{shown}");
    assert!(shown.contains("; use the stockade that wrote it"), "{shown}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn files_that_are_no_database_of_ours_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "These are notes, not a database; far from it. ".repeat(99)).unwrap();
    let before = std::fs::read(&text).unwrap();
    assert!(error_of(&text).await.1.contains("it is no SQLite database; move the file away or name another one"));
    assert_eq!(std::fs::read(&text).unwrap(), before);

    let other = folder.path().join("other.db");
    tamper(&other, "CREATE TABLE bookmarks (url TEXT)").await;
    let before = std::fs::read(&other).unwrap();
    assert!(error_of(&other).await.1.contains("another program's (it has a table \"bookmarks\""));
    assert_eq!(std::fs::read(&other).unwrap(), before);

    assert!(error_of(folder.path()).await.1.contains("it is a folder; name a file"));
    let below_a_file = text.join("stockade.db");
    assert!(matches!(error_of(&below_a_file).await.0, StoreError::Unusable { .. }));
}

#[tokio::test]
async fn a_changed_or_missing_audit_row_is_found() {
    for (statement, seq, why) in [
        ("UPDATE audit SET actor = 'nobody' WHERE seq = 2", 2, "its hash is not that of its fields"),
        ("UPDATE audit SET detail = '{ }' WHERE seq = 3", 3, "its hash is not that of its fields"),
        ("UPDATE audit SET prev_hash = hash WHERE seq = 2", 2, "it does not follow the row before it"),
        ("UPDATE audit SET hash = 'x' WHERE seq = 1", 1, "it can't be read"),
        ("DELETE FROM audit WHERE seq = 2", 3, "a row before it is missing"),
    ] {
        let (store, folder) = sqlite().await;
        for n in 1..=3 {
            let detail = serde_json::json!({});
            let entry = stockade_store::NewAudit { at: Time(n), actor: "a".into(), action: "b".into(), object: "c".into(), detail };
            store.append_audit(&entry).await.unwrap();
        }
        tamper(&folder.path().join("stockade.db"), statement).await;
        assert_eq!(store.verify_audit().await.unwrap(), stockade_store::AuditVerdict::Broken { seq, why }, "{statement}");
    }
}

#[tokio::test]
async fn a_damaged_row_or_component_is_named_and_others_are_read() {
    let (store, folder) = sqlite().await;
    let engine = engine(&store, "anna").await;
    let path = folder.path().join("stockade.db");
    tamper(&path, "UPDATE engines SET wanted = 'maybe'; UPDATE components SET bytes = x'00'").await;
    let error = store.engine(engine.owner, engine.id).await.unwrap_err().to_string();
    assert!(error.contains("a row can't be read: column wanted: \"maybe\" is no word for it"), "{error}");
    let error = store.component(engine.version).await.unwrap_err().to_string();
    assert!(error.contains(&format!("component {} is not what was uploaded", engine.version)), "{error}");
    store.account(engine.owner, engine.account).await.unwrap();
}
