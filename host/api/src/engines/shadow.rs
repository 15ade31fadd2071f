//! `POST`, `GET` and `DELETE /engines/{id}/shadow`.

use super::other::OtherVersion;
use crate::extract::{Json, Path};
use crate::operations::{any_engine, end_shadow, shadow_engine, shadow_of};
use crate::operator::Operator;
use crate::problem::{Code, Problem};
use crate::show::At;
use crate::state::AppState;
use crate::words;
use ::engine::{Difference, ShadowLine, ShadowReport};
use axum::extract::State;
use domain::contract::{AskedOrder, LogLevel};
use domain::desk::Asked;
use domain::time::Time;
use serde::Serialize;
use std::fmt::Write as _;
use store::EngineRecord;
use utoipa::ToSchema;

/// How a version that runs beside the one that works compares with it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Shadow)]
pub(crate) struct ShadowView {
    engine: u32,
    /// Digest of the version that works.
    works: String,
    /// Digest of the version that runs beside it.
    version: String,
    #[schema(value_type = words::ShadowState)]
    state: &'static str,
    /// Why it stands there.
    reason: String,
    asked_at: At,
    ended_at: Option<At>,
    /// Time of the first tick that both were handed.
    from: Option<At>,
    /// Time of the last one.
    until: Option<At>,
    /// Ticks that both were handed.
    ticks: u64,
    /// Orders, modifications, cancels, closes, signals and timers of the version which works.
    decisions: u64,
    /// The same of the shadow.
    shadow_decisions: u64,
    /// Those that both asked for at the same event.
    same: u64,
    /// Those that only the version which works asked for.
    only_works: u64,
    /// Those that only the shadow asked for.
    only_shadow: u64,
    /// The first 100 that only one of both asked for.
    differences: Vec<DifferenceView>,
    /// The last 100 lines that the shadow logged.
    lines: Vec<LineView>,
    /// Older ones, and those over its bounds.
    lines_dropped: u64,
    /// Fuel of the shadow's calls.
    fuel_total: u64,
    /// Linear memory of the shadow, bytes.
    memory_bytes: u64,
}

/// Something that the shadow logged.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ShadowLine)]
pub(crate) struct LineView {
    /// Market time.
    at: At,
    #[schema(value_type = words::LogLevel)]
    level: LogLevel,
    text: String,
}

/// Something that only one of the two asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ShadowDifference)]
pub(crate) struct DifferenceView {
    /// Market time.
    at: At,
    /// `works` or `shadow`.
    by: &'static str,
    /// What was asked for, in words.
    asked: String,
    /// The number of the order, or the deny code; `noted` for a signal or a timer. The shadow's orders reach nobody: their numbers are its own.
    answer: String,
}

impl ShadowView {
    fn new(record: &EngineRecord, report: &ShadowReport) -> Self {
        Self {
            engine: record.id.0,
            works: report.works.to_string(),
            version: report.version.to_string(),
            state: report.state.word(),
            reason: report.reason.clone(),
            asked_at: At(report.asked_at),
            ended_at: report.ended_at.map(At),
            from: report.side_by_side.map(|(first, _)| At(first)),
            until: report.side_by_side.map(|(_, last)| At(last)),
            ticks: report.ticks,
            decisions: report.decisions,
            shadow_decisions: report.shadow_decisions,
            same: report.same,
            only_works: report.only_works(),
            only_shadow: report.only_shadow(),
            differences: report.differences.iter().map(|difference| DifferenceView::new(record, difference)).collect(),
            lines: report.lines.iter().map(LineView::new).collect(),
            lines_dropped: report.lines_dropped,
            fuel_total: report.fuel_total,
            memory_bytes: report.memory_bytes,
        }
    }
}

impl LineView {
    fn new(line: &ShadowLine) -> Self {
        Self { at: At(line.at), level: line.level, text: line.text.clone() }
    }
}

impl DifferenceView {
    fn new(record: &EngineRecord, difference: &Difference) -> Self {
        let Difference { by_shadow, decision } = difference;
        let answer = match decision.answer {
            Ok(_) if matches!(decision.asked, Asked::Signal { .. } | Asked::SetTimer { .. } | Asked::ClearTimer { .. }) => {
                "noted".to_owned()
            }
            Ok(number) => format!("order {number}"),
            Err(code) => format!("denied {code}"),
        };
        let by = if *by_shadow { "shadow" } else { "works" };
        Self { at: At(decision.at), by, asked: words(&decision.asked, &record.symbols), answer }
    }
}

