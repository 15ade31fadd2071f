//! What a stranger's bytes can do to whoever reads them: nothing to the host, whatever they nest, declare or name. They are read in a
//! process of their own, and what comes of that is one line.

use crate::crafted::{component, nested, number, with_lifts_changed, with_module, with_modules_changed};
use crate::*;
use std::time::Duration;
use stockade_sandbox::{Calls, CompileLimits, Compiler, LoadError};
use wasm_encoder::CanonicalOption;

const COMPONENT_TYPES: u8 = 7;
const CORE_TYPES: u8 = 3;
/// A component's type with one declaration, which is a type; and an instance's.
const IN_COMPONENT: &[u8] = &[0x41, 1, 1];
const IN_INSTANCE: &[u8] = &[0x42, 1, 1];

/// A sandbox whose process that reads may have little.
fn strict() -> &'static Cell {
    static SANDBOX: LazyLock<Cell> = LazyLock::new(|| {
        let limits = CompileLimits { cpu_s: 10, address_bytes: 512 << 20, wall: Duration::from_secs(120) };
        let compiler = Compiler::Child { program: env!("CARGO_BIN_EXE_stockade-compile").into(), arguments: vec![], limits: Some(limits) };
        Sandbox::new(SandboxConfig { compiler, ..SandboxConfig::default() }).unwrap()
    });
    &SANDBOX
}

/// Refused in one clean line, in a process of its own and in this one alike: the checks hold before that process's limits do.
#[track_caller]
fn refused(bytes: &[u8], parts: &[&str]) {
    for sandbox in [strict(), shared()] {
        let error = match sandbox.load(bytes) {
            Err(LoadError::Unfit(why)) => why,
            other => panic!("{other:?}"),
        };
        assert!(!domain::text::hides(&error) && error.len() <= 1_024, "{error:?}");
        for part in parts {
            assert!(error.contains(part), "{part:?} is missing in: {error}");
        }
    }
}

#[test]
fn types_within_types_are_followed_only_so_deep() {
    let deep = |around: &[&[u8]], levels| component(&[(COMPONENT_TYPES, nested(levels, around, &[0x41, 0]))]);
    for around in [&[IN_COMPONENT][..], &[IN_INSTANCE], &[IN_COMPONENT, IN_INSTANCE]] {
        for levels in [9, 5_000, 1_000_000] {
            refused(&deep(around, levels), &["types are nested more than 8 deep"]);
        }
        refused(&deep(around, 5), &["another world"]);
    }
    // Beside other declarations at each level, and cut off in the middle.
    let beside: &[&[u8]] = &[&[0x41, 3, 0, 0x50, 0, 1, 0x40, 0, 1, 0, 1]];
    refused(&deep(beside, 5_000), &["types are nested more than 8 deep"]);
    let whole = deep(&[IN_INSTANCE], 5_000);
    refused(&whole[..whole.len() / 2], &["not a valid component"]);
    // In a component within, and before a real one's own parts.
    let within = component(&[(4, deep(&[IN_COMPONENT], 5_000))]);
    refused(&within, &["types are nested more than 8 deep"]);
    let components = (0..5_000).fold(component(&[]), |inner, _| component(&[(4, inner)]));
    refused(&components, &["components are nested more than 8 deep"]);
    // Options of options; as a signed number, since others than an index can stand there.
    let values = (0..300).flat_map(|ty: usize| [0x6b, ty as u8 | 0x80, (ty >> 7) as u8]);
    let chain: Vec<u8> = number(301).into_iter().chain([0x7d]).chain(values).collect();
    refused(&component(&[(COMPONENT_TYPES, chain)]), &["type nesting is too deep"]);
}

