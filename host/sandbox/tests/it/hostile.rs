//! Strategies that mean harm: each is cut off, told why by name, and its neighbour goes on.

use crate::crafted::{with_module, with_running_module};
use crate::*;
use domain::guest::Outcome::*;
use domain::guest::{Fault, FaultKind};
use stockade_sandbox::{Numbers, Profile};

fn misbehaving_in(mode: &str) -> Boxed {
    let sandbox = shared();
    let loaded = sandbox.load(components::misbehaving()).unwrap();
    let description = sandbox.describe(&loaded.digest).unwrap();
    let modes = &description.params.iter().find(|param| param.name == "mode").unwrap().choices;
    let limits = GuestLimits { fuel_per_call: 1 << 40, deadline_ms: 10_000, ..GuestLimits::default() };
    guest_of(sandbox, components::misbehaving(), &components::misbehaving_params(modes, mode, 3), limits)
}

/// Ticks so often without a fault, a neighbour beside it.
fn calm(guest: &mut Boxed, ticks: u32) {
    let mut neighbour = Neighbour::moves_in();
    for tick in 0..ticks {
        assert_eq!(tick_once(guest), DONE, "tick {tick}");
    }
    neighbour.goes_on();
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in:\n{message}");
    }
}

/// How a component that misbehaves when it is instantiated is refused.
fn refused_at_start(component: &[u8]) -> Fault {
    let mut neighbour = Neighbour::moves_in();
    let sandbox = shared();
    let loaded = sandbox.load(component).unwrap_or_else(|error| panic!("{error}"));
    let fault = sandbox.instantiate(&loaded.digest, ScriptedHost::default(), GuestLimits::default()).err().expect("it must not start");
    neighbour.goes_on();
    fault
}

#[test]
fn a_table_that_grows_without_end_is_out_of_memory() {
    let grows = "(module (table 1 funcref) (func $grow
        (loop $again (br_if $again (i32.ne (table.grow 0 (ref.null func) (i32.const 1000)) (i32.const -1)))) unreachable) (start $grow))";
    let fault = refused_at_start(&with_running_module(grows));
    assert_eq!(fault.kind, FaultKind::OutOfMemory, "{fault}");
    says(&fault.message, &["table elements; it may have 20000"]);
}

#[test]
fn tables_that_are_too_large_together_do_not_start() {
    let large = "(module (table 15000 funcref) (table 15000 funcref))";
    let fault = refused_at_start(&with_running_module(large));
    assert_eq!(fault.kind, FaultKind::OutOfMemory, "{fault}");
    says(&fault.message, &[" table elements; it may have 20000"]);
}

#[test]
fn as_many_table_elements_as_are_allowed_do_start() {
    let sandbox = shared();
    let loaded = sandbox.load(&with_running_module("(module (table 15000 funcref))")).unwrap();
    assert!(sandbox.instantiate(&loaded.digest, ScriptedHost::default(), GuestLimits::default()).is_ok());
}

#[test]
fn handles_that_are_never_given_back_end_the_call() {
    let limits = GuestLimits { fuel_per_call: 1 << 40, deadline_ms: 10_000, ..GuestLimits::default() };
    let mut guest = guest_of(shared(), probe_with_system(), &behaviour("hold every handle"), limits);
    let mut neighbour = Neighbour::moves_in();
    let Trapped(message) = tick_once(&mut guest) else { panic!("handles without end") };
    says(&message, &["handle"]);
    assert!(guest.used().fuel_last_call < 1_000_000, "a thousand handles cost {} fuel", guest.used().fuel_last_call);
    neighbour.goes_on();
}

/// What the guest may use of the stack, and what the host may in a call from its deepest point.
const STACK_BYTES: usize = (512 + 512) << 10;

