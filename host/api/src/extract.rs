//! Bodies, queries and paths, with problems for what is wrong with them.

use crate::problem::{Code, Problem};
use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{StatusCode, header, request};
use domain::limits::COMPONENT_BYTES_MAX;
use serde::de::DeserializeOwned;

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(match rejection {
                JsonRejection::MissingJsonContentType(_) => {
                    Problem::new(Code::UnsupportedMediaType, "this endpoint takes JSON; send it with content-type: application/json")
                }
                JsonRejection::JsonSyntaxError(error) => Problem::new(Code::MalformedJson, line(&error.body_text())),
                JsonRejection::JsonDataError(error) => Problem::new(Code::InvalidBody, line(&error.body_text())),
                other if other.status() == StatusCode::PAYLOAD_TOO_LARGE => too_large(crate::JSON_BYTES_MAX),
                other => Problem::new(Code::UnreadableBody, line(&other.body_text())),
            }),
        }
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
pub(crate) struct Component(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Component {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
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
        to_bytes(request.into_body(), COMPONENT_BYTES_MAX).await.map(Self).map_err(|error| {
            let over = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
                .any(|error| error.to_string().contains("length limit exceeded"));
            if over { too_large(COMPONENT_BYTES_MAX) } else { Problem::new(Code::UnreadableBody, "the body broke off; send it again") }
        })
    }
}

fn too_large(max: usize) -> Problem {
    let max = if max >= 1 << 20 { format!("{} MiB", max >> 20) } else { format!("{} KiB", max >> 10) };
    Problem::new(Code::BodyTooLarge, format!("the body is too large; this endpoint takes at most {max}"))
}

/// The first line of a text, not longer than a terminal's few.
fn line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(400).collect()
}
