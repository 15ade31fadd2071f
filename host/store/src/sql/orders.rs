//! Orders.

use super::row::{bits, listed, named, number, optional, optional_bits, word};
use super::{Database, DbConnection, DbRow};
use crate::{Listed, OrderRecord, Page, Result, StoreError, Traded};
use domain::contract::{Filling, OrderKind, Side};
use domain::ids::{AccountId, EngineId, OrderId, PositionId, UserId};
use domain::ledger::WorkingOrder;
use domain::number::{Money, Points, Steps};
use domain::order::{Command, OrderRequest, OrderState, Tag};
use domain::time::Time;
use sqlx::{FromRow, Row};

impl FromRow<'_, DbRow> for OrderRecord {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
        Ok(Self {
            seq: row.try_get("seq")?,
            id: OrderId(bits(row, "id")?),
            account: AccountId(number(row, "account")?),
            symbol: row.try_get("symbol")?,
            side: word(row, "side", Side::from_word)?,
            kind: word(row, "kind", OrderKind::from_word)?,
            volume: Steps(row.try_get("volume")?),
            price: optional(row, "price", Points)?,
            stop_limit_price: optional(row, "stop_limit_price", Points)?,
            stop_loss: optional(row, "stop_loss", Points)?,
            take_profit: optional(row, "take_profit", Points)?,
            filling: word(row, "filling", Filling::from_word)?,
            deviation: optional(row, "deviation", Points)?,
            expires: optional(row, "expires_at", Time)?,
            position: optional_bits(row, "position")?.map(|id| PositionId(OrderId(id))),
            reduce_only: row.try_get::<i16, _>("reduce_only")? != 0,
            tag: word(row, "tag", |text| Tag::new(text))?,
            state: word(row, "state", OrderState::from_word)?,
            filled: Steps(row.try_get("filled")?),
            ticket: optional_bits(row, "ticket")?,
            retcode: number(row, "retcode")?,
            placed_at: Time(row.try_get("placed_at")?),
            updated_at: Time(row.try_get("updated_at")?),
            finished_at: optional(row, "finished_at", Time)?,
            owner_epoch: row.try_get("owner_epoch")?,
        })
    }
}

impl Database {
    pub async fn orders(&self, owner: UserId, engine: Option<EngineId>, page: Page) -> Result<Listed<OrderRecord>> {
        let query = match engine {
            None => sqlx::query("SELECT * FROM orders WHERE owner = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3"),
            Some(_) => sqlx::query("SELECT * FROM orders WHERE owner = $1 AND seq < $2 AND engine = $4 ORDER BY seq DESC LIMIT $3"),
        };
        let query = query.bind(i64::from(owner.0)).bind(page.before()).bind(page.limit());
        let query = match engine {
            None => query,
            Some(engine) => query.bind(i64::from(engine.0)),
        };
        Ok(listed(&query.fetch_all(&self.readers).await?, "seq", "order", named))
    }

    pub async fn account_orders(&self, owner: UserId, account: AccountId, page: Page) -> Result<Listed<OrderRecord>> {
        let rows = sqlx::query("SELECT * FROM orders WHERE owner = $1 AND seq < $2 AND account = $4 ORDER BY seq DESC LIMIT $3")
            .bind(i64::from(owner.0))
            .bind(page.before())
            .bind(page.limit())
            .bind(i64::from(account.0))
            .fetch_all(&self.readers)
            .await?;
        Ok(listed(&rows, "seq", "order", named))
    }

    pub async fn traded(&self, engine: EngineId) -> Result<Traded> {
        let row = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM orders WHERE engine = $1) AS orders, COUNT(*) AS deals,
                CAST(COALESCE(SUM(profit + commission + swap), 0) AS BIGINT) AS realised
             FROM deals WHERE engine = $1",
        )
        .bind(i64::from(engine.0))
        .fetch_one(&self.readers)
        .await?;
        Ok(Traded { orders: number(&row, "orders")?, deals: number(&row, "deals")?, realised: Money(row.try_get("realised")?) })
    }

    pub async fn order(&self, owner: UserId, id: OrderId) -> Result<OrderRecord> {
        let found = sqlx::query_as("SELECT * FROM orders WHERE owner = $1 AND id = $2")
            .bind(i64::from(owner.0))
            .bind(id.0 as i64)
            .fetch_optional(&self.readers)
            .await?;
        found.ok_or_else(|| StoreError::not_found("order", id))
    }
}

/// The orders of the deals of a position.
pub async fn of_position(conn: &mut DbConnection, account: AccountId, position: PositionId) -> Result<Vec<OrderRecord>> {
    Ok(sqlx::query_as(
        "SELECT * FROM orders WHERE account = $1 AND id IN (SELECT order_id FROM deals WHERE account = $1 AND position = $2) ORDER BY seq",
    )
    .bind(i64::from(account.0))
    .bind(position.0.0 as i64)
    .fetch_all(conn)
    .await?)
}

