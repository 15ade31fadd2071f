//! Every limit, reached: the call ends as the right kind, says why, and hurts nobody else.

use crate::*;
use domain::contract::StopReason;
use domain::guest::FaultKind;
use domain::guest::Outcome::*;
use std::time::{Duration, Instant};

fn misbehaving_in(mode: &str, limits: GuestLimits) -> Boxed {
    let sandbox = shared();
    let loaded = sandbox.load(components::misbehaving()).unwrap();
    let description = sandbox.describe(&loaded.digest).unwrap();
    let modes = &description.params.iter().find(|param| param.name == "mode").unwrap().choices;
    let mut guest = guest_of(sandbox, components::misbehaving(), &components::misbehaving_params(modes, mode, 3), limits);
    for _ in 0..3 {
        assert_eq!(tick_once(&mut guest), DONE, "it is calm at first");
    }
    guest
}

/// What the first failing call gave; a neighbour has lived through it, and the instance is over.
fn end_of(mut guest: Boxed) -> Outcome {
    let mut neighbour = Neighbour::moves_in();
    neighbour.goes_on();
    let end = tick_once(&mut guest);
    neighbour.goes_on();
    let Trapped(after) = tick_once(&mut guest) else { panic!("an instance that failed is called again") };
    assert!(after.starts_with("instance ended: "), "{after}");
    end
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in:\n{message}");
    }
}

#[test]
fn an_endless_loop_runs_out_of_fuel_and_the_message_says_where() {
    let OutOfFuel(message) = end_of(misbehaving_in("endless-loop", GuestLimits::default())) else { panic!() };
    says(
        &message,
        &[
            "did too much work in one call and used up its 2,000,000 fuel (limits.fuel_per_call): ",
            "\n  at ",
            "Misbehaving as stockade_sdk::strategy::Strategy>::on_tick\n",
        ],
    );
}

#[test]
fn with_fuel_for_years_an_endless_loop_passes_its_deadline() {
    let limits = GuestLimits { fuel_per_call: u64::MAX / 2, deadline_ms: 20, ..GuestLimits::default() };
    let mut guest = misbehaving_in("endless-loop", limits);
    let mut neighbour = Neighbour::moves_in();
    let started = Instant::now();
    let DeadlineExceeded(message) = tick_once(&mut guest) else { panic!() };
    let took = started.elapsed();
    says(&message, &["ran longer than 20 ms", "on_tick"]);
    // A busy machine may be late, but not by a hundred deadlines.
    assert!((Duration::from_millis(20)..Duration::from_secs(2)).contains(&took), "{took:?}");
    neighbour.goes_on();
}

#[test]
fn saving_and_stopping_have_ten_calls_fuel_and_no_more() {
    for (does, call) in [("burn in save", Call::Save), ("burn in on-stop", Call::Stop(StopReason::EndOfData))] {
        let mut guest = probe_that(does, GuestLimits::default());
        let mut neighbour = Neighbour::moves_in();
        assert_eq!(tick_once(&mut guest), DONE, "{does}");
        let OutOfFuel(message) = guest.call(call) else { panic!("{does}") };
        says(&message, &["used up its 20,000,000 fuel (ten times limits.fuel_per_call): "]);
        assert!(guest.used().fuel_last_call <= 20_000_000, "{does}: {}", guest.used().fuel_last_call);
        neighbour.goes_on();
    }
}

/// What this process has resident, bytes.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("this is Linux");
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

/// A guest that may have two gigabytes, on a host that has one to spare.
fn on_a_host_short_of_memory(does: &str) -> Boxed {
    static SANDBOX: LazyLock<Cell> = LazyLock::new(|| {
        let resident_bytes_max = Some(resident_bytes() + (1 << 30));
        Sandbox::new(SandboxConfig { resident_bytes_max, ..SandboxConfig::default() }).unwrap()
    });
    let limits = GuestLimits { memory_bytes_max: 4 << 30, ..GuestLimits::default() };
    guest_of(&SANDBOX, probe(), &behaviour(does), limits)
}

#[test]
fn a_growth_that_the_host_has_no_memory_for_is_refused_and_the_guest_may_go_on() {
    let mut guest = on_a_host_short_of_memory("try for two gigabytes");
    let before = guest.used().memory_bytes;
    for _ in 0..2 {
        assert_eq!(tick_once(&mut guest), DONE);
        assert_eq!(logged(&mut guest), ["there is no room"]);
    }
    assert_eq!(guest.used().memory_bytes, before, "what was refused is not counted");
}

