//! What went wrong, as a document with a stable code (RFC 9457).

use crate::show::Word;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::HostError;
use serde::Serialize;
use store::StoreError;
use utoipa::openapi::path::PathItem;
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema};

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $word:literal, $status:ident, $title:literal;)+) => {
        /// Every code, in one table: the word never changes its meaning, so that programs can rely on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $code,)+ }
        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$code),+];
            /// The stable word.
            pub fn word(self) -> &'static str {
                match self { $(Self::$code => $word),+ }
            }
            /// The HTTP status it comes with.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$code => StatusCode::$status),+ }
            }
            /// What it says in general.
            pub fn title(self) -> &'static str {
                match self { $(Self::$code => $title),+ }
            }
        }
    };
}

codes! {
    /// The body is no JSON.
    MalformedJson = "MALFORMED_JSON", BAD_REQUEST, "The body is not JSON";
    /// A query parameter is missing, unknown or of the wrong kind.
    InvalidQuery = "INVALID_QUERY", BAD_REQUEST, "The query is not understood";
    /// The path has a part that can't be.
    InvalidPath = "INVALID_PATH", BAD_REQUEST, "The path is not understood";
    /// The body broke off, or something else is wrong with how it came.
    UnreadableBody = "UNREADABLE_BODY", BAD_REQUEST, "The body can't be read";
    /// No token, or not the right one.
    Unauthorized = "UNAUTHORIZED", UNAUTHORIZED, "The operator's token is missing or wrong";
    /// There is no such user, account, strategy, version, engine or order, or it is somebody else's.
    NotFound = "NOT_FOUND", NOT_FOUND, "There is no such thing";
    /// No endpoint has this path.
    NoSuchRoute = "NO_SUCH_ROUTE", NOT_FOUND, "There is no such endpoint";
    /// The endpoint does not know this method.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", METHOD_NOT_ALLOWED, "The endpoint does not take this method";
    /// The name is taken.
    AlreadyExists = "ALREADY_EXISTS", CONFLICT, "The name is taken";
    /// The engine is in a state in which this makes no sense.
    NotNow = "NOT_NOW", CONFLICT, "The engine's state does not allow this";
    /// The component calls itself otherwise than the strategy's latest version does.
    AnotherStrategy = "ANOTHER_STRATEGY", CONFLICT, "The component is another strategy's";
    /// The version did not take over; the one before goes on.
    NotSwapped = "NOT_SWAPPED", CONFLICT, "The version did not take over";
    /// The account is not open on this host, because its orders could not be brought in line with the broker's.
    AccountNotOpen = "ACCOUNT_NOT_OPEN", CONFLICT, "The account is not open on this host";
    /// A user has as many engines as the quota allows.
    QuotaEngines = "QUOTA_ENGINES", FORBIDDEN, "The user's quota of engines is used up";
    /// A user's engines run as many versions as the quota allows.
    QuotaVersions = "QUOTA_VERSIONS", FORBIDDEN, "The user's quota of running versions is used up";
    /// A user's engines use as much memory as the quota allows.
    QuotaMemory = "QUOTA_MEMORY", FORBIDDEN, "The user's quota of memory is used up";
    /// A user has uploaded as much as the quota allows.
    QuotaUploads = "QUOTA_UPLOADS", FORBIDDEN, "The user's quota of uploads is used up";
    /// The machine code of what a user has uploaded is as large as the quota allows.
    QuotaCompiled = "QUOTA_COMPILED", FORBIDDEN, "The user's quota of machine code is used up";
    /// The body is larger than the endpoint takes.
    BodyTooLarge = "BODY_TOO_LARGE", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body is of another kind than the endpoint takes.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", UNSUPPORTED_MEDIA_TYPE, "The body is of the wrong kind";
    /// The JSON has a field too few or too many, or one of the wrong kind.
    InvalidBody = "INVALID_BODY", UNPROCESSABLE_ENTITY, "The body does not have the right fields";
    /// A value is out of its range.
    InvalidValue = "INVALID_VALUE", UNPROCESSABLE_ENTITY, "A value can't be accepted";
    /// A parameter of the strategy is unknown or out of its range.
    InvalidParams = "INVALID_PARAMS", UNPROCESSABLE_ENTITY, "A parameter can't be accepted";
    /// The host does not have this symbol.
    UnknownSymbol = "UNKNOWN_SYMBOL", UNPROCESSABLE_ENTITY, "The host does not have this symbol";
    /// The strategy needs more or fewer symbols than were given.
    SymbolsMismatch = "SYMBOLS_MISMATCH", UNPROCESSABLE_ENTITY, "The symbols do not fit the strategy";
    /// The component does not pass the checks.
    ComponentRefused = "COMPONENT_REFUSED", UNPROCESSABLE_ENTITY, "The component is refused";
    /// A row of the database holds what the host never writes. Others can be read as usual.
    RowDamaged = "ROW_DAMAGED", INTERNAL_SERVER_ERROR, "A row of the database can't be read";
    /// The program failed; its log says more.
    Internal = "INTERNAL", INTERNAL_SERVER_ERROR, "The host failed";
    /// The host or its database is too busy, or too many requests are under way.
    Busy = "BUSY", SERVICE_UNAVAILABLE, "The host is busy";
    /// The host has no room for another version or another running engine.
    HostFull = "HOST_FULL", SERVICE_UNAVAILABLE, "The host is full";
    /// As many live streams are open as the host serves.
    TooManyStreams = "TOO_MANY_STREAMS", SERVICE_UNAVAILABLE, "Too many live streams are open";
    /// The host is stopping.
    Stopping = "STOPPING", SERVICE_UNAVAILABLE, "The host is stopping";
    /// A trading state holds, but neither the database nor the data folder keeps it, or one of them still has an older one.
    NotKept = "NOT_KEPT", INSUFFICIENT_STORAGE, "A restart would not find this trading state";
    /// The body of the request came too slowly.
    BodyTooSlow = "BODY_TOO_SLOW", REQUEST_TIMEOUT, "The body came too slowly";
    /// It took too long.
    Timeout = "TIMEOUT", GATEWAY_TIMEOUT, "The request took too long";
    /// There is no room on the disk.
    DiskFull = "DISK_FULL", INSUFFICIENT_STORAGE, "The disk is full";
}

