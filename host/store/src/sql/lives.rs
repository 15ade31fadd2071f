//! What a host that begins must know of those before it: which database this is, whose copy it may be, and how far numbers were given.

use super::Database;
use crate::{Identity, Result};
use domain::keeper::Given;
use sqlx::Row;

/// The host setting that holds the database's own name.
const NAME: &str = "database";

/// Of each engine, the highest number of an order of its guest that is written down: in the journal, in what the guest saved, or as
/// the one after which a host began. One step in the index of the names for each engine.
const GUESTS_HIGHEST: &str = "(SELECT MAX(known.number) FROM (
    SELECT engines.orders_begun AS number
    UNION ALL SELECT COALESCE((SELECT MAX(o.id) FROM orders o
        WHERE o.id > engines.id * 4294967296 AND o.id < engines.id * 4294967296 + 2147483648) & 2147483647, 0)
    UNION ALL SELECT s.orders_asked FROM engine_states s WHERE s.engine = engines.id) AS known)";

/// Of each account, the same of the orders that hosts gave by themselves.
const HOSTS_HIGHEST: &str = "(SELECT MAX(known.number) FROM (
    SELECT accounts.hosts_orders AS number
    UNION ALL SELECT COALESCE((SELECT MAX((SELECT MAX(o.id) FROM orders o
        WHERE o.id > e.id * 4294967296 + 2147483648 AND o.id < (e.id + 1) * 4294967296) & 2147483647)
        FROM engines e WHERE e.account = accounts.id), 0)) AS known)";

impl Database {
    pub async fn identity(&self, fresh: &str) -> Result<Identity> {
        let mut tx = self.write().await?;
        sqlx::query("INSERT INTO host_settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(NAME)
            .bind(fresh)
            .execute(tx.conn())
            .await?;
        let name = sqlx::query_scalar("SELECT value FROM host_settings WHERE name = $1").bind(NAME).fetch_one(tx.conn()).await?;
        let epoch = sqlx::query_scalar("SELECT epoch FROM owners WHERE part = $1").bind(super::owners::ALL).fetch_one(tx.conn()).await?;
        tx.commit().await?;
        Ok(Identity { name, epoch })
    }

    pub async fn highest_given(&self) -> Result<Given> {
        let query = format!(
            "SELECT (SELECT COALESCE(MAX({GUESTS_HIGHEST}), 0) FROM engines) AS orders,
                (SELECT COALESCE(MAX({HOSTS_HIGHEST}), 0) FROM accounts) AS hosts_orders,
                (SELECT COALESCE(MAX(last), 0) FROM counters WHERE name = 'engines') AS engines"
        );
        let mut tx = self.snapshot().await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(query)).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        let number = |name| row.try_get::<i64, _>(name).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        Ok(Given { orders: number("orders")?, hosts_orders: number("hosts_orders")?, engines: number("engines")? })
    }

    pub async fn go_beyond(&self, epoch: i64, given: Given) -> Result<()> {
        let mut tx = self.write().await?;
        for (statement, least) in [
            ("UPDATE owners SET epoch = $1 WHERE epoch < $1", epoch),
            ("UPDATE engines SET orders_begun = $1 WHERE orders_begun < $1", i64::from(given.orders)),
            ("UPDATE accounts SET hosts_orders = $1 WHERE hosts_orders < $1", i64::from(given.hosts_orders)),
            ("UPDATE counters SET last = $1 WHERE name = 'engines' AND last < $1", i64::from(given.engines)),
        ] {
            sqlx::query(statement).bind(least).execute(tx.conn()).await?;
        }
        tx.commit().await
    }

    pub async fn skip_numbers(&self, many: u32) -> Result<()> {
        let mut tx = self.write().await?;
        for statement in [
            format!("UPDATE engines SET orders_begun = $1 + {GUESTS_HIGHEST}"),
            format!("UPDATE accounts SET hosts_orders = $1 + {HOSTS_HIGHEST}"),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(statement)).bind(i64::from(many)).execute(tx.conn()).await?;
        }
        tx.commit().await
    }
}
