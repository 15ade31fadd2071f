//! Opening: does the server keep sessions apart, is the database ours, is it ours alone, do we know its schema.

use super::error::opening;
use super::lock::{self, Lock};
use super::{Database, Server, probe};
use crate::schema::{Standing, standing};
use crate::{Result, StoreError};
use sqlx::migrate::Migrator;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor, PgConnection};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

pub static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// Connections for everything but the journal: calls are short, and a server serves some hundred connections in all.
const CONNECTIONS: u32 = 10;
/// How long a call waits for a free connection before it answers `Busy`.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Oldest server, as it numbers itself: the first that tells the outcome of a transaction by its number.
const VERSION_MIN: i32 = 130_000;

impl Database {
    /// See [`Store::open_at`](crate::Store::open_at).
    pub async fn open(server: &Server) -> Result<Self> {
        probe::check(server).await?;
        let mut conn = server.connect().await?;
        check_server(server, &mut conn).await?;
        let session = lock::take(server, &mut conn).await?;
        let known = standing(&MIGRATIONS, &applied(server, &mut conn).await?).unless_unused(has_user(&mut conn).await);
        match known {
            Standing::Current => {}
            // Nothing is lost when it goes wrong.
            Standing::Empty => run_migrations(server, &mut conn).await?,
            other => return Err(other.refusal(server)),
        }
        let readers = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(WAIT_MAX)
            .after_connect(|conn, _| Box::pin(settle(conn)))
            .connect_with(server.options())
            .await
            .map_err(|error| opening(server, error))?;
        Ok(Self { server: server.clone(), readers, lock: Arc::new(Mutex::new(Lock::held(conn, session))), hold: Arc::default() })
    }
}

/// Brings a connection's session in order. Not by start-up parameters, which a pooler refuses.
pub async fn settle(conn: &mut PgConnection) -> sqlx::Result<()> {
    // What is answered has been written: whatever the server's own setting, a commit waits for the disk.
    conn.execute(sqlx::raw_sql(
        "SET lock_timeout = '5s'; SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s';
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
    ))
    .await?;
    Ok(())
}

/// Whether the server can do what is needed of it.
pub async fn check_server(server: &Server, conn: &mut PgConnection) -> Result<()> {
    let unusable = |why: String| StoreError::Unusable { database: server.to_string(), why };
    let (version, encoding): (i32, String) =
        sqlx::query_as("SELECT CAST(current_setting('server_version_num') AS INT), current_setting('server_encoding')")
            .fetch_one(conn)
            .await
            .map_err(|error| opening(server, error))?;
    if version < VERSION_MIN {
        return Err(unusable(format!("the server is PostgreSQL {}; it must be 13 or newer", version / 10_000)));
    }
    if encoding != "UTF8" {
        return Err(unusable(format!("its encoding is {encoding}; make one with createdb --encoding=UTF8 --template=template0")));
    }
    Ok(())
}

/// Whether anybody has anything in a database that has tables; where that can't be said, somebody has.
async fn has_user(conn: &mut PgConnection) -> bool {
    let users: sqlx::Result<i64> = sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(conn).await;
    users.map_or(true, |users| users > 0)
}

/// The schema versions that the database has. `None` when it is empty.
///
/// # Errors
/// It holds another program's tables.
pub async fn applied(server: &Server, conn: &mut PgConnection) -> Result<Option<Vec<i64>>> {
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1 LIMIT 100")
            .fetch_all(&mut *conn)
            .await
            .map_err(|error| opening(server, error))?;
    let Some(first) = tables.first() else { return Ok(None) };
    if !tables.iter().any(|name| name == "_sqlx_migrations") {
        let why = format!("it is another program's (it has a table {first:?} and no schema version); name another database");
        return Err(StoreError::Unusable { database: server.to_string(), why });
    }
    let versions = sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version").fetch_all(conn).await;
    Ok(Some(versions.map_err(|error| opening(server, error))?))
}

/// Takes the steps that are missing.
pub async fn run_migrations(server: &Server, conn: &mut PgConnection) -> Result<()> {
    conn.execute(sqlx::raw_sql("SET lock_timeout = '3s'")).await.map_err(|error| opening(server, error))?;
    let done = MIGRATIONS.run(&mut *conn).await;
    done.map_err(|error| crate::schema::failed(server, error, |error| opening(server, error)))
}
