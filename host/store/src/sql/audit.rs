//! The audit.

use super::row::{digest, json, listed, numbered, to_json};
use super::{Database, DbRow, append_alone};
use crate::audit::{Chain, START, hash};
use crate::{AuditRecord, AuditVerdict, Listed, NewAudit, Page, Result};
use domain::time::Time;
use sqlx::{FromRow, Row};

/// Rows that a check reads at once.
const ROWS_AT_ONCE: i64 = 1_000;

impl FromRow<'_, DbRow> for AuditRecord {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
        let entry = NewAudit {
            at: Time(row.try_get("at")?),
            actor: row.try_get("actor")?,
            action: row.try_get("action")?,
            object: row.try_get("object")?,
            detail: json(row, "detail")?,
        };
        Ok(Self { seq: row.try_get("seq")?, entry, prev_hash: digest(row, "prev_hash")?, hash: digest(row, "hash")? })
    }
}

impl Database {
    pub async fn append_audit(&self, entry: &NewAudit) -> Result<AuditRecord> {
        let detail = to_json("detail", &entry.detail)?;
        let mut tx = self.write().await?;
        append_alone(tx.conn(), "audit").await?;
        let last = sqlx::query("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetch_optional(tx.conn()).await?;
        let (seq, prev_hash) = match last {
            // After a hash that can't be read the chain begins anew, which its check tells.
            Some(last) => (last.try_get::<i64, _>("seq")? + 1, digest(&last, "hash").unwrap_or(START)),
            None => (1, START),
        };
        let record = AuditRecord { seq, entry: entry.clone(), prev_hash, hash: hash(seq, entry, &detail, prev_hash) };
        sqlx::query("INSERT INTO audit (seq, at, actor, action, object, detail, prev_hash, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
            .bind(record.seq)
            .bind(entry.at.0)
            .bind(&entry.actor)
            .bind(&entry.action)
            .bind(&entry.object)
            .bind(detail)
            .bind(record.prev_hash.to_string())
            .bind(record.hash.to_string())
            .execute(tx.conn())
            .await?;
        tx.commit().await?;
        Ok(record)
    }

    pub async fn audit(&self, page: Page) -> Result<Listed<AuditRecord>> {
        let rows = sqlx::query("SELECT * FROM audit WHERE seq < $1 ORDER BY seq DESC LIMIT $2")
            .bind(page.before())
            .bind(page.limit())
            .fetch_all(&self.readers)
            .await?;
        Ok(listed(&rows, "seq", "audit row", numbered))
    }

    pub async fn audit_of(&self, object: &str, action: &str, page: Page) -> Result<Listed<AuditRecord>> {
        let rows =
            sqlx::query("SELECT * FROM audit WHERE object = $1 AND seq < $2 AND ($3 = '' OR action = $3) ORDER BY seq DESC LIMIT $4")
                .bind(object)
                .bind(page.before())
                .bind(action)
                .bind(page.limit())
                .fetch_all(&self.readers)
                .await?;
        Ok(listed(&rows, "seq", "audit row", numbered))
    }

    pub async fn verify_audit(&self) -> Result<AuditVerdict> {
        let mut chain = Chain::new();
        let mut last = i64::MIN;
        loop {
            let rows = sqlx::query("SELECT * FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2")
                .bind(last)
                .bind(ROWS_AT_ONCE)
                .fetch_all(&self.readers)
                .await?;
            for row in &rows {
                last = row.try_get("seq")?;
                let Ok(record) = AuditRecord::from_row(row) else {
                    return Ok(AuditVerdict::Broken { seq: last, why: "it can't be read" });
                };
                if let Err(verdict) = chain.follow(&record, row.try_get("detail")?) {
                    return Ok(verdict);
                }
            }
            if (rows.len() as i64) < ROWS_AT_ONCE {
                return Ok(chain.intact());
            }
        }
    }
}
