//! Where a request comes from, and among whom places are shared.

use axum::extract::{Query, Request};
use axum::http::{Extensions, Method, Uri};
use serde::Deserialize;
use std::net::{IpAddr, Ipv6Addr};

/// Where a request comes from; its connection says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// A machine of the network.
    Peer {
        /// Its address; of IPv6 the network's part, since one machine has many.
        address: IpAddr,
        /// All other connections are busy: only the kill switch and the host's health are answered.
        urgent_only: bool,
    },
    /// The control socket, which only the host's own user can open.
    Control,
}

impl Origin {
    /// A machine of the network, by its address.
    pub(super) fn peer(address: IpAddr) -> Self {
        let address = match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            v4 => v4,
        };
        Self::Peer { address, urgent_only: false }
    }

    /// The same, let in to what is urgent only. Whoever may open the control socket is let in to everything.
    pub(super) fn urgent_only(self) -> Self {
        match self {
            Self::Peer { address, .. } => Self::Peer { address, urgent_only: true },
            Self::Control => Self::Control,
        }
    }

    /// Whether it is let in to what is urgent only.
    pub(crate) fn is_urgent_only(self) -> bool {
        matches!(self, Self::Peer { urgent_only: true, .. })
    }

    /// Where a request comes from. One that came through no door is a test's, and counts as anybody's.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or(Self::peer(Ipv6Addr::UNSPECIFIED.into()))
    }
}

/// Among whom places are shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// Somebody without a token.
    Nobody(Origin),
    /// The operator.
    Operator,
    /// The operator for a user: a UI in front of the host asks for many.
    For(String),
}

/// The user in a query, whatever else it has.
#[derive(Deserialize)]
struct Named {
    user: Option<String>,
}

impl Caller {
    /// Whom the operator asks for.
    pub(crate) fn operator(uri: &Uri) -> Self {
        let named = Query::<Named>::try_from_uri(uri).ok().and_then(|Query(named)| named.user);
        named.map_or(Self::Operator, Self::For)
    }
}

/// Whether a request must be answered however busy the host is.
pub(crate) fn is_urgent(request: &Request) -> bool {
    match request.uri().path() {
        "/api/v1/health" => request.method() == Method::GET,
        "/api/v1/trading" => true,
        _ => false,
    }
}
