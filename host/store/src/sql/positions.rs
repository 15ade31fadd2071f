//! Positions, open and closed.

use super::row::{bits, listed, named, number, optional, word};
use super::{Database, DbConnection, DbRow};
use crate::{Listed, Page, PositionFilter, PositionRecord, Result};
use domain::broker::{Deal, Entry};
use domain::contract::{PositionChange, Side};
use domain::ids::{AccountId, EngineId, OrderId, PositionId, UserId};
use domain::ledger::Position;
use domain::number::{Money, Points, Steps};
use domain::order::Tag;
use domain::time::Time;
use sqlx::{FromRow, Row};

impl FromRow<'_, DbRow> for PositionRecord {
    fn from_row(row: &DbRow) -> sqlx::Result<Self> {
        Ok(Self {
            seq: row.try_get("seq")?,
            id: PositionId(OrderId(bits(row, "id")?)),
            account: AccountId(number(row, "account")?),
            symbol: row.try_get("symbol")?,
            side: word(row, "side", Side::from_word)?,
            volume: Steps(row.try_get("volume")?),
            cost: row.try_get("cost")?,
            stop_loss: optional(row, "stop_loss", Points)?,
            take_profit: optional(row, "take_profit", Points)?,
            realised: Money(row.try_get("realised")?),
            commission: Money(row.try_get("commission")?),
            swap: Money(row.try_get("swap")?),
            charged_until: optional(row, "charged_until", Time)?,
            tag: word(row, "tag", |text| Tag::new(text))?,
            volume_in: Steps(row.try_get("volume_in")?),
            cost_in: row.try_get("cost_in")?,
            volume_out: Steps(row.try_get("volume_out")?),
            cost_out: row.try_get("cost_out")?,
            opened_at: Time(row.try_get("opened_at")?),
            closed_at: optional(row, "closed_at", Time)?,
        })
    }
}

impl Database {
    pub async fn positions(
        &self,
        owner: UserId,
        engine: Option<EngineId>,
        filter: PositionFilter,
        page: Page,
    ) -> Result<Listed<PositionRecord>> {
        let query = match engine {
            None => sqlx::query(
                "SELECT * FROM positions WHERE owner = $1 AND seq < $2
                    AND ($4 = 'all' OR ($4 = 'open' AND closed_at IS NULL) OR ($4 = 'closed' AND closed_at IS NOT NULL))
                 ORDER BY seq DESC LIMIT $3",
            ),
            Some(_) => sqlx::query(
                "SELECT * FROM positions WHERE owner = $1 AND seq < $2 AND engine = $5
                    AND ($4 = 'all' OR ($4 = 'open' AND closed_at IS NULL) OR ($4 = 'closed' AND closed_at IS NOT NULL))
                 ORDER BY seq DESC LIMIT $3",
            ),
        };
        let query = query.bind(i64::from(owner.0)).bind(page.before()).bind(page.limit()).bind(wanted(filter));
        let query = match engine {
            None => query,
            Some(engine) => query.bind(i64::from(engine.0)),
        };
        Ok(listed(&query.fetch_all(&self.readers).await?, "seq", "position", named))
    }

    pub async fn account_positions(
        &self,
        owner: UserId,
        account: AccountId,
        filter: PositionFilter,
        page: Page,
    ) -> Result<Listed<PositionRecord>> {
        let rows = sqlx::query(
            "SELECT * FROM positions WHERE owner = $1 AND seq < $2 AND account = $5
                AND ($4 = 'all' OR ($4 = 'open' AND closed_at IS NULL) OR ($4 = 'closed' AND closed_at IS NOT NULL))
             ORDER BY seq DESC LIMIT $3",
        )
        .bind(i64::from(owner.0))
        .bind(page.before())
        .bind(page.limit())
        .bind(wanted(filter))
        .bind(i64::from(account.0))
        .fetch_all(&self.readers)
        .await?;
        Ok(listed(&rows, "seq", "position", named))
    }
}

fn wanted(filter: PositionFilter) -> &'static str {
    match filter {
        PositionFilter::Open => "open",
        PositionFilter::Closed => "closed",
        PositionFilter::All => "all",
    }
}

