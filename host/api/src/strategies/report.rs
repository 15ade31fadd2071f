//! What was found at upload, kept with the version.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the checks at upload found, and what the component cost to compile and to run for a moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct UploadReport {
    /// How its instances are laid out: `native` (dense slots), `roomy` (more memory) or `scripted` (an interpreter).
    pub profile: String,
    /// Bytes of the component.
    pub component_bytes: u64,
    /// Core modules within.
    pub core_modules: u32,
    /// Functions within.
    pub functions: u32,
    /// Linear memories within.
    pub memories: u32,
    /// Tables within.
    pub tables: u32,
    /// Linear memory that every engine starts with, bytes.
    pub memory_bytes_at_start: u64,
    /// The interfaces it imports, with their versions. All are allowed: one that is not would have been refused.
    pub imports: Vec<String>,
    /// How many of them are the contract's; the rest are WASI's, with the host's answers.
    pub imports_of_contract: u32,
    /// Bytes of its machine code.
    pub compiled_bytes: u64,
    /// How long compiling took, ms.
    pub compile_ms: f64,
    /// The most memory that the compiler had at once, bytes.
    pub compile_memory_bytes: u64,
    /// What it cost to run; absent when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// How it failed when it was run, in the words its owner would read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_failed: Option<String>,
}

/// An engine with default parameters, started and given made-up ticks, alone on a quiet host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Probe {
    /// Instance, `init` and `on-start`, microseconds.
    pub start_us: f64,
    /// Ticks of its market.
    pub ticks: u64,
    /// Those of them that it waited for and was handed: what follows is of these. 0 in reports of hosts that did not know.
    #[serde(default)]
    pub ticks_handed: u64,
    /// Time of a tick's calls, ns: half of them took less.
    pub nanoseconds_p50: u64,
    /// Time of a tick's calls, ns: 99 of 100 took less.
    pub nanoseconds_p99: u64,
    /// Fuel of a tick: half of them took less.
    pub fuel_p50: u64,
    /// Fuel of a tick: 99 of 100 took less.
    pub fuel_p99: u64,
    /// Fuel that one call may take.
    pub fuel_per_call_max: u64,
    /// Linear memory at the end, bytes.
    pub memory_bytes: u64,
    /// Orders it asked for; none was carried out.
    pub orders: u32,
}