#[test]
fn what_is_declared_is_counted_wherever_it_is_declared() {
    const MANY: usize = 900_000;
    let many = |before: &[u8], each: &[u8]| [&[1], before, &number(MANY), &each.repeat(MANY)].concat();
    for (each, what) in [(&[1, 0x41, 0][..], "types"), (&[1, 0x42, 0], "types"), (&[1, 0x7d], "types"), (&[1, 0x40, 0, 1, 0], "types")] {
        refused(&component(&[(COMPONENT_TYPES, many(&[0x41], each))]), &[what, "at most 20000"]);
        refused(&component(&[(COMPONENT_TYPES, many(&[0x42], each))]), &[what, "at most 20000"]);
    }
    refused(&component(&[(CORE_TYPES, many(&[0x50], &[1, 0x60, 0, 0]))]), &["types; at most 20000"]);
    // Announced, and not there.
    let announced = [&[1, 0x42][..], &[0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    refused(&component(&[(COMPONENT_TYPES, announced.clone())]), &["4294967296 types; at most 20000"]);
    refused(&component(&[(COMPONENT_TYPES, announced[1..].to_vec())]), &[]);
    // A few at a time, in many sections and many types.
    let some = [&[1, 0x41][..], &number(1_000), &[1, 0x7d].repeat(1_000)].concat();
    refused(&component(&vec![(COMPONENT_TYPES, some); 30]), &["types; at most 20000"]);
    // Names within types.
    let name = |at: usize| [&[5][..], format!("{at:05}").as_bytes()].concat();
    let flags = [&[0x6e][..], &number(1_000), &(0..1_000).flat_map(name).collect::<Vec<_>>()].concat();
    let all = [number(60), flags.repeat(60)].concat();
    refused(&component(&[(COMPONENT_TYPES, all)]), &["fields, cases and parameters of types; at most 50000"]);
    let parameter = |at: usize| [&[5][..], format!("p{at:04}").as_bytes(), &[0x7d]].concat();
    let function = [&[0x40][..], &number(1_000), &(0..1_000).flat_map(parameter).collect::<Vec<_>>(), &[1, 0]].concat();
    let all = [number(60), function.repeat(60)].concat();
    refused(&component(&[(COMPONENT_TYPES, all)]), &["51000 fields, cases and parameters of types; at most 50000"]);
    // What instances show of others, and notes of tools.
    let shown = |at: usize| [name(at), vec![0, 0]].concat();
    let instance = [&[1, 1][..], &number(60_000), &(0..60_000).flat_map(shown).collect::<Vec<_>>()].concat();
    refused(&component(&[(2, instance)]), &["arguments and exports of instances; at most 50000"]);
    refused(&component(&vec![(0, vec![0]); 5_000]), &["custom sections; at most 2000"]);
}

/// More than once over the whole table: each section says that it has more than there can be.
#[test]
fn no_section_is_believed_what_it_says_it_has() {
    for id in 1..=12 {
        refused(&component(&[(id, vec![0xff, 0xff, 0xff, 0xff, 0x0f])]), &[]);
    }
}

#[test]
fn a_process_that_reads_is_ended_where_it_takes_too_much() {
    let limits = CompileLimits { cpu_s: 10, address_bytes: 40 << 20, wall: Duration::from_secs(120) };
    let compiler = Compiler::Child { program: env!("CARGO_BIN_EXE_stockade-compile").into(), arguments: vec![], limits: Some(limits) };
    let sandbox = Sandbox::<ScriptedHost>::new(SandboxConfig { compiler, ..SandboxConfig::default() }).unwrap();
    let Err(LoadError::Unfit(why)) = sandbox.load(&vec![0; 24 << 20]) else { panic!("there is no room for it") };
    assert!(why.contains("checking it took more than 40 MiB of memory") || why.contains("no thread to compile on"), "{why}");
}

/// A child that does what `script` says instead of compiling.
fn instead(script: &str) -> LoadError {
    let compiler = Compiler::Child { program: "/bin/sh".into(), arguments: vec!["-c".into(), script.into()], limits: None };
    let sandbox = Sandbox::<ScriptedHost>::new(SandboxConfig { compiler, ..SandboxConfig::default() }).unwrap();
    sandbox.load(probe()).expect_err("nothing was compiled")
}

#[test]
fn the_end_of_a_process_that_reads_is_told_for_what_it_was() {
    let unfit = |script: &str, part: &str| match instead(script) {
        LoadError::Unfit(why) => assert!(why.contains(part), "{why}"),
        other => panic!("{script}: {other:?}"),
    };
    unfit("kill -ABRT $$", "checking it went too deep");
    unfit("kill -SEGV $$", "checking it went too deep");
    unfit("kill -XCPU $$", "checking it took more than 20 s of processor time");
    unfit("echo memory allocation of 9 bytes failed >&2; kill -ABRT $$", "checking it took more than 1024 MiB of memory");
    // The kernel, where there is no memory left: nobody's fault, and over in a while.
    assert!(matches!(instead("kill -KILL $$"), LoadError::Busy(why) if why.contains("try again")));
    // An answer that makes no sense, whatever it looks like.
    for answer in [
        r"\001",
        r"\001n",
        r"\001n\000\000\000\000",
        r"\002n\001\000\000\000a",
        r"\001c\011\000\000\000123456789",
        r"\001n\377\377\377\377a",
    ] {
        let error = instead(&format!("cat >/dev/null; printf '{answer}'"));
        assert!(matches!(&error, LoadError::Failed(why) if why.contains("without an answer")), "{answer}: {error:?}");
    }
    unfit(r"cat >/dev/null; printf '\001n\004\000\000\000a\033[b'", "a [b");
}

#[test]
fn names_are_shown_short_and_clean_wherever_they_stand() {
    let evil = "\u{1b}]0;owned\u{7}\u{202e}";
    let import = |name: &str| {
        let name = [&[0][..], &number(name.len()), name.as_bytes()].concat();
        component(&[(COMPONENT_TYPES, vec![1, 0x40, 0, 1, 0]), (10, [&[1][..], &name, &[1, 0]].concat())])
    };
    refused(&import(evil), &["owned"]);
    refused(&import(&"a".repeat(50_000)), &[]);
    refused(&import(&format!("a{}", "-a".repeat(40_000))), &[]);
    // Of a core module's own imports and exports, and of custom sections.
    let module = |text: &str| wat::parse_str(text).unwrap();
    let escaped = r"\1b]0;owned\07\e2\80\ae";
    refused(&with_module(components::ema_cross(), &format!("(module (memory 1) (memory 1) (export \"{escaped}\" (memory 0)))")), &[]);
    let named = module(&format!("(module (func (export \"{escaped}\")) (func (export \"{escaped}\")))").replace("\"))\n", ""));
    refused(&component(&[(1, named)]), &["duplicate export"]);
}

/// Instances that are called directly, and through the component model.
fn calls(component: &[u8]) -> Calls {
    shared().load(component).unwrap_or_else(|error| panic!("{error}")).calls
}

#[test]
fn only_what_passes_calls_on_as_our_tool_does_is_called_directly() {
    let whole = components::ema_cross();
    assert_eq!(calls(whole), Calls::Direct);
    assert_eq!(calls(&with_modules_changed(whole, |_, module| module.to_vec())), Calls::Direct);
    // One byte of what a shim's function does: the table's place that it calls, for another of the same type.
    let shim = |change: &dyn Fn(&mut Vec<u8>)| {
        with_modules_changed(whole, |at, module| {
            let mut module = module.to_vec();
            if at == 1 {
                change(&mut module);
            }
            module
        })
    };
    let fixups = |change: &dyn Fn(&mut Vec<u8>)| {
        with_modules_changed(whole, |at, module| {
            let mut module = module.to_vec();
            if at == 2 {
                change(&mut module);
            }
            module
        })
    };
    // `i32.const 9; call_indirect 7` and `i32.const 10; call_indirect 7`, wherever they stand.
    let other_place = shim(&|module| {
        let calls: Vec<usize> = (0..module.len() - 5).filter(|&at| module[at] == 0x41 && module[at + 2] == 0x11).collect();
        let same = calls.iter().flat_map(|&one| calls.iter().map(move |&other| (one, other)));
        let (one, other) = same.into_iter().find(|&(one, other)| one < other && module[one + 3] == module[other + 3]).unwrap();
        module.swap(one + 1, other + 1);
    });
    assert_eq!(calls(&other_place), Calls::Component);
    // Its first function traps: through the component model a strategy does so at its first request, and it must not go on here.
    let traps = shim(&|module| {
        let at = (0..module.len() - 5).find(|&at| module[at..].starts_with(&[0x0d, 0x00, 0x20])).unwrap();
        module[at + 2] = 0x00;
        module[at + 3] = 0x01;
    });
    assert_eq!(calls(&traps), Calls::Component);
    // The table is filled in another order.
    let filled = fixups(&|module| {
        let at = (0..module.len() - 5).find(|&at| module[at..].starts_with(&[0x09, 0x0a, 0x0b])).unwrap();
        module.swap(at, at + 1);
    });
    assert_eq!(calls(&filled), Calls::Component);
    // Notes for people say nothing of that.
    let noted = shim(&|module| module.extend([0, 3, 2, b'h', b'i']));
    assert_eq!(calls(&noted), Calls::Direct);
}

/// A direct call frees what an answer took by the function that the module exports for it; a component that frees by another, or not
/// at all, would decide otherwise.
#[test]
fn an_answer_that_is_freed_otherwise_than_by_its_own_function_is_called_through_the_component_model() {
    let whole = components::ema_cross();
    let is_freeing = |option: &CanonicalOption| matches!(option, CanonicalOption::PostReturn(_));
    let mut freeing = Vec::new();
    assert_eq!(calls(&with_lifts_changed(whole, |options| freeing.extend(options.iter().copied().find(is_freeing)))), Calls::Direct);
    let by = |nth: usize, instead: Option<CanonicalOption>| {
        let mut seen = 0;
        let changed = with_lifts_changed(whole, |options| {
            let Some(place) = options.iter().position(is_freeing) else { return };
            options.splice(place..=place, if seen == nth { instead } else { Some(options[place]) });
            seen += 1;
        });
        calls(&changed)
    };
    let dropped: Vec<Calls> = (0..freeing.len()).map(|nth| by(nth, None)).collect();
    let direct = dropped.iter().filter(|calls| **calls == Calls::Direct).count();
    assert_eq!((dropped.len(), direct), (5, 1), "only a description is never asked for directly: {dropped:?}");
    for nth in 1..freeing.len() {
        assert_eq!(by(nth, Some(freeing[nth - 1])), Calls::Component, "freed by another's function: {nth}");
    }
}

#[test]
fn a_module_that_starts_or_frees_on_its_own_is_called_through_the_component_model() {
    let main = |change: &dyn Fn(&[u8]) -> Vec<u8>| {
        with_modules_changed(components::ema_cross(), |at, module| if at == 0 { change(module) } else { module.to_vec() })
    };
    let insert = |module: &[u8], id: u8, content: &[u8], before: u8| {
        let mut out = module[..8].to_vec();
        let mut done = false;
        for payload in wasmparser::Parser::new(0).parse_all(module) {
            let payload = payload.unwrap();
            let Some((section, range)) = payload.as_section() else { continue };
            if section == before && !done {
                done = true;
                out.extend([&[id][..], &number(content.len()), content].concat());
            }
            out.extend([&[section][..], &number(range.len()), &module[range]].concat());
        }
        out
    };
    let nothing = |module: &[u8]| {
        // A function without parameters and results: `start` takes no other.
        let types: Vec<_> = wasmparser::Parser::new(0)
            .parse_all(module)
            .filter_map(|payload| match payload.unwrap() {
                wasmparser::Payload::FunctionSection(functions) => Some(functions.into_iter().map(Result::unwrap).collect::<Vec<_>>()),
                _ => None,
            })
            .flatten()
            .collect();
        let imports = wasmparser::Parser::new(0).parse_all(module).find_map(|payload| match payload.unwrap() {
            wasmparser::Payload::ImportSection(imports) => Some(imports.count()),
            _ => None,
        });
        let empty = wasmparser::Parser::new(0).parse_all(module).find_map(|payload| match payload.unwrap() {
            wasmparser::Payload::TypeSection(types) => {
                types.into_iter_err_on_gc_types().position(|ty| ty.is_ok_and(|ty| ty.params().is_empty() && ty.results().is_empty()))
            }
            _ => None,
        });
        let at = types.iter().position(|ty| Some(*ty as usize) == empty).expect("some function takes and gives nothing");
        imports.unwrap_or(0) as usize + at
    };
    let started = main(&|module| insert(module, 8, &number(nothing(module)), 9));
    assert_eq!(calls(&started), Calls::Component);
}