#[test]
fn who_fails_for_want_of_the_hosts_memory_is_told_that_it_is_the_host_that_is_short() {
    let NoRoom(message) = end_of(on_a_host_short_of_memory("take two gigabytes")) else { panic!() };
    says(&message, &["more bytes of memory when this host was short of it", "through no fault of the strategy", "sandbox.memory_mib_max"]);
}

#[test]
fn a_memory_bomb_runs_out_of_memory_and_the_message_says_how_much() {
    let limits = GuestLimits { fuel_per_call: 1 << 40, deadline_ms: 10_000, ..GuestLimits::default() };
    let OutOfMemory(message) = end_of(misbehaving_in("memory-bomb", limits)) else { panic!() };
    says(&message, &["bytes of memory; it may have 16,777,216", "Manifest::memory_bytes", "on_tick"]);
}

#[test]
fn memory_beyond_its_owners_quota_ends_the_call_even_where_the_guests_own_limit_leaves_room() {
    let limits = GuestLimits { fuel_per_call: 1 << 40, deadline_ms: 10_000, ..GuestLimits::default() };
    let mut guest = misbehaving_in("memory-bomb", limits);
    let had = guest.used().memory_bytes;
    guest.host().memory_bytes_left = Some(5 << 20);
    let OverQuota(message) = tick_once(&mut guest) else { panic!() };
    says(&message, &["more bytes of memory", "quotas.memory_bytes_max", "on_tick"]);
    assert!(had < 1 << 20 && guest.host().memory_bytes_left.is_some_and(|left| left < 2 << 20), "it was let grow as far as that");
}

#[test]
fn a_guest_whose_first_memory_is_beyond_its_owners_quota_does_not_start() {
    let sandbox = shared();
    let loaded = sandbox.load(components::misbehaving()).unwrap();
    let host = ScriptedHost { memory_bytes_left: Some(1), ..ScriptedHost::default() };
    let fault = sandbox.instantiate(&loaded.digest, host, GuestLimits::default()).err().expect("there is no room");
    assert_eq!(fault.kind, FaultKind::OverQuota, "{fault}");
    says(&fault.message, &["may have 1 together"]);
}

#[test]
fn a_panic_traps_with_its_own_words_and_the_functions_it_came_through() {
    let Trapped(message) = end_of(misbehaving_in("trap", GuestLimits::default())) else { panic!() };
    says(&message, &["misbehaving at tick 4", "\n  at ", "on_tick"]);
    assert!(!["std::", "core::", "__rustc"].iter().any(|of| message.contains(&format!("at {of}"))), "{message}");
}

#[test]
fn what_needs_a_system_says_what_a_strategy_has_instead() {
    for (mode, instead) in [
        ("read-clock", "a strategy has no clock: use ctx.now()"),
        ("sleep", "a strategy cannot wait: use ctx.set_timer"),
        ("spawn-thread", "a strategy has one thread"),
        ("read-file", "a strategy has no files"),
    ] {
        let Trapped(message) = end_of(misbehaving_in(mode, GuestLimits::default())) else { panic!("{mode}") };
        says(&message, &[instead, "on_tick"]);
    }
}

#[test]
fn deep_recursion_traps() {
    let Trapped(message) = end_of(misbehaving_in("deep-recursion", GuestLimits { fuel_per_call: 1 << 40, ..GuestLimits::default() }))
    else {
        panic!()
    };
    says(&message, &["deep_recursion"]);
    assert!(message.lines().count() <= 40, "a backtrace is bounded:\n{message}");
}

#[test]
fn an_order_flood_ends_on_fuel_when_the_host_lets_it() {
    let limits = GuestLimits { fuel_per_call: 100_000, ..GuestLimits::default() };
    let mut guest = probe_that("submit a hundred", limits);
    assert!(matches!(tick_once(&mut guest), OutOfFuel(_)), "2,000 fuel an order leave room for fewer than 50");
    let submitted = guest.host().submitted().len();
    assert!((40..50).contains(&submitted), "{submitted}");
}

#[test]
fn fuel_of_a_batch_grows_with_its_rows_and_no_further() {
    let limits = GuestLimits { fuel_per_call: 1_000, fuel_per_row: 10_000, ..GuestLimits::default() };
    let batch = |turns: i64, rows: usize| {
        let mut guest = probe_that("spin at each row", limits);
        let (times, prices) = (vec![turns; rows], vec![1.0; rows]);
        let ticks = domain::tick::TickColumns { times: &times, bids: &prices, asks: &prices, lasts: &[], volumes: &[] };
        guest.call(Call::Ticks { symbol: 0, ticks })
    };
    assert_eq!(batch(500, 100), Decided(Reply::Consumed(100)), "within the rows' fuel");
    let OutOfFuel(message) = batch(50_000, 100) else { panic!("it is beyond it") };
    says(&message, &["used up its 1,001,000 fuel", "limits.fuel_per_row"]);
}

