//! How much memory the host may have: what the machine says, or the operator.

use serde::{Deserialize, Serialize};
use toml::Value;

/// Memory near which no further engine is started, and beyond which no strategy's grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum MemoryMax {
    /// What the machine has, or its control group may have, less an eighth.
    #[default]
    Machine,
    /// So many MiB.
    Mib(u64),
    /// Nobody looks: 0.
    Unbounded,
}

const MACHINE: &str = "machine";

impl MemoryMax {
    /// So many bytes; `None` is no bound.
    pub fn bytes(self) -> Option<u64> {
        match self {
            Self::Machine => sandbox::memory_of_this_machine(),
            Self::Mib(mib) => Some(mib.saturating_mul(1 << 20)),
            Self::Unbounded => None,
        }
    }
}

impl TryFrom<Value> for MemoryMax {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let mib = value.as_integer().and_then(|mib| u64::try_from(mib).ok());
        match mib {
            Some(0) => Ok(Self::Unbounded),
            Some(mib) => Ok(Self::Mib(mib)),
            None if value.as_str() == Some(MACHINE) => Ok(Self::Machine),
            None => Err(format!("memory_mib_max is {value}; it is \"{MACHINE}\", a number of MiB, or 0 for no bound")),
        }
    }
}

impl From<MemoryMax> for Value {
    fn from(max: MemoryMax) -> Self {
        match max {
            MemoryMax::Machine => MACHINE.into(),
            MemoryMax::Mib(mib) => Self::Integer(i64::try_from(mib).unwrap_or(i64::MAX)),
            MemoryMax::Unbounded => Self::Integer(0),
        }
    }
}
