//! The grids of symbols, noted when a journal is opened.

use super::row::number;
use super::{Database, DbRow};
use crate::{PAGE_ROWS_MAX, Result, StoreError, SymbolGrid};
use domain::symbol::SymbolTable;
use sqlx::{FromRow, Row};

impl FromRow<'_, DbRow> for SymbolGrid {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
        Ok(Self { name: row.try_get("name")?, digits: number(row, "digits")?, volume_step_e8: row.try_get("volume_step_e8")? })
    }
}

impl Database {
    /// Notes the grids of new symbols and compares those of known ones.
    pub(super) async fn note_symbols(&self, symbols: &SymbolTable) -> Result<()> {
        let mut tx = self.write().await?;
        for (_, spec) in symbols.iter() {
            sqlx::query("INSERT INTO symbols (name, digits, volume_step_e8) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING")
                .bind(&spec.name)
                .bind(i64::from(spec.digits))
                .bind(spec.volume_step_e8)
                .execute(tx.conn())
                .await?;
            let noted: SymbolGrid = sqlx::query_as("SELECT * FROM symbols WHERE name = $1").bind(&spec.name).fetch_one(tx.conn()).await?;
            if (noted.digits, noted.volume_step_e8) == (spec.digits, spec.volume_step_e8) {
                continue;
            }
            // Nothing refers to it: a grid that was only noted may be replaced.
            let used: i64 = sqlx::query_scalar(
                "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM orders WHERE symbol = $1)
                    OR EXISTS (SELECT 1 FROM deals WHERE symbol = $1) THEN 1 ELSE 0 END AS BIGINT)",
            )
            .bind(&spec.name)
            .fetch_one(tx.conn())
            .await?;
            if used != 0 {
                let why = format!(
                    "it had {} digits and a volume step of {}e-8 lots when the database was written, and has {} and {}e-8 now; \
                     give it another name, or use another database",
                    noted.digits, noted.volume_step_e8, spec.digits, spec.volume_step_e8
                );
                return Err(StoreError::Symbol { name: spec.name.clone(), why });
            }
            sqlx::query("UPDATE symbols SET digits = $2, volume_step_e8 = $3 WHERE name = $1")
                .bind(&spec.name)
                .bind(i64::from(spec.digits))
                .bind(spec.volume_step_e8)
                .execute(tx.conn())
                .await?;
        }
        tx.commit().await
    }

    pub async fn symbol_grids(&self, beyond: &str) -> Result<Vec<SymbolGrid>> {
        Ok(sqlx::query_as("SELECT * FROM symbols WHERE name > $1 ORDER BY name LIMIT $2")
            .bind(beyond)
            .bind(i64::from(PAGE_ROWS_MAX))
            .fetch_all(&self.readers)
            .await?)
    }
}
