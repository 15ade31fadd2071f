//! Reports that could not become rows: kept as they came, and tried again when a host starts.

use super::book::Book;
use super::positions::{self, Held};
use super::{Database, DbConnection, ledger, orders, row};
use crate::{DealRecord, Result, StoreError, TriedAgain};
use domain::broker::{Deal, Happened, Report};
use domain::contract::{PositionChange, TradingState};
use domain::ids::{AccountId, UserId};
use domain::ledger::{Change, Ledger};
use domain::number::{Money, Steps};
use domain::symbol::{SymbolId, SymbolTable};
use domain::time::Time;
use sqlx::Row;

/// How many are tried at a start: a person has looked long before there are as many.
const TRIED_MAX: i64 = 10_000;

/// Keeps a report that can't become rows, and has its account open nothing at the next start until a person has looked.
pub async fn keep(conn: &mut DbConnection, symbols: &SymbolTable, report: &Report, why: &str) -> Result<()> {
    // Its number means nothing to a host with other symbols.
    let symbol = deal_of(report).filter(|deal| usize::from(deal.symbol.0) < symbols.len()).map(|deal| &symbols.spec(deal.symbol).name);
    sqlx::query("INSERT INTO set_aside (account, at, report, why, symbol) VALUES ($1, $2, $3, $4, $5)")
        .bind(i64::from(report.account.0))
        .bind(report.at.0)
        .bind(row::to_json("report", report)?)
        .bind(row::plain(why))
        .bind(symbol)
        .execute(&mut *conn)
        .await?;
    sqlx::query("UPDATE accounts SET trading = $2 WHERE id = $1 AND trading = $3")
        .bind(i64::from(report.account.0))
        .bind(TradingState::Reducing.word())
        .bind(TradingState::Active.word())
        .execute(conn)
        .await?;
    Ok(())
}

fn deal_of(report: &Report) -> Option<&Deal> {
    if let Happened::Deal { deal, .. } = &report.happened { Some(deal) } else { None }
}

impl Database {
    pub async fn book_set_aside(&self, symbols: &SymbolTable, at: Time) -> Result<Vec<TriedAgain>> {
        let waiting = sqlx::query("SELECT seq, account, report, symbol FROM set_aside WHERE booked_at IS NULL ORDER BY seq LIMIT $1")
            .bind(TRIED_MAX)
            .fetch_all(&self.readers)
            .await?;
        let mut tried = Vec::with_capacity(waiting.len());
        for kept in &waiting {
            let account = AccountId(row::number(kept, "account")?);
            let failed = match self.book_again(symbols, kept, at).await {
                Ok(()) => None,
                Err(error) if error.is_of_one_entry() => Some(error.to_string()),
                Err(error) => return Err(error),
            };
            tried.push(TriedAgain { account, failed });
        }
        Ok(tried)
    }

    /// Books one, in a transaction of its own.
    async fn book_again(&self, symbols: &SymbolTable, kept: &super::DbRow, at: Time) -> Result<()> {
        let (mut report, name): (Report, Option<String>) = (row::json(kept, "report")?, kept.try_get("symbol")?);
        if let Happened::Deal { deal, .. } = &mut report.happened {
            deal.symbol = symbol(symbols, name.as_deref())?;
        }
        let mut tx = self.write().await?;
        Book::new(symbols.clone(), 0).report(tx.conn(), &report).await?;
        if let Some(deal) = deal_of(&report) {
            put_into_place(tx.conn(), symbols, report.account, deal).await?;
        }
        sqlx::query("UPDATE set_aside SET booked_at = $2 WHERE seq = $1")
            .bind(kept.try_get::<i64, _>("seq")?)
            .bind(at.0)
            .execute(tx.conn())
            .await?;
        tx.commit().await
    }
}

/// The symbol that was noted with a report.
fn symbol(symbols: &SymbolTable, name: Option<&str>) -> Result<SymbolId> {
    let name = name.ok_or_else(|| StoreError::Invalid("its symbol was not noted when it was set aside; book it by hand".into()))?;
    symbols
        .find(name)
        .ok_or_else(|| StoreError::Symbol { name: name.into(), why: "this host does not have it; add it to the configuration".into() })
}

/// Works the position of a deal out again from all its deals, when some of them came after this one and were booked before it.
async fn put_into_place(conn: &mut DbConnection, symbols: &SymbolTable, account: AccountId, late: &Deal) -> Result<()> {
    let position = late.position;
    let booked: Vec<DealRecord> = sqlx::query_as("SELECT * FROM deals WHERE account = $1 AND position = $2 ORDER BY at, id")
        .bind(i64::from(account.0))
        .bind(position.0.0 as i64)
        .fetch_all(&mut *conn)
        .await?;
    if booked.last().is_none_or(|last| last.deal.id == late.id) {
        return Ok(());
    }
    let owner = UserId(
        sqlx::query_scalar::<_, i64>("SELECT owner FROM accounts WHERE id = $1").bind(i64::from(account.0)).fetch_one(&mut *conn).await?
            as u32,
    );
    let before = positions::open_one(conn, account, position).await?;
    positions::forget(conn, account, position).await?;
    let mut alone = Ledger::new(Money(0));
    let given = orders::of_position(conn, account, position).await?;
    alone.remember_ended(given.into_iter().map(|order| ledger::working(order, symbols)).collect::<Result<Vec<_>>>()?);
    for DealRecord { symbol: name, mut deal, .. } in booked {
        deal.symbol = symbol(symbols, Some(&name))?;
        let happened = Happened::Deal { deal: deal.clone(), rest: Steps(1) };
        for change in alone.apply(&Report { account, order: deal.order, at: deal.time, happened }) {
            let held = Held { owner, account, symbol: &name };
            match change {
                Change::Position(now, change) => positions::write(conn, &held, &now, change, Some(&deal)).await?,
                Change::Swap(now) => positions::write(conn, &held, &now, PositionChange::StopsMoved, None).await?,
                Change::Order { .. } | Change::OrderModified(_) | Change::ModifyRejected(..) | Change::Contradiction(_) => {}
            }
        }
    }
    // Deals do not tell of moved stops and of nights.
    match before {
        Some(before) => positions::keep_stops(conn, account, &before).await,
        None => Ok(()),
    }
}