/// A new order's row.
#[derive(Debug)]
pub struct Placed<'a> {
    pub owner: UserId,
    pub owner_epoch: i64,
    pub symbol: &'a str,
    pub command: &'a Command,
    pub request: &'a OrderRequest,
}

/// Writes a new order, if its epoch is still the owner's. `false` when it is there already, whatever has become of it since.
pub async fn insert(conn: &mut DbConnection, placed: &Placed<'_>) -> Result<bool> {
    let Placed { command, request, .. } = placed;
    let done = sqlx::query(
        "INSERT INTO orders
            (id, owner, account, engine, owner_epoch, symbol, side, kind, volume, price, stop_limit_price, stop_loss, take_profit,
             filling, deviation, expires_at, position, reduce_only, tag, state, filled, retcode, placed_at, updated_at)
         SELECT $1, $2, $3, $4, epoch, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, 0, 0, $21, $21
         FROM owners WHERE part = $22 AND epoch = $5
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(command.order.0 as i64)
    .bind(i64::from(placed.owner.0))
    .bind(i64::from(command.account.0))
    .bind(i64::from(command.order.engine().0))
    .bind(placed.owner_epoch)
    .bind(placed.symbol)
    .bind(request.side.word())
    .bind(request.kind.word())
    .bind(request.volume.0)
    .bind(request.price.map(|price| price.0))
    .bind(request.stop_limit_price.map(|price| price.0))
    .bind(request.stop_loss.map(|price| price.0))
    .bind(request.take_profit.map(|price| price.0))
    .bind(request.filling.word())
    .bind(request.deviation.map(|distance| distance.0))
    .bind(request.expires.map(|time| time.0))
    .bind(request.position.map(|id| id.0.0 as i64))
    .bind(i16::from(request.reduce_only))
    .bind(request.tag.as_str())
    .bind(OrderState::Recorded.word())
    .bind(command.at.0)
    .bind(super::owners::ALL)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() != 0)
}

/// Writes where an order stands.
pub async fn advance(conn: &mut DbConnection, order: &WorkingOrder, retcode: u32, at: Time) -> Result<()> {
    sqlx::query(
        "UPDATE orders SET state = $2, filled = $3, updated_at = $4, finished_at = $5,
            retcode = CASE WHEN $6 = 0 THEN retcode ELSE $6 END
         WHERE id = $1",
    )
    .bind(order.id.0 as i64)
    .bind(order.state.word())
    .bind(order.filled.0)
    .bind(at.0)
    .bind((!order.state.is_working()).then_some(at.0))
    .bind(i64::from(retcode))
    .execute(conn)
    .await?;
    Ok(())
}

/// State and filled volume of an order.
pub async fn standing(conn: &mut DbConnection, id: OrderId) -> Result<Option<(OrderState, Steps)>> {
    let Some(row) = sqlx::query("SELECT state, filled FROM orders WHERE id = $1").bind(id.0 as i64).fetch_optional(conn).await? else {
        return Ok(None);
    };
    Ok(Some((word(&row, "state", OrderState::from_word)?, Steps(row.try_get("filled")?))))
}

/// Writes what a late report makes of an order that had ended; it stays ended.
pub async fn correct(conn: &mut DbConnection, id: OrderId, state: OrderState, filled: Steps, at: Time) -> Result<()> {
    sqlx::query("UPDATE orders SET state = $2, filled = $3, updated_at = $4 WHERE id = $1")
        .bind(id.0 as i64)
        .bind(state.word())
        .bind(filled.0)
        .bind(at.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes the broker's number for an order.
pub async fn note_ticket(conn: &mut DbConnection, id: OrderId, ticket: u64) -> Result<()> {
    sqlx::query("UPDATE orders SET ticket = $2 WHERE id = $1 AND ticket IS NULL")
        .bind(id.0 as i64)
        .bind(ticket as i64)
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes an order's prices, and its kind: a stop-limit order whose stop was reached is a limit order.
pub async fn reprice(conn: &mut DbConnection, order: &WorkingOrder, at: Time) -> Result<()> {
    sqlx::query(
        "UPDATE orders SET price = $2, stop_loss = $3, take_profit = $4, updated_at = $5, kind = $6, stop_limit_price = $7 WHERE id = $1",
    )
    .bind(order.id.0 as i64)
    .bind(order.request.price.map(|price| price.0))
    .bind(order.request.stop_loss.map(|price| price.0))
    .bind(order.request.take_profit.map(|price| price.0))
    .bind(at.0)
    .bind(order.request.kind.word())
    .bind(order.request.stop_limit_price.map(|price| price.0))
    .execute(conn)
    .await?;
    Ok(())
}
