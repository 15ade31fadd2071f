//! Deals.

use super::row::{bits, listed, number, numbered, optional_bits, word};
use super::{Database, DbConnection, DbRow};
use crate::{DealRecord, Listed, Page, Result};
use domain::broker::{Deal, Entry, Reason};
use domain::contract::Side;
use domain::ids::{AccountId, DealId, EngineId, OrderId, PositionId, UserId};
use domain::number::{Money, Points, Steps};
use domain::symbol::SymbolId;
use domain::time::Time;
use sqlx::{FromRow, Row};

impl FromRow<'_, DbRow> for DealRecord {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
        let deal = Deal {
            id: DealId(bits(row, "id")?),
            order: optional_bits(row, "order_id")?.map(OrderId),
            position: PositionId(OrderId(bits(row, "position")?)),
            symbol: SymbolId::default(),
            side: word(row, "side", Side::from_word)?,
            entry: word(row, "entry", Entry::from_word)?,
            reason: word(row, "reason", Reason::from_word)?,
            volume: Steps(row.try_get("volume")?),
            price: Points(row.try_get("price")?),
            profit: Money(row.try_get("profit")?),
            commission: Money(row.try_get("commission")?),
            swap: Money(row.try_get("swap")?),
            time: Time(row.try_get("at")?),
        };
        Ok(Self {
            seq: row.try_get("seq")?,
            account: AccountId(number(row, "account")?),
            engine: EngineId(number(row, "engine")?),
            symbol: row.try_get("symbol")?,
            deal,
        })
    }
}

impl Database {
    pub async fn deals(&self, owner: UserId, engine: Option<EngineId>, page: Page) -> Result<Listed<DealRecord>> {
        let query = match engine {
            None => sqlx::query("SELECT * FROM deals WHERE owner = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3"),
            Some(_) => sqlx::query("SELECT * FROM deals WHERE owner = $1 AND seq < $2 AND engine = $4 ORDER BY seq DESC LIMIT $3"),
        };
        let query = query.bind(i64::from(owner.0)).bind(page.before()).bind(page.limit());
        let query = match engine {
            None => query,
            Some(engine) => query.bind(i64::from(engine.0)),
        };
        Ok(listed(&query.fetch_all(&self.readers).await?, "seq", "deal", numbered))
    }

    pub async fn account_deals(&self, owner: UserId, account: AccountId, page: Page) -> Result<Listed<DealRecord>> {
        let rows = sqlx::query("SELECT * FROM deals WHERE owner = $1 AND seq < $2 AND account = $4 ORDER BY seq DESC LIMIT $3")
            .bind(i64::from(owner.0))
            .bind(page.before())
            .bind(page.limit())
            .bind(i64::from(account.0))
            .fetch_all(&self.readers)
            .await?;
        Ok(listed(&rows, "seq", "deal", numbered))
    }
}

/// Writes a deal and gives its place in the list of all. `None` when the account has it already.
pub async fn insert(conn: &mut DbConnection, owner: UserId, account: AccountId, symbol: &str, deal: &Deal) -> Result<Option<i64>> {
    let seq = sqlx::query_scalar(
        "INSERT INTO deals
            (account, id, owner, engine, order_id, position, symbol, side, entry, reason, volume, price, profit, commission, swap, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
         ON CONFLICT (account, id) DO NOTHING RETURNING seq",
    )
    .bind(i64::from(account.0))
    .bind(deal.id.0 as i64)
    .bind(i64::from(owner.0))
    .bind(i64::from(deal.order.unwrap_or(deal.position.0).engine().0))
    .bind(deal.order.map(|id| id.0 as i64))
    .bind(deal.position.0.0 as i64)
    .bind(symbol)
    .bind(deal.side.word())
    .bind(deal.entry.word())
    .bind(deal.reason.word())
    .bind(deal.volume.0)
    .bind(deal.price.0)
    .bind(deal.profit.0)
    .bind(deal.commission.0)
    .bind(deal.swap.0)
    .bind(deal.time.0)
    .fetch_optional(conn)
    .await?;
    Ok(seq)
}
