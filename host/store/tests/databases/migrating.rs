//! From an older schema, with what lies in it, to the one of this program.

use crate::samples::engine;
use domain::time::Time;
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection, SqliteConnection};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use stockade_store::{Backup, Location, Migrated, Store, StoreError};
use testkit::postgres::server;

/// The steps of a database's schema up to one of them.
async fn steps_up_to(last: i64, of: &str) -> Migrator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(of);
    let all = Migrator::new(folder).await.expect("the steps are there");
    let steps: Vec<_> = all.iter().filter(|step| step.version <= last).cloned().collect();
    Migrator { migrations: steps.into(), ..Migrator::DEFAULT }
}

/// What the first schema of all had: a user with an account, and one whose name differs in case alone.
const DATA: &str = "INSERT INTO users (id, name, created_at) VALUES (1, 'anna', 5), (7, 'ANNA', 5);
    UPDATE counters SET last = 1 WHERE name IN ('users', 'accounts');
    INSERT INTO accounts (id, owner, name, mode, currency, currency_digits, leverage, deposit, limits, trading, created_at)
    VALUES (1, 1, 'old', 'netting', 'EUR', 2, 30, 5000000000, '{}', 'active', 6);";

async fn old_file(path: &Path) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
    steps_up_to(1, "sqlite").await.run(&mut conn).await.unwrap();
    sqlx::raw_sql(DATA).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

async fn old_database(url: &str) {
    let mut conn = PgConnection::connect(url).await.unwrap();
    steps_up_to(1, "postgres").await.run(&mut conn).await.unwrap();
    sqlx::raw_sql(DATA).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

#[tokio::test]
async fn a_first_start_that_was_killed_while_it_made_the_tables_is_gone_on_with() {
    let newest = steps_up_to(i64::MAX, "sqlite").await.iter().map(|step| step.version).max().unwrap();
    for last in [0, 1, newest - 1] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stockade.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
        steps_up_to(last, "sqlite").await.run(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        let store = Store::open(&path).await.unwrap_or_else(|error| panic!("after step {last}: {error}"));
        store.create_user("anna", domain::time::Time(1)).await.unwrap();

        let database = server().fresh_database();
        let url = server().url(&database);
        let mut conn = PgConnection::connect(&url).await.unwrap();
        steps_up_to(last, "postgres").await.run(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        let location = Location::parse(&url).unwrap();
        let store = Store::open_at(&location).await.unwrap_or_else(|error| panic!("after step {last}: {error}"));
        store.create_user("anna", domain::time::Time(1)).await.unwrap();
    }
}

/// Refused as it is, migrated once with a copy kept, and complete afterwards.
async fn check(location: &Location, copy: PathBuf) -> Migrated {
    let error = Store::open_at(location).await.expect_err("its schema is old");
    assert!(matches!(error, StoreError::Older { found: 1, .. }), "{error:?}");
    assert!(error.to_string().ends_with("stop its host and run `stockade migrate`"), "{error}");

    let migrated = Store::migrate(location, &Backup::To(copy.clone())).await.unwrap();
    assert_eq!((migrated.from, migrated.backup.as_ref()), (1, Some(&copy)));
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let store = Store::open_at(location).await.unwrap();
    let anna = store.find_user("anna").await.unwrap().expect("she was there before");
    let mut found = Vec::new();
    for name in ["ANNA", "Anna"] {
        found.push(store.find_user(name).await.unwrap().expect("there are two").id.0);
    }
    assert_eq!((anna.id.0, found), (1, vec![7, 1]), "each by its own spelling, and every other is the first's");
    let taken = store.create_user("aNNa", Time(9)).await.expect_err("one is enough");
    assert!(matches!(taken, StoreError::AlreadyExists { .. }), "{taken:?}");
    let account = store.find_account(anna.id, "old").await.unwrap().expect("it was there before");
    assert_eq!(account.terms.leverage, 30);
    assert_eq!(engine(&store, "bob").await.owner.0, 2, "ids go on");
    let busy = Store::migrate(location, &Backup::None).await.expect_err("a host has it");
    assert!(matches!(busy, StoreError::InUse { .. }), "{busy:?}");
    store.close().await;
    drop(store);
    let again = Store::migrate(location, &Backup::To(copy)).await.expect("there is nothing to do, so no copy either");
    assert_eq!((again.steps.len(), again.backup), (0, None));
    migrated
}

#[tokio::test]
async fn a_file_is_copied_whole_before_its_schema_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stockade.db");
    old_file(&file).await;
    let copy = folder.path().join("copies/before.db");
    check(&Location::Sqlite(file.clone()), copy.clone()).await;
    let restored = Store::open(&copy).await.expect_err("it is the old one");
    assert!(matches!(restored, StoreError::Older { found: 1, .. }), "{restored:?}");
    check(&Location::Sqlite(copy), folder.path().join("copies/again.db")).await;
}

#[tokio::test]
async fn a_server_is_dumped_before_its_schema_is_changed_and_the_dump_can_be_restored() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let (database, restored) = (server.fresh_database(), server.fresh_database());
    old_database(&server.url(&database)).await;
    let copy = folder.path().join("before.dump");
    // Over TCP: the password must reach pg_dump.
    check(&Location::parse(&server.tcp_url(&database, "sslmode=require")).unwrap(), copy.clone()).await;
    let done =
        std::process::Command::new(server.bin.join("pg_restore")).args(["--dbname", &server.url(&restored)]).arg(&copy).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    check(&Location::parse(&server.url(&restored)).unwrap(), folder.path().join("again.dump")).await;
}

#[tokio::test]
async fn nothing_changes_when_no_copy_can_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stockade.db");
    old_file(&file).await;
    let (server, database) = (server(), server().fresh_database());
    old_database(&server.url(&database)).await;
    let taken = folder.path().join("taken");
    std::fs::write(&taken, "kept").unwrap();
    for location in [Location::Sqlite(file), Location::parse(&server.url(&database)).unwrap()] {
        for (place, why) in [(taken.clone(), "is there already; name another file"), (taken.join("below"), "no copy can be kept in")] {
            let error = Store::migrate(&location, &Backup::To(place)).await.unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            let error = Store::open_at(&location).await.expect_err("its schema is as it was");
            assert!(matches!(error, StoreError::Older { found: 1, .. }), "{error:?}");
        }
    }
    assert_eq!(std::fs::read(&taken).unwrap(), b"kept");
}
