//! Versions and their components.

use super::row::{digest, json, listed, number, to_json};
use super::strategies::find_or_insert;
use super::{Database, DbConnection, DbRow, append_alone};
use crate::{Listed, NewVersion, PAGE_ROWS_MAX, Result, StoreError, StrategyRecord, Upload, VersionRecord};
use domain::ids::{Digest, StrategyId, UserId};
use domain::time::Time;
use sqlx::{FromRow, Row};

impl FromRow<'_, DbRow> for VersionRecord {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
        Ok(Self {
            strategy: StrategyId(number(row, "strategy")?),
            digest: digest(row, "digest")?,
            number: number(row, "number")?,
            size_bytes: number(row, "size_bytes")?,
            description: json(row, "description")?,
            report: json(row, "report")?,
            uploaded_at: Time(row.try_get("uploaded_at")?),
        })
    }
}

/// The name of a version's row.
fn digest_of(row: &DbRow) -> Option<String> {
    row.try_get("digest").ok()
}

impl Database {
    pub async fn upload_version(&self, owner: UserId, version: NewVersion<'_>, at: Time) -> Result<VersionRecord> {
        let mut tx = self.write().await?;
        let owned: Option<i64> = sqlx::query_scalar("SELECT id FROM strategies WHERE owner = $1 AND id = $2")
            .bind(i64::from(owner.0))
            .bind(i64::from(version.strategy.0))
            .fetch_optional(tx.conn())
            .await?;
        if owned.is_none() {
            return Err(StoreError::not_found("strategy", version.strategy));
        }
        let digest = insert(tx.conn(), version, at).await?;
        tx.commit().await?;
        self.version(owner, version.strategy, digest).await
    }

    pub async fn upload(&self, owner: UserId, name: &str, upload: Upload<'_>, at: Time) -> Result<(StrategyRecord, VersionRecord)> {
        let mut tx = self.write().await?;
        let strategy = find_or_insert(tx.conn(), owner, name, at).await?;
        let Upload { component, description, report } = upload;
        let digest = insert(tx.conn(), NewVersion { strategy: strategy.id, component, description, report }, at).await?;
        tx.commit().await?;
        let version = self.version(owner, strategy.id, digest).await?;
        Ok((strategy, version))
    }

    pub async fn version(&self, owner: UserId, strategy: StrategyId, digest: Digest) -> Result<VersionRecord> {
        let found = sqlx::query_as(
            "SELECT v.*, c.size_bytes FROM versions v
             JOIN strategies s ON s.id = v.strategy JOIN components c ON c.digest = v.digest
             WHERE s.owner = $1 AND v.strategy = $2 AND v.digest = $3",
        )
        .bind(i64::from(owner.0))
        .bind(i64::from(strategy.0))
        .bind(digest.to_string())
        .fetch_optional(&self.readers)
        .await?;
        found.ok_or_else(|| StoreError::not_found("version", digest))
    }

    pub async fn versions(&self, owner: UserId, strategy: StrategyId) -> Result<Listed<VersionRecord>> {
        let rows = sqlx::query(
            "SELECT v.*, c.size_bytes FROM versions v
             JOIN strategies s ON s.id = v.strategy JOIN components c ON c.digest = v.digest
             WHERE s.owner = $1 AND v.strategy = $2 ORDER BY v.upload LIMIT $3",
        )
        .bind(i64::from(owner.0))
        .bind(i64::from(strategy.0))
        .bind(i64::from(PAGE_ROWS_MAX))
        .fetch_all(&self.readers)
        .await?;
        Ok(listed(&rows, "place", "version", digest_of))
    }

    pub async fn component(&self, digest: Digest) -> Result<Vec<u8>> {
        let bytes: Option<Vec<u8>> = sqlx::query_scalar("SELECT bytes FROM components WHERE digest = $1")
            .bind(digest.to_string())
            .fetch_optional(&self.readers)
            .await?;
        let bytes = bytes.ok_or_else(|| StoreError::not_found("version", digest))?;
        if Digest::of(&bytes) == digest {
            Ok(bytes)
        } else {
            Err(StoreError::Corrupt(format!("component {digest} is not what was uploaded")))
        }
    }
}

/// Keeps a version, or makes one that is kept the latest.
async fn insert(conn: &mut DbConnection, version: NewVersion<'_>, at: Time) -> Result<Digest> {
    let digest = Digest::of(version.component);
    let (description, report) = (to_json("description", version.description)?, to_json("report", version.report)?);
    append_alone(&mut *conn, "versions").await?;
    sqlx::query("INSERT INTO components (digest, size_bytes, bytes) VALUES ($1, $2, $3) ON CONFLICT (digest) DO NOTHING")
        .bind(digest.to_string())
        .bind(version.component.len() as i64)
        .bind(version.component)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "INSERT INTO versions (strategy, digest, description, report, compiled_bytes, uploaded_at, number, upload)
         SELECT $1, $2, $3, $4, $5, $6, COALESCE(MAX(number), 0) + 1, COALESCE(MAX(upload), 0) + 1 FROM versions WHERE strategy = $1
         ON CONFLICT (strategy, digest) DO UPDATE SET upload = excluded.upload",
    )
    .bind(i64::from(version.strategy.0))
    .bind(digest.to_string())
    .bind(description)
    .bind(report)
    .bind(version.report["compiled_bytes"].as_i64().unwrap_or(0))
    .bind(at.0)
    .execute(conn)
    .await?;
    Ok(digest)
}
