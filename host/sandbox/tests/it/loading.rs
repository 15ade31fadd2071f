//! Bytes that are no strategy: each refused in one line that names what is wrong and what to do.

use crate::crafted::{number, with_module, with_modules_changed};
use crate::*;
use domain::guest::FaultKind;
use domain::ids::Digest;
use stockade_sandbox::{LoadError, Profile, Room, Source};
use wasm_encoder::{CodeSection, Section as _, SectionId};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};

#[track_caller]
fn refused(bytes: &[u8], parts: &[&str]) {
    let error = shared().load(bytes).expect_err("these bytes are no strategy").to_string();
    assert!(!error.contains('\n'), "one line: {error}");
    for part in parts {
        assert!(error.contains(part), "{part:?} is missing in: {error}");
    }
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A component of the contract's world after `change` has been made to its text.
fn component_of(change: impl Fn(&str) -> String) -> Vec<u8> {
    let contract = include_str!("../../../../sdk/wit/strategy.wit");
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_source("strategy.wit", &change(contract)).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = dummy_module(&resolve, world, wit_parser::ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

#[test]
fn files_of_other_kinds_are_named_for_what_they_are() {
    refused(b"", &["empty", "stockade strategy build"]);
    refused(b"fn main() {}", &["text", "stockade strategy build"]);
    refused(b"\x7fELF\x02\x01\x01", &["native program"]);
    refused(b"PK\x03\x04\0\0\0\0", &["not WebAssembly"]);
    refused(b"\0asm", &["within its first 8 bytes"]);
    refused(b"\0asm\x02\0\0\0", &["unknown version"]);
    refused(&wat("(module)"), &["core module, not a component", "stockade strategy build"]);
    refused(&vec![0; 100 << 20], &["100 MiB are too large", "at most 24 MiB"]);
}

#[test]
fn compiled_code_is_not_taken_from_strangers() {
    let engine = wasmtime::Engine::default();
    let compiled = engine.precompile_component(&wat("(component)")).unwrap();
    refused(&compiled, &["machine code", ".cwasm"]);
}

#[test]
fn broken_bytes_are_refused_wherever_they_break() {
    let whole = components::ema_cross();
    for end in (8..whole.len()).step_by(whole.len() / 40) {
        assert!(shared().load(&whole[..end]).is_err(), "cut at {end}");
    }
    for at in (8..whole.len()).step_by(whole.len() / 40) {
        let mut broken = whole.to_vec();
        broken[at] ^= 0x55;
        // Some bytes are names or constants, and any value of them is fine.
        _ = shared().load(&broken);
    }
}

#[test]
fn a_component_for_another_world_is_told_what_it_lacks() {
    refused(&wat("(component)"), &["does not export", "describe", "on-tick", "trading-strategy"]);
    let without_save = component_of(|contract| contract.replace("export save: func() -> list<u8>;", ""));
    refused(&without_save, &["does not export save;"]);
}

#[test]
fn an_export_of_another_type_is_named_with_both_types() {
    let other = component_of(|contract| contract.replace("export on-timer: func(id: u32);", "export on-timer: func(id: u64);"));
    refused(&other, &["export on-timer must be func(id: u32); it has func(id: u64)"]);
    let deep = component_of(|contract| contract.replace("latest-tick-only: bool,", "latest-tick-only: u8,"));
    refused(&deep, &["export describe", "a type in it differs"]);
}

#[test]
fn an_import_outside_the_contract_is_named() {
    refused(components::ungranted_import(), &["it imports ", "no strategy is granted"]);
    let more = component_of(|contract| contract.replace("import limits;", "import limits; import network: interface { connect: func(); }"));
    refused(&more, &["it imports network, which no strategy is granted"]);
    let newer = component_of(|contract| contract.replace("cancel: func(id", "cancel-all: func() -> u32; cancel: func(id"));
    refused(&newer, &["stockade:strategy/trading@0.1.0#cancel-all"]);
    let next = component_of(|contract| contract.replace("strategy@0.1.0", "strategy@0.2.0"));
    refused(&next, &["stockade:strategy/", "@0.2.0, but this host has version 0.1.0 of the contract"]);
}

#[test]
fn shapes_that_take_for_ever_to_compile_are_refused() {
    let function = |locals: usize, body: &str| wat(&format!("(component (core module (func {} {body})))", "(local i32) ".repeat(locals)));
    let nested = |depth: usize| function(0, &format!("{}{}", "(loop ".repeat(depth), ")".repeat(depth)));
    refused(&nested(65), &["function 0 has loops nested more than 64 deep"]);
    refused(&function(2_001, ""), &["function 0 has 2001 local variables; at most 2000"]);
    let typed = |of: &str, count: usize| wat(&format!("(component (core module (type (func ({of} {})))))", "i32 ".repeat(count)));
    refused(&typed("param", 257), &["a function type has 257 parameters and 0 results; at most 256 of each"]);
    refused(&typed("result", 257), &["a function type has 0 parameters and 257 results; at most 256 of each"]);
    refused(&typed("param", 256), &["another world"]);
    refused(&function(0, &"(drop (i32.const 1))".repeat(50_000)), &["bytes of code; at most 131072"]);
    refused(&function(0, &format!("(br_table {} (i32.const 0))", "0 ".repeat(8_194))), &["jump table of 8193 targets"]);
    refused(&wat(&format!("(component {})", "(core module)".repeat(65))), &["65 core modules; at most 64"]);
    refused(&wat(&format!("{}{}", "(component ".repeat(10), ")".repeat(10))), &["nested more than 8 deep"]);
    refused(&wat("(component (core module (memory 1) (memory 1)))"), &["not a valid component", "multi"]);
    // As deep and as large as is allowed, these are merely of another world.
    refused(&nested(64), &["another world"]);
    refused(&function(2_000, ""), &["another world"]);
}

#[test]
fn a_version_that_is_not_loaded_makes_no_guest() {
    let fault = shared().instantiate(&Digest([9; 32]), ScriptedHost::default(), GuestLimits::default()).err().unwrap();
    assert_eq!(fault.kind, FaultKind::HostFailed);
    assert!(fault.message.contains("is not loaded"), "{fault}");
}

#[test]
fn memory_keeps_so_many_versions_and_never_drops_one_that_runs() {
    let sandbox = Cell::new(SandboxConfig { versions_max: 2, ..SandboxConfig::default() }).unwrap();
    // A custom section, which means nothing, makes another version.
    let [first, second, third] = [1, 2, 3].map(|number| [probe(), &[0, 2, 1, number]].concat());
    let running = sandbox.load(&first).unwrap();
    assert_eq!(running.source, Source::Compiled);
    let _guest = sandbox.instantiate(&running.digest, ScriptedHost::default(), GuestLimits::default()).unwrap();
    let idle = sandbox.load(&second).unwrap();
    let newest = sandbox.load(&third).unwrap();
    assert!(sandbox.has(&running.digest) && sandbox.has(&newest.digest) && !sandbox.has(&idle.digest));
    let _guest = sandbox.instantiate(&newest.digest, ScriptedHost::default(), GuestLimits::default()).unwrap();
    assert_eq!(sandbox.load(&second), Err(LoadError::Full(2)));
}

#[test]
fn the_version_that_makes_room_is_the_one_unused_for_longest() {
    let sandbox = Cell::new(SandboxConfig { versions_max: 3, ..SandboxConfig::default() }).unwrap();
    let components = [1, 2, 3, 4, 5].map(|number| [probe(), &[0, 2, 1, number]].concat());
    let load = |number: usize| sandbox.load(&components[number]).unwrap().digest;
    let [first, second, third] = [0, 1, 2].map(load);
    // An engine starts and ends; then an owner uploads the same once more.
    drop(sandbox.instantiate(&first, ScriptedHost::default(), GuestLimits::default()).unwrap());
    load(1);
    load(3);
    assert_eq!([first, second, third].map(|version| sandbox.has(&version)), [true, true, false]);
    load(4);
    assert_eq!([first, second, third].map(|version| sandbox.has(&version)), [false, true, false]);
}

/// No local variables; a block that begins again; an end that is never reached.
const ENDLESS: &[u8] = &[0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x00, 0x0b];

/// A component of the contract's world whose `describe` never ends.
fn endless_describe() -> Vec<u8> {
    let whole = component_of(str::to_owned);
    with_modules_changed(
        &whole,
        |number, module| if number == 0 { with_code(module, "cm32p2||describe", ENDLESS) } else { module.to_vec() },
    )
}

/// A module with other code for a function that it exports.
fn with_code(module: &[u8], export: &str, code: &[u8]) -> Vec<u8> {
    use wasmparser::{Parser, Payload};
    let (mut imported, mut place, mut bodies) = (0, None, CodeSection::new());
    let mut made = module[..8].to_vec();
    for payload in Parser::new(0).parse_all(module).map(Result::unwrap) {
        match &payload {
            Payload::ImportSection(imports) => imported = imports.count(),
            Payload::ExportSection(exports) => {
                let found = exports.clone().into_iter().map(Result::unwrap).find(|of| of.name == export);
                place = Some(found.expect("it is exported").index - imported);
            }
            Payload::CodeSectionEntry(body) => {
                bodies.raw(if place == Some(bodies.len()) { code } else { &module[body.range()] });
                continue;
            }
            _ => {}
        }
        if !bodies.is_empty() {
            std::mem::take(&mut bodies).append_to(&mut made);
        }
        if let Some((id, range)) = payload.as_section().filter(|(id, _)| *id != SectionId::Code as u8) {
            made.extend([vec![id], number(range.len()), module[range].to_vec()].concat());
        }
    }
    made
}

#[test]
fn a_description_that_never_ends_is_stopped_and_refused_by_name() {
    let loaded = shared().load(&endless_describe()).unwrap();
    let fault = shared().describe(&loaded.digest).expect_err("it never ends");
    assert_eq!(fault.kind, FaultKind::OutOfFuel, "{fault}");
    assert!(fault.message.contains("used up its 200,000,000 fuel"), "{fault}");
}

#[test]
fn a_version_is_kept_ready_for_as_long_as_that_is_wanted() {
    let sandbox = Cell::new(SandboxConfig { versions_max: 1, ..SandboxConfig::default() }).unwrap();
    let other = [probe(), &[0, 2, 1, 9]].concat();
    let first = sandbox.load(probe()).unwrap().digest;
    let kept = sandbox.keep_ready(&first).unwrap();
    assert_eq!(sandbox.load(&other), Err(LoadError::Full(1)));
    assert!(sandbox.instantiate(&first, ScriptedHost::default(), GuestLimits::default()).is_ok());
    drop(kept);
    let other = sandbox.load(&other).unwrap().digest;
    assert!(sandbox.has(&other) && sandbox.keep_ready(&first).is_none());
}

#[test]
fn a_strategy_that_starts_large_or_asks_for_more_gets_a_roomy_slot() {
    let profile = |component: &[u8]| shared().load(component).unwrap().profile;
    assert_eq!(profile(probe()), Profile::Native);
    assert_eq!(profile(&with_module(probe(), "(module (memory 5))")), Profile::Roomy, "a module in it starts with 320 KiB");
    assert_eq!(profile(components::misbehaving()), Profile::Roomy, "its description asks for 16 MiB");
}

#[test]
fn a_host_without_memory_to_spare_lets_nobody_in_and_takes_no_version() {
    let sandbox = Cell::new(SandboxConfig { resident_bytes_max: Some(1 << 20), ..SandboxConfig::default() }).unwrap();
    assert!(sandbox.full().is_some_and(|why| why.starts_with("this host lets no further guest in: memory: ")));
    let refused = sandbox.load(components::ema_cross());
    assert!(matches!(&refused, Err(LoadError::NoRoom(why)) if why.contains("sandbox.memory_mib_max")), "{refused:?}");
}

#[test]
fn a_place_is_its_engines_until_that_gives_it_back_whoever_comes_meanwhile() {
    let sandbox = Cell::new(SandboxConfig { guests_max: Some(2), ..SandboxConfig::default() }).unwrap();
    let version = sandbox.load(probe()).unwrap().digest;
    let place = sandbox.place(&version, None).unwrap();
    let guest = || sandbox.instantiate_in(&place, &version, ScriptedHost::default(), GuestLimits::default());
    drop(guest().unwrap());
    let _other = sandbox.instantiate(&version, ScriptedHost::default(), GuestLimits::default()).unwrap();
    let fault = sandbox.instantiate(&version, ScriptedHost::default(), GuestLimits::default()).err().expect("both are taken");
    assert!(fault.kind == FaultKind::NoRoom && fault.kind.is_hosts(), "{fault}");
    assert_eq!(sandbox.guests(), (2, 2), "one of them has no guest now");
    let again = guest().unwrap();
    assert!(sandbox.place(&version, Some(&again.place())).is_ok(), "its guest shows it");
    drop((again, place));
    assert_eq!(sandbox.guests(), (1, 2));
}

#[test]
fn versions_that_no_engine_needs_are_dropped_by_their_bytes_and_their_last_use() {
    let [first, second, third] = [1, 2, 3].map(|number| [probe(), &[0, 2, 1, number]].concat());
    let bytes = shared().load(&first).unwrap().compiled_bytes as u64;
    let sandbox = Cell::new(SandboxConfig { idle_code_bytes_max: 2 * bytes, ..SandboxConfig::default() }).unwrap();
    let [first_digest, second_digest] = [&first, &second].map(|component| sandbox.load(component).unwrap().digest);
    drop(sandbox.keep_ready(&first_digest).unwrap());
    let third_digest = sandbox.load(&third).unwrap().digest;
    let there = [first_digest, second_digest, third_digest].map(|digest| sandbox.has(&digest));
    assert_eq!(there, [true, false, true], "the first was used since");
    let _kept = sandbox.keep_ready(&first_digest).unwrap();
    sandbox.load(&second).unwrap();
    assert!(sandbox.has(&third_digest) && sandbox.has(&first_digest), "what an engine needs does not count");
    // The same once more does not take the place of what an engine holds on to.
    sandbox.load(&first).unwrap();
    sandbox.load(&third).unwrap();
    sandbox.load(&second).unwrap();
    assert!(sandbox.has(&first_digest));
}

#[test]
fn more_engines_than_the_machine_has_room_for_are_refused_with_the_line_that_mends_it() {
    let room = Room::of_this_machine();
    let config = SandboxConfig { guests_max: Some(room.guests + 1), ..SandboxConfig::default() };
    let Err(error) = Cell::new(config) else { panic!("there is room for {}", room.guests) };
    let error = error.to_string();
    assert!(error.contains(room.bound_by) && error.contains(&room.mend(room.guests + 1)), "{error}");
}