#[test]
fn a_batch_handled_beyond_its_end_or_not_at_all_is_a_broken_contract() {
    for does in ["handle none", "handle too many"] {
        let mut guest = probe_that(does, GuestLimits::default());
        let ticks = domain::tick::TickColumns { times: &[1, 2], bids: &[1.0, 1.0], asks: &[1.0, 1.0], lasts: &[], volumes: &[] };
        let Trapped(message) = guest.call(Call::Ticks { symbol: 0, ticks }) else { panic!("{does}") };
        says(&message, &["contract broken", "of 2 rows"]);
        assert!(matches!(tick_once(&mut guest), Trapped(_)), "and the end of the instance");
    }
}

#[test]
fn handing_the_host_a_megabyte_is_refused_before_it_is_copied() {
    let Trapped(message) = end_of(probe_that("hand over a megabyte", GuestLimits::default())) else { panic!() };
    says(&message, &["handed more than 65,536 bytes to the host at once", "at on-tick"]);
}

#[test]
fn saving_more_than_the_contract_allows_is_a_broken_contract() {
    let mut guest = probe_that("save a lot", GuestLimits::default());
    let Trapped(message) = guest.call(Call::Save) else { panic!() };
    says(&message, &["save returned 1,048,577 bytes; at most 1,048,576 (limits.state_bytes_max)"]);
    let mut guest = probe_that("save far too much", GuestLimits::default());
    let Trapped(message) = guest.call(Call::Save) else { panic!() };
    says(&message, &["save returned more than 8,389,632 bytes; at most 1,048,576 (limits.state_bytes_max)"]);
}

#[test]
fn a_symbol_that_is_not_there_is_a_broken_contract() {
    let Trapped(message) = end_of(probe_that("ask for symbol 99", GuestLimits::default())) else { panic!() };
    says(&message, &["contract broken: there is no symbol 99"]);
}

#[test]
fn a_panic_of_the_host_itself_ends_one_guest_and_not_the_process() {
    let mut guest = probe_that("submit", GuestLimits::default());
    guest.host().panics = true;
    let Trapped(message) = end_of(guest) else { panic!() };
    says(&message, &["the host failed", "the host was told to panic"]);
}

#[test]
fn a_log_flood_is_paid_for_and_each_line_is_bounded() {
    let limits = GuestLimits { fuel_per_call: 1_000_000, ..GuestLimits::default() };
    let mut guest = misbehaving_in("log-flood", limits);
    let end = tick_once(&mut guest);
    let lines = logged(&mut guest);
    assert!(matches!(end, Decided(_) | OutOfFuel(_)), "{end:?}");
    // A line of 1,020 bytes costs 4,580 fuel.
    assert!(lines.len() < 1_000_000 / 4_500, "{} lines", lines.len());
}

#[test]
fn control_characters_and_long_lines_do_not_reach_the_log() {
    let mut guest = probe_that("log a long line", GuestLimits::default());
    assert_eq!(tick_once(&mut guest), DONE);
    let lines = logged(&mut guest);
    assert!(lines[0].len() <= 1_024 && lines[0].starts_with(" [2J\u{fc} [2J") && !lines[0].chars().any(char::is_control), "{lines:?}");
}

#[test]
fn a_component_that_starts_with_more_memory_than_it_may_have_does_not_start() {
    let sandbox = shared();
    let loaded = sandbox.load(probe()).unwrap();
    let limits = GuestLimits { memory_bytes_max: 1_000, ..GuestLimits::default() };
    let fault = sandbox.instantiate(&loaded.digest, ScriptedHost::default(), limits).err().expect("a page has 64 KiB");
    assert_eq!(fault.kind, domain::guest::FaultKind::OutOfMemory);
    says(&fault.message, &["bytes of memory; it may have 1,000"]);
}

#[test]
fn a_host_that_is_full_says_so_and_has_room_again_when_a_guest_leaves() {
    let sandbox = Cell::new(SandboxConfig { guests_max: Some(2), ..SandboxConfig::default() }).unwrap();
    let loaded = sandbox.load(probe()).unwrap();
    let enter = || sandbox.instantiate(&loaded.digest, ScriptedHost::default(), GuestLimits::default());
    let first = enter().unwrap();
    let _second = enter().unwrap();
    let fault = enter().err().expect("there are two places");
    says(&fault.message, &["room for 2 guests", "sandbox.engines_max"]);
    drop(first);
    enter().unwrap();
    assert_eq!(sandbox.guests(), (1, 2));
}