/// What went wrong with a request. [`finish`](crate::finish) adds where and sends it.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Which kind.
    pub code: Code,
    /// One line: what, where, and the way out.
    pub detail: String,
    /// For the log only.
    pub(crate) source: Option<String>,
}

impl Problem {
    /// A problem and its line.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), source: None }
    }

    /// Whether the host is to blame, so that the same may do later.
    pub(crate) fn is_hosts(&self) -> bool {
        self.code.status().is_server_error()
    }

    /// A failure of the program: the log gets the reason, the caller is sent there.
    pub(crate) fn internal(reason: impl std::fmt::Display) -> Self {
        let detail = "the host failed to do this; its log has the reason under this path and time";
        Self { code: Code::Internal, detail: detail.into(), source: Some(reason.to_string()) }
    }

    /// The document, as it is sent.
    pub(crate) fn document(&self, instance: &str) -> ProblemDocument {
        ProblemDocument {
            kind: format!("urn:stockade:problem:{}", self.code.word()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: Word(self.code),
            detail: self.detail.clone(),
            instance: instance.to_owned(),
        }
    }

    /// The answer to the request at `instance`.
    pub(crate) fn respond(&self, instance: &str) -> Response {
        let mut response = (self.code.status(), Json(self.document(instance))).into_response();
        let kind = header::HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if matches!(self.code, Code::Busy | Code::TooManyStreams) {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        if self.code == Code::Unauthorized {
            let scheme = header::HeaderValue::from_static("Bearer realm=\"stockade\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.source.as_ref().unwrap_or(&self.detail))
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    /// An empty answer that carries the problem to [`finish`](crate::finish::finish), which knows the path and sends it.
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::NotFound { .. } => Code::NotFound,
            StoreError::AlreadyExists { .. } => Code::AlreadyExists,
            StoreError::Invalid(_) | StoreError::Symbol { .. } => Code::InvalidValue,
            StoreError::DiskFull => Code::DiskFull,
            StoreError::Busy | StoreError::Passing { .. } => Code::Busy,
            StoreError::Older { .. }
            | StoreError::Newer { .. }
            | StoreError::InUse { .. }
            | StoreError::Unusable { .. }
            | StoreError::Fenced { .. } => {
                return Self::internal(error);
            }
            // The next request may find it again.
            StoreError::Unreachable(_) => Code::Busy,
            StoreError::Corrupt(_) => Code::RowDamaged,
            StoreError::Disk(_) | StoreError::Gone(_) | StoreError::Damaged(_) => {
                return Self { code: Code::Internal, detail: error.to_string(), source: Some(error.to_string()) };
            }
            StoreError::Internal(_) | StoreError::Rejected { .. } => return Self::internal(error.in_full()),
        };
        Self::new(code, error.to_string())
    }
}

impl From<HostError> for Problem {
    fn from(error: HostError) -> Self {
        let code = match &error {
            HostError::NoSuchEngine(_) => Code::NotFound,
            HostError::NoSuchAccount(_) | HostError::Recovery { .. } => Code::AccountNotOpen,
            HostError::EngineExists(_) | HostError::AccountExists(_) => Code::AlreadyExists,
            HostError::Invalid(_) => Code::InvalidValue,
            HostError::NotNow(_) | HostError::NoShadow(_) => Code::NotNow,
            HostError::NotSwapped(_) => Code::NotSwapped,
            HostError::Busy | HostError::BrokerSilent(_) | HostError::NotRecorded { .. } | HostError::JournalLate(_) => Code::Busy,
            HostError::Stopped => Code::Stopping,
            HostError::Thread(_) | HostError::Journal(_) => return Self::internal(error),
        };
        Self::new(code, error.to_string())
    }
}

/// A problem, as RFC 9457 has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// The code as a URN.
    #[serde(rename = "type")]
    kind: String,
    /// What the code says in general.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The stable word for it.
    #[schema(value_type = crate::words::Code)]
    code: Word<Code>,
    /// One line: what, where, and the way out.
    detail: String,
    /// The path of the request.
    instance: String,
}

impl Serialize for Word<Code> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

/// Adds the problem document to every operation of the API's description: any of them may be refused.
pub(crate) fn describe(api: &mut OpenApi) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let refused = ResponseBuilder::new().description("Refused; `code` says why.").content("application/problem+json", content).build();
    let components = api.components.get_or_insert_default();
    components.schemas.insert("Problem".into(), ProblemDocument::schema());
    components.schemas.insert("Code".into(), crate::words::Code::schema());
    let operations = |item: &mut PathItem| {
        let PathItem { get, post, patch, delete, put, .. } = item;
        [get, post, patch, delete, put].into_iter().flatten().for_each(|operation| {
            operation.responses.responses.insert("default".into(), refused.clone().into());
        });
    };
    api.paths.paths.values_mut().for_each(operations);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_word_of_its_own_and_a_status_that_is_an_error() {
        let mut words: Vec<_> = Code::ALL.iter().map(|code| code.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            let status = code.status();
            assert!(status.is_client_error() || status.is_server_error(), "{code:?}");
            assert!(code.word().chars().all(|c| c.is_ascii_uppercase() || c == '_'), "{code:?}");
        }
    }

    #[test]
    fn what_the_store_and_the_host_say_has_a_code() {
        let engine = domain::ids::EngineId(7);
        for (problem, code) in [
            (Problem::from(StoreError::DiskFull), Code::DiskFull),
            (Problem::from(StoreError::Busy), Code::Busy),
            (Problem::from(StoreError::Corrupt("a row".into())), Code::RowDamaged),
            (Problem::from(HostError::NoSuchEngine(engine)), Code::NotFound),
            (Problem::from(HostError::NoSuchAccount(domain::ids::AccountId(1))), Code::AccountNotOpen),
            (Problem::from(HostError::Busy), Code::Busy),
            (Problem::from(HostError::Stopped), Code::Stopping),
        ] {
            assert_eq!(problem.code, code, "{problem}");
        }
    }

    #[test]
    fn what_the_caller_can_not_mend_goes_to_the_log() {
        let problem = Problem::from(StoreError::Internal("secret path".into()));
        assert!(!problem.detail.contains("secret") && problem.to_string().contains("secret"));
    }
}
