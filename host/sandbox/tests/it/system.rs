//! Components of the plain `cargo build --target wasm32-wasip2`: their standard library gets deterministic answers, or a
//! refusal by name.

use crate::*;
use domain::contract::LogLevel;

fn system_probe_that(does: &str) -> Boxed {
    guest_of(shared(), probe_with_system(), &behaviour(does), GuestLimits::default())
}

fn printed(does: &str) -> Vec<(LogLevel, String)> {
    let mut guest = system_probe_that(does);
    assert_eq!(tick_once(&mut guest), DONE, "{does}");
    std::mem::take(&mut guest.host().logged)
}

#[track_caller]
fn refused(does: &str, why: &str) {
    let Outcome::Trapped(message) = tick_once(&mut system_probe_that(does)) else { panic!("{does} was allowed") };
    assert!(message.contains(why), "{message}");
}

#[test]
fn it_does_import_a_system() {
    let loaded = shared().load(probe_with_system()).unwrap();
    assert!(loaded.imports.iter().any(|import| import.starts_with("wasi:cli/stdout@0.2.")), "{:?}", loaded.imports);
}

#[test]
fn what_is_printed_is_logged_line_by_line() {
    let expected = [(LogLevel::Info, "half a line, and the rest".to_owned()), (LogLevel::Error, "to the other stream".to_owned())];
    assert_eq!(printed("print"), expected);
}

#[test]
fn the_clock_is_that_of_the_event_and_stands_still() {
    assert_eq!(printed("tell the time")[0].1, format!("{TIME} 0ns"));
}

#[test]
fn randomness_comes_from_the_host_and_is_the_same_again() {
    assert_eq!(printed("hash"), printed("hash"));
}

#[test]
fn there_is_no_environment_no_argument_and_no_input() {
    assert_eq!(printed("look around")[0].1, "0 0 true");
}

#[test]
fn the_file_system_is_empty_and_takes_nothing() {
    let loaded = shared().load(probe_with_system()).unwrap();
    assert!(loaded.imports.iter().any(|import| import.starts_with("wasi:filesystem/types@0.2.")), "{:?}", loaded.imports);
    assert_eq!(printed("look for files")[0].1, "true true");
    assert_eq!(printed("write a file")[0].1, "true");
}

/// Python's runtime imports sockets, whatever a strategy does.
#[test]
fn what_imports_a_network_loads_and_ends_by_name_when_it_uses_it() {
    let loaded = shared().load(probe_with_system()).unwrap();
    assert!(loaded.imports.iter().any(|import| import.starts_with("wasi:sockets/tcp-create-socket@0.2.")), "{:?}", loaded.imports);
    refused("connect", "(there is no network) is not available to a strategy");
}

#[test]
fn sleeping_and_exiting_end_the_call_by_name() {
    refused("sleep", "waiting");
    refused("exit", "wasi:cli/exit");
}

#[test]
fn a_panic_is_told_in_its_own_words() {
    refused("panic", "at the disco");
}

#[test]
fn printing_for_ever_costs_fuel() {
    let mut guest = system_probe_that("print for ever");
    assert!(matches!(tick_once(&mut guest), Outcome::OutOfFuel(_)));
    assert!(guest.host().logged.len() < 4_000, "{} lines", guest.host().logged.len());
}

#[test]
fn what_is_answered_is_in_the_fuel_of_the_call() {
    let spent = |does: &str| {
        let mut guest = system_probe_that(does);
        assert_eq!(tick_once(&mut guest), DONE);
        guest.used().fuel_last_call
    };
    // Two lines cost 500 each, beside their bytes and the guest's own work; a look at the clock costs 200, and it looks thrice.
    assert!(spent("print") > spent("nothing") + 1_000);
    assert!(spent("tell the time") > spent("nothing") + 600);
}

#[test]
fn a_sample_built_without_our_tool_loads_and_decides() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../strategies/ema-cross");
    let mut guest = guest_of(shared(), &components::build_wasip2_at(&dir), &[], GuestLimits::default());
    assert_eq!(tick_once(&mut guest), DONE);
}
