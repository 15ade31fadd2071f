//! Who and what: an id type for each, so that they can't be mixed up.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A person who owns accounts, strategies and engines.
    UserId(u32)
}
id! {
    /// A trading account at a broker, or a paper account.
    AccountId(u32)
}
id! {
    /// What a user uploads versions of.
    StrategyId(u32)
}
id! {
    /// One version running for one account with its parameters.
    EngineId(u32)
}
id! {
    /// A worker that owns a set of engines.
    ShardId(u16)
}
id! {
    /// A deal as the broker numbers it; unique on an account.
    DealId(u64)
}

/// Numbers from here on are of orders that the host gives in an engine's name, to flatten what it has; a guest's own count below.
pub const HOSTS_ORDERS_FROM: u32 = 1 << 31;

/// An order, unique for ever: the engine that asked for it and how many it had asked for before. Derived, not drawn, so
/// that the same run gives the same ids. The guest sees [`number`](Self::number).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(pub u64);

impl OrderId {
    /// The `number`th order of `engine`, counted from 1.
    pub fn new(engine: EngineId, number: u32) -> Self {
        Self(u64::from(engine.0) << 32 | u64::from(number))
    }

    /// Whose order this is.
    pub fn engine(self) -> EngineId {
        EngineId((self.0 >> 32) as u32)
    }

    /// Which of that engine's orders, from 1.
    pub fn number(self) -> u32 {
        self.0 as u32
    }

    /// Whether the host gave it, to close what the engine has open.
    pub fn is_hosts(self) -> bool {
        self.number() >= HOSTS_ORDERS_FROM
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.engine(), self.number())
    }
}

/// A position, named like the order that opened it, as MT5 does with its position identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PositionId(pub OrderId);

impl fmt::Display for PositionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// SHA-256 of a component's bytes: the name of a version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl std::str::FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no SHA-256 digest; it has 64 hexadecimal digits");
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_id_names_its_engine_and_number() {
        let id = OrderId::new(EngineId(7), 42);
        assert_eq!((id.engine(), id.number(), id.to_string().as_str()), (EngineId(7), 42, "7-42"));
    }

    #[test]
    fn a_digest_reads_back_what_it_shows() {
        let digest = Digest::of(b"abc");
        assert!(digest.to_string().starts_with("ba7816bf"));
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("ba78".parse::<Digest>().is_err());
    }
}
