//! Bodies, queries and paths, with problems for what is wrong with them.

use crate::doors::{Caller, Place, TooSlow};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use axum::body::Bytes;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{StatusCode, header, request};
use domain::limits::COMPONENT_BYTES_MAX;
use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::error::Error;

/// A JSON body. A whole number may be written as `1.0` or `1e3`, as JSON's schemas have it.
#[derive(Debug)]
pub(crate) struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match read(request, state).await {
            Ok(body) => Ok(Self(body)),
            Err(rejection) => Err(match rejection {
                JsonRejection::MissingJsonContentType(_) => {
                    Problem::new(Code::UnsupportedMediaType, "this endpoint takes JSON; send it with content-type: application/json")
                }
                JsonRejection::JsonSyntaxError(error) => Problem::new(Code::MalformedJson, line(&error.body_text())),
                JsonRejection::JsonDataError(error) => Problem::new(Code::InvalidBody, of_a_field(&line(&error.body_text()))),
                other if other.status() == StatusCode::PAYLOAD_TOO_LARGE => too_large(crate::JSON_BYTES_MAX),
                other if came_too_slowly(&other) => too_slow(),
                other => Problem::new(Code::UnreadableBody, line(&other.body_text())),
            }),
        }
    }
}

async fn read<T: DeserializeOwned, S: Send + Sync>(request: Request, state: &S) -> Result<T, JsonRejection> {
    let kind = request.headers().get(header::CONTENT_TYPE).cloned();
    let bytes = Bytes::from_request(request, state).await?;
    let mut again = Request::new(bytes.clone().into());
    again.headers_mut().extend(kind.map(|kind| (header::CONTENT_TYPE, kind)));
    let refused = match axum::Json::from_request(again, state).await {
        Ok(axum::Json(body)) => return Ok(body),
        Err(refused @ JsonRejection::JsonDataError(_)) => refused,
        Err(other) => return Err(other),
    };
    let whole = serde_json::from_slice(&bytes).ok().map(with_whole_numbers);
    whole.and_then(|body| serde_json::from_value(body).ok()).ok_or(refused)
}

/// The same document, with numbers that are whole written as such. Numbers with a fraction can be written either way.
fn with_whole_numbers(value: Value) -> Value {
    /// Beyond it, not every whole number is one of 64 bits' floats.
    const EXACT_MAX: f64 = (1_u64 << f64::MANTISSA_DIGITS) as f64;
    match value {
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) if float.fract() == 0.0 && float.abs() <= EXACT_MAX => (float as i64).into(),
            _ => Value::Number(number),
        },
        Value::Array(values) => values.into_iter().map(with_whole_numbers).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, with_whole_numbers(value))).collect(),
        other => other,
    }
}

/// A query.
#[derive(Debug)]
pub(crate) struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::from_request_parts(parts, state).await;
        query
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|rejection: QueryRejection| Problem::new(Code::InvalidQuery, line(&rejection.body_text())))
    }
}

/// What a path names.
#[derive(Debug)]
pub(crate) struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(path)| Self(path))
            .map_err(|rejection: PathRejection| Problem::new(Code::InvalidPath, line(&rejection.body_text())))
    }
}

/// The bytes of a component. One that announces more than it may have is refused before any of it is read.
#[derive(Debug)]
pub(crate) struct Component {
    pub bytes: Bytes,
    /// Its share of the memory for components, for as long as it is at work.
    pub place: Place,
}

impl FromRequest<AppState> for Component {
    type Rejection = Problem;

    /// Takes room as the bytes come: one that comes slowly keeps nobody else out.
    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let headers = request.headers();
        let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
        let kind = text(header::CONTENT_TYPE).unwrap_or_default();
        if !["application/wasm", "application/octet-stream"].contains(&kind) {
            let detail = "this endpoint takes a component's bytes; send them with content-type: application/wasm";
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        let announced = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        if announced.is_some_and(|bytes| bytes > COMPONENT_BYTES_MAX as u64) {
            return Err(too_large(COMPONENT_BYTES_MAX));
        }
        let full = || Problem::new(Code::Busy, "too many uploads are under way, of all or of this user; try again in a minute");
        let caller = request.extensions().get().cloned().unwrap_or(Caller::Operator);
        let mut place = state.uploads.take(&caller, 0).ok_or_else(full)?;
        let mut bytes = Vec::new();
        let mut chunks = request.into_body().into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| {
                let broken = || Problem::new(Code::UnreadableBody, "the body broke off; send it again");
                if came_too_slowly(&error) { too_slow() } else { broken() }
            })?;
            if bytes.len() + chunk.len() > COMPONENT_BYTES_MAX {
                return Err(too_large(COMPONENT_BYTES_MAX));
            }
            if !place.grow(chunk.len()) {
                return Err(full());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Self { bytes: bytes.into(), place })
    }
}

fn came_too_slowly(error: &(dyn Error + 'static)) -> bool {
    error.is::<TooSlow>() || error.source().is_some_and(came_too_slowly)
}

fn too_slow() -> Problem {
    Problem::new(Code::BodyTooSlow, "the body came too slowly and was given up; send it again on a better line")
}

fn too_large(max: usize) -> Problem {
    let max = if max >= 1 << 20 { format!("{} MiB", max >> 20) } else { format!("{} KiB", max >> 10) };
    Problem::new(Code::BodyTooLarge, format!("the body is too large; this endpoint takes at most {max}"))
}

/// The first line of a text, not longer than a terminal's few.
/// What is wrong with a field, without what only a reader of this program's source knows: `positions_max: invalid type: string "abc",
/// expected a whole number of 0 or more`.
fn of_a_field(line: &str) -> String {
    let line = line.trim_start_matches("Failed to deserialize the JSON body into the target type: ");
    let place = line.rfind(" at line ").filter(|at| line[*at..].contains(" column "));
    let line = &line[..place.unwrap_or(line.len())];
    let Some((what, kind)) = line.rsplit_once(", expected ") else { return line.to_owned() };
    let kind = match kind {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        kind => kind,
    };
    format!("{what}, expected {kind}")
}

fn line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(400).collect()
}
