//! How a call that failed is told to the strategy's owner: what happened, where in their code, and what it was allowed.

use crate::direct::{NotThere, TooMuch};
use crate::state::{Refused, Scarce};
use domain::guest::Outcome;
use domain::limits::GuestLimits;
use domain::memory::OverQuota;
use wasmtime::{Trap, WasmBacktrace};

/// Frames of a backtrace that are shown.
pub(crate) const FRAMES_MAX: usize = 32;
/// Bytes of a whole message: it is stored with the engine and shown in a browser.
const MESSAGE_BYTES_MAX: usize = 8 << 10;

/// What is known of the call that failed, beside the error.
pub(crate) struct Facts<'a> {
    pub limits: &'a GuestLimits,
    pub fuel: u64,
    /// The operator's setting that gives so much.
    pub fuel_setting: &'static str,
    pub deadline_ms: u64,
    pub refused: Option<Refused>,
    pub last_error: Option<&'a str>,
}

/// Sorts a failed call into its kind.
pub(crate) fn outcome(error: &wasmtime::Error, facts: &Facts<'_>) -> Outcome {
    let at = backtrace(error);
    let trap = error.downcast_ref::<Trap>();
    match trap {
        Some(Trap::OutOfFuel) => {
            let what = format!(
                "did too much work in one call and used up its {} fuel ({}): let it do less at once, or have more allowed",
                facts.fuel, facts.fuel_setting
            );
            return Outcome::OutOfFuel(message(&what, &at));
        }
        Some(Trap::Interrupt) => {
            return Outcome::DeadlineExceeded(message(&format!("ran longer than {} ms", facts.deadline_ms), &at));
        }
        _ => {}
    }
    if let Some(over) = error.downcast_ref::<OverQuota>() {
        return Outcome::OverQuota(message(&over.to_string(), &at));
    }
    // Allocators answer a refused growth with an abort, which is an `unreachable` like any other; an error that is no trap
    // comes from instantiating a component whose first memory is too large already.
    if let Some(refused) = facts.refused
        && matches!(trap, Some(Trap::UnreachableCodeReached) | None)
    {
        let message = message(&refused.to_string(), &at);
        return match refused.what {
            Scarce::Memory | Scarce::TableElements => Outcome::OutOfMemory(message),
            // What its neighbours use: the same inputs need not lead to it again, which a replay has to know.
            Scarce::HostMemory => Outcome::OverQuota(message),
        };
    }
    let what = match trap {
        Some(Trap::StackOverflow) => "call stack exhausted: the recursion is too deep".to_owned(),
        Some(Trap::UnreachableCodeReached) => match facts.last_error {
            Some(said) => said.to_owned(),
            None => "trapped (unreachable executed: a panic or an abort)".to_owned(),
        },
        Some(trap) => trap.to_string(),
        None => {
            let root = error.root_cause().to_string();
            if error.is::<TooMuch>() || root.contains("fuel allocated for hostcalls") {
                format!("handed more than {} bytes to the host at once", facts.limits.host_call_bytes_max)
            } else if error.is::<NotThere>() || root.contains("pointer/length out of bounds of memory") {
                NotThere.to_string()
            } else {
                root
            }
        }
    };
    Outcome::Trapped(message(&what, &at))
}

fn message(what: &str, at: &str) -> String {
    let mut message = what.to_owned();
    message.push_str(at);
    message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
    message
}

/// One line for each frame: `\n  at function`, with the function's name as its author wrote it.
fn backtrace(error: &wasmtime::Error) -> String {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    // Only the trace's own `Display` demangles; each of its frames is `index: offset - module!function`.
    let shown = trace.to_string();
    let names =
        shown.lines().filter_map(|line| line.split_once(" - ")).map(|(_, frame)| frame.split_once('!').map_or(frame, |(_, name)| name));
    names.take(FRAMES_MAX).map(|name| format!("\n  at {}", readable(name))).collect()
}

/// A function's name without the hashes that Rust adds: `::h` and 16 digits at the end, or 16 digits in brackets within.
fn readable(name: &str) -> String {
    const DIGITS: usize = 16;
    let is_hash = |text: &str| text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = name.rsplit_once("::h").filter(|(_, hash)| is_hash(hash)).map_or(name, |(name, _)| name);
    let mut pieces = name.split('[');
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once(']') {
            Some((hash, rest)) if is_hash(hash) => shown.push_str(rest),
            _ => shown.extend(["[", piece]),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn names_lose_their_hashes_and_nothing_else() {
        for (name, shown) in [
            ("probe::spin::hc7e3ce0d09fcc34a", "probe::spin"),
            (
                "<std[d123b7a1a2ed1472]::io::Lock as core[6d9e98711c484d2e]::fmt::Write>::write",
                "<std::io::Lock as core::fmt::Write>::write",
            ),
            ("sort<[u8; 4]>::here", "sort<[u8; 4]>::here"),
            ("on-tick", "on-tick"),
        ] {
            assert_eq!(readable(name), shown);
        }
    }
}
