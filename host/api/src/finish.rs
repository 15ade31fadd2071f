//! What stands around every endpoint: bounds before it, one log line and the problem document after it.

use crate::doors::{Caller, Origin, Paced, is_urgent};
use crate::operator::is_operator;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The longest an ordinary request takes: the host answers within 10 s or says that it is busy.
const QUICK: Duration = Duration::from_secs(15);
/// The longest a request takes that compiles: half a minute for a component with an interpreter, on a busy machine three of
/// them, and less than the two minutes after which our own client gives up.
const COMPILING: Duration = Duration::from_secs(110);

/// The outermost layer: catches panics, makes every refusal a problem document, writes one line.
pub(crate) async fn finish(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let response = answer.unwrap_or_else(|panic| Problem::internal(said(panic.as_ref())).into_response());
    let problem = response.extensions().get::<Problem>().cloned().or_else(|| unnamed(&response));
    let ms = began.elapsed().as_secs_f64() * 1e3;
    let status = response.status().as_u16();
    match &problem {
        None => tracing::debug!(%method, path, status, ms, "request"),
        Some(problem) if response.status().is_server_error() => {
            tracing::error!(%method, path, status, ms, code = problem.code.word(), reason = %problem, "request");
        }
        Some(problem) => tracing::debug!(%method, path, status, ms, code = problem.code.word(), detail = problem.detail, "request"),
    }
    let Some(problem) = problem else { return response };
    let mut document = problem.respond(&path);
    if let Some(allowed) = response.headers().get(header::ALLOW) {
        document.headers_mut().insert(header::ALLOW, allowed.clone());
    }
    document
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("a panic: {}", text.unwrap_or("without a message"))
}

/// The problem behind a refusal that is not ours, so that clients see one kind of them.
fn unnamed(response: &Response) -> Option<Problem> {
    let status = response.status();
    let documented = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if documented || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    Some(match status {
        StatusCode::NOT_FOUND => Problem::new(Code::NoSuchRoute, "there is no such endpoint; /api/v1/openapi.json lists all"),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(Code::MethodNotAllowed, "this endpoint takes other methods; the allow header names them")
        }
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::BodyTooLarge, "the body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(Code::UnsupportedMediaType, "the body is of the wrong kind"),
        status if status.is_client_error() => Problem::new(Code::UnreadableBody, format!("the request was refused: {status}")),
        status => Problem::internal(format_args!("an answer {status} without a reason")),
    })
}

/// For paths that no endpoint has.
pub(crate) async fn no_such_route(uri: Uri) -> Problem {
    Problem::new(Code::NoSuchRoute, format!("there is no endpoint {}; /api/v1/openapi.json lists all", uri.path()))
}

/// Lets a request in when its caller has not too many under way, and has its body come at a least speed.
pub(crate) async fn admit(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let (origin, is_urgent) = (Origin::of(request.extensions()), is_urgent(&request));
    let caller = if is_operator(&state, &request) { Caller::operator(request.uri()) } else { Caller::Nobody(origin) };
    let places = match origin {
        Origin::Control => &state.control_requests,
        Origin::Peer { .. } if is_urgent => &state.urgent_requests,
        Origin::Peer { .. } => &state.requests,
    };
    let place = if origin.is_urgent_only() && !is_urgent { None } else { places.take(&caller, 1) };
    let Some(_place) = place else {
        state.door_counts.requests_refused.fetch_add(1, Ordering::Relaxed);
        let detail = "too many requests are under way, of all or of yours; try again in a moment";
        return Problem::new(Code::Busy, detail).into_response();
    };
    request.extensions_mut().insert(caller);
    next.run(request.map(|body| Paced::body(body, &state.doors))).await
}

/// The time limit of ordinary requests.
pub(crate) async fn quick(request: Request, next: Next) -> Response {
    within(QUICK, request, next).await
}

/// The time limit of requests that compile.
pub(crate) async fn compiling(request: Request, next: Next) -> Response {
    within(COMPILING, request, next).await
}

async fn within(limit: Duration, request: Request, next: Next) -> Response {
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!("no answer within {} s; what was asked may still be done, look before asking again", limit.as_secs());
        Problem::new(Code::Timeout, detail).into_response()
    })
}
