//! Transactions that write.

use crate::Result;
use sqlx::{PgConnection, PgPool, PgTransaction};

/// A transaction. Dropped without [`commit`](Tx::commit) it leaves nothing behind: it is rolled back before its connection
/// is used again.
#[derive(Debug)]
pub struct Tx(PgTransaction<'static>);

impl Tx {
    pub async fn begin(pool: &PgPool) -> Result<Self> {
        Ok(Self(pool.begin().await?))
    }

    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.0
    }

    /// Returns when it is on disk.
    pub async fn commit(self) -> Result<()> {
        Ok(self.0.commit().await?)
    }
}
