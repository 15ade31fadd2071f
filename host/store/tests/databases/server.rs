//! What is a server's own: addresses, TLS, rights, and who else is there.

use crate::samples::engine;
use domain::time::Time;
use std::collections::BTreeMap;
use std::path::Path;
use stockade_store::{Location, Store, StoreError};
use testkit::postgres::{PASSWORD, server};

async fn open(url: &str) -> Result<Store, StoreError> {
    let location = Location::parse(url).map_err(StoreError::Invalid)?;
    Store::open_at(&location).await
}

async fn error_of(url: &str) -> (StoreError, String) {
    let error = open(url).await.expect_err("this must be refused");
    let shown = error.to_string();
    assert!(!shown.contains('\n') && !format!("{error:?}").contains(PASSWORD) && !shown.contains(PASSWORD), "{shown}");
    (error, shown)
}

#[tokio::test]
async fn a_connection_is_encrypted_and_the_server_known_when_the_url_says_so() {
    let (server, encrypted) = (server(), "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname =");
    let database = server.fresh_database();
    let ca = server.ca.display();
    let store = open(&server.tcp_url(&database, &format!("sslmode=verify-full&sslrootcert={ca}"))).await.unwrap();
    store.create_user("anna", Time(1)).await.unwrap();
    assert_eq!(server.sql("postgres", &format!("{encrypted} '{database}'")), "t");
    store.close().await;

    let plain = open(&server.tcp_url(&database, "sslmode=disable")).await.unwrap();
    assert_eq!(server.sql("postgres", &format!("{encrypted} '{database}'")), "f");
    plain.close().await;

    // Not signed by anyone whom this machine trusts.
    let (error, shown) = error_of(&server.tcp_url(&database, "sslmode=verify-full")).await;
    assert!(matches!(error, StoreError::Unusable { .. }) && shown.contains("check sslmode and sslrootcert"), "{shown}");
    // Signed, but for another name.
    let other = server.tcp_url(&database, &format!("sslmode=verify-full&sslrootcert={ca}")).replace("localhost", "127.0.0.2");
    assert!(open(&other).await.is_err());
}

#[tokio::test]
async fn what_is_wrong_with_an_address_is_said_without_the_password() {
    let server = server();
    let database = server.fresh_database();
    let (error, shown) = error_of(&server.tcp_url(&database, "").replace(PASSWORD, "wrong")).await;
    assert!(matches!(error, StoreError::Unusable { .. }) && shown.contains("check user and password"), "{shown}");
    let (_, shown) = error_of(&server.tcp_url("nowhere", "")).await;
    assert!(shown.contains("database \"nowhere\" does not exist; make it: createdb"), "{shown}");
    let nobody = format!("postgres://tester:{PASSWORD}@127.0.0.1:1/stockade");
    let (error, shown) = error_of(&nobody).await;
    assert!(matches!(error, StoreError::Unreachable(_)) && shown.contains("postgres://tester@127.0.0.1:1/stockade"), "{shown}");

    server.sql(&database, "CREATE TABLE bookmarks (url TEXT)");
    let (_, shown) = error_of(&server.url(&database)).await;
    assert!(shown.contains("another program's (it has a table \"bookmarks\""), "{shown}");

    server.sql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
    let (_, shown) = error_of(&server.url("latin")).await;
    assert!(shown.contains("its encoding is LATIN1; make one with createdb --encoding=UTF8"), "{shown}");
    server.sql("postgres", "DROP DATABASE latin");
}

#[tokio::test]
async fn a_second_host_on_the_same_database_is_refused_until_the_first_is_gone() {
    let url = server().url(&server().fresh_database());
    let first = open(&url).await.unwrap();
    let (error, shown) = error_of(&url).await;
    assert!(matches!(error, StoreError::InUse { .. }) && shown.contains("in use by process of the server "), "{shown}");
    first.create_user("anna", Time(1)).await.expect("the first goes on");
    first.close().await;
    open(&url).await.expect("the lock went with its session");
}

#[tokio::test]
async fn a_database_of_a_newer_stockade_is_refused() {
    let (server, database) = (server(), server().fresh_database());
    open(&server.url(&database)).await.unwrap().close().await;
    let later =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', true, '', 1)";
    server.sql(&database, later);
    let (error, shown) = error_of(&server.url(&database)).await;
    assert!(matches!(error, StoreError::Newer { found: 9999, .. }) && shown.contains("has schema 9999"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_on_after_the_server_has_hung_up() {
    let (server, database) = (server(), server().fresh_database());
    let store = open(&server.url(&database)).await.unwrap();
    engine(&store, "anna").await;
    server.sql("postgres", &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"));
    assert!(store.find_user("anna").await.unwrap().is_some(), "a connection that broke is replaced before it is used");
    store.create_user("bob", Time(2)).await.unwrap();
}

/// Columns of every table, with their types and whether they may be empty.
type Tables = BTreeMap<String, BTreeMap<String, (String, bool)>>;

fn tables(lines: &str) -> Tables {
    let mut tables = Tables::new();
    for line in lines.lines() {
        let fields: Vec<&str> = line.split('|').collect();
        let [table, column, kind, nullable] = fields[..] else { panic!("four fields: {line}") };
        // The neutral names on the left; what each database makes of them on the right.
        let kind = match kind.to_uppercase().as_str() {
            "BYTEA" => "BLOB".to_owned(),
            "INTEGER" if column == "seq" => "BIGINT".to_owned(),
            other => other.to_owned(),
        };
        // A key is never empty; SQLite says so only of what is declared.
        let nullable =
            nullable == "yes" && !(column == "seq" || column == "id" || column == "name" || column == "digest" || column == "engine");
        tables.entry(table.into()).or_default().insert(column.into(), (kind, nullable));
    }
    tables
}

async fn of_sqlite(file: &Path) -> Tables {
    use sqlx::{Connection, Row};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let rows = sqlx::query(
        "SELECT t.name || '|' || c.name || '|' || c.type || '|' || CASE WHEN c.\"notnull\" OR c.pk THEN 'no' ELSE 'yes' END AS line
         FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE '\\_%' ESCAPE '\\' AND t.name NOT LIKE 'sqlite%'",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    tables(&rows.iter().map(|row| row.get::<String, _>("line") + "\n").collect::<String>())
}

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stockade.db");
    Store::open(&file).await.unwrap().close().await;
    let (server, database) = (server(), server().fresh_database());
    open(&server.url(&database)).await.unwrap().close().await;
    let lines = server.sql(
        &database,
        "SELECT table_name || '|' || column_name || '|' || data_type || '|' || lower(is_nullable)
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%'",
    );
    assert_eq!(of_sqlite(&file).await, tables(&lines));
}
