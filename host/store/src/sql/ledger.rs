//! Ledgers, rebuilt from rows.

use super::row::{bits, number};
use super::{Database, DbConnection, modifications};
use crate::{OrderRecord, PositionRecord, Result, StoreError};
use domain::ids::{AccountId, DealId, EngineId, HOSTS_ORDERS_FROM, OrderId, UserId};
use domain::ledger::{ENDED_MAX, Ledger, Position, SEEN_DEALS_MAX, WorkingOrder};
use domain::number::Money;
use domain::order::OrderRequest;
use domain::symbol::{SymbolId, SymbolTable};
use sqlx::Row;

impl Database {
    pub async fn ledger(&self, account: AccountId, symbols: &SymbolTable) -> Result<Ledger> {
        let mut tx = self.snapshot().await?;
        let (_, ledger, _) = load(&mut tx, account, symbols).await?;
        tx.commit().await?;
        Ok(ledger)
    }
}

impl Database {
    pub async fn ledger_to_trade(&self, account: AccountId, symbols: &SymbolTable, seen: &[OrderId]) -> Result<Ledger> {
        let mut tx = self.write().await?;
        let (_, mut ledger, _) = load(tx.conn(), account, symbols).await?;
        for order in seen {
            if order.is_hosts() {
                ledger.hosts_orders = ledger.hosts_orders.max(order.number() - HOSTS_ORDERS_FROM);
            } else {
                note_seen(tx.conn(), account, *order).await?;
            }
            forget_no_engine(tx.conn(), order.engine()).await?;
        }
        modifications::end_as_lost(tx.conn(), account).await?;
        let begun: i64 =
            sqlx::query_scalar("SELECT hosts_orders FROM accounts WHERE id = $1").bind(i64::from(account.0)).fetch_one(tx.conn()).await?;
        ledger.hosts_orders = ledger.hosts_orders.max(begun.try_into().unwrap_or(u32::MAX));
        sqlx::query("UPDATE accounts SET hosts_orders = $2 WHERE id = $1")
            .bind(i64::from(account.0))
            .bind(i64::from(ledger.hosts_orders))
            .execute(tx.conn())
            .await?;
        // The same for the guests' orders: one step in the index of the names for each engine. What a guest remembers having
        // asked for counts as well, so that it meets no number again.
        sqlx::query(
            "UPDATE engines SET orders_begun = (SELECT MAX(known.number) FROM (
                SELECT engines.orders_begun AS number
                UNION ALL SELECT COALESCE((SELECT MAX(o.id) FROM orders o
                    WHERE o.id > engines.id * 4294967296 AND o.id < engines.id * 4294967296 + 2147483648) & 2147483647, 0)
                UNION ALL SELECT s.orders_asked FROM engine_states s WHERE s.engine = engines.id) AS known)
             WHERE account = $1",
        )
        .bind(i64::from(account.0))
        .execute(tx.conn())
        .await?;
        tx.commit().await?;
        Ok(ledger)
    }
}

