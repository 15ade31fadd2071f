//! `GET /stream`: what happens, as it happens.

use crate::extract::Query;
use crate::live::{LiveEvent, NoStream, Watched, Watcher};
use crate::operations::user_named;
use crate::operator::Operator;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use domain::ids::EngineId;
use futures::Stream;
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

/// How often a quiet stream says that it is alive: less than the minute after which proxies give a connection up.
const HEARTBEAT: Duration = Duration::from_secs(15);

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
/// `trading`, `alarm`, `dropped` (so much was not shown), `cut` (last: the reader fell behind by `missed` events; read the
/// lists and come again). A comment line every 15 s shows that the stream is alive. Nothing of the past is repeated.
///
/// Codes: `NOT_FOUND` user, `TOO_MANY_STREAMS`, `STOPPING`.
#[utoipa::path(get, path = "/stream", tag = "host", operation_id = "stream", params(StreamQuery),
    responses((status = 200, description = "The stream.", body = String, content_type = "text/event-stream")))]
pub(crate) async fn stream(
    _: Operator,
    State(state): State<AppState>,
    Query(query): Query<StreamQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let owner = match &query.user {
        Some(user) => Some(user_named(&state, user).await?.id),
        None => None,
    };
    let watched = Watched { owner, engine: query.engine.map(EngineId) };
    let watcher = state.live.watch(watched).map_err(|none| match none {
        NoStream::TooMany => Problem::new(Code::TooManyStreams, "as many streams are open as this host serves; close one"),
        NoStream::Closed => Problem::new(Code::Stopping, "the host is stopping"),
    })?;
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("alive");
    Ok(Sse::new(futures::stream::unfold(Reader::Opening(watcher), Reader::next)).keep_alive(heartbeat))
}

enum Reader {
    Opening(Watcher),
    Reading(Watcher),
    Done,
}

impl Reader {
    /// The next event of the stream, and what comes after it.
    async fn next(self) -> Option<(Result<Event, Infallible>, Self)> {
        let mut watcher = match self {
            Self::Opening(watcher) => return Some((Ok(Event::default().event("open").data("{}")), Self::Reading(watcher))),
            Self::Reading(watcher) => watcher,
            Self::Done => return None,
        };
        loop {
            match watcher.events.recv().await {
                Ok(event) if watcher.watched.includes(&event) => return Some((Ok(sent(&event)), Self::Reading(watcher))),
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => {
                    let cut = Event::default().event("cut").data(serde_json::json!({ "missed": missed }).to_string());
                    return Some((Ok(cut), Self::Done));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

fn sent(event: &LiveEvent) -> Event {
    Event::default().event(event.kind).data(&event.data)
}