#[test]
fn recursion_through_the_host_leaves_the_host_its_part_of_the_stack() {
    // Were the guest's part larger, the guard page below this thread's stack would end the process.
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(|| {
        let mut guest = misbehaving_in("stack-through-host");
        calm(&mut guest, 3);
        let end = tick_once(&mut guest);
        (end, guest.host().asked.len())
    });
    let (end, calls) = thread.unwrap().join().unwrap();
    let Trapped(message) = end else { panic!("{end:?}") };
    says(&message, &["call stack exhausted", "stack_through_host"]);
    assert!(calls > 1_000, "the host was called from {calls} depths");
    Neighbour::moves_in().goes_on();
}

#[test]
fn a_list_that_is_larger_than_its_memory_is_not_copied() {
    let mut guest = misbehaving_in("giant-list");
    calm(&mut guest, 3);
    let Trapped(message) = tick_once(&mut guest) else { panic!("a gigabyte was taken") };
    says(&message, &["a text or list that it handed to the host lies outside its memory", "Host>::log"]);
    assert!(guest.host().logged.is_empty());
}

#[test]
fn a_state_of_a_gigabyte_is_out_of_memory_where_it_is_made_and_a_trap_where_it_is_named() {
    let mut guest = misbehaving_in("save-gigabyte");
    calm(&mut guest, 10);
    let OutOfMemory(message) = guest.call(Call::Save) else { panic!("a gigabyte was saved") };
    says(&message, &["bytes of memory; it may have 16,777,216"]);
    let mut guest = probe_that("save what is not there", GuestLimits::default());
    let Trapped(message) = guest.call(Call::Save) else { panic!("a gigabyte was saved") };
    assert!(!message.is_empty());
    Neighbour::moves_in().goes_on();
}

#[test]
fn a_trap_at_every_thousandth_tick_is_a_trap_each_time() {
    for _ in 0..2 {
        let mut guest = misbehaving_in("rare-trap");
        calm(&mut guest, 999);
        let Trapped(message) = tick_once(&mut guest) else { panic!("the thousandth tick is handled") };
        says(&message, &["misbehaving at tick 1000"]);
    }
}

#[test]
fn a_guest_that_looks_for_a_clock_sees_the_ticks_time_stand_still() {
    let mut guest = misbehaving_in("clock-watch");
    calm(&mut guest, 3);
    for _ in 0..10 {
        assert_eq!(tick_once(&mut guest), DONE);
    }
    assert_eq!(logged(&mut guest), ["0 us passed"; 10]);
    // A standard library's clocks are the same one.
    let mut guest = guest_of(shared(), probe_with_system(), &behaviour("tell the time"), GuestLimits::default());
    assert_eq!(tick_once(&mut guest), DONE);
    assert_eq!(logged(&mut guest), [format!("{TIME} 0ns")]);
}

#[test]
fn canonical_numbers_have_the_same_bits_on_every_machine() {
    let sandbox = Cell::new(SandboxConfig { numbers: Numbers::Canonical, ..SandboxConfig::default() }).unwrap();
    let mut guest = guest_of(&sandbox, probe(), &behaviour("make no number"), GuestLimits::default());
    assert_eq!(tick_once(&mut guest), DONE);
    assert_eq!(logged(&mut guest), ["7ff8000000000000 7ff8000000000000"]);
}

#[test]
fn a_component_of_many_modules_and_much_code_is_laid_out_as_scripted_and_runs() {
    let empty = (0..7).fold(probe().to_vec(), |component, _| with_module(&component, "(module)"));
    let sandbox = shared();
    let profile = |component: &[u8]| sandbox.load(component).unwrap().profile;
    assert_eq!(profile(&with_module(&empty, "(module)")), Profile::Native, "modules without code buy nothing");
    let code = format!("(module {})", format!("(func {})", "nop ".repeat(60_000)).repeat(5));
    let many = with_module(&empty, &code);
    let loaded = sandbox.load(&many).unwrap();
    assert_eq!((loaded.profile, sandbox.profile(&loaded.digest)), (Profile::Scripted, Some(Profile::Scripted)));
    let mut guest = guest_of(sandbox, &many, &behaviour("echo"), loaded.profile.limits());
    for _ in 0..3 {
        assert_eq!(tick_once(&mut guest), DONE);
    }
    assert_eq!(logged(&mut guest).len(), 3);
    calm(&mut guest, 100);
}
