//! Who may write: the fence between a host and the one that took over from it.

use super::{CHECK_OWNER, Database, DbConnection, HOLD_OWNER};
use crate::hold::Hold;
use crate::{Predecessor, Result, StoreError, process};
use domain::limits::LEASE_MS;
use domain::time::Time;
use sqlx::Row;
use std::time::Instant;

/// The part that a single host owns: everything.
pub const ALL: i64 = 0;

impl Database {
    pub async fn take_over(&self, owner: &str, at: Time) -> Result<i64> {
        let since = Instant::now();
        let mut tx = self.begin().await?;
        let epoch = sqlx::query_scalar(
            "UPDATE owners SET epoch = epoch + 1, owner = $2, taken_at = $3, process = $4, lease_ms = $5 WHERE part = $1 RETURNING epoch",
        )
        .bind(ALL)
        .bind(owner)
        .bind(at.0)
        .bind(process::own())
        .bind(LEASE_MS as i64)
        .fetch_one(tx.conn())
        .await?;
        tx.commit().await?;
        self.hold.begin(epoch, since);
        Ok(epoch)
    }

    pub async fn give_up(&self) -> Result<()> {
        let Some(epoch) = self.hold.epoch() else { return Ok(()) };
        let mut tx = self.begin().await?;
        // Only what is still this host's.
        sqlx::query("UPDATE owners SET process = '' WHERE part = $1 AND epoch = $2").bind(ALL).bind(epoch).execute(tx.conn()).await?;
        tx.commit().await
    }

    pub async fn predecessor(&self) -> Result<Option<Predecessor>> {
        let row = sqlx::query("SELECT owner, process, lease_ms FROM owners WHERE part = $1").bind(ALL).fetch_one(&self.readers).await?;
        let process: String = row.try_get("process")?;
        if process.is_empty() {
            return Ok(None);
        }
        let is_dead = process == process::own() || process::is_dead(&process) || self.lock_proves_dead(&process);
        let lease_ms: i64 = row.try_get("lease_ms")?;
        Ok(Some(Predecessor { owner: row.try_get("owner")?, is_dead, lease_ms: lease_ms.try_into().unwrap_or(0) }))
    }

    /// Whether this process' host still has the database; when it has not, whoever waits for that is told.
    pub(super) async fn look_at_owner(&self) -> Result<()> {
        let Some(epoch) = self.hold.epoch() else { return Ok(()) };
        let row = sqlx::query("SELECT epoch, owner FROM owners WHERE part = $1").bind(ALL).fetch_one(&self.readers).await?;
        let fenced = not_followed(epoch, row.try_get("epoch")?, || row.try_get("owner"));
        fenced.inspect_err(|error| self.hold.lose_if_fenced(error))
    }
}

/// Makes sure that nobody has taken over, and that nobody does until the transaction ends: for a journal, of which no other
/// transaction is under way then. Gives the transaction's number, where the database numbers them.
pub async fn hold(conn: &mut DbConnection, epoch: i64) -> Result<i64> {
    let row = sqlx::query(HOLD_OWNER).bind(ALL).fetch_one(conn).await?;
    not_followed(epoch, row.try_get("epoch")?, || row.try_get("owner"))?;
    Ok(row.try_get("number")?)
}

/// The same for any other transaction of a host. Whoever is no host may always write.
pub async fn check(conn: &mut DbConnection, held: &Hold) -> Result<()> {
    let Some(epoch) = held.epoch() else { return Ok(()) };
    let row = sqlx::query(CHECK_OWNER).bind(ALL).fetch_one(conn).await?;
    let fenced = not_followed(epoch, row.try_get("epoch")?, || row.try_get("owner"));
    fenced.inspect_err(|error| held.lose_if_fenced(error))
}

fn not_followed(own: i64, found: i64, owner: impl FnOnce() -> sqlx::Result<String>) -> Result<()> {
    if found == own { Ok(()) } else { Err(StoreError::Fenced { owner: owner()?, epoch: found, own }) }
}