/// Notes that a broker has had an order of an engine's guest: the next one begins after it.
async fn note_seen(conn: &mut DbConnection, account: AccountId, order: OrderId) -> Result<()> {
    sqlx::query("UPDATE engines SET orders_begun = $3 WHERE account = $1 AND id = $2 AND orders_begun < $3")
        .bind(i64::from(account.0))
        .bind(i64::from(order.engine().0))
        .bind(i64::from(order.number()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Gives no new engine the id of one that an order names, though the database may not know it: it would give the same numbers.
async fn forget_no_engine(conn: &mut DbConnection, engine: EngineId) -> Result<()> {
    sqlx::query("UPDATE counters SET last = $2 WHERE name = $1 AND last < $2")
        .bind("engines")
        .bind(i64::from(engine.0))
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes an account's balance after all its deals up to the one numbered `seq`, so that nobody adds those up again.
pub async fn note_balance(conn: &mut DbConnection, account: AccountId, seq: i64) -> Result<()> {
    // From the rows, not from what is in memory: it must be what adding them up would give.
    sqlx::query(
        "INSERT INTO balances (account, deal_seq, balance)
         SELECT a.id, $2, COALESCE(b.balance, a.deposit) + (SELECT CAST(COALESCE(SUM(d.profit + d.commission + d.swap), 0) AS BIGINT)
                FROM deals d WHERE d.account = a.id AND d.seq > COALESCE(b.deal_seq, 0) AND d.seq <= $2)
         FROM accounts a LEFT JOIN balances b ON b.account = a.id WHERE a.id = $1
         ON CONFLICT (account) DO UPDATE SET deal_seq = excluded.deal_seq, balance = excluded.balance",
    )
    .bind(i64::from(account.0))
    .bind(seq)
    .execute(conn)
    .await?;
    Ok(())
}

/// The account's owner, what it has, and how many deals came since its balance was noted.
pub async fn load(conn: &mut DbConnection, account: AccountId, symbols: &SymbolTable) -> Result<(UserId, Ledger, i64)> {
    let row = sqlx::query(
        "SELECT a.owner, COALESCE(b.balance, a.deposit) + (SELECT CAST(COALESCE(SUM(d.profit + d.commission + d.swap), 0) AS BIGINT)
                FROM deals d WHERE d.account = a.id AND d.seq > COALESCE(b.deal_seq, 0)) AS balance,
            (SELECT COUNT(*) FROM deals d WHERE d.account = a.id AND d.seq > COALESCE(b.deal_seq, 0)) AS fresh
         FROM accounts a LEFT JOIN balances b ON b.account = a.id WHERE a.id = $1",
    )
    .bind(i64::from(account.0))
    .fetch_optional(&mut *conn)
    .await?
    .ok_or_else(|| StoreError::not_found("account", account))?;
    let owner = UserId(number(&row, "owner")?);
    let mut ledger = Ledger::new(Money(row.try_get("balance")?));

    let orders: Vec<OrderRecord> = sqlx::query_as("SELECT * FROM orders WHERE account = $1 AND finished_at IS NULL")
        .bind(i64::from(account.0))
        .fetch_all(&mut *conn)
        .await?;
    for order in orders {
        ledger.orders.insert(order.id, working(order, symbols)?);
    }
    let mut ended: Vec<OrderRecord> =
        sqlx::query_as("SELECT * FROM orders WHERE account = $1 AND finished_at IS NOT NULL ORDER BY finished_at DESC, seq DESC LIMIT $2")
            .bind(i64::from(account.0))
            .bind(ENDED_MAX as i64)
            .fetch_all(&mut *conn)
            .await?;
    ended.reverse();
    // One of a symbol that this host no longer has can't be filled here either.
    ended.retain(|order| symbols.find(&order.symbol).is_some());
    ledger.remember_ended(ended.into_iter().map(|order| working(order, symbols)).collect::<Result<Vec<_>>>()?);
    let positions: Vec<PositionRecord> = sqlx::query_as("SELECT * FROM positions WHERE account = $1 AND closed_at IS NULL")
        .bind(i64::from(account.0))
        .fetch_all(&mut *conn)
        .await?;
    for position in positions {
        ledger.positions.insert(position.id, open(position, symbols)?);
    }
    // Per engine one step in the index of the names.
    let hosts: Option<i64> = sqlx::query_scalar(
        "SELECT MAX((SELECT MAX(o.id) FROM orders o WHERE o.id > e.id * 4294967296 + 2147483648 AND o.id < (e.id + 1) * 4294967296) & 2147483647)
         FROM engines e WHERE e.account = $1",
    )
    .bind(i64::from(account.0))
    .fetch_one(&mut *conn)
    .await?;
    ledger.hosts_orders = hosts.map_or(0, |last| last as u32);
    let booked = sqlx::query("SELECT id FROM deals WHERE account = $1 ORDER BY id DESC LIMIT $2")
        .bind(i64::from(account.0))
        .bind(SEEN_DEALS_MAX as i64)
        .fetch_all(conn)
        .await?;
    let booked: Vec<DealId> = booked.iter().map(|row| bits(row, "id").map(DealId)).collect::<sqlx::Result<_>>()?;
    ledger.remember(booked);
    Ok((owner, ledger, row.try_get("fresh")?))
}

/// The id of a symbol that something open refers to.
fn symbol(symbols: &SymbolTable, name: &str, of: impl std::fmt::Display) -> Result<SymbolId> {
    symbols.find(name).ok_or_else(|| StoreError::Symbol {
        name: name.into(),
        why: format!("{of} refers to it, but this host's table of symbols lacks it; add it to the configuration"),
    })
}

/// An order as a ledger keeps it.
pub fn working(order: OrderRecord, symbols: &SymbolTable) -> Result<WorkingOrder> {
    let request = OrderRequest {
        symbol: symbol(symbols, &order.symbol, format_args!("order {}", order.id))?,
        side: order.side,
        kind: order.kind,
        volume: order.volume,
        price: order.price,
        stop_limit_price: order.stop_limit_price,
        stop_loss: order.stop_loss,
        take_profit: order.take_profit,
        filling: order.filling,
        deviation: order.deviation,
        expires: order.expires,
        position: order.position,
        reduce_only: order.reduce_only,
        tag: order.tag,
    };
    Ok(WorkingOrder { id: order.id, request, state: order.state, filled: order.filled, placed: order.placed_at })
}

fn open(position: PositionRecord, symbols: &SymbolTable) -> Result<Position> {
    Ok(Position {
        id: position.id,
        symbol: symbol(symbols, &position.symbol, format_args!("position {}", position.id))?,
        side: position.side,
        volume: position.volume,
        cost: position.cost,
        stop_loss: position.stop_loss,
        take_profit: position.take_profit,
        opened: position.opened_at,
        realised: position.realised,
        commission: position.commission,
        swap: position.swap,
        charged_until: position.charged_until,
        closed: domain::number::Steps(0),
        tag: position.tag,
    })
}
