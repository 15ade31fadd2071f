//! What the risk gate is set to and what it remembers.

use super::Database;
use super::row::{json, to_json, to_json_in_part};
use crate::{DealRecord, Result};
use domain::broker::Deal;
use domain::ids::{AccountId, DealId, UserId};
use domain::risk::{GateMemory, RiskLimits};

/// Deals that are read to bring a gate's memory up to date: of what happened before, memory tells enough.
const DEALS_SINCE_MAX: i64 = 1_000;

impl Database {
    pub async fn host_setting(&self, name: &str) -> Result<Option<String>> {
        Ok(sqlx::query_scalar("SELECT value FROM host_settings WHERE name = $1").bind(name).fetch_optional(&self.readers).await?)
    }

    pub async fn set_host_setting(&self, name: &str, value: &str) -> Result<()> {
        let mut tx = self.write().await?;
        sqlx::query("INSERT INTO host_settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2")
            .bind(name)
            .bind(value)
            .execute(tx.conn())
            .await?;
        tx.commit().await
    }

    pub async fn user_limits(&self, owner: UserId) -> Result<Option<RiskLimits>> {
        let row =
            sqlx::query("SELECT limits FROM user_limits WHERE owner = $1").bind(i64::from(owner.0)).fetch_optional(&self.readers).await?;
        Ok(row.map(|row| json(&row, "limits")).transpose()?)
    }

    pub async fn set_user_limits(&self, owner: UserId, limits: &RiskLimits) -> Result<()> {
        let mut tx = self.write().await?;
        sqlx::query("INSERT INTO user_limits (owner, limits) VALUES ($1, $2) ON CONFLICT (owner) DO UPDATE SET limits = $2")
            .bind(i64::from(owner.0))
            .bind(to_json("limits", limits)?)
            .execute(tx.conn())
            .await?;
        tx.commit().await
    }

    pub async fn gate_memory(&self, account: AccountId) -> Result<GateMemory> {
        let row = sqlx::query("SELECT memory FROM gate_memories WHERE account = $1")
            .bind(i64::from(account.0))
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(|row| json(&row, "memory")).transpose()?.unwrap_or_default())
    }

    pub async fn save_gate_memories(&self, memories: &[(AccountId, GateMemory)]) -> Result<()> {
        let mut tx = self.write().await?;
        for (account, memory) in memories {
            sqlx::query("INSERT INTO gate_memories (account, memory) VALUES ($1, $2) ON CONFLICT (account) DO UPDATE SET memory = $2")
                .bind(i64::from(account.0))
                .bind(to_json_in_part("gate's memory", memory)?.0)
                .execute(tx.conn())
                .await?;
        }
        tx.commit().await
    }

    pub async fn deals_since(&self, account: AccountId, deal: DealId) -> Result<Vec<Deal>> {
        let mut records: Vec<DealRecord> = sqlx::query_as("SELECT * FROM deals WHERE account = $1 AND id > $2 ORDER BY id DESC LIMIT $3")
            .bind(i64::from(account.0))
            .bind(deal.0 as i64)
            .bind(DEALS_SINCE_MAX)
            .fetch_all(&self.readers)
            .await?;
        records.reverse();
        Ok(records.into_iter().map(|record| record.deal).collect())
    }
}
