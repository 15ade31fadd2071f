//! How a call that failed is told to the strategy's owner: what happened, where in their code, and what it was allowed.

use crate::direct::{NotThere, TooMuch};
use crate::state::{Refused, Scarce};
use domain::guest::Outcome;
use domain::limits::FAULT_BYTES_MAX;
use domain::memory::OverQuota;
use domain::text::{self, Plain, grouped};
use std::fmt::Write as _;
use wasmtime::{FrameInfo, Trap, WasmBacktrace};

/// Frames of a backtrace that are shown.
pub(crate) const FRAMES_MAX: usize = 32;
/// Bytes of a function's name that are looked at, and that are shown of it. What a compiler made of an honest one is longer than the name.
const MANGLED_BYTES_MAX: usize = 1 << 10;
const NAME_BYTES_MAX: usize = 256;
/// Bytes of a message that leave room for where it happened.
const WHAT_BYTES_MAX: usize = FAULT_BYTES_MAX * 3 / 4;

/// What is known of the call that failed, beside the error.
pub(crate) struct Facts<'a> {
    pub fuel: u64,
    /// The operator's setting that allows it.
    pub fuel_setting: &'static str,
    pub deadline_ms: u64,
    /// Bytes that it might hand over.
    pub lift_bytes: usize,
    pub refused: Option<Refused>,
    pub last_error: Option<&'a str>,
}

/// Sorts a failed call into its kind.
pub(crate) fn outcome(error: &wasmtime::Error, facts: &Facts<'_>) -> Outcome {
    let at = error.downcast_ref::<WasmBacktrace>();
    let trap = error.downcast_ref::<Trap>();
    match trap {
        Some(Trap::OutOfFuel) => {
            let what = format!(
                "did too much work in one call and used up its {} fuel ({}): let it do less at once, or have more allowed",
                grouped(facts.fuel),
                facts.fuel_setting
            );
            return Outcome::OutOfFuel(message(&what, at));
        }
        Some(Trap::Interrupt) => {
            return Outcome::DeadlineExceeded(message(&format!("ran longer than {} ms", facts.deadline_ms), at));
        }
        _ => {}
    }
    if let Some(over) = error.downcast_ref::<OverQuota>() {
        return Outcome::OverQuota(message(&over.to_string(), at));
    }
    // Allocators answer a refused growth with an abort, which is an `unreachable` like any other; an error that is no trap
    // comes from instantiating a component whose first memory is too large already.
    if let Some(refused) = facts.refused
        && matches!(trap, Some(Trap::UnreachableCodeReached) | None)
    {
        let message = message(&refused.to_string(), at);
        return match refused.what {
            Scarce::Memory | Scarce::TableElements => Outcome::OutOfMemory(message),
            // What its neighbours use: the same inputs need not lead to it again, and it counts against nobody.
            Scarce::HostMemory => Outcome::NoRoom(message),
        };
    }
    let what = match trap {
        Some(Trap::StackOverflow) => "call stack exhausted: the recursion is too deep".to_owned(),
        // A stack lies below all else in memory and grows down: what overflows it leaves memory.
        Some(Trap::MemoryOutOfBounds) => {
            "out of bounds memory access: most often a stack that overflowed, by a recursion without end or a large array on it".to_owned()
        }
        Some(Trap::UnreachableCodeReached) => match facts.last_error {
            Some(said) => said.to_owned(),
            None if is_stubbed(at) => "the interpreter failed, and could not print why since its system is stubbed: build the component \
                                       without --stub-wasi to see the traceback"
                .to_owned(),
            None => "trapped (unreachable executed: a panic, an abort or an exit)".to_owned(),
        },
        Some(trap) => trap.to_string(),
        None => {
            let root = text::line(error.root_cause(), FAULT_BYTES_MAX);
            if is_too_much(error) {
                format!("handed more than {} bytes to the host at once", grouped(facts.lift_bytes as u64))
            } else if error.is::<NotThere>() || root.contains("pointer/length out of bounds of memory") {
                NotThere.to_string()
            } else {
                root
            }
        }
    };
    Outcome::Trapped(message(&what, at))
}

