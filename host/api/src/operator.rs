//! Who asks. Today there is one answer: the operator, by a token of the configuration, or by the control socket, which nobody else can
//! open.

use crate::doors::Origin;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request};
use axum::http::{HeaderMap, header, request};
use domain::ids::Digest;

/// The operator, who may do everything and names the user for whom.
///
/// Only a request with the right token makes one, or one on the control socket without any.
#[derive(Debug)]
pub(crate) struct Operator(());

impl Operator {
    /// The name in the audit.
    pub(crate) const ACTOR: &'static str = "operator";
}

/// The operator's token, kept as its digest: nothing that is shown or dumped has the token itself.
#[derive(Clone, Debug)]
pub(crate) struct Token(Digest);

impl Token {
    pub(crate) fn new(token: &str) -> Self {
        Self(Digest::of(token.as_bytes()))
    }

    /// Whether this is the token. Takes the same time whatever is wrong with it.
    fn is(&self, given: &str) -> bool {
        let given = Digest::of(given.as_bytes());
        let differing = self.0.0.iter().zip(given.0).fold(0, |bits, (ours, theirs)| bits | (ours ^ theirs));
        std::hint::black_box(differing) == 0
    }
}

/// The token of a request, where it has one.
fn given(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether the operator asks. A wrong token is wrong on the control socket too.
pub(crate) fn is_operator(state: &AppState, request: &Request) -> bool {
    is_right(state, request.headers(), Origin::of(request.extensions()))
}

fn is_right(state: &AppState, headers: &HeaderMap, origin: Origin) -> bool {
    match given(headers) {
        Some(token) => state.token.is(token),
        None => origin == Origin::Control && !headers.contains_key(header::AUTHORIZATION),
    }
}

impl FromRequestParts<AppState> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &AppState) -> Result<Self, Problem> {
        let refused = |detail| Err(Problem::new(Code::Unauthorized, detail));
        match is_right(state, &parts.headers, Origin::of(&parts.extensions)) {
            true => Ok(Self(())),
            false if given(&parts.headers).is_some() => {
                refused("this is not the operator's token; the host's configuration or data folder has it")
            }
            false => refused("give the operator's token in a header: authorization: Bearer TOKEN"),
        }
    }
}

impl OptionalFromRequestParts<AppState> for Operator {
    type Rejection = Problem;

    /// Nobody, or the operator; a wrong token is refused.
    async fn from_request_parts(parts: &mut request::Parts, state: &AppState) -> Result<Option<Self>, Problem> {
        if parts.headers.contains_key(header::AUTHORIZATION) || Origin::of(&parts.extensions) == Origin::Control {
            <Self as FromRequestParts<AppState>>::from_request_parts(parts, state).await.map(Some)
        } else {
            Ok(None)
        }
    }
}
