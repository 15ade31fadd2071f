//! Whether a database's rows can be read. Of its own order the server says nothing until it meets what is wrong.

use super::{Database, Server, examine};
use crate::{Examined, Result};
use sqlx::Connection;
use std::time::{Duration, Instant};

/// See [`Store::examine`](crate::Store::examine).
pub async fn examine(server: &Server, patience: Duration) -> Result<Examined> {
    let mut conn = server.connect().await?;
    let (damaged, is_cut_short) = examine::examine(&mut conn, Instant::now() + patience).await?;
    conn.close().await?;
    Ok(Examined { damage: None, damaged, is_cut_short })
}

impl Database {
    pub async fn quick_check(&self, _patience: Duration) -> Result<Examined> {
        Ok(Examined::default())
    }
}
