//! What was asked of orders and positions later: modifications and cancels, and what came of each. A row is one change: an order,
//! a market time and what was asked name it.

use super::DbConnection;
use super::row::{json, to_json};
use crate::Result;
use domain::broker::{Happened, Report};
use domain::ids::{AccountId, OrderId};
use domain::order::{Action, Command};
use domain::time::Time;
use sqlx::Row;

/// The word for what a modification or cancel asks; `None` for a new order.
fn kind(action: &Action) -> Option<&'static str> {
    match action {
        Action::Place(_) => None,
        Action::ModifyOrder { .. } => Some("modify-order"),
        Action::ModifyPosition { .. } => Some("modify-position"),
        Action::Cancel => Some("cancel"),
    }
}

/// Notes that a modification or cancel was asked for.
pub async fn note(conn: &mut DbConnection, command: &Command) -> Result<()> {
    let Some(kind) = kind(&command.action) else {
        return Ok(());
    };
    sqlx::query(
        "INSERT INTO modifications (account, order_id, at, kind, action, outcome, retcode) VALUES ($1, $2, $3, $4, $5, 'pending', 0)
         ON CONFLICT (order_id, at, action) DO NOTHING",
    )
    .bind(i64::from(command.account.0))
    .bind(command.order.0 as i64)
    .bind(command.at.0)
    .bind(kind)
    .bind(to_json("modification", &command.action)?)
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends what waits for its answer: whoever would hear it is gone, and what the broker has of it shows when the account is compared.
pub async fn end_as_lost(conn: &mut DbConnection, account: AccountId) -> Result<()> {
    sqlx::query("UPDATE modifications SET outcome = 'lost' WHERE account = $1 AND outcome = 'pending'")
        .bind(i64::from(account.0))
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes the answer that a report gives to a change of this order, or of the position that it opened. A change that ended as lost
/// may be answered late; a report that fits none is the broker's own doing.
pub async fn answered(conn: &mut DbConnection, id: OrderId, report: &Report) -> Result<()> {
    let rows = sqlx::query(
        "SELECT seq, at, action, outcome FROM modifications WHERE order_id = $1 AND outcome IN ('pending', 'lost')
         ORDER BY CASE outcome WHEN 'pending' THEN 0 ELSE 1 END, seq",
    )
    .bind(id.0 as i64)
    .fetch_all(&mut *conn)
    .await?;
    let mut waiting = Vec::with_capacity(rows.len());
    for row in &rows {
        // One that can't be read is answered by nobody.
        let Ok(action) = json::<Action>(row, "action") else { continue };
        let is_pending = row.try_get::<&str, _>("outcome")? == "pending";
        waiting.push(Waiting { seq: row.try_get("seq")?, at: Time(row.try_get("at")?), action, is_pending });
    }
    let (found, outcome, retcode) = match &report.happened {
        // A refusal names no prices. Refused here or on paper it has the time of what was asked; a broker that has a clock of its
        // own answers in turn.
        Happened::ModifyRejected { retcode } => {
            let same = waiting.iter().find(|change| change.at == report.at);
            (same.or_else(|| waiting.iter().find(|change| change.is_pending)), "refused", *retcode)
        }
        happened => (waiting.iter().find(|change| does(&change.action, happened)), "done", 0),
    };
    let Some(change) = found else { return Ok(()) };
    sqlx::query("UPDATE modifications SET outcome = $2, retcode = $3 WHERE seq = $1")
        .bind(change.seq)
        .bind(outcome)
        .bind(i64::from(retcode))
        .execute(conn)
        .await?;
    Ok(())
}

/// A change that was not answered.
struct Waiting {
    seq: i64,
    at: Time,
    action: Action,
    is_pending: bool,
}

/// Whether a report is what comes of a change that is carried out.
fn does(action: &Action, happened: &Happened) -> bool {
    match (action, happened) {
        (Action::Cancel, Happened::Canceled) => true,
        (
            Action::ModifyOrder { price, stop_loss, take_profit },
            Happened::OrderModified { price: price_now, stop_loss: loss_now, take_profit: profit_now },
        ) => (price.is_none() || price == price_now) && (stop_loss, take_profit) == (loss_now, profit_now),
        (
            Action::ModifyPosition { stop_loss, take_profit, .. },
            Happened::PositionModified { stop_loss: loss_now, take_profit: profit_now, .. },
        ) => (stop_loss, take_profit) == (loss_now, profit_now),
        _ => false,
    }
}