/// Whether a guest trapped in what its tool put in the place of the system's functions (`componentize-py --stub-wasi`).
fn is_stubbed(at: Option<&WasmBacktrace>) -> bool {
    let mut frames = at.map_or(&[][..], WasmBacktrace::frames).iter();
    frames.any(|frame| frame.func_name().is_some_and(|name| name.contains("filesystem_preopens_get_directories")))
}

/// Whether a call failed for handing over more than it may.
pub(crate) fn is_too_much(error: &wasmtime::Error) -> bool {
    error.is::<TooMuch>() || error.root_cause().to_string().contains("fuel allocated for hostcalls")
}

/// What happened, on one line, and where, on one for each frame.
fn message(what: &str, trace: Option<&WasmBacktrace>) -> String {
    let mut message = Plain::lines(FAULT_BYTES_MAX);
    let frames = trace.map_or(&[][..], WasmBacktrace::frames);
    // An error means that it is full.
    _ = message.write_str(&text::line(what, WHAT_BYTES_MAX)).and_then(|()| {
        let mut shown = frames.iter().map(readable_frame).filter(|name| !is_the_languages(name)).take(FRAMES_MAX);
        shown.try_for_each(|name| write!(message, "\n  at {name}"))
    });
    message.finish()
}

fn readable_frame(frame: &FrameInfo) -> String {
    frame.func_name().map_or_else(|| format!("<wasm function {}>", frame.func_index()), readable)
}

/// Whether a function is Rust's own: how a panic becomes a trap is the same for all of them, and nothing that an author can change.
fn is_the_languages(name: &str) -> bool {
    const CRATES: [&str; 4] = ["std::", "core::", "alloc::", "__rustc"];
    let name = name.trim_start_matches('<');
    CRATES.iter().any(|of| name.starts_with(of)) || ["abort", "rust_panic", "__rust_start_panic", "rust_begin_unwind"].contains(&name)
}

/// A function's name as its author wrote it, where that was Rust; without the hashes that the compiler adds.
///
/// Others' names are shown as they are: C++'s can say "that again, twice" of what said so itself, and unfold from 500 bytes to
/// gigabytes. Rust's names can refer back as well, and stop where the text they are written to is full.
fn readable(name: &str) -> String {
    let name = &name[..name.floor_char_boundary(MANGLED_BYTES_MAX)];
    match rustc_demangle::try_demangle(name) {
        Ok(of_rust) => text::line(format_args!("{of_rust:#}"), NAME_BYTES_MAX),
        Err(_) => text::line(without_hashes(name), NAME_BYTES_MAX),
    }
}

/// A demangled name without hashes: `::h` and 16 digits at the end, or 16 digits in brackets within.
fn without_hashes(name: &str) -> String {
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
    use super::*;

    #[test]
    fn names_lose_their_hashes_and_nothing_else() {
        for (name, shown) in [
            ("_ZN5probe4spin17hc7e3ce0d09fcc34aE", "probe::spin"),
            ("probe::spin::hc7e3ce0d09fcc34a", "probe::spin"),
            (
                "<std[d123b7a1a2ed1472]::io::Lock as core[6d9e98711c484d2e]::fmt::Write>::write",
                "<std::io::Lock as core::fmt::Write>::write",
            ),
            ("sort<[u8; 4]>::here", "sort<[u8; 4]>::here"),
            ("on-tick", "on-tick"),
            ("_Z1fv", "_Z1fv"),
            ("\u{1b}[2Jon\u{202e}\n-tick", " [2Jon -tick"),
        ] {
            assert_eq!(readable(name), shown);
        }
    }

    #[test]
    fn a_name_costs_what_its_bytes_cost_whatever_it_unfolds_to() {
        // C++: a template whose arguments are all the one before, five times over.
        let again: String = (0..5).map(|level| format!("_S{level}_").repeat(30)).collect();
        // Rust: a tuple of the type before, twice, and so on: 2^24 types.
        let types: String = (0..24).fold("u".to_owned(), |ty, _| format!("T{ty}B_E"));
        let nested: String = format!("_RINvC1a1f{}E", "T".repeat(200) + &types);
        for name in [format!("_Z1f1AIiiiiES_I{again}"), nested, "_ZN".repeat(10_000), "\u{1b}".repeat(100_000)] {
            let begun = std::time::Instant::now();
            assert!(readable(&name).len() <= NAME_BYTES_MAX, "{name}");
            assert!(begun.elapsed().as_millis() < 100, "{name}");
        }
    }
}
