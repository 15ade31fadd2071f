//! Trading accounts.

use super::ids::{changed, next_id};
use super::row::{json, listed, number, numbered, to_json, word};
use super::{Database, DbRow};
use crate::error::inserting;
use crate::{AccountRecord, Listed, Page, Result, StoreError};
use domain::broker::AccountTerms;
use domain::contract::{AccountMode, TradingState};
use domain::ids::{AccountId, UserId};
use domain::name::{self, Name, Named};
use domain::number::Money;
use domain::risk::RiskLimits;
use domain::time::Time;
use sqlx::{FromRow, Row};

impl FromRow<'_, DbRow> for AccountRecord {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: AccountId(number(row, "id")?),
            owner: UserId(number(row, "owner")?),
            name: row.try_get("name")?,
            terms: AccountTerms {
                mode: word(row, "mode", AccountMode::from_word)?,
                currency: row.try_get("currency")?,
                currency_digits: number(row, "currency_digits")?,
                leverage: number(row, "leverage")?,
                deposit: Money(row.try_get("deposit")?),
            },
            limits: json(row, "limits")?,
            trading: word(row, "trading", TradingState::from_word)?,
            created_at: Time(row.try_get("created_at")?),
        })
    }
}

impl Database {
    pub async fn open_account(
        &self,
        owner: UserId,
        name: &str,
        terms: &AccountTerms,
        limits: &RiskLimits,
        at: Time,
    ) -> Result<AccountRecord> {
        let name = Name::new(Named::Account, name).map_err(StoreError::Invalid)?;
        let mut tx = self.write().await?;
        let id = next_id(tx.conn(), "accounts").await?;
        let account = sqlx::query_as(
            "INSERT INTO accounts
                (id, owner, name, name_key, mode, currency, currency_digits, leverage, deposit, limits, trading, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING *",
        )
        .bind(i64::from(id))
        .bind(i64::from(owner.0))
        .bind(name.shown())
        .bind(name.key())
        .bind(terms.mode.word())
        .bind(&terms.currency)
        .bind(i64::from(terms.currency_digits))
        .bind(i64::from(terms.leverage))
        .bind(terms.deposit.0)
        .bind(to_json("limits", limits)?)
        .bind(TradingState::Active.word())
        .bind(at.0)
        .fetch_one(tx.conn())
        .await
        .map_err(|error| inserting(error, ("account", name.shown()), ("user", &owner)))?;
        tx.commit().await?;
        Ok(account)
    }

    pub async fn account(&self, owner: UserId, id: AccountId) -> Result<AccountRecord> {
        let found = sqlx::query_as("SELECT * FROM accounts WHERE owner = $1 AND id = $2")
            .bind(i64::from(owner.0))
            .bind(i64::from(id.0))
            .fetch_optional(&self.readers)
            .await?;
        found.ok_or_else(|| StoreError::not_found("account", id))
    }

    pub async fn find_account(&self, owner: UserId, name: &str) -> Result<Option<AccountRecord>> {
        let found = sqlx::query_as(
            "SELECT * FROM accounts WHERE owner = $1 AND (name = $2 OR name_key = $3)
             ORDER BY CASE WHEN name = $2 THEN 0 ELSE 1 END LIMIT 1",
        );
        Ok(found.bind(i64::from(owner.0)).bind(name).bind(name::key(name)).fetch_optional(&self.readers).await?)
    }

    pub async fn accounts(&self, owner: UserId, page: Page) -> Result<Listed<AccountRecord>> {
        let rows = sqlx::query("SELECT * FROM accounts WHERE owner = $1 AND id > $2 ORDER BY id LIMIT $3")
            .bind(i64::from(owner.0))
            .bind(page.after())
            .bind(page.limit())
            .fetch_all(&self.readers)
            .await?;
        Ok(listed(&rows, "id", "account", numbered))
    }

    pub async fn every_account(&self, page: Page) -> Result<Listed<AccountRecord>> {
        let rows = sqlx::query("SELECT * FROM accounts WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(page.after())
            .bind(page.limit())
            .fetch_all(&self.readers)
            .await?;
        Ok(listed(&rows, "id", "account", numbered))
    }

    pub async fn set_account_trading(&self, owner: UserId, id: AccountId, trading: TradingState) -> Result<()> {
        let mut tx = self.write().await?;
        let done = sqlx::query("UPDATE accounts SET trading = $3 WHERE owner = $1 AND id = $2")
            .bind(i64::from(owner.0))
            .bind(i64::from(id.0))
            .bind(trading.word())
            .execute(tx.conn())
            .await?;
        changed(done.rows_affected(), "account", id)?;
        tx.commit().await
    }

    pub async fn set_account_limits(&self, owner: UserId, id: AccountId, limits: &RiskLimits) -> Result<()> {
        let mut tx = self.write().await?;
        let done = sqlx::query("UPDATE accounts SET limits = $3 WHERE owner = $1 AND id = $2")
            .bind(i64::from(owner.0))
            .bind(i64::from(id.0))
            .bind(to_json("limits", limits)?)
            .execute(tx.conn())
            .await?;
        changed(done.rows_affected(), "account", id)?;
        tx.commit().await
    }
}