/// Where a position's change is written.
#[derive(Debug)]
pub struct Held<'a> {
    pub owner: UserId,
    pub account: AccountId,
    pub symbol: &'a str,
}

/// Writes a position as it is after a change, `by` a deal or by moved stops.
pub async fn write(conn: &mut DbConnection, held: &Held<'_>, position: &Position, change: PositionChange, by: Option<&Deal>) -> Result<()> {
    let (volume_in, volume_out) = by.map_or((0, 0), |deal| match deal.entry {
        Entry::In => (deal.volume.0, 0),
        Entry::Out | Entry::OutBy => (0, deal.volume.0),
        // What is open after the turn was opened by this deal; the rest of it closed what was open before.
        Entry::InOut => (position.volume.0, deal.volume.0 - position.volume.0),
    });
    let price = by.map_or(0, |deal| deal.price.0);
    let closed_at = by.filter(|_| change == PositionChange::Closed).map(|deal| deal.time.0);
    let query = if change == PositionChange::Opened {
        sqlx::query(
            "INSERT INTO positions
                (account, id, side, volume, cost, stop_loss, take_profit, realised, commission, swap, volume_in, cost_in, volume_out,
                 cost_out, closed_at, tag, opened_at, charged_until, owner, engine, symbol)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
        )
    } else {
        sqlx::query(
            "UPDATE positions SET side = $3, volume = $4, cost = $5, stop_loss = $6, take_profit = $7, realised = $8,
                commission = $9, swap = $10, volume_in = volume_in + $11, cost_in = cost_in + $12,
                volume_out = volume_out + $13, cost_out = cost_out + $14, closed_at = $15, tag = $16, opened_at = $17,
                charged_until = $18
             WHERE account = $1 AND id = $2 AND closed_at IS NULL",
        )
    };
    let query = query
        .bind(i64::from(held.account.0))
        .bind(position.id.0.0 as i64)
        .bind(position.side.word())
        .bind(position.volume.0)
        .bind(position.cost)
        .bind(position.stop_loss.map(|price| price.0))
        .bind(position.take_profit.map(|price| price.0))
        .bind(position.realised.0)
        .bind(position.commission.0)
        .bind(position.swap.0)
        .bind(volume_in)
        .bind(price * volume_in)
        .bind(volume_out)
        .bind(price * volume_out)
        .bind(closed_at)
        .bind(position.tag.as_str())
        .bind(position.opened.0)
        .bind(position.charged_until.map(|night| night.0));
    let query = if change == PositionChange::Opened {
        query.bind(i64::from(held.owner.0)).bind(i64::from(position.id.0.engine().0)).bind(held.symbol)
    } else {
        query
    };
    query.execute(conn).await?;
    Ok(())
}

/// A position that is open.
pub async fn open_one(conn: &mut DbConnection, account: AccountId, id: PositionId) -> Result<Option<PositionRecord>> {
    Ok(sqlx::query_as("SELECT * FROM positions WHERE account = $1 AND id = $2 AND closed_at IS NULL")
        .bind(i64::from(account.0))
        .bind(id.0.0 as i64)
        .fetch_optional(conn)
        .await?)
}

/// Removes all rows of a position, to be written anew.
pub async fn forget(conn: &mut DbConnection, account: AccountId, id: PositionId) -> Result<()> {
    sqlx::query("DELETE FROM positions WHERE account = $1 AND id = $2")
        .bind(i64::from(account.0))
        .bind(id.0.0 as i64)
        .execute(conn)
        .await?;
    Ok(())
}

/// Gives an open position the stops and the nights that it had in an earlier row.
pub async fn keep_stops(conn: &mut DbConnection, account: AccountId, before: &PositionRecord) -> Result<()> {
    sqlx::query(
        "UPDATE positions SET stop_loss = $3, take_profit = $4, swap = $5, charged_until = $6
         WHERE account = $1 AND id = $2 AND closed_at IS NULL",
    )
    .bind(i64::from(account.0))
    .bind(before.id.0.0 as i64)
    .bind(before.stop_loss.map(|price| price.0))
    .bind(before.take_profit.map(|price| price.0))
    .bind(before.swap.0)
    .bind(before.charged_until.map(|night| night.0))
    .execute(conn)
    .await?;
    Ok(())
}
