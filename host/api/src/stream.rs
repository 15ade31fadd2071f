//! `GET /stream`: what happens, as it happens.

use crate::doors::Caller;
use crate::extract::Query;
use crate::live::{Next, NoStream, Watched, Watcher};
use crate::operations::user_named;
use crate::operator::Operator;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use domain::ids::EngineId;
use serde::Deserialize;
use serde_json::json;
use std::convert::Infallible;
use std::time::Duration;
use utoipa::IntoParams;

/// How often a quiet stream says that it is alive: less than the minute after which proxies give a connection up.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Proxies hand on each event as it comes: nginx gathers 4 KiB unless told so, others compress. The connection ends with the stream, so that a
/// reader that was cut does not stay.
const UNBUFFERED: [(HeaderName, HeaderValue); 3] = [
    (header::CONNECTION, HeaderValue::from_static("close")),
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform")),
];

/// Whom to look at.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// Only what concerns this user, by name: what is of theirs or of the whole host, without alarms, which may name anybody's.
    user: Option<String>,
    /// Only what concerns this engine.
    engine: Option<u32>,
}

/// What happens, as it happens: Server-Sent Events, each with JSON as its data.
///
/// Kinds: `open` (first), `state`, `swap`, `fault`, `log`, `signal`, `plot`, `order`, `order-modified`, `modify-rejected`, `position`,
/// `trading`, `alarm`, `dropped` (how many events were not shown; with `user_id`, events of a user of whom too many waited while all users were
/// watched), `cut` (last, with `reason` `lagged`: the reader fell behind by `missed` events; read the lists and come again). A comment
/// line every 15 s shows that the stream is alive. A reader that takes nothing at all for 15 s is disconnected. Nothing of the past is
/// repeated. Streams are shared among callers: one user may have half of what the host has left.
///
/// Codes: `NOT_FOUND` user, `TOO_MANY_STREAMS`, `STOPPING`.
#[utoipa::path(get, path = "/stream", tag = "host", operation_id = "stream", params(StreamQuery),
    responses((status = 200, description = "The stream.", body = String, content_type = "text/event-stream")))]
pub(crate) async fn stream(
    _: Operator,
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<StreamQuery>,
) -> Result<Response, Problem> {
    let owner = match &query.user {
        Some(user) => Some(user_named(&state, user).await?.id),
        None => None,
    };
    let watched = Watched { owner, engine: query.engine.map(EngineId) };
    let watcher = state.live.watch(watched, &caller).map_err(|none| match none {
        NoStream::TooMany => Problem::new(Code::TooManyStreams, "too many streams are open, of all or of this user; close one"),
        NoStream::Closed => Problem::new(Code::Stopping, "the host is stopping"),
    })?;
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("alive");
    let events = Sse::new(futures::stream::unfold(Reading::Opening(watcher), Reading::next)).keep_alive(heartbeat);
    Ok((UNBUFFERED, events).into_response())
}

enum Reading {
    Opening(Watcher),
    Open(Watcher),
    Done,
}

impl Reading {
    /// The next event of the stream, and what comes after it.
    async fn next(self) -> Option<(Result<Event, Infallible>, Self)> {
        let named = |kind, data: serde_json::Value| Ok(Event::default().event(kind).data(data.to_string()));
        let watcher = match self {
            Self::Opening(watcher) => return Some((named("open", json!({})), Self::Open(watcher))),
            Self::Open(watcher) => watcher,
            Self::Done => return None,
        };
        match watcher.next().await {
            Next::Event(event) => Some((Ok(Event::default().event(event.kind).data(&event.data)), Self::Open(watcher))),
            Next::LeftOut(user, events) => Some((named("dropped", json!({ "user_id": user, "events": events })), Self::Open(watcher))),
            Next::Lagged(missed) => Some((named("cut", json!({ "missed": missed, "reason": "lagged" })), Self::Done)),
            Next::Closed => None,
        }
    }
}
