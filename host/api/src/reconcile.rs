//! `POST /reconcile`: compares the host's accounts with their brokers' statements.

use crate::extract::Query;
use crate::operations::any_account;
use crate::operator::Operator;
use crate::page::{Items, Limit, usual_limit};
use crate::problem::Problem;
use crate::state::AppState;
use crate::words;
use axum::Json;
use axum::extract::State;
use domain::contract::Side;
use domain::ledger::{Position, WorkingOrder};
use domain::number::Steps;
use domain::reconcile::{Difference, Foreign, ForeignKind, Reconciliation};
use domain::symbol::{SymbolSpec, SymbolTable};
use serde::{Deserialize, Serialize};
use store::AccountRecord;
use utoipa::{IntoParams, ToSchema};

/// Which accounts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReconcileQuery {
    /// Only this one; without it all, in order of id.
    account: Option<u32>,
    /// What the page before gave as `next`; without it the list starts.
    after: Option<i64>,
    /// Accounts at most, 1 to 1000.
    #[serde(default = "usual_limit")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
}

/// An account, as host and broker see it. Money is in its currency.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reconciled {
    account_id: u32,
    /// Unique among its owner's.
    name: String,
    /// Whether both have the same, every order is known, and nobody else has anything there.
    same: bool,
    /// Why it could not be compared; null when it was.
    problem: Option<String>,
    balance: Option<f64>,
    balance_at_broker: Option<f64>,
    /// Orders that differ.
    orders: Vec<Differs>,
    /// Positions that differ.
    positions: Vec<Differs>,
    /// Orders whose outcome is unknown; the broker is asked about them again and again.
    unknown: Vec<String>,
    /// Orders that have been sent and not answered yet.
    on_their_way: usize,
    /// What somebody else has there: it counts at the risk gate, and the host never touches it.
    foreign: Vec<ForeignView>,
}

/// An order or position that host and broker do not see alike.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Differs {
    /// `ENGINE-NUMBER`.
    id: String,
    symbol: String,
    /// Null: only the broker has it.
    here: Option<Seen>,
    /// Null: only the host has it.
    at_broker: Option<Seen>,
}

/// How one of the two sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Seen {
    #[schema(value_type = words::Side)]
    side: Side,
    /// Lots that are open, or left to fill.
    volume: f64,
    /// Average opening price, or the price it waits for.
    price: Option<f64>,
    stop_loss: Option<f64>,
    take_profit: Option<f64>,
    /// Swap charged and not booked yet.
    swap: Option<f64>,
}

/// An order or position that no engine gave.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Foreign)]
pub(crate) struct ForeignView {
    #[schema(value_type = words::ForeignKind)]
    kind: ForeignKind,
    /// The broker's number for it.
    ticket: u64,
    symbol: String,
    #[serde(flatten)]
    seen: Seen,
}

/// Hold accounts against what their brokers say.
///
/// Brokers are asked about every order that is unknown first. An account whose own orders, positions or balance differ opens
/// nothing more until its trading state is set again. Codes: `NOT_FOUND`.
#[utoipa::path(post, path = "/reconcile", tag = "risk", operation_id = "reconcile", params(ReconcileQuery),
    responses((status = 200, description = "What was found, an item for each account.", body = Items<Reconciled>)))]
pub(crate) async fn reconcile(
    _: Operator,
    State(state): State<AppState>,
    Query(query): Query<ReconcileQuery>,
) -> Result<Json<Items<Reconciled>>, Problem> {
    if let Some(id) = query.account {
        let items = vec![of_account(&state, &any_account(&state, id).await?).await?];
        return Ok(Json(Items::all(items)));
    }
    let page = query.limit.beyond(query.after);
    let rows = state.store.every_account(page).await?;
    let mut items = Vec::with_capacity(rows.len());
    for record in &rows {
        items.push(of_account(&state, record).await?);
    }
    Ok(Json(Items::shown(&rows, page, items)))
}

async fn of_account(state: &AppState, record: &AccountRecord) -> Result<Reconciled, Problem> {
    let id = record.id;
    let found = state.ask(move |host| host.reconcile(id)).await?;
    let table = state.host.table();
    let view = |found: &Reconciliation| Reconciled {
        account_id: id.0,
        name: record.name.clone(),
        same: found.is_same(),
        problem: None,
        balance: Some(found.balance.to_units()),
        balance_at_broker: Some(found.balance_at_broker.to_units()),
        orders: found.orders.iter().map(|order| Differs::order(order, table)).collect(),
        positions: found.positions.iter().map(|position| Differs::position(position, table)).collect(),
        unknown: found.unknown.iter().map(ToString::to_string).collect(),
        on_their_way: found.on_their_way,
        foreign: found.foreign.iter().map(|foreign| ForeignView::of(foreign, table)).collect(),
    };
    Ok(match found {
        Ok(found) => view(&found),
        Err(error) => {
            let nothing = view(&Reconciliation::default());
            Reconciled { same: false, problem: Some(error.to_string()), balance: None, balance_at_broker: None, ..nothing }
        }
    })
}

impl Differs {
    fn order(order: &Difference<WorkingOrder>, table: &SymbolTable) -> Self {
        let either = order.here.as_ref().or(order.at_broker.as_ref());
        let (id, symbol) = either.map_or_else(Default::default, |order| (order.id.to_string(), order.request.symbol));
        let spec = table.spec(symbol);
        let seen = |order: &WorkingOrder| Seen::order(order, spec);
        Self { id, symbol: spec.name.clone(), here: order.here.as_ref().map(seen), at_broker: order.at_broker.as_ref().map(seen) }
    }

    fn position(position: &Difference<Position>, table: &SymbolTable) -> Self {
        let either = position.here.as_ref().or(position.at_broker.as_ref());
        let (id, symbol) = either.map_or_else(Default::default, |position| (position.id.to_string(), position.symbol));
        let spec = table.spec(symbol);
        let seen = |position: &Position| Seen::position(position, spec);
        Self { id, symbol: spec.name.clone(), here: position.here.as_ref().map(seen), at_broker: position.at_broker.as_ref().map(seen) }
    }
}

impl Seen {
    fn order(order: &WorkingOrder, spec: &SymbolSpec) -> Self {
        let request = &order.request;
        let price = |points: Option<_>| points.map(|points| spec.price(points));
        let volume = spec.lots(Steps((request.volume - order.filled).0.max(0)));
        let (stop_loss, take_profit) = (price(request.stop_loss), price(request.take_profit));
        Self { side: request.side, volume, price: price(request.price), stop_loss, take_profit, swap: None }
    }

    fn position(position: &Position, spec: &SymbolSpec) -> Self {
        let price = |points: Option<_>| points.map(|points| spec.price(points));
        let average = position.open_points() / 10_f64.powi(i32::from(spec.digits));
        let (stop_loss, take_profit) = (price(position.stop_loss), price(position.take_profit));
        let (volume, swap) = (spec.lots(position.volume), Some(position.swap.to_units()));
        Self { side: position.side, volume, price: Some(average), stop_loss, take_profit, swap }
    }
}

impl ForeignView {
    fn of(foreign: &Foreign, table: &SymbolTable) -> Self {
        let spec = table.spec(foreign.symbol);
        let price = |points: Option<_>| points.map(|points| spec.price(points));
        let (stop_loss, take_profit) = (price(foreign.stop_loss), price(foreign.take_profit));
        let seen =
            Seen { side: foreign.side, volume: spec.lots(foreign.volume), price: price(foreign.price), stop_loss, take_profit, swap: None };
        Self { kind: foreign.kind, ticket: foreign.ticket, symbol: spec.name.clone(), seen }
    }
}
