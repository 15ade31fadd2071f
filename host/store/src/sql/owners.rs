//! Who may write orders: the fence between a host and the one that took over from it.

use super::{Database, DbConnection, HOLD_OWNER};
use crate::{Result, StoreError};
use domain::time::Time;
use sqlx::Row;

/// The part that a single host owns: everything.
pub const ALL: i64 = 0;

impl Database {
    pub async fn take_over(&self, owner: &str, at: Time) -> Result<i64> {
        let mut tx = self.write().await?;
        let epoch = sqlx::query_scalar("UPDATE owners SET epoch = epoch + 1, owner = $2, taken_at = $3 WHERE part = $1 RETURNING epoch")
            .bind(ALL)
            .bind(owner)
            .bind(at.0)
            .fetch_one(tx.conn())
            .await?;
        tx.commit().await?;
        Ok(epoch)
    }
}

/// Makes sure that nobody has taken over, and that nobody does until the transaction ends. Gives the transaction's number,
/// where the database numbers them.
pub async fn hold(conn: &mut DbConnection, epoch: i64) -> Result<i64> {
    let row = sqlx::query(HOLD_OWNER).bind(ALL).fetch_one(conn).await?;
    let found: i64 = row.try_get("epoch")?;
    if found != epoch {
        return Err(StoreError::Fenced { owner: row.try_get("owner")?, epoch: found, own: epoch });
    }
    Ok(row.try_get("number")?)
}
