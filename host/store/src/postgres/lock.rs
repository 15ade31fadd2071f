//! The lock by which a host has the database for itself: it lives as long as its connection, which is therefore watched.

use super::error::opening;
use super::open::settle;
use super::{Database, Server};
use crate::{Result, StoreError};
use domain::limits::LOOK_MS_MAX;
use sqlx::{Connection, PgConnection};
use std::time::{Duration, Instant};

/// What our lock is known by among the advisory locks of the database: "stockade" in ASCII.
const LOCK: i64 = 0x7374_6f63_6b61_6465;

/// The connection that holds the lock.
#[derive(Debug)]
pub struct Lock {
    /// `None` after `close`, and while it is lost.
    conn: Option<PgConnection>,
    /// The server's process that holds it, or held it last, for us.
    session: Session,
    is_closed: bool,
}

/// A process of the server: its id and when it began.
pub type Session = (i32, String);

/// Who holds the lock.
#[derive(sqlx::FromRow)]
struct Holder {
    pid: i32,
    since: String,
    words: String,
}

impl Lock {
    /// Held by this connection, whose process of the server is known.
    pub fn held(conn: PgConnection, session: Session) -> Self {
        Self { conn: Some(conn), session, is_closed: false }
    }

    /// Whether the lock is held; takes it again where its connection was lost.
    async fn look(&mut self, server: &Server) -> Result<()> {
        if self.is_closed {
            return Ok(());
        }
        if let Some(conn) = &mut self.conn {
            if conn.ping().await.is_ok() {
                return Ok(());
            }
            self.conn = None;
        }
        let mut conn = server.connect().await?;
        settle(&mut conn).await.map_err(|error| opening(server, error))?;
        match take(server, &mut conn).await {
            Ok(session) => {
                (self.conn, self.session) = (Some(conn), session);
                Ok(())
            }
            Err(refused @ StoreError::InUse { .. }) => {
                let holder = holder(server, &mut conn).await?;
                if holder.is_some_and(|holder| (holder.pid, holder.since) == self.session) {
                    // The server has not noticed yet that our old connection is gone.
                    let ended = sqlx::query("SELECT pg_terminate_backend($1)").bind(self.session.0).execute(&mut conn).await;
                    ended.map_err(|error| opening(server, error))?;
                    return Err(StoreError::Unreachable(format!("{server}: the connection that holds the lock broke")));
                }
                Err(refused)
            }
            Err(error) => Err(error),
        }
    }

    pub async fn close(&mut self) {
        self.is_closed = true;
        if let Some(conn) = self.conn.take() {
            // The lock ends with its connection, however that goes.
            let _ = conn.close().await;
        }
    }
}

/// Takes the lock for as long as the connection lives; gives the server's process that serves it.
pub async fn take(server: &Server, conn: &mut PgConnection) -> Result<Session> {
    let (taken, pid, since): (bool, i32, String) = sqlx::query_as(
        "SELECT pg_try_advisory_lock($1), pg_backend_pid(), (SELECT CAST(backend_start AS TEXT) FROM pg_stat_activity WHERE pid = pg_backend_pid())",
    )
    .bind(LOCK)
    .fetch_one(&mut *conn)
    .await
    .map_err(|error| opening(server, error))?;
    if taken {
        return Ok((pid, since));
    }
    let holder = holder(server, conn).await?;
    Err(StoreError::InUse { database: server.to_string(), holder: holder.map_or_else(|| "unknown".into(), |holder| holder.words) })
}

async fn holder(server: &Server, conn: &mut PgConnection) -> Result<Option<Holder>> {
    sqlx::query_as(
        "SELECT a.pid, CAST(a.backend_start AS TEXT) AS since,
            'of the server ' || a.pid || COALESCE(', from ' || host(a.client_addr), '') || ', since ' || to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS') AS words
         FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
         WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (CAST(l.classid AS BIGINT) << 32) | CAST(l.objid AS BIGINT) = $1",
    )
    .bind(LOCK)
    .fetch_optional(conn)
    .await
    .map_err(|error| opening(server, error))
}

impl Database {
    pub async fn look(&self) -> Result<()> {
        let since = Instant::now();
        let looking = async {
            self.lock.lock().await.look(&self.server).await.inspect_err(|error| match error {
                StoreError::InUse { .. } => self.hold.lose(error),
                error => self.hold.unlocked(error),
            })?;
            self.look_at_owner().await
        };
        let late = || StoreError::Unreachable(format!("{}: no answer within {LOOK_MS_MAX} ms", self.server));
        let looked = tokio::time::timeout(Duration::from_millis(LOOK_MS_MAX), looking).await;
        let looked = looked.unwrap_or_else(|_| {
            let late = late();
            self.hold.unlocked(&late);
            Err(late)
        });
        looked?;
        self.hold.renew(since);
        Ok(())
    }

    /// A server's lock goes with a connection, which proves nothing of the process at its other end.
    pub(super) fn lock_proves_dead(&self, _process: &str) -> bool {
        false
    }
}