/// What was asked for, in words.
fn words(asked: &Asked, symbols: &[String]) -> String {
    match asked {
        Asked::Submit(order) => submitted(order, symbols),
        Asked::ModifyOrder { id, price, stop_loss, take_profit } => {
            prices(format!("modify order {id}"), [("price", price), ("stop loss", stop_loss), ("take profit", take_profit)])
        }
        Asked::ModifyPosition { id, stop_loss, take_profit } => {
            prices(format!("modify position {id}"), [("stop loss", stop_loss), ("take profit", take_profit)])
        }
        Asked::Cancel { id } => format!("cancel order {id}"),
        Asked::Close { id, volume: None } => format!("close position {id}"),
        Asked::Close { id, volume: Some(lots) } => format!("close {lots} lots of position {id}"),
        Asked::Signal { symbol, side, confidence, reason } => {
            let symbol = symbols.get(*symbol as usize).map_or("?", String::as_str);
            let side = side.map_or_else(|| "neither way".to_owned(), |side| side.to_string());
            format!("signal {side} {symbol} with confidence {confidence}: {reason}")
        }
        Asked::SetTimer { id, at, every: None } => format!("set timer {id} at {}", Time(*at)),
        Asked::SetTimer { id, at, every: Some(us) } => format!("set timer {id} at {} and every {us} us", Time(*at)),
        Asked::ClearTimer { id } => format!("clear timer {id}"),
    }
}

fn submitted(order: &AskedOrder, symbols: &[String]) -> String {
    let symbol = symbols.get(order.symbol as usize).map_or("?", String::as_str);
    let text = format!("{} {} {} lots of {symbol}", order.kind, order.side, order.volume);
    let AskedOrder { price, stop_limit_price, stop_loss, take_profit, .. } = order;
    prices(text, [("price", price), ("stop limit", stop_limit_price), ("stop loss", stop_loss), ("take profit", take_profit)])
}

fn prices<const N: usize>(mut text: String, prices: [(&str, &Option<f64>); N]) -> String {
    for (name, price) in prices {
        if let Some(price) = price {
            write!(text, ", {name} {price}").expect("writing to a string does not fail");
        }
    }
    text
}

fn view(state: &AppState, record: &EngineRecord) -> Result<axum::Json<ShadowView>, Problem> {
    let none = || {
        let detail =
            format!("engine {} has had no shadow since the host's start; POST /api/v1/engines/{}/shadow starts one", record.id, record.id);
        Problem::new(Code::NotFound, detail)
    };
    Ok(axum::Json(ShadowView::new(record, &shadow_of(state, record).ok_or_else(none)?)))
}

/// Have another version, or other parameters, run beside an engine's own, with orders that reach nobody.
///
/// It takes the state that the engine saves next, at most a minute of market time later, and from there on both are handed the
/// same ticks and events. The version that works notices nothing of it. Where both ask for the same at the same event both have
/// the same answer; what only the shadow asks for is checked by a gate of its own, reaches neither journal nor broker, and is
/// told to it as canceled. It ends when it is told to, when it fails, and when the engine is stopped, paused, fails, or is
/// swapped.
///
/// Codes: `NOT_FOUND`, `NOT_NOW` when the engine is not running or has a shadow, `INVALID_PARAMS`, `INVALID_VALUE`,
/// `SYMBOLS_MISMATCH`, `QUOTA_VERSIONS`, `HOST_FULL`.
#[utoipa::path(post, path = "/engines/{id}/shadow", tag = "engines", operation_id = "start_shadow", request_body = OtherVersion,
    params(("id" = u32, Path, description = "The engine.")),
    responses((status = 200, description = "It is being made ready.", body = ShadowView)))]
pub(crate) async fn start(
    _: Operator,
    State(state): State<AppState>,
    Path(id): Path<u32>,
    Json(other): Json<OtherVersion>,
) -> Result<axum::Json<ShadowView>, Problem> {
    let record = any_engine(&state, id).await?;
    let (changes, reason) = other.taken();
    shadow_engine(&state, &record, &changes, &reason).await?;
    view(&state, &record)
}

/// How the version that runs beside an engine's own compares with it, or did until it ended.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(get, path = "/engines/{id}/shadow", tag = "engines", operation_id = "shadow",
    params(("id" = u32, Path, description = "The engine.")),
    responses((status = 200, description = "The comparison.", body = ShadowView)))]
pub(crate) async fn show(_: Operator, State(state): State<AppState>, Path(id): Path<u32>) -> Result<axum::Json<ShadowView>, Problem> {
    let record = any_engine(&state, id).await?;
    view(&state, &record)
}

/// End it. What was found stays to be looked at until the next one, or the host's end.
///
/// Codes: `NOT_FOUND`.
#[utoipa::path(delete, path = "/engines/{id}/shadow", tag = "engines", operation_id = "end_shadow",
    params(("id" = u32, Path, description = "The engine.")),
    responses((status = 200, description = "It has ended.", body = ShadowView)))]
pub(crate) async fn end(_: Operator, State(state): State<AppState>, Path(id): Path<u32>) -> Result<axum::Json<ShadowView>, Problem> {
    let record = any_engine(&state, id).await?;
    drop(view(&state, &record)?);
    end_shadow(&state, &record, "ended by the operator").await?;
    view(&state, &record)
}
